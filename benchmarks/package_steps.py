"""A training update as the package of a network does it: what ours is raced against.

Each function takes our potential, whose weights it copies, and structures. It returns the package's
network and a function that does one update towards forces of zero and returns the loss. Adam is
torch's fused one, as in our own update.
"""

import copy
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch_geometric.nn.models import ViSNet as PackageViSNet

from tlbench.data.frames import Frames
from tlbench.graphs import Graph, graph_of
from tlbench.models.backbones.packages import isolated_import, remove_templates
from tlbench.models.backbones.sevennet.model import package_network
from tlbench.models.potential import Potential

with isolated_import(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sevenn._keys as sevenn
    from nequip.data import AtomicDataDict
    from nequip.nn import ForceStressOutput
    from nequip.train import MeanSquaredError, MetricsManager

LEARNING_RATE = 1e-6

Step = tuple[nn.Module, Callable[[], Tensor]]


def nequip(potential: Potential, frames: Frames) -> Step:
    """Return the step of nequip's training module: its forces, virials and loss."""
    network = ForceStressOutput(copy.deepcopy(potential.backbone.network)).train()
    graph = graph_of(frames, potential.cutoff, dtype=potential.dtype)
    cells = torch.as_tensor(frames.cell, dtype=potential.dtype)
    inverse = torch.linalg.inv(cells)[graph.system[graph.edge_index[0]]]
    data = {
        AtomicDataDict.POSITIONS_KEY: graph.positions,
        AtomicDataDict.ATOM_TYPE_KEY: graph.atomic_numbers,
        AtomicDataDict.EDGE_INDEX_KEY: graph.edge_index,
        AtomicDataDict.EDGE_CELL_SHIFT_KEY: (graph.edge_shift.unsqueeze(1) @ inverse).squeeze(1),
        AtomicDataDict.CELL_KEY: cells,
        AtomicDataDict.BATCH_KEY: graph.system,
        AtomicDataDict.NUM_NODES_KEY: torch.as_tensor(frames.n_atoms),
    }
    target = {AtomicDataDict.FORCE_KEY: torch.zeros_like(graph.positions)}
    squares = MetricsManager(
        [{"field": AtomicDataDict.FORCE_KEY, "coeff": 1.0, "metric": MeanSquaredError()}]
    )

    def loss() -> Tensor:
        positions = graph.positions.clone()
        found = network({**data, AtomicDataDict.POSITIONS_KEY: positions})
        value: Tensor = squares(found, target)["weighted_sum"]
        return value

    return network, _update(network, loss)


def sevennet(potential: Potential, frames: Frames) -> Step:
    """Return the whole network that sevenn builds, with its forces and stresses from edges."""
    network = package_network(potential.backbone.config).to(potential.dtype).train()
    ours = dict(potential.backbone.network.named_parameters())
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in ours:
                parameter.copy_(ours[name])
        # The package divides a row by the root of the number of elements.
        rows = potential.backbone.embedding * len(potential.backbone.embedding) ** 0.5
        network.onehot_to_feature_x.linear.weight.copy_(rows.flatten())
        network.rescale_atomic_energy.scale.copy_(potential.backbone.energy_scale)
    graph = graph_of(frames, potential.cutoff, dtype=potential.dtype)
    cells = torch.as_tensor(frames.cell, dtype=potential.dtype)

    def loss() -> Tensor:
        found = network(
            {
                sevenn.ATOMIC_NUMBERS: graph.atomic_numbers,
                sevenn.EDGE_IDX: graph.edge_index,
                sevenn.EDGE_VEC: graph.edge_vectors(),
                sevenn.BATCH: graph.system,
                sevenn.NUM_ATOMS: torch.as_tensor(frames.n_atoms),
                sevenn.CELL_VOLUME: torch.linalg.det(cells),
            }
        )
        forces: Tensor = found[sevenn.PRED_FORCE]
        return forces.square().mean()

    return network, _update(network, loss)


def visnet(potential: Potential, frames: Frames) -> Step:
    """Return the step of torch-geometric's ViSNet with its own derivative, on periodic edges.

    It has our layers of messages; what reads the energy is its own.
    """
    ours = copy.deepcopy(potential.backbone)
    config = ours.config
    network = PackageViSNet(
        lmax=config.lmax,
        num_heads=config.n_heads,
        num_layers=config.n_layers,
        hidden_channels=config.hidden_channels,
        num_rbf=config.n_radial,
        max_z=len(ours.embedding.weight),
        cutoff=config.cutoff,
        derivative=True,
    ).to(potential.dtype)
    inner = network.representation_model
    remove_templates(network)
    inner.embedding, inner.distance_expansion = ours.embedding, ours.distance_expansion
    inner.neighbor_embedding, inner.edge_embedding = ours.neighbours, ours.edges
    inner.vis_mp_layers = ours.layers
    graph = graph_of(frames, potential.cutoff, dtype=potential.dtype)

    def periodic_edges(positions: Tensor, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        vectors = graph.at(positions).edge_vectors()
        return graph.edge_index.flip(0), vectors.norm(dim=1), vectors.clone()

    inner.distance.forward = periodic_edges

    def loss() -> Tensor:
        _, forces = network(graph.atomic_numbers, graph.positions.clone(), graph.system)
        return forces.square().mean()

    return network, _update(network, loss)


def equivariant(potential: Potential, frames: Frames) -> Step:
    """Return plain automatic differentiation: e3nn has layers and leaves training to its users."""
    network = copy.deepcopy(potential.backbone)
    graph = graph_of(frames, potential.cutoff, dtype=potential.dtype)

    def loss() -> Tensor:
        return forces_by_autograd(network, graph).square().mean()

    return network, _update(network, loss)


def forces_by_autograd(network: nn.Module, graph: Graph) -> Tensor:
    """Return −∂E/∂x (n_atoms, 3), to be differentiated again, eV/Å."""
    positions = graph.positions.clone().requires_grad_(True)
    energy = network(graph.at(positions)).sum()
    (gradient,) = torch.autograd.grad(energy, positions, create_graph=True)
    return -gradient


def _update(network: nn.Module, loss_of_batch: Callable[[], Tensor]) -> Callable[[], Tensor]:
    parameters = [each for each in network.parameters() if each.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)

    def update() -> Tensor:
        optimiser.zero_grad()
        loss = loss_of_batch()
        loss.backward()
        optimiser.step()
        return loss.detach()

    return update


PACKAGE_STEPS = {
    "equivariant": (equivariant, "automatic differentiation of e3nn's layers"),
    "nequip": (nequip, "nequip's forces, loss and update"),
    "sevennet": (sevennet, "sevenn's network, forces and stresses"),
    "visnet": (visnet, "torch-geometric's ViSNet and its derivative"),
}
