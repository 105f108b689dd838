"""DimeNet++ against its contract, torch-geometric's implementation and brute force."""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from scipy.special import eval_legendre, spherical_jn
from structures import diamond, liquid, skewed, surface
from torch import Tensor
from torch_geometric.nn.models import dimenet, dimenet_utils
from triplets import SphericalBasis, TripletDimeNetPP, triplets

from tlbench.data.frames import Frames
from tlbench.graphs import Graph, graph_of, neighbours
from tlbench.kernels.derivatives import Purpose, scoped
from tlbench.kernels.library import SWITCH
from tlbench.models.backbones.dimenetpp import DimeNetPPConfig
from tlbench.models.backbones.dimenetpp.radial import spherical_bessel_zeros
from tlbench.models.contract.prediction import random_potential, small_cell
from tlbench.models.potential import Potential
from tlbench.testing import BackboneContract

CUTOFF = 3.0

# As wide as torch-geometric's, whose element embedding has the width of a message; with a small
# basis, since it derives every basis function symbolically.
CONFIG = DimeNetPPConfig(cutoff=CUTOFF, type_channels=32, n_spherical=4, n_radial=3)


class TestDimeNetPP(BackboneContract):
    config = DimeNetPPConfig()


def reference_of(potential: Potential) -> TripletDimeNetPP:
    """Return the network over explicit triplets with the weights of another."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(potential.dtype)
    reference = TripletDimeNetPP(potential.backbone.config)
    torch.set_default_dtype(before)
    reference.load_state_dict(potential.backbone.state_dict())
    return reference.to(potential.dtype)


def plain_radius_graph(pos: Tensor, r: float, batch: None, max_num_neighbors: int) -> Tensor:
    """torch-geometric's radius_graph of one structure, which needs a compiled extension."""
    distance = (pos.unsqueeze(0) - pos.unsqueeze(1)).norm(dim=2)
    near = (distance <= r) & ~torch.eye(len(pos), dtype=torch.bool)
    assert near.sum(dim=1).max() <= max_num_neighbors
    return near.nonzero().t()


def plain_triplets(edge_index: Tensor, num_nodes: int) -> tuple[Tensor, ...]:
    """torch-geometric's triplets k → j → i with k ≠ i, which need a compiled extension."""
    row, col = edge_index
    paired = (row.unsqueeze(1) == col.unsqueeze(0)) & (col.unsqueeze(1) != row.unsqueeze(0))
    ji, kj = paired.nonzero().t()
    return col, row, col[ji], row[ji], row[kj], kj, ji


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Potential, dimenet.DimeNetPlusPlus]]:
    """Our network and torch-geometric's with the same weights, in double precision.

    torch-geometric rounds the zeros of its Bessel functions to float32; it is given exact ones.
    """
    potential = random_potential(CONFIG, torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dimenet_utils, "Jn_zeros", spherical_bessel_zeros)
        patch.setattr(dimenet, "radius_graph", plain_radius_graph)
        patch.setattr(dimenet, "triplets", plain_triplets)
        peer = dimenet.DimeNetPlusPlus(
            hidden_channels=CONFIG.hidden_channels,
            out_channels=1,
            num_blocks=CONFIG.n_blocks,
            int_emb_size=CONFIG.interaction_channels,
            basis_emb_size=CONFIG.basis_channels,
            out_emb_channels=CONFIG.out_channels,
            num_spherical=CONFIG.n_spherical,
            num_radial=CONFIG.n_radial,
            cutoff=CUTOFF,
            envelope_exponent=CONFIG.envelope_exponent - 1,
            num_before_skip=CONFIG.n_before_skip,
            num_after_skip=CONFIG.n_after_skip,
            num_output_layers=CONFIG.n_output_layers,
        ).double()
        weights = potential.backbone.state_dict()
        weights["emb.emb.weight"] = weights["emb.emb.weight"][: peer.emb.emb.num_embeddings]
        peer.load_state_dict(weights)
        yield potential, peer


def test_agrees_with_torch_geometric(pair: tuple[Potential, dimenet.DimeNetPlusPlus]) -> None:
    potential, peer = pair
    atoms = molecule("CH3CH2OH")
    positions = torch.as_tensor(atoms.positions).requires_grad_(True)
    energy = peer(torch.as_tensor(atoms.numbers), positions).sum()
    (gradient,) = torch.autograd.grad(energy, positions)
    graph = graph_of(Frames.unlabelled([atoms]), CUTOFF)
    assert 0 < graph.edge_index.shape[1] < len(atoms) * (len(atoms) - 1)
    scale = float(gradient.abs().max())
    assert scale > 1e-3
    torch.testing.assert_close(potential.backbone(graph).sum(), energy, rtol=1e-10, atol=0)
    torch.testing.assert_close(potential(graph).forces, -gradient, rtol=0, atol=1e-10 * scale)


STRUCTURES = {
    "crystal": diamond(repeats=(1, 1, 2), rattle=0.1),
    "liquid": liquid(),
    "surface": surface(),
    "small cell": diamond(primitive=True, rattle=0.1),
    "skewed cell": skewed(),
}
"""Of 2 to 32 atoms; at 4.3 Å all but the surface reach several images of the same neighbour."""


def force_loss_gradients(potential: Potential, graph: Graph) -> list[Tensor]:
    """Return the parameters' gradients of a force loss and an energy loss."""
    noise = torch.Generator().manual_seed(1)
    labels = torch.randn(graph.n_atoms, 3, generator=noise, dtype=torch.float64).to(potential.dtype)
    parameters = list(potential.backbone.parameters())
    with scoped() as scope:
        found = potential(graph, training=True)
        loss = (found.forces - labels).square().mean() + potential.backbone(graph).square().mean()
        with scope.backward_for("parameters"):
            return list(torch.autograd.grad(loss, parameters))


@pytest.mark.parametrize("kernels", ["on", "off"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-5)])
@pytest.mark.parametrize("kind", STRUCTURES)
def test_equals_explicit_triplets(
    kind: str,
    dtype: torch.dtype,
    tolerance: float,
    kernels: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SWITCH, kernels)
    config = DimeNetPPConfig(cutoff=4.3)
    fast = random_potential(config, dtype)
    slow = Potential("dimenetpp", reference_of(fast))
    # Edges beyond the cutoff, as in lists with a skin, have no weight.
    graph = graph_of(STRUCTURES[kind], 4.3 + 0.5, dtype=dtype)

    def relative(found: Tensor, expected: Tensor) -> float:
        return float((found - expected).detach().abs().max() / expected.detach().abs().max())

    assert relative(fast.backbone(graph), slow.backbone(graph)) < tolerance
    assert relative(fast(graph).forces, slow(graph).forces) < tolerance
    stress = [p(graph, stress=True).stress for p in (fast, slow)]
    assert relative(*stress) < tolerance
    for mine, theirs in zip(
        force_loss_gradients(fast, graph), force_loss_gradients(slow, graph), strict=True
    ):
        assert relative(mine, theirs) < tolerance


def assert_equal(found: Tensor, expected: Tensor, tolerance: float) -> None:
    scale = float(expected.detach().abs().max())
    assert scale > 0
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance * scale)


def gradient(potential: Potential, graph: Graph, positions: Tensor, purpose: Purpose) -> Tensor:
    """Return the gradient of the energy by positions, to be differentiated again."""
    with scoped() as scope:
        energy = potential.backbone(graph.at(positions)).sum()
    with scope.backward_for(purpose):
        return torch.autograd.grad(energy, positions, create_graph=True)[0]


@pytest.mark.parametrize("kernels", ["on", "off"])
@pytest.mark.parametrize("purpose", ["everything", "coordinates"])
def test_second_derivatives_by_positions(
    purpose: Purpose, kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, kernels)
    fast = random_potential(DimeNetPPConfig(cutoff=4.3), torch.float64)
    slow = Potential("dimenetpp", reference_of(fast))
    graph = graph_of(skewed(), 4.3 + 0.5)

    def hessian(potential: Potential) -> Tensor:
        positions = graph.positions.clone().requires_grad_(True)
        rows = gradient(potential, graph, positions, purpose).flatten()
        found = [torch.autograd.grad(row, positions, retain_graph=True)[0] for row in rows]
        return torch.stack(found).flatten(1)

    found = hessian(fast)
    assert_equal(found, hessian(slow), 1e-10)
    step = 1e-4
    for coordinate in (0, 4, 11):
        move = torch.zeros_like(graph.positions)
        move.view(-1)[coordinate] = step
        less, more = (fast(graph.at(graph.positions + m)).forces for m in (-move, move))
        assert_equal(found[coordinate], (less - more).flatten() / (2 * step), 1e-6)


@pytest.mark.parametrize("kernels", ["on", "off"])
@pytest.mark.parametrize("purpose", ["everything", "coordinates"])
def test_training_gradients_without_a_scope(
    purpose: Purpose, kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, kernels)
    fast = random_potential(DimeNetPPConfig(cutoff=4.3), torch.float64)
    slow = Potential("dimenetpp", reference_of(fast))
    graph = graph_of(skewed(), 4.3)

    def trained(potential: Potential, keep: bool) -> list[Tensor]:
        parameters = list(potential.backbone.parameters())
        positions = graph.positions.clone().requires_grad_(True)
        loss = (gradient(potential, graph, positions, purpose) - 0.1).square().sum()
        loss = loss + potential.backbone(graph.at(positions)).square().sum()
        if keep:
            return list(torch.autograd.grad(loss, [*parameters, positions], create_graph=True))
        loss.backward()
        return [p.grad for p in (*parameters, positions)]

    expected = trained(slow, keep=False)
    kept = trained(fast, keep=True)
    for found in (trained(fast, keep=False), kept):
        for mine, theirs in zip(found, expected, strict=True):
            assert_equal(mine, theirs, 1e-10)
    # What is not right must not pass for it.
    parameters = list(fast.backbone.parameters())
    with pytest.raises(RuntimeError, match=r"by hand|third derivatives"):
        torch.autograd.grad(kept[5].square().sum(), parameters)


@pytest.mark.parametrize("kernels", ["on", "off"])
def test_atoms_in_line_have_finite_gradients(kernels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, kernels)
    potential = random_potential(DimeNetPPConfig(cutoff=4.3), torch.float32)
    line = Atoms("Si4", positions=[[2.0 * n, 0.0, 0.0] for n in range(4)])
    crystal = Atoms("Si", positions=[[0.0, 0.0, 0.0]], cell=[2.5, 2.5, 2.5], pbc=True)
    graph = graph_of(Frames.unlabelled([line, crystal]), 4.3, dtype=torch.float32)
    assert potential(graph).forces.isfinite().all()
    assert all(g.isfinite().all() for g in force_loss_gradients(potential, graph))


def test_reverse_edges_are_excluded_per_image() -> None:
    # One atom and its images: every neighbour k of j is an image of i, and only one of them is
    # the reverse. Left out were they all, no angle would matter, and the energy of a sheared
    # cell would depend on its edges' lengths alone.
    potential = random_potential(DimeNetPPConfig(cutoff=3.0), torch.float64)
    slow = Potential("dimenetpp", reference_of(potential))
    atoms = Atoms("Si", cell=[[2.0, 0, 0], [0.6, 2.2, 0], [0, 0, 2.4]], pbc=True)
    graph = graph_of(Frames.unlabelled([atoms]), 3.0)
    edge_ji, _ = triplets(graph.edge_index, graph.edge_shift, 1)
    n_edges = graph.edge_index.shape[1]
    assert len(edge_ji) == n_edges * (n_edges - 1)
    torch.testing.assert_close(potential.backbone(graph), slow.backbone(graph), rtol=1e-11, atol=0)


def at_random_triplets() -> tuple[Tensor, Tensor, Tensor]:
    rng = np.random.default_rng(0)
    distance = torch.as_tensor(rng.uniform(0.2 * CUTOFF, 1.1 * CUTOFF, 40))
    angle = torch.as_tensor(rng.uniform(0, np.pi, 200))
    return distance, angle, torch.as_tensor(rng.integers(0, 40, 200))


def test_spherical_basis_agrees_with_torch_geometric(
    pair: tuple[Potential, dimenet.DimeNetPlusPlus],
) -> None:
    distance, angle, edge = at_random_triplets()
    ours = reference_of(pair[0]).sbf(distance, torch.cos(angle), edge)
    peer = pair[1].sbf(distance, angle, edge)
    torch.testing.assert_close(ours, peer, rtol=0, atol=1e-11 * float(peer.abs().max()))


def test_spherical_basis_agrees_with_torch_geometric_as_released() -> None:
    # Its zeros and norms are rounded to float32 (relative 6e-8), and it rounds the products of
    # these in its formulas again; both shift the phase of functions with up to 3 oscillations.
    distance, angle, edge = at_random_triplets()
    ours = reference_of(random_potential(CONFIG, torch.float64)).sbf(
        distance, torch.cos(angle), edge
    )
    peer = dimenet.SphericalBasisLayer(4, 3, CUTOFF, 5)(distance, angle, edge)
    torch.testing.assert_close(ours, peer, rtol=0, atol=1e-6 * float(peer.abs().max()))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 2e-5)])
def test_spherical_basis_is_the_published_formula(dtype: torch.dtype, tolerance: float) -> None:
    # DimeNet (arXiv 2003.03123) eq. 6, for all orders of the default network, times the
    # envelope of eq. 8 for p = 6.
    config = DimeNetPPConfig()
    basis: SphericalBasis = reference_of(random_potential(config, dtype)).sbf
    x = np.linspace(0.3, 1.0, 71)
    cosine = np.linspace(-1, 1, 71)
    p = 6
    envelope = (
        1 / x
        - (p + 1) * (p + 2) / 2 * x ** (p - 1)
        + p * (p + 2) * x**p
        - p * (p + 1) / 2 * x ** (p + 1)
    )
    expected = np.empty((71, config.n_spherical, config.n_radial))
    zeros = spherical_bessel_zeros(config.n_spherical, config.n_radial)
    for order, n in product(range(config.n_spherical), range(config.n_radial)):
        zero = zeros[order, n]
        radial = math.sqrt(2) / abs(spherical_jn(order + 1, zero)) * spherical_jn(order, zero * x)
        angular = math.sqrt((2 * order + 1) / (4 * math.pi)) * eval_legendre(order, cosine)
        expected[:, order, n] = envelope * radial * angular
    distance = torch.as_tensor(x * config.cutoff, dtype=dtype)
    found = basis(distance, torch.as_tensor(cosine, dtype=dtype), torch.arange(71))
    error = np.abs(found.double().numpy() - expected.reshape(71, -1))
    assert error.max() < tolerance * np.abs(expected).max()


def test_zeros_of_spherical_bessel_functions() -> None:
    zeros = spherical_bessel_zeros(7, 6)
    assert zeros.shape == (7, 6)
    # Abramowitz & Stegun, table 10.6; tan x = x for l = 1.
    np.testing.assert_allclose(zeros[0], np.arange(1, 7) * np.pi, rtol=1e-15)
    np.testing.assert_allclose(
        zeros[1, :3], [4.493409457909064, 7.725251836937707, 10.904121659428899], rtol=1e-13
    )
    np.testing.assert_allclose(zeros[2, :2], [5.763459196894550, 9.095011330476355], rtol=1e-13)
    np.testing.assert_allclose(zeros[3, :1], [6.987932000500519], rtol=1e-13)
    for order, row in enumerate(zeros):
        np.testing.assert_allclose(spherical_jn(order, row), 0, atol=1e-15)
    # None is missed: those of l + 1 lie between those of l.
    assert (zeros[:-1, :-1] < zeros[1:, :-1]).all()
    assert (zeros[1:, :-1] < zeros[:-1, 1:]).all()


def test_triplets_are_all_pairs_but_an_edge_and_its_reverse() -> None:
    cutoff = 4.5
    frames = Frames.unlabelled([small_cell(cutoff)])
    graph = graph_of(frames, cutoff)
    topology = neighbours(frames.positions, frames.cell[0], frames.pbc[0], cutoff)
    edges = [
        (int(i), int(j), tuple(int(s) for s in shift))
        for i, j, shift in zip(*topology.edge_index, topology.shift, strict=True)
    ]
    expected = set()
    other_images = 0
    for (a, (i, j, there)), (b, (centre, k, back)) in product(enumerate(edges), repeat=2):
        if centre != j:
            continue
        reverse = k == i and all(s == -t for s, t in zip(back, there, strict=True))
        if not reverse:
            expected.add((a, b))
            other_images += k == i

    found = list(zip(*(t.tolist() for t in triplets(graph.edge_index, graph.edge_shift, 2))))  # noqa: B905
    assert len(found) == len(set(found))
    assert set(found) == expected
    # Every edge loses exactly its own reverse, and other images of i take part as k.
    degree = np.bincount(topology.edge_index[0])
    assert len(expected) == sum(degree[j] for _, j, _ in edges) - len(edges)
    assert other_images > 0
    assert any(i == j for i, j, _ in edges)


def test_no_triplets_without_edges() -> None:
    edge_ji, edge_kj = triplets(torch.empty((2, 0), dtype=torch.int64), torch.empty((0, 3)), 3)
    assert edge_ji.numel() == edge_kj.numel() == 0


def test_size_of_the_default_network() -> None:
    backbone = DimeNetPPConfig().build()
    assert 100_000 < backbone.n_parameters() < 300_000
    assert backbone.n_parameters() == sum(p.numel() for p in backbone.parameters())
