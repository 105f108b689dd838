"""A correct toy backbone, and many that break its contract in one way each."""

from typing import Any

import numpy as np
import torch
from pydantic import ConfigDict
from torch import Tensor, nn
from triplets import triplets

from tlbench.graphs import Graph
from tlbench.models.backbones import BackboneConfig
from tlbench.models.backbones.base import MAX_ATOMIC_NUMBER, Backbone


class Toy(Backbone):
    """Energy of an atom from its element and a density of its neighbours, as in EAM."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__(config)
        self.table = nn.Embedding(MAX_ATOMIC_NUMBER + 1, 4)
        self.radial = nn.Linear(4, 4)
        self.head = nn.Sequential(nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 1))

    def edges(self, graph: Graph) -> tuple[Tensor, Tensor, Tensor]:
        return (*graph.edge_index, graph.edge_vectors())

    def envelope(self, x: Tensor) -> Tensor:
        return (1 - x.square()).clamp(min=0) ** 3

    def density(self, graph: Graph, types: Tensor) -> Tensor:
        centre, neighbour, vectors = self.edges(graph)
        x = vectors.norm(dim=1, keepdim=True) / self.cutoff
        waves = torch.sin(torch.arange(1, 5, device=x.device) * x)
        message = self.envelope(x) * self.radial(waves) * types[neighbour]
        return types.new_zeros(types.shape).index_add(0, centre, message)

    def forward(self, graph: Graph) -> Tensor:
        types = self.table(graph.atomic_numbers)
        return self.head(torch.cat([types, self.density(graph, types)], dim=1)).squeeze(1)

    def element_parameters(self) -> dict[str, int]:
        return {"table.weight": 0}

    def moment(self, graph: Graph, power: int) -> Tensor:
        """Return Σ_j d^power u(d) r over the neighbours, for the variants that need vectors."""
        centre, _, vectors = Toy.edges(self, graph)
        x = vectors.norm(dim=1, keepdim=True) / self.cutoff
        terms = x**power * Toy.envelope(self, x) * vectors
        return torch.zeros_like(graph.positions).index_add(0, centre, terms)


class AbsolutePositions(Toy):
    def forward(self, graph):
        return super().forward(graph) + 0.01 * graph.positions[:, 0]


class SinglePrecisionInside(Toy):
    def edges(self, graph):
        centre, neighbour, vectors = super().edges(graph)
        return centre, neighbour, vectors.float().to(vectors.dtype)


class PreferredDirection(Toy):
    def forward(self, graph):
        return super().forward(graph) + self.moment(graph, 0)[:, 0] ** 2


class Handed(Toy):
    def forward(self, graph):
        first, second, third = (self.moment(graph, power) for power in range(3))
        return super().forward(graph) + 100 * (first * torch.cross(second, third, dim=1)).sum(1)


class AtomIndex(Toy):
    def forward(self, graph):
        energy = super().forward(graph)
        return energy * torch.linspace(1, 2, len(energy), dtype=energy.dtype)


class ImageLength(Toy):
    def edges(self, graph):
        centre, neighbour, vectors = super().edges(graph)
        return centre, neighbour, vectors * (1 + 0.01 * graph.edge_shift.norm(dim=1, keepdim=True))


class NearestImageOnly(Toy):
    def edges(self, graph):
        centre, neighbour, vectors = super().edges(graph)
        pair = centre * graph.n_atoms + neighbour
        order = torch.argsort(vectors.detach().norm(dim=1), stable=True)
        order = order[torch.argsort(pair[order], stable=True)]
        first = torch.ones_like(order, dtype=torch.bool)
        first[1:] = pair[order][1:] != pair[order][:-1]
        kept = order[first]
        return centre[kept], neighbour[kept], vectors[kept]


class NearbyImagesOnly(Toy):
    def edges(self, graph):
        centre, neighbour, vectors = super().edges(graph)
        kept = graph.edge_shift.norm(dim=1) < 1.7 * self.cutoff
        return centre[kept], neighbour[kept], vectors[kept]


class MeanOverAtoms(Toy):
    def forward(self, graph):
        return super().forward(graph) / torch.bincount(graph.system)[graph.system]


class BatchNormalised(Toy):
    def forward(self, graph):
        energy = super().forward(graph)
        return energy - 0.5 * energy.mean()


class MeanOverNeighbours(Toy):
    def density(self, graph, types):
        degree = torch.bincount(graph.edge_index[0], minlength=graph.n_atoms)
        return super().density(graph, types) / degree.unsqueeze(1)


class RisesBeyondCutoff(Toy):
    def envelope(self, x):
        return (1 - x.square()) ** 3


class SharpCutoff(Toy):
    def envelope(self, x):
        return (x < 1).to(x.dtype)


class KinkedCutoff(Toy):
    def envelope(self, x):
        return (1 - x).clamp(min=0)


class DetachedEnvelope(Toy):
    def envelope(self, x):
        return super().envelope(x.detach())


class DetachedImages(Toy):
    def edges(self, graph):
        centre, neighbour = graph.edge_index
        vectors = graph.positions[neighbour] - graph.positions[centre] + graph.edge_shift.detach()
        return centre, neighbour, vectors


class AngleByArccosine(Toy):
    def shortened(self, cosine):
        return cosine

    def forward(self, graph):
        vectors = graph.edge_vectors()
        a, b = triplets(graph.edge_index, graph.edge_shift, graph.n_atoms)
        length = vectors.norm(dim=1)
        cosine = (vectors[a] * vectors[b]).sum(dim=1) / (length[a] * length[b])
        angle = torch.arccos(self.shortened(cosine).clamp(-1, 1))
        weight = self.envelope(length / self.cutoff)
        extra = torch.zeros_like(graph.positions[:, 0])
        extra = extra.index_add(0, graph.edge_index[0][a], angle * weight[a] * weight[b])
        return super().forward(graph) * (1 + extra)


class AngleByRoundedArccosine(AngleByArccosine):
    """Its derivatives are finite everywhere, and large where atoms are in line."""

    def shortened(self, cosine):
        return cosine * (1 - 1e-6)


class _ForgetsWeight(torch.autograd.Function):
    """x·w whose first derivatives are right, and whose second ones take w for a constant."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, gradient):
        x, w = ctx.saved_tensors
        return gradient * w.detach(), (gradient * x).sum(0)


class WrongSecondDerivative(Toy):
    def __init__(self, config):
        super().__init__(config)
        self.scale = nn.Parameter(torch.rand(4))

    def density(self, graph, types):
        return _ForgetsWeight.apply(super().density(graph, types), self.scale)


class ChangesInput(Toy):
    def forward(self, graph):
        graph.atomic_numbers.sub_(1)
        return super().forward(graph)


class CountsCalls(Toy):
    def __init__(self, config):
        super().__init__(config)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, graph):
        self.calls.add_(1)
        return super().forward(graph)


class ColumnOutput(Toy):
    def forward(self, graph):
        return super().forward(graph).unsqueeze(1)


class SinglePrecisionOutput(Toy):
    def forward(self, graph):
        return super().forward(graph).float()


class Dead(Toy):
    def forward(self, graph):
        return 0 * super().forward(graph)


class ElementBlind(Toy):
    """Gives elements their own energy, which no force shows, and nothing else."""

    def density(self, graph, types):
        return super().density(graph, torch.ones_like(types))

    def forward(self, graph):
        types = self.table(graph.atomic_numbers)
        density = self.density(graph, types)
        return self.head(torch.cat([0 * types, density], dim=1)).squeeze(1) + types.sum(1)


class WrongAxis(Toy):
    def element_parameters(self):
        return {"table.weight": 1}


class WrongName(Toy):
    def element_parameters(self):
        return {"table": 0}


class UndeclaredTable(Toy):
    def __init__(self, config):
        super().__init__(config)
        self.scale = nn.Embedding(MAX_ATOMIC_NUMBER + 1, 1)

    def forward(self, graph):
        return super().forward(graph) * self.scale(graph.atomic_numbers).squeeze(1)


class OwnGenerator(Toy):
    def __init__(self, config):
        super().__init__(config)
        weight = np.random.default_rng().normal(size=self.table.weight.shape)
        self.table.weight = nn.Parameter(torch.as_tensor(weight, dtype=self.radial.weight.dtype))


class FixedSeed(Toy):
    def __init__(self, config):
        torch.manual_seed(123)
        super().__init__(config)


class ForgetsConfig(Toy):
    def __init__(self, config):
        super().__init__(config)
        self.config = config.model_copy(update={"cutoff": 4.0})


class UnsavedState(Toy):
    def __init__(self, config):
        super().__init__(config)
        self.register_buffer("offset", torch.rand(4), persistent=False)

    def density(self, graph, types):
        return super().density(graph, types) * self.offset


class TwoNames(Toy):
    """Correct, and one of its tensors has two names, which the file format does not allow."""

    def __init__(self, config):
        super().__init__(config)
        self.alias = self.radial


class ForgottenStage(Toy):
    def stages(self):
        return {"embedding": ("table.",), "head": ("head.",)}


class DoubledStage(Toy):
    def stages(self):
        return {"embedding": ("table.",), "interaction": ("radial.", "head."), "head": ("head.",)}


class ToyConfig(BackboneConfig):
    variant: str = "Toy"

    def build(self) -> Backbone:
        return globals()[self.variant](self)


class LooseConfig(ToyConfig):
    model_config = ConfigDict(extra="ignore")


class MutableConfig(ToyConfig):
    model_config = ConfigDict(frozen=False)


BREAKAGES: list[tuple[Any, str]] = [
    (AbsolutePositions, "translation"),
    (SinglePrecisionInside, "forces"),
    (PreferredDirection, "rotation"),
    (Handed, "reflection"),
    (AtomIndex, "permutation"),
    (ImageLength, "lattice translation"),
    (NearestImageOnly, "supercell"),
    (NearbyImagesOnly, "skewed cell"),
    (MeanOverAtoms, "extensivity"),
    (BatchNormalised, "batching"),
    (MeanOverNeighbours, "isolated atom"),
    (AbsolutePositions, "isolated atom"),
    (RisesBeyondCutoff, "long edges"),
    (SharpCutoff, "smooth cutoff"),
    (KinkedCutoff, "smooth cutoff"),
    (DetachedEnvelope, "forces"),
    (DetachedImages, "stress"),
    (AngleByArccosine, "finite gradient"),
    (AngleByRoundedArccosine, "atoms in line"),
    (WrongSecondDerivative, "force-loss gradient"),
    (ChangesInput, "unchanged inputs"),
    (CountsCalls, "unchanged inputs"),
    (ColumnOutput, "output"),
    (SinglePrecisionOutput, "output"),
    (Dead, "responsiveness"),
    (Dead, "translation"),
    (ElementBlind, "elements differ"),
    (WrongAxis, "element axes"),
    (WrongName, "element axes"),
    (UndeclaredTable, "element copy"),
    (UndeclaredTable, "element exchange"),
    (ForgottenStage, "stages"),
    (DoubledStage, "stages"),
    (OwnGenerator, "seeding"),
    (FixedSeed, "seeding"),
    (ForgetsConfig, "saving"),
    (LooseConfig, "configuration"),
    (MutableConfig, "configuration"),
    (UnsavedState, "saving"),
]
"""Each way of breaking the contract, and a property that must notice it."""
