r"""The Stillinger–Weber potential, batched, with analytic forces and stress.

Stillinger & Weber, Phys. Rev. B 31, 5262 (1985), eqs. 2.1–2.6; germanium after Ding & Andersen,
Phys. Rev. B 34, 6987 (1986).

.. math::

    E = \sum_{i<j} A ε \left[B (σ/r)^p − (σ/r)^q\right] e^{σ/(r − aσ)}
      + \sum_i \sum_{j<k} λ ε (\cos θ_{jik} + 1/3)^2 g_{ij} g_{ik},
    \qquad g = e^{γσ/(r − aσ)}, \; r < aσ.

The three-body sum needs no triplets. With unit vectors u and the neighbour sums
S = Σ g, V = Σ g u, T = Σ g u⊗u at atom i, expanding the square gives

.. math::

    \sum_{j<k} (\cos θ + 1/3)^2 g_j g_k
      = \tfrac12 \left(T{:}T + \tfrac23 V·V + \tfrac19 S^2 − \tfrac{16}{9} \sum_j g_j^2\right),

where the last term removes j = k. The cost is linear in the number of edges.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tlbench.base.errors import InputError
from tlbench.base.units import GPA
from tlbench.graphs import Graph
from tlbench.kernels.library import address, call, library_for, threads_for


@dataclass(frozen=True)
class StillingerWeberParameters:
    """Parameters of one element: ``epsilon`` in eV, ``sigma`` in Å, the rest dimensionless."""

    epsilon: float
    sigma: float
    lambda_: float
    A: float = 7.049556277
    B: float = 0.6022245584
    p: int = 4
    q: int = 0
    a: float = 1.80
    gamma: float = 1.20

    @property
    def cutoff(self) -> float:
        """Distance aσ beyond which atoms do not interact, Å."""
        return self.a * self.sigma


PARAMETERS = {
    "Si": StillingerWeberParameters(epsilon=2.1683, sigma=2.0951, lambda_=21.0),
    "Ge": StillingerWeberParameters(epsilon=1.93, sigma=2.181, lambda_=31.0),
}


def parameters_of(element: str) -> StillingerWeberParameters:
    """Return the published parameters of ``element``.

    Raises
    ------
    InputError
        If there are none.
    """
    if element not in PARAMETERS:
        raise InputError(
            f"There are no Stillinger–Weber parameters for {element!r}; "
            f"there are for {', '.join(PARAMETERS)}."
        )
    return PARAMETERS[element]


@dataclass(frozen=True)
class Labels:
    """What a reference potential says about a batch of structures.

    ``energy`` (n_systems,) eV, ``forces`` (n_atoms, 3) eV/Å, ``stress`` (n_systems, 3, 3) GPa
    (positive in tension; NaN for a structure that is not periodic).
    """

    energy: Tensor
    forces: Tensor
    stress: Tensor


class StillingerWeber:
    """Stillinger–Weber potential of one element.

    Parameters
    ----------
    element
        "Si" or "Ge".
    """

    def __init__(self, element: str) -> None:
        self.parameters = parameters_of(element)
        self.cutoff = self.parameters.cutoff

    def __call__(self, graph: Graph) -> Labels:
        """Return energy, forces and stress of every structure in ``graph``.

        The graph's edges must reach at least the cutoff; longer ones do not matter.
        """
        x, shift = graph.positions.contiguous(), graph.edge_shift.contiguous()
        differentiable = x.requires_grad or shift.requires_grad
        library = None if differentiable else library_for(x, alongside=[shift])
        if library is None:
            return self._plain(graph)
        s, n_atoms = self.parameters, graph.n_atoms
        centre, neighbour = graph.edge_index.contiguous()
        degree = torch.bincount(centre, minlength=n_atoms)
        first = torch.cat([degree.new_zeros(1), degree.cumsum(0)])
        pair, strength = s.A * s.epsilon, s.lambda_ * s.epsilon
        constants = [pair, s.sigma, strength, s.B, s.p, s.q, s.cutoff, s.gamma]
        known = [first, neighbour, graph.reverse_edge.contiguous(), shift, x]
        known.append(torch.tensor(constants, dtype=x.dtype))
        energy, virial, forces = x.new_empty(n_atoms), x.new_empty(n_atoms, 3, 3), x.clone()
        found = [energy, virial, torch.empty_like(shift), forces]
        call(library.sw_label, threads_for(n_atoms), n_atoms, *map(address, [*known, *found]))
        return _labels(graph, energy, forces, virial, graph.system)

    def _plain(self, graph: Graph) -> Labels:
        """Do the same in plain torch."""
        s = self.parameters
        vectors = graph.edge_vectors()
        distance = vectors.norm(dim=1)
        # exp(σ/(r − aσ)) vanishes with all derivatives at the cutoff. Pinning r just below it
        # keeps longer edges finite; there the exponential underflows to zero.
        r = distance.clamp(max=s.cutoff * (1.0 - 1e-6))
        u = vectors / distance.unsqueeze(1)
        centre, neighbour = graph.edge_index

        inverse = s.sigma / (r - s.cutoff)
        d_inverse = -inverse * inverse / s.sigma
        repulsion, attraction = s.B * _power(s.sigma / r, s.p), _power(s.sigma / r, s.q)
        bond = repulsion - attraction
        d_bond = (s.q * attraction - s.p * repulsion) / r
        decay = (s.A * s.epsilon) * torch.exp(inverse)
        # Each pair appears as two edges, so each edge carries half of the pair.
        pair = 0.5 * decay * bond
        d_pair = 0.5 * decay * (d_bond + bond * d_inverse)

        g = torch.exp(s.gamma * inverse)
        d_g = g * s.gamma * d_inverse
        gu = g.unsqueeze(1) * u
        guu = gu.unsqueeze(2) * u.unsqueeze(1)
        strength = s.lambda_ * s.epsilon

        def at_centre(edge_values: Tensor) -> Tensor:
            total = edge_values.new_zeros((graph.n_atoms, *edge_values.shape[1:]))
            return total.index_add_(0, centre, edge_values)

        total_g, total_v, total_t = at_centre(g), at_centre(gu), at_centre(guu)
        atom_energy = at_centre(pair - (8.0 / 9.0) * strength * g * g) + (0.5 * strength) * (
            (total_t * total_t).sum((1, 2))
            + (2.0 / 3.0) * (total_v * total_v).sum(1)
            + total_g * total_g / 9.0
        )

        # dE/dr along the bond, and dE/du across it.
        t_u = (total_t[centre] @ u.unsqueeze(2)).squeeze(2)
        v = total_v[centre]
        along_g = strength * (
            (t_u * u).sum(1)
            + (2.0 / 3.0) * (v * u).sum(1)
            + total_g[centre] / 9.0
            - (16.0 / 9.0) * g
        )
        across = (strength * g / distance).unsqueeze(1) * (2.0 * t_u + (2.0 / 3.0) * v)
        across = across - (across * u).sum(1, keepdim=True) * u
        gradient = (d_pair + along_g * d_g).unsqueeze(1) * u + across

        forces = at_centre(gradient).index_add_(0, neighbour, gradient, alpha=-1.0)
        virial = vectors.unsqueeze(2) * gradient.unsqueeze(1)
        return _labels(graph, atom_energy, forces, virial, graph.system[centre])


def _labels(
    graph: Graph, atom_energy: Tensor, forces: Tensor, virial: Tensor, system: Tensor
) -> Labels:
    """Sum the energies of atoms, and the terms of the virial by the ``system`` of each."""
    energy = atom_energy.new_zeros(graph.n_systems).index_add_(0, graph.system, atom_energy)
    total = virial.new_zeros((graph.n_systems, 3, 3)).index_add_(0, system, virial)
    volume = torch.where(graph.volume > 0, graph.volume, torch.nan)
    return Labels(energy, forces, total / volume.view(-1, 1, 1) * GPA)


def _power(x: Tensor, exponent: int) -> Tensor:
    # torch.pow rounds the last few elements of an array unlike the others, so the forces on a
    # structure would depend in their last bit on what it is batched with.
    product = torch.ones_like(x)
    for _ in range(exponent):
        product = product * x
    return product
