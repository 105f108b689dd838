"""SchNet on periodic graphs, from torch-geometric's layers."""

from torch import Tensor, nn
from torch_geometric.nn.models.schnet import GaussianSmearing, InteractionBlock, ShiftedSoftplus

from tlbench.backbones.base import MAX_ATOMIC_NUMBER, Backbone
from tlbench.backbones.schnet.config import SchNetConfig
from tlbench.graphs import Graph


class SchNet(Backbone):
    """SchNet (Schütt et al., J. Chem. Phys. 148, 241722 (2018)) on periodic graphs.

    Filters are cut off by (cos(πd/r_c) + 1)/2, so energies and forces are continuous at the
    cutoff.
    """

    def __init__(self, config: SchNetConfig) -> None:
        super().__init__(config)
        hidden = config.hidden_channels
        self.embedding = nn.Embedding(MAX_ATOMIC_NUMBER + 1, hidden)
        self.distance_expansion = GaussianSmearing(0.0, config.cutoff, config.n_gaussians)
        self.interactions = nn.ModuleList(
            InteractionBlock(hidden, config.n_gaussians, config.n_filters, config.cutoff)
            for _ in range(config.n_interactions)
        )
        self.lin1 = nn.Linear(hidden, hidden // 2)
        self.act = ShiftedSoftplus()
        self.lin2 = nn.Linear(hidden // 2, 1)
        for layer in (self.lin1, self.lin2):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, graph: Graph) -> Tensor:
        """Return the energy of every atom, shape (n_atoms,), eV."""
        distance = graph.edge_vectors().norm(dim=1)
        # The cosine rises again beyond the cutoff; there it is held at zero.
        distance = distance.clamp(max=self.cutoff)
        expansion = self.distance_expansion(distance)
        # torch-geometric sends messages along (sender, receiver).
        edges = graph.edge_index.flip(0)
        features = self.embedding(graph.atomic_numbers)
        for interaction in self.interactions:
            features = features + interaction(features, edges, distance, expansion)
        energy: Tensor = self.lin2(self.act(self.lin1(features)))
        return energy.squeeze(1)

    def element_parameters(self) -> dict[str, int]:
        """Return the embedding table's name and element axis."""
        return {"embedding.weight": 0}
