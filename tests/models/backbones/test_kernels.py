"""Every kernel against its twin in plain torch, and against itself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from tlbench.kernels.derivatives import Purpose, scoped
from tlbench.kernels.library import SWITCH, library_for, threads_for
from tlbench.models.backbones.dense import BESIDE, Filter, Layer, dense
from tlbench.models.backbones.dimenetpp.angular import Neighbourhoods, angular_sum
from tlbench.models.backbones.dimenetpp.harmonics import SphericalHarmonics
from tlbench.models.backbones.filtering import filtered_sum
from tlbench.models.backbones.schnet.convolution import Edges, interpolated_sum
from tlbench.models.backbones.schnet.interpolation import Grid

pytestmark = pytest.mark.skipif(
    library_for(torch.zeros(1)) is None, reason="the kernels need a C compiler, and none was found"
)

MANY = 211  # rows or atoms: enough for three threads, and no multiple of anything
FEW = 20


@dataclass(frozen=True)
class Case:
    """A function of some tensors, computed by kernels.

    ``inputs`` are the numbers of those that depend on coordinates, and ``geometry`` of those that
    depend on nothing else.
    """

    tensors: list[Tensor]
    apply: Callable[..., Tensor]
    inputs: list[int]
    geometry: tuple[int, ...] = ()

    @property
    def parameters(self) -> list[int]:
        return [n for n in range(len(self.tensors)) if n not in self.geometry]


def random(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype).div(shape[-1] ** 0.5).requires_grad_(True)


def network(n_rows: int) -> Case:
    """Return a network that uses everything a layer can do."""
    tensors = [random(n_rows, 16), random(n_rows, 32), random(n_rows, 5), random(32, 5)]
    shapes = [(32, 32), (32, 16), (32, 32), (48, 32), (48, 48)]
    tensors += [random(*shape) for shape in shapes]
    tensors += [random(32), random(32), random(48)]

    def apply(*tensors: Tensor) -> Tensor:
        v, beside, radial, filters, *weights = tensors
        a, b, c, d, e, bias_a, bias_c, bias_d = weights
        layers = [
            Layer(a, bias_a, BESIDE),
            Layer(b, None, 0, skip=1),
            Layer(c, bias_c, 2, skip=BESIDE),
            Layer(d, bias_d, 3),
            Layer(e, None, 4, skip=4),
        ]
        return dense(layers, v, beside, Filter(2, radial, filters))

    return Case(tensors, apply, [0, 1, 2])


def edges_of(n_atoms: int) -> Neighbourhoods:
    """Return the edges of atoms that have 0 to 12; of three threads, one finds no edge."""
    degrees = torch.randint(0, 13, (n_atoms,))
    degrees[: n_atoms * 5 // 14] = 0
    degrees[-1] += degrees.sum() % 2
    first = torch.cat([torch.zeros(1, dtype=torch.int64), degrees.cumsum(0)])
    reverse = torch.empty(int(first[-1]), dtype=torch.int64)
    one, other = torch.randperm(len(reverse)).chunk(2)
    reverse[one], reverse[other] = other, one
    return Neighbourhoods(first, reverse)


def sums(n_atoms: int) -> Case:
    """Return the sum of messages times filters."""
    edges = edges_of(n_atoms)
    n_edges = len(edges.reverse)
    tensors = [random(n_edges, 32), random(n_edges, 5), random(32, 5)]
    return Case(tensors, lambda *t: filtered_sum(*t, edges.first), [0, 1])


def convolutions(n_atoms: int) -> Case:
    """Return the sum of neighbours' features times filters that are interpolated in a table."""
    edges = edges_of(n_atoms)
    centre = torch.arange(n_atoms).repeat_interleave(edges.first.diff())
    one_way = torch.minimum(torch.arange(len(edges.reverse)), edges.reverse)
    pairs, pair = one_way.unique(return_inverse=True)
    distance = torch.rand(len(pairs), dtype=torch.float64) * 3.9
    tensors = [random(n_atoms, 80), distance.requires_grad_(True), random(5, 80)]

    def apply(x: Tensor, distance: Tensor, series: Tensor) -> Tensor:
        grid = Grid.of(4.0, n_gaussians=6, dtype=x.dtype)
        nodes = grid.nodes(x.device).unsqueeze(1)
        turns = torch.arange(1, 6)
        waves = torch.cat([torch.sin(turns * nodes), turns * torch.cos(turns * nodes)])
        table = torch.cat((waves.to(x) @ series).chunk(2), dim=1)
        lengths = distance[pair]
        there = Edges.of(edges.first, centre[edges.reverse], lengths, grid)
        return interpolated_sum(x, lengths, table, there)

    return Case(tensors, apply, [0, 1], geometry=(1,))


def angles(n_atoms: int, n_orders: int = 7, n_radial: int = 6) -> Case:
    """Return the sum over pairs of edges."""
    edges = edges_of(n_atoms)
    n_edges = len(edges.reverse)
    tensors = [
        random(n_edges, 32),
        random(n_edges, n_orders * n_radial),
        random(n_orders, n_radial, 32),
        random(n_edges, n_orders**2),
    ]
    return Case(tensors, lambda *t: angular_sum(*t, edges), [0, 1, 3], geometry=(1, 3))


def harmonics(n_edges: int) -> Case:
    """Return harmonics of vectors, two of which have no direction, times what weighs them."""
    cutoff = 3.0
    tensors = [random(n_edges, 3), random(n_edges, 49)]
    tensors[0].data[:2] += 2 * cutoff

    def apply(vectors: Tensor, weights: Tensor) -> Tensor:
        torch.set_default_dtype(vectors.dtype)
        basis = SphericalHarmonics(7)
        torch.set_default_dtype(torch.float32)
        distance = vectors.norm(dim=1)
        return basis(vectors, torch.where(distance < cutoff, distance.reciprocal(), 0.0)) * weights

    return Case(tensors, apply, [0], geometry=(0,))


CASES = {
    "dense": network,
    "filtered sum": sums,
    "convolution": convolutions,
    "angular sum": angles,
    "angular sum of other sizes": lambda n: angles(n, n_orders=4, n_radial=3),
    "harmonics": harmonics,
}


@pytest.fixture(params=CASES)
def make(request: pytest.FixtureRequest) -> Callable[[int], Case]:
    torch.manual_seed(0)
    return CASES[request.param]


@pytest.fixture(params=[1, 3], ids=["1 thread", "3 threads"])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def slopes_of(case: Case, tensors: list[Tensor]) -> list[Tensor]:
    """Return gradients by coordinates, to be differentiated, as a force is."""
    wanted = [tensors[n] for n in case.inputs]
    with scoped() as scope:
        out = case.apply(*tensors)
    weigh = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    with scope.backward_for("coordinates"):
        return list(torch.autograd.grad((out * weigh).square().sum(), wanted, create_graph=True))


def everything(case: Case, tensors: list[Tensor] | None = None) -> list[Tensor]:
    """Return result, its gradients, and the gradients of a loss on some of these gradients."""
    tensors = case.tensors if tensors is None else tensors
    out = case.apply(*tensors)
    weigh = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    gradients = torch.autograd.grad((out * weigh).sum(), tensors)
    with scoped() as scope:
        slopes = slopes_of(case, tensors)
    loss = sum((slope.square() * (1 + slope)).sum() for slope in slopes)
    with scope.backward_for("parameters"):
        wanted = [tensors[n] for n in case.parameters]
        trained = torch.autograd.grad(loss, wanted, retain_graph=True)
    return [out, *gradients, *slopes, *trained, *torch.autograd.grad(loss, tensors)]


def assert_equal(found: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    for mine, theirs in zip(found, expected, strict=True):
        scale = float(theirs.detach().abs().max())
        assert scale > 0
        torch.testing.assert_close(mine, theirs, rtol=0, atol=tolerance * scale)


def test_equals_plain_torch(
    make: Callable[[int], Case], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert threads_for(MANY) == threads
    case = make(MANY)
    fast = everything(case)
    monkeypatch.setenv(SWITCH, "off")
    assert_equal(fast, everything(case), 1e-13)


def test_single_precision_equals_double(make: Callable[[int], Case], threads: int) -> None:
    case = make(MANY)
    rounded = [t.detach().float().requires_grad_(True) for t in case.tensors]
    found = [t.double() for t in everything(case, rounded)]
    assert_equal(found, everything(case), 2e-5)


def test_derivatives_of_any_order_are_those_of_plain_torch(make: Callable[[int], Case]) -> None:
    # Nobody has said that coordinates are not differentiated again.
    case = make(FEW)
    assert torch.autograd.gradcheck(case.apply, case.tensors, fast_mode=True)
    assert torch.autograd.gradgradcheck(case.apply, case.tensors, fast_mode=True)


def linked(tensors: list[Tensor], numbers: list[int]) -> list[Tensor]:
    """Let each of the numbered tensors depend on the one before it."""
    found = list(tensors)
    for before, number in pairwise(numbers):
        found[number] = tensors[number] * (1 + found[before].mean())
    return found


def spread(tensors: list[Tensor], numbers: list[int]) -> list[Tensor]:
    """Let the numbers of the numbered tensors not lie side by side."""
    return [torch.stack([t, t], -1)[..., 0] if n in numbers else t for n, t in enumerate(tensors)]


@pytest.mark.parametrize("purpose", ["everything", "coordinates"])
@pytest.mark.parametrize("change", [linked, spread])
def test_second_derivatives_of_inputs_that_are_results(
    make: Callable[[int], Case],
    change: Callable[[list[Tensor], list[int]], list[Tensor]],
    purpose: Purpose,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = make(FEW)
    numbers = case.inputs if purpose == "coordinates" else list(range(len(case.tensors)))

    def second() -> list[Tensor]:
        wanted = [case.tensors[n] for n in numbers]
        with scoped() as scope:
            energy = case.apply(*change(case.tensors, numbers)).square().sum()
        with scope.backward_for(purpose):
            slopes = torch.autograd.grad(energy, wanted, create_graph=True)
        return list(torch.autograd.grad(sum(s.square().sum() for s in slopes), case.tensors))

    found = second()
    monkeypatch.setenv(SWITCH, "off")
    assert_equal(found, second(), 1e-12)


@pytest.mark.parametrize("power", [1, 2])
def test_second_derivatives_may_be_kept_and_not_differentiated(
    make: Callable[[int], Case], power: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make(FEW)

    def second(create_graph: bool) -> list[Tensor]:
        # Linear in the slopes, the loss has a constant adjoint.
        loss = sum((slope**power).sum() for slope in slopes_of(case, case.tensors))
        return list(torch.autograd.grad(loss, case.tensors, create_graph=create_graph))

    kept = second(True)
    for gradient in kept:
        for tensor in case.tensors:
            # A constant is refused by torch, and may well be one: the result is linear in many.
            with pytest.raises(RuntimeError, match=r"by hand|not have been used"):
                torch.autograd.grad(gradient.square().sum(), tensor, retain_graph=True)
        with pytest.raises(RuntimeError, match="by hand"):
            torch.autograd.grad(gradient.square().sum(), case.tensors, retain_graph=True)
    assert_equal(kept, second(False), 1e-13)
    monkeypatch.setenv(SWITCH, "off")
    assert_equal(kept, second(False), 1e-13)


def test_bits_depend_on_nothing_but_the_number_of_threads(make: Callable[[int], Case]) -> None:
    case = make(MANY)
    before = torch.get_num_threads()
    found: dict[int, list[list[Tensor]]] = {}
    try:
        for threads in (1, 3, 1, 3):
            torch.set_num_threads(threads)
            found.setdefault(threads, []).append(everything(case))
    finally:
        torch.set_num_threads(before)
    for first, second in found.values():
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert_equal(found[3][0], found[1][0], 1e-13)


@pytest.mark.parametrize("purpose", ["coordinates", "everything"])
@pytest.mark.parametrize("twice", [False, True])
def test_less_is_kept_for_forces_alone_and_other_derivatives_stay_right(
    purpose: Purpose, twice: bool
) -> None:
    torch.manual_seed(0)
    case = network(MANY)
    wanted = [case.tensors[n] for n in case.inputs] if purpose == "coordinates" else case.tensors

    def gradients(forces_alone: bool) -> list[Tensor]:
        with scoped(forces_alone=forces_alone) as scope:
            out = case.apply(*case.tensors)
        with scope.backward_for(purpose):
            found = torch.autograd.grad(out.square().sum(), wanted, create_graph=twice)
        if not twice:
            return list(found)
        return list(torch.autograd.grad(sum(t.square().sum() for t in found), case.tensors))

    assert_equal(gradients(forces_alone=True), gradients(forces_alone=False), 1e-13)
