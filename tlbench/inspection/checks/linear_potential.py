"""A small potential that is linear in its parameters, fitted to forces in one step.

The energy of an atom is a sum over neighbours (two-body) and over pairs of neighbours (three-body)

    E_i = Σ_n a_n Σ_j f_n(r_ij) + Σ_{n≤m,p} b_nmp Σ_jk f_n(r_ij) f_m(r_ik) cos^p θ_jik

with own coefficients for each element of the centre, and in the two-body part of the neighbour.
The sum over pairs of neighbours is taken as in moment tensor potentials (Shapeev, Multiscale
Model. Simul. 14, 1153 (2016)): cos^p θ is the contraction of the p-th tensor powers of two unit
vectors, so the moments of the neighbourhood are summed first and contracted after.
"""

from dataclasses import dataclass
from math import factorial, prod

import numpy as np
from scipy import sparse

from tlbench.data.frames import Floats, Frames, Ints
from tlbench.inspection.geometry import Pairs, Structure, pairs_within, structure_of

N_RADIAL = 6
MAX_POWER = 3
RIDGE = 1e-4
"""Penalty on coefficients, relative to the mean square of their force features."""

# x^a y^b z^c of every degree up to MAX_POWER, and how often each occurs in a tensor power.
_EXPONENTS = np.array(
    [
        (a, b, power - a - b)
        for power in range(MAX_POWER + 1)
        for a in range(power, -1, -1)
        for b in range(power - a, -1, -1)
    ]
)
_POWER = _EXPONENTS.sum(axis=1)
_WEIGHT = np.array(
    [
        factorial(int(power)) / np.prod([factorial(int(e)) for e in exponents])
        for power, exponents in zip(_POWER, _EXPONENTS, strict=True)
    ]
)
_FIRST, _SECOND = np.triu_indices(N_RADIAL)


@dataclass(frozen=True)
class LinearPotential:
    """The form of the potential: its elements (atomic numbers) and cutoff (Å)."""

    elements: tuple[int, ...]
    cutoff: float

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients."""
        three_body = len(_FIRST) * (MAX_POWER + 1)
        return len(self.elements) * (len(self.elements) * N_RADIAL + three_body)

    def energy_features(self, frames: Frames, index: int) -> Floats:
        """Return what the coefficients multiply in the energy of a frame, (n_coefficients,)."""
        structure = structure_of(frames, index)
        pairs = pairs_within(structure, self.cutoff)
        radial, _ = _radial(pairs.distance, self.cutoff)
        monomials = _monomials(_unit(pairs))
        own, other = self._species(structure, pairs)
        moments = _moments(structure, pairs, radial, monomials)
        three = np.stack(
            [
                (moments[:, _FIRST][:, :, p == _POWER] * moments[:, _SECOND][:, :, p == _POWER])
                @ _WEIGHT[p == _POWER]
                for p in range(MAX_POWER + 1)
            ],
            axis=-1,
        ).reshape(len(structure), -1)
        features = []
        for element, z in enumerate(self.elements):
            near = own == element
            features += [radial[near & (other == e)].sum(0) for e in range(len(self.elements))]
            features.append(three[structure.atomic_numbers == z].sum(axis=0))
        return np.concatenate(features)

    def force_features(self, frames: Frames, index: int) -> Floats:
        """Return what they multiply in the forces of a frame, (3·n_atoms, n_coefficients)."""
        structure = structure_of(frames, index)
        pairs = pairs_within(structure, self.cutoff)
        own, other = self._species(structure, pairs)
        two, three = _pair_gradients(structure, pairs, self.cutoff)
        slopes = np.zeros((len(pairs.distance), 3, self.n_coefficients))
        columns = self.n_coefficients // len(self.elements)
        for element in range(len(self.elements)):
            chosen = own == element
            start = element * columns
            for neighbour in range(len(self.elements)):
                both = chosen & (other == neighbour)
                span = slice(start + neighbour * N_RADIAL, start + (neighbour + 1) * N_RADIAL)
                slopes[both, :, span] = two[both]
            span = slice(start + len(self.elements) * N_RADIAL, start + columns)
            slopes[chosen, :, span] = three[chosen]
        # A pair that grows longer pulls its two ends apart; forces are minus the gradient.
        forces = _sum_at(pairs.centre, slopes, len(structure))
        forces -= _sum_at(pairs.neighbour, slopes, len(structure))
        return forces.reshape(3 * len(structure), -1)

    def _species(self, structure: Structure, pairs: Pairs) -> tuple[Ints, Ints]:
        species = np.searchsorted(self.elements, structure.atomic_numbers)
        return species[pairs.centre], species[pairs.neighbour]


def fit(features: Floats, forces: Floats) -> Floats:
    """Return the coefficients (n_coefficients,) that reproduce forces best, by ridge regression.

    ``features`` are (force components, n_coefficients), ``forces`` (force components,) in eV/Å.
    """
    scale = np.sqrt((features**2).mean(axis=0))
    scale[scale == 0] = 1.0
    scaled = features / scale
    normal = scaled.T @ scaled
    normal[np.diag_indices_from(normal)] += RIDGE * len(features)
    solved: Floats = np.linalg.solve(normal, scaled.T @ forces) / scale
    return solved


def _radial(r: Floats, cutoff: float) -> tuple[Floats, Floats]:
    """Return Gaussians that vanish smoothly at the cutoff and their slopes, (pairs, N_RADIAL)."""
    centres = np.linspace(0.35, 0.95, N_RADIAL) * cutoff
    width = centres[1] - centres[0]
    x = (r / cutoff)[:, None]
    envelope, envelope_slope = (1 - x**2) ** 2, -4 * x * (1 - x**2) / cutoff
    away = (r[:, None] - centres) / width
    bell = np.exp(-(away**2) / 2)
    return bell * envelope, bell * (envelope_slope - away / width * envelope)


def _unit(pairs: Pairs) -> Floats:
    return pairs.vector / pairs.distance[:, None]


def _monomials(unit: Floats, exponents: Ints = _EXPONENTS) -> Floats:
    """Return x^a y^b z^c of vectors, shape (pairs, monomials)."""
    values = np.ones((len(unit), len(exponents)))
    for axis in range(3):
        power = np.ones(len(unit))
        for exponent in range(1, MAX_POWER + 1):
            power = power * unit[:, axis]
            values[:, exponents[:, axis] == exponent] *= power[:, None]
    return values


def _monomial_slopes(unit: Floats) -> Floats:
    """Return their gradients, shape (pairs, monomials, 3)."""
    slopes = np.empty((len(unit), len(_EXPONENTS), 3))
    for axis in range(3):
        lowered = _EXPONENTS.copy()
        lowered[:, axis] = np.maximum(lowered[:, axis] - 1, 0)
        slopes[:, :, axis] = _EXPONENTS[:, axis] * _monomials(unit, lowered)
    return slopes


def _moments(structure: Structure, pairs: Pairs, radial: Floats, monomials: Floats) -> Floats:
    """Return Σ_j f_n(r_ij) x^a y^b z^c, shape (n_atoms, N_RADIAL, monomials)."""
    return _sum_at(pairs.centre, radial[:, :, None] * monomials[:, None, :], len(structure))


def _sum_at(atoms: Ints, values: Floats, n_atoms: int) -> Floats:
    """Return the sums of ``values`` (pairs, …) over the pairs of each atom, (n_atoms, …)."""
    pairs = np.arange(len(atoms))
    of_atom = sparse.csr_array((np.ones(len(atoms)), (atoms, pairs)), shape=(n_atoms, len(atoms)))
    # Where no pair is within reach, -1 would leave the number of columns open.
    rows = values.reshape(len(atoms), prod(values.shape[1:]))
    sums = np.asarray(of_atom @ rows, dtype=np.float64)
    return sums.reshape(n_atoms, *values.shape[1:])


def _pair_gradients(structure: Structure, pairs: Pairs, cutoff: float) -> tuple[Floats, Floats]:
    """Return the gradients of the centre's features by the pair vectors, (pairs, 3, features)."""
    unit = _unit(pairs)
    radial, slope = _radial(pairs.distance, cutoff)
    monomials, monomial_slopes = _monomials(unit), _monomial_slopes(unit)
    around = _moments(structure, pairs, radial, monomials)[pairs.centre]
    # S_mp contracts the moments with r̂^p, T_mp with its gradient, freed of its radial part.
    contracted = np.empty((len(unit), N_RADIAL, MAX_POWER + 1))
    turned = np.empty((len(unit), N_RADIAL, MAX_POWER + 1, 3))
    for p in range(MAX_POWER + 1):
        of_power = p == _POWER
        weighted = around[:, :, of_power] * _WEIGHT[of_power]
        s = (weighted @ monomials[:, of_power, None])[..., 0]
        contracted[:, :, p] = s
        along = p * s[..., None] * unit[:, None, :]
        turned[:, :, p] = (weighted @ monomial_slopes[:, of_power] - along) / pairs.distance[
            :, None, None
        ]
    stretched = contracted[..., None] * unit[:, None, None, :]
    three = np.zeros((len(unit), len(_FIRST), MAX_POWER + 1, 3))
    for one, two in ((_FIRST, _SECOND), (_SECOND, _FIRST)):
        three += slope[:, one, None, None] * stretched[:, two]
        three += radial[:, one, None, None] * turned[:, two]
    pair = slope[:, :, None] * unit[:, None, :]
    flat = three.reshape(len(unit), len(_FIRST) * (MAX_POWER + 1), 3)
    return pair.transpose(0, 2, 1), flat.transpose(0, 2, 1)
