"""CHGNet, put together from the layers of the package chgnet."""

import warnings

import torch
from torch import Tensor, nn

from tlbench.graphs import Graph, within
from tlbench.models.backbones.base import EMBEDDING, HEAD, MAX_ATOMIC_NUMBER, Backbone
from tlbench.models.backbones.chgnet import CHGNetConfig
from tlbench.models.backbones.packages import isolated_import

with isolated_import():
    warnings.simplefilter("ignore")
    from chgnet.model.encoders import AngleEncoder, AtomEmbedding, BondEncoder
    from chgnet.model.functions import MLP
    from chgnet.model.layers import AngleUpdate, AtomConv, BondConv

_NORM = "layer"


class CHGNet(Backbone):
    """CHGNet (Deng et al., Nature Machine Intelligence 5, 1031 (2023), arXiv 2302.14231).

    Layers and initial weights are the package's, as are the names of its parameters; forces are
    ours, and so is the graph: bonds are pairs of an edge and its reverse, angles are pairs of
    edges of one atom that are both shorter than ``bond_cutoff``. The energies of elements that the
    package adds are the reference energies of a potential here. Left out is what no energy depends
    on: magnetic moments, and the last update of angles.
    """

    def __init__(self, config: CHGNetConfig) -> None:
        super().__init__(config)
        width = config.channels
        features = {"atom_fea_dim": width, "bond_fea_dim": width}
        self.bond_cutoff = config.bond_cutoff
        # In the order of the package's own constructor, so that it draws the same weights as far as
        # there is nothing left out.
        self.atom_embedding = AtomEmbedding(width, max_num_elements=MAX_ATOMIC_NUMBER + 1)
        self.bond_basis_expansion = BondEncoder(
            atom_graph_cutoff=config.cutoff,
            bond_graph_cutoff=config.bond_cutoff,
            num_radial=config.n_radial,
            cutoff_coeff=config.envelope_exponent,
            learnable=True,
        )
        self.bond_embedding = nn.Linear(config.n_radial, width, bias=False)
        self.bond_weights_ag = nn.Linear(config.n_radial, width, bias=False)
        self.bond_weights_bg = nn.Linear(config.n_radial, width, bias=False)
        self.angle_basis_expansion = AngleEncoder(num_angular=config.n_angular, learnable=True)
        self.angle_embedding = nn.Linear(config.n_angular, width, bias=False)
        self.atom_conv_layers = nn.ModuleList(
            AtomConv(**features, hidden_dim=width, gMLP_norm=_NORM) for _ in range(config.n_layers)
        )
        self.bond_conv_layers = nn.ModuleList(
            BondConv(**features, angle_fea_dim=width, hidden_dim=width, gMLP_norm=_NORM)
            for _ in range(config.n_layers - 1)
        )
        self.angle_layers = nn.ModuleList(
            AngleUpdate(**features, angle_fea_dim=width, hidden_dim=0, gMLP_norm=_NORM)
            for _ in range(config.n_layers - 2)
        )
        self.readout_norm = nn.LayerNorm(width)
        self.mlp = MLP(input_dim=width, hidden_dim=[width] * 3, output_dim=1)

    def forward(self, graph: Graph) -> Tensor:
        """Return the energy of every atom, shape (n_atoms,), eV."""
        graph = within(graph, self.cutoff)
        vectors = graph.edge_vectors()
        lengths = vectors.norm(dim=1)
        first, bond = _bonds(graph)
        basis, short_basis = (
            expansion(lengths[first])
            for expansion in (
                self.bond_basis_expansion.rbf_expansion_ag,
                self.bond_basis_expansion.rbf_expansion_bg,
            )
        )
        left, right = _angles(graph.edge_index[0], lengths < self.bond_cutoff)
        directions = vectors / lengths.unsqueeze(1)
        angles = self.angle_embedding(
            self.angle_basis_expansion(directions[left], directions[right])
        )
        corners = torch.stack([graph.edge_index[0][left], bond[left], bond[right]], dim=1)
        atoms = self.atom_embedding(graph.atomic_numbers)
        bonds = self.bond_embedding(basis)
        weights, short_weights = self.bond_weights_ag(basis), self.bond_weights_bg(short_basis)
        edges = graph.edge_index.T
        for number, layer in enumerate(self.atom_conv_layers):
            atoms = layer(atoms, bonds, weights, edges, bond)
            if number < len(self.bond_conv_layers):
                bonds = self.bond_conv_layers[number](atoms, bonds, short_weights, angles, corners)
            if number < len(self.angle_layers):
                angles = self.angle_layers[number](atoms, bonds, angles, corners)
        energy: Tensor = self.mlp(self.readout_norm(atoms))
        return energy.squeeze(1)

    def element_parameters(self) -> dict[str, int]:
        """Return the embedding table's name and element axis."""
        return {"atom_embedding.embedding.weight": 0}

    def stages(self) -> dict[str, tuple[str, ...]]:
        """Return embedding, interactions and head by the beginnings of their parameters' names."""
        layers = {
            f"interaction {n}": (
                f"atom_conv_layers.{n}.",
                f"bond_conv_layers.{n}.",
                f"angle_layers.{n}.",
            )
            for n in range(len(self.atom_conv_layers))
        }
        embedding = ("atom_embedding.", "bond_basis_expansion.", "bond_embedding.", "bond_weights_")
        return {
            EMBEDDING: (*embedding, "angle_basis_expansion.", "angle_embedding."),
            **layers,
            HEAD: ("readout_norm.", "mlp."),
        }


def _bonds(graph: Graph) -> tuple[Tensor, Tensor]:
    """Return one edge of every bond (n_bonds,), and the bond of every edge (n_edges,)."""
    edges = torch.arange(len(graph.reverse_edge), device=graph.reverse_edge.device)
    is_first = edges < graph.reverse_edge
    number = is_first.cumsum(0) - 1
    return torch.nonzero(is_first).flatten(), number[torch.minimum(edges, graph.reverse_edge)]


def _angles(centre: Tensor, short: Tensor) -> tuple[Tensor, Tensor]:
    """Return both edges of all ordered pairs of different short edges of one atom, (n_angles,).

    ``centre`` (n_edges,) is ascending.
    """
    edges = torch.nonzero(short).flatten()
    centres = centre[edges]
    _, degree = torch.unique_consecutive(centres, return_counts=True)
    start = (degree.cumsum(0) - degree).repeat_interleave(degree)
    partners = degree.repeat_interleave(degree)
    left = torch.arange(len(edges), device=edges.device).repeat_interleave(partners)
    within_atom = torch.arange(len(left), device=edges.device)
    within_atom = within_atom - (partners.cumsum(0) - partners).repeat_interleave(partners)
    right = start.repeat_interleave(partners) + within_atom
    different = left != right
    return edges[left[different]], edges[right[different]]
