"""SchNet through torch-geometric's layers: slower, and what ``SchNet`` is tested against."""

from torch import Tensor

from tlbench.graphs import Graph
from tlbench.models.backbones.schnet.model import SchNet


class LayeredSchNet(SchNet):
    """The same function of the same parameters, edge by edge and without derivatives by hand."""

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
