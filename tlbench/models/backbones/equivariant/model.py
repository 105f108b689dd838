"""An equivariant network of many-body messages, short enough to be read in one go.

Written on e3nn's tensor products: a template for backbones of one's own.
"""

import math
from typing import Any

import torch
from e3nn import o3
from e3nn.nn import FullyConnectedNet
from torch import Tensor, nn

from tlbench.graphs import Graph
from tlbench.models.backbones.base import EMBEDDING, HEAD, MAX_ATOMIC_NUMBER, Backbone
from tlbench.models.backbones.equivariant import EquivariantConfig
from tlbench.models.backbones.packages import eager_e3nn


class Equivariant(Backbone):
    """Messages of spherical harmonics, multiplied with themselves at every atom.

    A layer sums up A = Σ_j R(r_ij) Y(r_ij) ⊗ h_j over the neighbours j of an atom i, and adds
    linear maps of A, A ⊗ A, … to the features h_i. The product of n factors holds terms of n
    neighbours, so its body order is n + 1 (MACE, arXiv 2206.07697, eqs. 8-11; here the weights of
    products do not depend on the element). The energy is read from the scalars of every layer.
    """

    def __init__(self, config: EquivariantConfig) -> None:
        super().__init__(config)
        harmonics = o3.Irreps.spherical_harmonics(config.lmax)
        scalars = o3.Irreps([(config.channels, (0, 1))])
        full = o3.Irreps([(config.channels, irrep) for irrep in _kept(config)])
        self.embedding = nn.Embedding(MAX_ATOMIC_NUMBER + 1, config.channels)
        self.radial = RadialBasis(config.n_radial, config.cutoff, config.envelope_exponent)
        with eager_e3nn():
            self.harmonics = o3.SphericalHarmonics(
                harmonics, normalize=True, normalization="component"
            )
        # What leaves the last layer is only read, so it is scalars.
        ends = [scalars, *[full] * (config.n_layers - 1), scalars]
        self.layers = nn.ModuleList(
            Layer(ends[n], harmonics, full, ends[n + 1], config) for n in range(config.n_layers)
        )
        self.readouts = nn.ModuleList(o3.Linear(end, "0e") for end in ends[1:-1])
        hidden = max(config.channels // 2, 1)
        self.readout = nn.Sequential(
            nn.Linear(config.channels, hidden), nn.SiLU(), nn.Linear(hidden, 1)
        )

    def forward(self, graph: Graph) -> Tensor:
        """Return the energy of every atom, shape (n_atoms,), eV."""
        vectors = graph.edge_vectors()
        radial = self.radial(vectors.norm(dim=1))
        harmonics = self.harmonics(vectors)
        features = self.embedding(graph.atomic_numbers)
        energy: Tensor = features.new_zeros((graph.n_atoms, 1))
        for number, layer in enumerate(self.layers):
            features = layer(features, harmonics, radial, graph.edge_index)
            last = number == len(self.readouts)
            energy = energy + (self.readout if last else self.readouts[number])(features)
        return energy.squeeze(1)

    def element_parameters(self) -> dict[str, int]:
        """Return the embedding table's name and element axis."""
        return {"embedding.weight": 0}

    def stages(self) -> dict[str, tuple[str, ...]]:
        """Return embedding, interactions and head by the beginnings of their parameters' names."""
        layers = {f"interaction {n}": (f"layers.{n}.",) for n in range(len(self.layers))}
        return {EMBEDDING: ("embedding.",), **layers, HEAD: ("readouts.", "readout.")}


class Layer(nn.Module):
    """One round of messages.

    Parameters
    ----------
    inputs, outputs
        Irreps of the features before and after.
    harmonics
        Irreps of the spherical harmonics.
    inner
        Irreps of the sums over neighbours and of their products.
    """

    def __init__(
        self,
        inputs: o3.Irreps,
        harmonics: o3.Irreps,
        inner: o3.Irreps,
        outputs: o3.Irreps,
        config: EquivariantConfig,
    ) -> None:
        super().__init__()
        self.scale = 1 / math.sqrt(config.average_neighbours)
        self.sent = o3.Linear(inputs, inputs)
        self.message = _by_channel(inputs, harmonics, inner, "uvu")
        self.radial = FullyConnectedNet(
            [config.n_radial, config.radial_channels, self.message.weight_numel], nn.functional.silu
        )
        self.received = o3.Linear(self.message.irreps_out.simplify(), inner)
        n_products = config.body_order - 2
        products: Any = [_by_channel(inner, inner, inner, "uuu") for _ in range(n_products)]
        self.products = nn.ModuleList(products)
        self.mixed = nn.ModuleList(o3.Linear(p.irreps_out.simplify(), inner) for p in products)
        self.updates = nn.ModuleList(o3.Linear(inner, outputs) for _ in range(n_products + 1))
        self.kept = o3.Linear(inputs, outputs)

    def forward(
        self, features: Tensor, harmonics: Tensor, radial: Tensor, edge_index: Tensor
    ) -> Tensor:
        """Return the new features of every atom."""
        centre, neighbour = edge_index
        messages = self.message(self.sent(features)[neighbour], harmonics, self.radial(radial))
        total = messages.new_zeros((len(features), messages.shape[1]))
        sums = self.received(total.index_add(0, centre, messages) * self.scale)
        found: Tensor = self.kept(features) + self.updates[0](sums)
        product = sums
        blocks: Any = zip(self.products, self.mixed, self.updates[1:], strict=True)
        for multiply, mix, update in blocks:
            product = mix(multiply(product, sums))
            found = found + update(product)
        return found


class RadialBasis(nn.Module):
    """Spherical Bessel functions of order 0 under a polynomial envelope.

    √(2/c) sin(nπx)/x · u(x) of x = d/c, that is c times eqs. 7 and 8 of arXiv 2003.03123. Zero
    from the cutoff c on, with two continuous derivatives.
    """

    frequencies: Tensor

    def __init__(self, n: int, cutoff: float, exponent: int) -> None:
        super().__init__()
        self.cutoff, self.exponent = cutoff, exponent
        self.register_buffer("frequencies", torch.arange(1, n + 1) * math.pi, persistent=False)

    def forward(self, distance: Tensor) -> Tensor:
        """Return the functions at (n_edges,) distances, shape (n_edges, n)."""
        x = (distance / self.cutoff).clamp(max=1.0).unsqueeze(1)
        p = self.exponent
        polynomial = (p + 1) * (p + 2) / 2 - p * (p + 2) * x + p * (p + 1) / 2 * x.square()
        envelope = 1 - x.pow(p) * polynomial
        return math.sqrt(2 / self.cutoff) * torch.sin(self.frequencies * x) / x * envelope


def _kept(config: EquivariantConfig) -> list[o3.Irrep]:
    """Return the irreps that features have: those of harmonics, or of both parities."""
    parities = (1, -1) if config.parity else (1,)
    return [o3.Irrep(n, s * (-1) ** n) for n in range(config.lmax + 1) for s in parities]


def _by_channel(one: o3.Irreps, other: o3.Irreps, kept: o3.Irreps, mode: str) -> o3.TensorProduct:
    """Return the tensor product of channels of the same number, all paths that end in ``kept``.

    A product of features with harmonics ("uvu") gets its weights with every call, one of two
    features ("uuu") has its own.
    """
    paths = [
        (mul, irrep, i, j)
        for i, (mul, left) in enumerate(one)
        for j, (_, right) in enumerate(other)
        for irrep in left * right
        if irrep in kept
    ]
    # Sorted, so that the linear map that follows sees each irrep once.
    ends, places, _ = o3.Irreps([(mul, irrep) for mul, irrep, _, _ in paths]).sort()
    instructions = [(i, j, places[n], mode, True) for n, (_, _, i, j) in enumerate(paths)]
    own = mode == "uuu"
    return o3.TensorProduct(
        one, other, ends, instructions, shared_weights=own, internal_weights=own
    )
