"""Networks of dense layers and filtered sums: kernels against plain torch and each other."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tlbench.backbones.dense import BESIDE, Filter, Layer, dense
from tlbench.backbones.filtering import filtered_sum
from tlbench.kernels.library import SWITCH, library_for
from tlbench.kernels.scope import backward_for

pytestmark = pytest.mark.skipif(
    library_for(torch.zeros(1)) is None, reason="the kernels need a C compiler, and none was found"
)

ROWS = 150  # no whole number of tiles


def network(dtype: torch.dtype = torch.float64) -> tuple[list[Tensor], Callable[..., Tensor]]:
    """Return inputs and parameters, and a network that uses everything a layer can do."""
    torch.manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=dtype).div(shape[-1] ** 0.5).requires_grad_(True)

    tensors = [random(ROWS, 16), random(ROWS, 32), random(ROWS, 5), random(32, 5)]
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

    return tensors, apply


def sums(dtype: torch.dtype = torch.float64) -> tuple[list[Tensor], Callable[..., Tensor]]:
    """Return messages of atoms with 0 to 30 edges, radial functions and filters; and their sum."""
    torch.manual_seed(1)
    degrees = torch.randint(0, 31, (80,))
    degrees[7] = 0
    first = torch.cat([torch.zeros(1, dtype=torch.int64), degrees.cumsum(0)])
    shapes = [(int(first[-1]), 32), (int(first[-1]), 5), (32, 5)]
    tensors = [torch.randn(*shape, dtype=dtype, requires_grad=True) for shape in shapes]
    return tensors, lambda *t: filtered_sum(*t, first)


CASES = {"dense": (network, [0, 1, 2]), "filtered sum": (sums, [0, 1])}
"""Function that makes a case, and which of its tensors depend on coordinates."""


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[list[Tensor], Callable[..., Tensor], list[int]]:
    make, inputs = CASES[request.param]
    return (*make(), inputs)


def everything(
    tensors: list[Tensor], apply: Callable[..., Tensor], inputs: list[int]
) -> list[Tensor]:
    """Return result, its gradients, and the gradients of a loss on some of these gradients."""
    out = apply(*tensors)
    weigh = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    gradients = torch.autograd.grad((out * weigh).sum(), tensors)
    with backward_for("coordinates"):
        slopes = torch.autograd.grad(
            (apply(*tensors) * weigh).square().sum(), [tensors[n] for n in inputs],
            create_graph=True,
        )  # fmt: skip
    loss = sum((slope.square() * (1 + slope)).sum() for slope in slopes)
    with backward_for("parameters"):
        second = torch.autograd.grad(loss, tensors)
    return [out, *gradients, *slopes, *second]


def test_equals_plain_torch(
    case: tuple[list[Tensor], Callable[..., Tensor], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = everything(*case)
    monkeypatch.setenv(SWITCH, "off")
    slow = everything(*case)
    for mine, theirs in zip(fast, slow, strict=True):
        scale = float(theirs.detach().abs().max())
        assert scale > 0
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-13 * scale)


def test_single_precision_equals_double(monkeypatch: pytest.MonkeyPatch) -> None:
    for make, inputs in CASES.values():
        tensors, apply = make()
        double = everything(tensors, apply, inputs)
        rounded = [t.detach().float().requires_grad_(True) for t in tensors]
        for mine, theirs in zip(everything(rounded, apply, inputs), double, strict=True):
            scale = float(theirs.detach().abs().max())
            torch.testing.assert_close(mine.double(), theirs, rtol=0, atol=2e-5 * scale)


def test_derivatives_of_any_order_are_those_of_plain_torch(
    case: tuple[list[Tensor], Callable[..., Tensor], list[int]],
) -> None:
    # Nobody has said that coordinates are not differentiated again.
    tensors, apply, _ = case
    few = [t.detach()[:40].clone().requires_grad_(True) if len(t) > 100 else t for t in tensors]
    if apply.__name__ == "<lambda>":
        first = torch.tensor([0, 3, 3, 40])
        few = [few[0], few[1], few[2]]
        assert torch.autograd.gradgradcheck(lambda *t: filtered_sum(*t, first), few, fast_mode=True)
    else:
        assert torch.autograd.gradgradcheck(apply, few, fast_mode=True)


def test_bits_depend_on_nothing_but_the_number_of_threads(
    case: tuple[list[Tensor], Callable[..., Tensor], list[int]],
) -> None:
    before = torch.get_num_threads()
    found = {}
    try:
        for threads in (1, 2, 1, 2):
            torch.set_num_threads(threads)
            found.setdefault(threads, []).append(everything(*case))
    finally:
        torch.set_num_threads(before)
    for first, second in found.values():
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    for one, two in zip(found[1][0], found[2][0], strict=True):
        scale = float(one.detach().abs().max())
        torch.testing.assert_close(one, two, rtol=0, atol=1e-13 * scale)


def test_large_arguments_saturate() -> None:
    weight = torch.eye(16)
    x = torch.tensor([[0.0, 1.0, -1.0, 50.0, -50.0, 1e4, -1e4, 300.0, -300.0, 100.0, -100.0, 3.0,
                       -3.0, 1e-30, -88.0, 88.0]])  # fmt: skip
    found = dense([Layer(weight, None, 0)], x)
    torch.testing.assert_close(found, torch.nn.functional.silu(x), rtol=1e-6, atol=1e-30)


def test_not_a_number_stays_one() -> None:
    x = torch.full((1, 16), torch.nan)
    assert dense([Layer(torch.eye(16), None, 0)], x).isnan().all()


def test_mixed_precision_is_refused_as_torch_does() -> None:
    # The kernels read addresses: doubles read as floats would be numbers, and wrong.
    with pytest.raises(RuntimeError, match="dtype"):
        dense([Layer(torch.eye(16, dtype=torch.float64), None, 0)], torch.zeros(4, 16))
