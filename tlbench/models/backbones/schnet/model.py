"""SchNet on periodic graphs, with torch-geometric's layers as holders of its parameters."""

from typing import Any

from torch import Tensor, nn
from torch_geometric.nn.models.schnet import GaussianSmearing, InteractionBlock, ShiftedSoftplus

from tlbench.graphs import Graph
from tlbench.kernels.library import library_for
from tlbench.models.backbones.activation import shifted_softplus
from tlbench.models.backbones.base import EMBEDDING, HEAD, MAX_ATOMIC_NUMBER, Backbone
from tlbench.models.backbones.message_passing import remove_templates
from tlbench.models.backbones.schnet.config import SchNetConfig
from tlbench.models.backbones.schnet.filters import FilterBasis, Weights, with_slopes
from tlbench.models.backbones.schnet.pairs import convolve, pairs_of


class SchNet(Backbone):
    """SchNet (Schütt et al., J. Chem. Phys. 148, 241722 (2018)) on periodic graphs.

    Filters are cut off by (cos(πd/r_c) + 1)/2, so energies and forces are continuous at the
    cutoff. The filters, which are most of the work, are computed once per pair of atoms, together
    with their derivative by the distance.
    """

    def __init__(self, config: SchNetConfig) -> None:
        super().__init__(config)
        hidden = config.hidden_channels
        self._n_filters = config.n_filters
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
        remove_templates(self)

    def forward(self, graph: Graph) -> Tensor:
        """Return the energy of every atom, shape (n_atoms,), eV."""
        pairs = pairs_of(graph, self._n_filters)
        # The cosine rises again beyond the cutoff; there it is held at zero.
        distance = pairs.distances(graph).clamp(max=self.cutoff)
        basis = self._basis(distance.detach())
        features = self.embedding(graph.atomic_numbers)
        block: Any
        for block in self.interactions:
            filters = self._filters(list(block.mlp.parameters()), basis, distance)
            message = convolve(block.conv.lin1(features), filters, pairs)
            features = features + block.lin(shifted_softplus(block.conv.lin2(message)))
        energy: Tensor = self.lin2(shifted_softplus(self.lin1(features)))
        return energy.squeeze(1)

    def _basis(self, distance: Tensor) -> FilterBasis:
        gaussians = self.distance_expansion
        return FilterBasis.at(distance, gaussians.offset, gaussians.coeff, self.cutoff)

    def _filters(self, weights: Weights, basis: FilterBasis, distance: Tensor) -> Tensor:
        if not distance.requires_grad:
            return basis.filters(weights)

        def slopes_at(distance: Tensor) -> Tensor:
            return self._basis(distance).slopes(weights)

        return with_slopes(distance, *basis.filters_and_slopes(weights), slopes_at)

    @property
    def same_in_batches(self) -> bool:
        """Whether the compiled kernels are used, which go from atom to atom."""
        return library_for(next(self.parameters())) is not None

    def element_parameters(self) -> dict[str, int]:
        """Return the embedding table's name and element axis."""
        return {"embedding.weight": 0}

    def stages(self) -> dict[str, tuple[str, ...]]:
        """Return embedding, interactions and head by the beginnings of their parameters' names."""
        interactions = {
            f"interaction {n}": (f"interactions.{n}.",) for n in range(len(self.interactions))
        }
        return {EMBEDDING: ("embedding.",), **interactions, HEAD: ("lin1.", "lin2.")}
