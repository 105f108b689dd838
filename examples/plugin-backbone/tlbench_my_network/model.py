"""A network that reads an atom's energy from densities of its neighbours."""

import torch
from torch import nn

from tlbench.models.backbones.base import MAX_ATOMIC_NUMBER, Backbone


class MyNetwork(Backbone):
    """Each element spreads densities around its atoms; a network maps their sums to an energy."""

    def __init__(self, config):
        super().__init__(config)
        width = config.channels
        self.elements = nn.Embedding(MAX_ATOMIC_NUMBER + 1, width)
        self.radial = nn.Linear(config.n_radial, width, bias=False)
        self.head = nn.Sequential(
            nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, 1),
        )  # fmt: skip

    def forward(self, graph):
        """Return the energy of every atom, shape (n_atoms,), eV."""
        centre, neighbour = graph.edge_index
        x = graph.edge_vectors().norm(dim=1, keepdim=True) / self.cutoff
        orders = torch.arange(1, self.radial.in_features + 1, device=x.device)
        # Zero from the cutoff on, with two continuous derivatives.
        waves = torch.sin(torch.pi * orders * x) * (1 - x.square()).clamp(min=0) ** 3
        own = self.elements(graph.atomic_numbers)
        spread = self.radial(waves) * own[neighbour]
        density = torch.zeros_like(own).index_add(0, centre, spread)
        return self.head(torch.cat([own, density], dim=1)).squeeze(1)

    def element_parameters(self):
        """Say which tensors have an entry per element, and along which axis."""
        return {"elements.weight": 0}

    def stages(self):
        """Say how the network divides, for strategies that freeze parts of it."""
        return {"embedding": ("elements.",), "interaction": ("radial.",), "head": ("head.",)}
