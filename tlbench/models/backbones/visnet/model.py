"""ViSNet on periodic graphs, from torch-geometric's layers."""

from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn.models.visnet import (
    EdgeEmbedding,
    ExpNormalSmearing,
    NeighborEmbedding,
    Sphere,
    ViS_MP,
)

from tlbench.graphs import Graph
from tlbench.models.backbones.base import EMBEDDING, HEAD, MAX_ATOMIC_NUMBER, Backbone
from tlbench.models.backbones.packages import remove_templates
from tlbench.models.backbones.visnet import ViSNetConfig


class ViSNet(Backbone):
    """ViSNet (Wang et al., Nature Communications 15, 313 (2024)) on periodic graphs.

    Layers are torch-geometric's; what connects them is ours, because theirs takes an edge between
    two images of an atom for a loop. Two things differ, so that energies are smooth:

    - messages of vectors have no bias: theirs, once trained, does not vanish at the cutoff;
    - the energy is read from the squares of vector features, not from their norms, which have a
      kink where symmetry makes a vector vanish.
    """

    def __init__(self, config: ViSNetConfig) -> None:
        super().__init__(config)
        hidden, n_elements = config.hidden_channels, MAX_ATOMIC_NUMBER + 1
        self.embedding = nn.Embedding(n_elements, hidden)
        self.distance_expansion = ExpNormalSmearing(config.cutoff, config.n_radial, trainable=False)
        self.sphere = Sphere(config.lmax)
        self.neighbours = NeighborEmbedding(hidden, config.n_radial, config.cutoff, n_elements)
        self.edges = EdgeEmbedding(config.n_radial, hidden)
        self.layers = nn.ModuleList(
            _layer(config, last=n == config.n_layers - 1) for n in range(config.n_layers)
        )
        self.norm = nn.LayerNorm(hidden)
        self.vectors = nn.Linear(hidden, hidden, bias=False)
        self.readout = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.SiLU(), nn.Linear(hidden, 1))
        remove_templates(self)

    def forward(self, graph: Graph) -> Tensor:
        """Return the energy of every atom, shape (n_atoms,), eV."""
        arrows = graph.edge_vectors()
        distance = arrows.norm(dim=1)
        # Messages go from index 0 to index 1.
        index = graph.edge_index.flip(0)
        harmonics = self.sphere(arrows / distance.unsqueeze(1))
        edges = self.distance_expansion(distance)
        features = self.embedding(graph.atomic_numbers)
        features = self._with_neighbours(features, graph.atomic_numbers, index, distance, edges)
        vectors = features.new_zeros((graph.n_atoms, harmonics.shape[1], features.shape[1]))
        edges = self.edges(index, edges, features)
        layer: Any
        for layer in self.layers:
            more, more_vectors, more_edges = layer(
                features, vectors, index, distance, edges, harmonics
            )
            features, vectors = features + more, vectors + more_vectors
            edges = edges if more_edges is None else edges + more_edges
        squares = self.vectors(vectors).square().sum(dim=1)
        energy: Tensor = self.readout(torch.cat([self.norm(features), squares], dim=1))
        return energy.squeeze(1)

    def _with_neighbours(
        self, features: Tensor, elements: Tensor, index: Tensor, distance: Tensor, edges: Tensor
    ) -> Tensor:
        """Mix features with those of neighbouring elements, the atom's own images among them."""
        layer: Any = self.neighbours
        filters = layer.distance_proj(edges) * layer.cutoff(distance).unsqueeze(1)
        around = layer.propagate(index, x=layer.embedding(elements), W=filters)
        found: Tensor = layer.combine(torch.cat([features, around], dim=1))
        return found

    def element_parameters(self) -> dict[str, int]:
        """Return the names and element axes of the embeddings of atoms and of neighbours."""
        return {"embedding.weight": 0, "neighbours.embedding.weight": 0}

    def stages(self) -> dict[str, tuple[str, ...]]:
        """Return embedding, interactions and head by the beginnings of their parameters' names."""
        layers = {f"interaction {n}": (f"layers.{n}.",) for n in range(len(self.layers))}
        head = ("norm.", "vectors.", "readout.")
        return {EMBEDDING: ("embedding.", "neighbours.", "edges."), **layers, HEAD: head}


def _layer(config: ViSNetConfig, last: bool) -> ViS_MP:
    """Return a layer of messages."""
    hidden = config.hidden_channels
    layer = ViS_MP(config.n_heads, hidden, config.cutoff, None, False, last)
    layer.s_proj = nn.Linear(hidden, 2 * hidden, bias=False)
    nn.init.xavier_uniform_(layer.s_proj.weight)
    return layer
