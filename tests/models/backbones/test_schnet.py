"""SchNet against its contract and torch-geometric's implementation."""

import copy
from collections.abc import Iterator

import pytest
import torch
from ase import Atoms
from ase.build import molecule
from layered_schnet import LayeredSchNet
from structures import diamond, liquid, skewed
from torch import Tensor
from torch_geometric.nn.models.schnet import SchNet as PeerSchNet

from tlbench.data.frames import Frames
from tlbench.graphs import Graph, graph_of
from tlbench.kernels.derivatives import Purpose, scoped
from tlbench.models.backbones.schnet import SchNetConfig
from tlbench.models.contract.prediction import random_potential
from tlbench.models.potential import Potential
from tlbench.testing import BackboneContract

CUTOFF = 3.0


class TestSchNet(BackboneContract):
    config = SchNetConfig()


@pytest.fixture
def double_precision() -> Iterator[None]:
    """Make torch-geometric compute its constants in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double_precision")
def test_agrees_with_torch_geometric() -> None:
    def interaction_graph(positions: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        distance = (positions.unsqueeze(0) - positions.unsqueeze(1)).square().sum(dim=2)
        edges = ((distance > 0) & (distance <= CUTOFF**2)).nonzero().t()
        return edges, distance[edges[0], edges[1]].sqrt()

    config = SchNetConfig(cutoff=CUTOFF)
    potential = random_potential(config, torch.float64)
    peer = PeerSchNet(
        hidden_channels=config.hidden_channels,
        num_filters=config.n_filters,
        num_interactions=config.n_interactions,
        num_gaussians=config.n_gaussians,
        cutoff=CUTOFF,
        interaction_graph=interaction_graph,
    )
    weights = potential.backbone.state_dict()
    weights["embedding.weight"] = weights["embedding.weight"][: peer.embedding.num_embeddings]
    peer.load_state_dict(weights)

    atoms = molecule("CH3CH2OH")
    positions = torch.as_tensor(atoms.positions).requires_grad_(True)
    energy = peer(torch.as_tensor(atoms.numbers), positions).sum()
    (gradient,) = torch.autograd.grad(energy, positions)
    graph = graph_of(Frames.unlabelled([atoms]), CUTOFF)
    assert 0 < graph.edge_index.shape[1] < len(atoms) * (len(atoms) - 1)
    scale = float(gradient.abs().max())
    assert scale > 1e-3
    torch.testing.assert_close(potential.backbone(graph).sum(), energy, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(potential(graph).forces, -gradient, rtol=0, atol=1e-12 * scale)


def _surface() -> Frames:
    atoms = diamond(repeats=(2, 2, 1), rattle=0.1).to_ase()[0]
    atoms.center(vacuum=8.0, axis=2)
    atoms.pbc = (True, True, False)
    return Frames.unlabelled([atoms])


STRUCTURES = {
    "crystal": diamond(repeats=(2, 2, 2), rattle=0.1),
    "liquid": liquid(n_atoms=24),
    "surface": _surface(),
    "two elements": Frames.unlabelled([Atoms("SiGe", [[0, 0, 0], [1.1, 2.0, 0.3]])]),
    "several images": diamond(primitive=True, rattle=0.1),
    "skewed": skewed(),
    "batch": Frames.concatenate([diamond(rattle=0.1), liquid(n_atoms=8), skewed()]),
    "isolated": Frames.unlabelled([Atoms("Si")]),
}
TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5}


def _both(dtype: torch.dtype) -> tuple[Potential, Potential]:
    """Return our potential, and torch-geometric's layers with the same weights and constants."""
    potential = random_potential(SchNetConfig(cutoff=5.0), dtype)
    layered = copy.deepcopy(potential)
    layered.backbone.__class__ = LayeredSchNet
    return potential, layered


def _assert_equal(found: Tensor, expected: Tensor, tolerance: float, scale: float = 0.0) -> None:
    largest = max(scale, float(expected.abs().max()))
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance * largest)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("reach", [1.0, 1.15])
@pytest.mark.parametrize("name", STRUCTURES)
def test_agrees_with_layers(name: str, reach: float, dtype: torch.dtype) -> None:
    ours, layered = _both(dtype)
    graph = graph_of(STRUCTURES[name], reach * ours.cutoff, dtype=dtype)
    tolerance = TOLERANCE[dtype]
    with torch.no_grad():
        _assert_equal(ours.backbone(graph), layered.backbone(graph), tolerance)
    periodic = bool((graph.volume > 0).all())
    found, expected = (p(graph, stress=periodic) for p in (ours, layered))
    _assert_equal(found.forces, expected.forces, tolerance)
    if periodic:
        _assert_equal(found.stress, expected.stress, tolerance)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", [name for name in STRUCTURES if name != "isolated"])
def test_training_gradients_agree_with_layers(name: str, dtype: torch.dtype) -> None:
    ours, layered = _both(dtype)
    graph = graph_of(STRUCTURES[name], ours.cutoff, dtype=dtype)
    expected = _training_gradients(layered, graph)
    scale = max(float(gradient.abs().max()) for gradient in expected.values())
    pruned = _training_gradients(ours, graph, pruned=True)
    for found in (pruned, _training_gradients(ours, graph)):
        assert found.keys() == expected.keys()
        for key in expected:
            _assert_equal(found[key], expected[key], TOLERANCE[dtype], 1e-3 * scale)


def _training_gradients(
    potential: Potential, graph: Graph, pruned: bool = False
) -> dict[str, Tensor]:
    """Return the gradients by parameters of a loss on energies and forces."""
    named = dict(potential.backbone.named_parameters())
    with scoped() as scope:
        found = potential(graph, training=True)
        targets = torch.linspace(-1, 1, found.forces.numel(), dtype=found.forces.dtype)
        loss = (found.forces - targets.view_as(found.forces)).square().mean()
        loss = loss + 0.01 * potential.backbone(graph).square().mean()
        with scope.backward_for("parameters" if pruned else "everything"):
            torch.autograd.backward(loss, inputs=list(named.values()) if pruned else None)
    gradients = {name: p.grad.clone() for name, p in named.items() if p.grad is not None}
    potential.zero_grad()
    return gradients


@pytest.mark.parametrize("purpose", ["everything", "coordinates"])
def test_second_derivatives_by_positions_agree_with_layers(purpose: Purpose) -> None:
    ours, layered = _both(torch.float64)
    graph = graph_of(STRUCTURES["skewed"], ours.cutoff)

    def hessian(potential: Potential) -> Tensor:
        positions = graph.positions.clone().requires_grad_(True)
        with scoped() as scope:
            energy = potential.backbone(graph.at(positions)).sum()
        with scope.backward_for(purpose):
            (gradient,) = torch.autograd.grad(energy, positions, create_graph=True)
        rows = [
            torch.autograd.grad(row, positions, retain_graph=True)[0] for row in gradient.flatten()
        ]
        return torch.stack(rows)

    expected = hessian(layered)
    assert expected.isfinite().all()
    assert expected.abs().max() > 1e-3
    _assert_equal(hessian(ours), expected, 1e-10)


def test_second_derivatives_by_weights_are_refused() -> None:
    ours, _ = _both(torch.float64)
    graph = graph_of(STRUCTURES["skewed"], ours.cutoff)
    positions = graph.positions.clone().requires_grad_(True)
    weight = ours.backbone.interactions[0].mlp[0].weight
    energy = ours.backbone(graph.at(positions)).sum()
    (gradient,) = torch.autograd.grad(energy, weight, create_graph=True)
    with pytest.raises(RuntimeError, match="by hand"):
        torch.autograd.grad(gradient.square().sum(), weight, retain_graph=True)
    with pytest.raises(RuntimeError, match="by hand"):
        gradient.square().sum().backward()


def test_gradients_of_a_loss_on_forces_may_be_kept_and_not_differentiated() -> None:
    ours, layered = _both(torch.float64)
    graph = graph_of(STRUCTURES["skewed"], ours.cutoff)

    def gradients(potential: Potential) -> dict[str, Tensor]:
        named = dict(potential.backbone.named_parameters())
        loss = potential(graph, training=True).forces.square().sum()
        found = torch.autograd.grad(loss, named.values(), create_graph=True, allow_unused=True)
        return {name: g for name, g in zip(named, found, strict=True) if g is not None}

    kept, expected = gradients(ours), gradients(layered)
    assert kept.keys() == expected.keys()
    scale = max(float(gradient.detach().abs().max()) for gradient in expected.values())
    for name, gradient in kept.items():
        _assert_equal(gradient.detach(), expected[name].detach(), 1e-10, 1e-3 * scale)
    weight = ours.backbone.interactions[0].mlp[0].weight
    with pytest.raises(RuntimeError, match="by hand"):
        torch.autograd.grad(kept["interactions.0.mlp.0.weight"].square().sum(), weight)


def test_parameters_are_those_of_the_layers() -> None:
    config = SchNetConfig()
    torch.manual_seed(3)
    ours = config.build().state_dict()
    torch.manual_seed(3)
    layered = LayeredSchNet(config).state_dict()
    assert ours.keys() == layered.keys()
    assert all(torch.equal(ours[name], layered[name]) for name in ours)
