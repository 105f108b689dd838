"""DimeNet++ over explicit triplets, from torch-geometric's layers: what the fast one must equal.

Simple, and differentiable as often as one likes; its cost grows with the number of triplets.
"""

import math

import numpy as np
import torch
from scipy.special import spherical_jn
from torch import Tensor, nn
from torch.nn.functional import silu
from torch_geometric.nn.models.dimenet import Envelope

from tlbench.graphs import Graph
from tlbench.models.backbones.dimenetpp import DimeNetPPConfig
from tlbench.models.backbones.dimenetpp.model import DimeNetPP
from tlbench.models.backbones.dimenetpp.radial import spherical_bessel_zeros


class SphericalBasis(nn.Module):
    """a_ln(d) Y_l0(θ) of DimeNet (arXiv 2003.03123, eq. 6), with the smooth envelope of eq. 8.

    Equals ``torch_geometric``'s ``SphericalBasisLayer``, but takes cos θ instead of θ: an angle
    computed by atan2 has no second derivative where three atoms are in line, as they are in
    every perfect crystal.

    Parameters
    ----------
    n_spherical, n_radial
        Number of orders l, and of radial functions for each.
    cutoff
        Å.
    envelope
        Module that maps d/cutoff to the envelope u(d)/d.
    """

    zeros: Tensor
    norm: Tensor

    def __init__(self, n_spherical: int, n_radial: int, cutoff: float, envelope: nn.Module) -> None:
        super().__init__()
        self.n_spherical, self.n_radial = n_spherical, n_radial
        self.cutoff = cutoff
        self.envelope = envelope
        zeros = spherical_bessel_zeros(n_spherical, n_radial)
        orders = np.arange(n_spherical)[:, None]
        radial_norm = math.sqrt(2.0) / np.abs(spherical_jn(orders + 1, zeros))
        angular_norm = np.sqrt((2 * orders + 1) / (4 * math.pi))
        dtype = torch.get_default_dtype()
        self.register_buffer("zeros", torch.as_tensor(zeros, dtype=dtype), persistent=False)
        norm = torch.as_tensor(radial_norm * angular_norm, dtype=dtype)
        self.register_buffer("norm", norm, persistent=False)

    def radial(self, distance: Tensor) -> Tensor:
        """Return the radial parts, angular norm included, shape (n_edges, l, n)."""
        scaled = distance / self.cutoff
        x = scaled.view(-1, 1, 1) * self.zeros
        # Upward recurrence j_{l+1} = (2l+1)/x j_l − j_{l−1}; row l is kept at its own zeros.
        below, current = torch.cos(x) / x, torch.sin(x) / x
        rows = [current[:, 0]]
        for order in range(1, self.n_spherical):
            below, current = current, (2 * order - 1) / x * current - below
            rows.append(current[:, order])
        envelope: Tensor = self.envelope(scaled)
        return torch.stack(rows, dim=1) * self.norm * envelope.view(-1, 1, 1)

    def forward(self, distance: Tensor, cosine: Tensor, edge_kj: Tensor) -> Tensor:
        """Return the basis of every triplet, shape (n_triplets, l · n)."""
        legendre = [torch.ones_like(cosine), cosine]
        for order in range(2, self.n_spherical):
            recurrence = (2 * order - 1) * cosine * legendre[-1] - (order - 1) * legendre[-2]
            legendre.append(recurrence / order)
        angular = torch.stack(legendre[: self.n_spherical], dim=1)
        basis = self.radial(distance)[edge_kj] * angular.unsqueeze(2)
        return basis.view(-1, self.n_spherical * self.n_radial)


def triplets(edge_index: Tensor, shift: Tensor, n_atoms: int) -> tuple[Tensor, Tensor]:
    """Pair every edge with the edges that leave its neighbour, except its own reverse.

    Parameters
    ----------
    edge_index
        (2, n_edges): centre i and neighbour j, sorted by centre.
    shift
        (n_edges, 3): S·cell of each edge. The edge j → i through the opposite image is the
        reverse of i → j; other images of i are atoms of their own and stay.

    Returns
    -------
    edge_ji, edge_kj
        (n_triplets,) each: the edge with centre i and neighbour j, and the edge with centre j
        and neighbour k.
    """
    centre, neighbour = edge_index
    degree = torch.bincount(centre, minlength=n_atoms)
    start = degree.cumsum(0) - degree
    n_partners = degree[neighbour]
    edges = torch.arange(centre.shape[0], device=centre.device)
    edge_ji = edges.repeat_interleave(n_partners)
    first = (n_partners.cumsum(0) - n_partners).repeat_interleave(n_partners)
    within = torch.arange(edge_ji.shape[0], device=centre.device) - first
    edge_kj = start[neighbour].repeat_interleave(n_partners) + within
    opposite = (shift[edge_ji] + shift[edge_kj]).abs().amax(dim=1) < 1e-3
    reverse = (centre[edge_ji] == neighbour[edge_kj]) & opposite
    return edge_ji[~reverse], edge_kj[~reverse]


class TripletDimeNetPP(DimeNetPP):
    """The same network, with the same parameters, written as in the paper."""

    def __init__(self, config: DimeNetPPConfig) -> None:
        super().__init__(config)
        envelope = Envelope(config.envelope_exponent - 1)
        self.sbf = SphericalBasis(config.n_spherical, config.n_radial, config.cutoff, envelope)

    def forward(self, graph: Graph) -> Tensor:
        """Return the energy of every atom, shape (n_atoms,), eV."""
        vectors = graph.edge_vectors()
        distance = vectors.norm(dim=1)
        i, j = graph.edge_index
        edge_ji, edge_kj = triplets(graph.edge_index, graph.edge_shift, graph.n_atoms)
        rbf = self.rbf(distance)
        sbf = self.triplet_basis(vectors, distance, edge_ji, edge_kj)
        types = self.emb.emb(graph.atomic_numbers)
        length = silu(self.emb.lin_rbf(rbf))
        message = silu(self.emb.lin(torch.cat([types[i], types[j], length], dim=1)))
        energy: Tensor = self.output_blocks[0](message, rbf, i, num_nodes=graph.n_atoms)
        for interact, output in zip(self.interaction_blocks, self.output_blocks[1:], strict=True):
            message = interact(message, rbf, sbf, edge_kj, edge_ji)
            energy = energy + output(message, rbf, i, num_nodes=graph.n_atoms)
        return energy.squeeze(1)

    def triplet_basis(
        self, vectors: Tensor, distance: Tensor, edge_ji: Tensor, edge_kj: Tensor
    ) -> Tensor:
        """Return the basis of every triplet, shape (n_triplets, l · n)."""
        # Both edges point away from their centre, so k → j → i turns by the angle between them.
        direction = vectors / distance.unsqueeze(1)
        cosine = (direction[edge_ji] * direction[edge_kj]).sum(dim=1)
        basis: Tensor = self.sbf(distance, cosine, edge_kj)
        return basis
