"""Structure of moving atoms: pair distances, bond angles, coordination, displacement."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols, covalent_radii
from torch import Tensor

from tlbench.data.frames import Floats, Frames, Ints
from tlbench.graphs import Graph, graph_of, pairs_of_edges, selected, squared_lengths, within
from tlbench.md.neighbours import SkinnedNeighbours
from tlbench.metrics.structure import REACH, shares_of_pairs

N_DISTANCES, N_ANGLES = 120, 90
"""Bins of distances up to ``REACH``, and of angles up to 180°."""

MSD_POINTS = 50
"""Times at which the mean-square displacement is reported."""

SHELL = 1.25
"""Largest distance of neighbours in the first shell, over the sum of their covalent radii."""


def distances() -> Floats:
    """Return the middle of each bin of distances, Å."""
    middles: Floats = (np.arange(N_DISTANCES, dtype=np.float64) + 0.5) * (REACH / N_DISTANCES)
    return middles


def angles() -> Floats:
    """Return the middle of each bin of angles, degrees."""
    middles: Floats = (np.arange(N_ANGLES, dtype=np.float64) + 0.5) * (180 / N_ANGLES)
    return middles


@dataclass
class StructureCounts:
    """Sums over samples, replica by replica.

    ``pairs`` (n, N_DISTANCES) ordered pairs by distance, ``bonds`` (n, N_ANGLES) bond angles,
    ``neighbours`` (n,) atoms in first shells, ``samples`` (n,) number of samples. Where there are
    several elements, ``partial_pairs`` (n, n_pairs, N_DISTANCES) are those of each pair of
    elements, whichever comes first, in the order of `shares_of_pairs`, and ``partial_bonds``
    (n, n_elements, N_ANGLES) those at atoms of each element; of one element they are None.
    """

    pairs: Ints
    bonds: Ints
    neighbours: Ints
    samples: Ints
    partial_pairs: Ints | None = None
    partial_bonds: Ints | None = None

    @classmethod
    def none(cls, n: int, n_elements: int = 1) -> "StructureCounts":
        """Return counts of nothing for ``n`` replicas."""
        several, n_pairs = n_elements > 1, n_elements * (n_elements + 1) // 2
        return cls(
            np.zeros((n, N_DISTANCES), dtype=np.int64),
            np.zeros((n, N_ANGLES), dtype=np.int64),
            np.zeros(n, dtype=np.int64),
            np.zeros(n, dtype=np.int64),
            np.zeros((n, n_pairs, N_DISTANCES), dtype=np.int64) if several else None,
            np.zeros((n, n_elements, N_ANGLES), dtype=np.int64) if several else None,
        )

    def arrays(self) -> dict[str, Ints]:
        """Return the counts that there are, by name."""
        return {name: counts for name, counts in vars(self).items() if counts is not None}

    def add(self, replicas: Ints, other: "StructureCounts") -> None:
        """Add counts of some replicas; ``replicas`` says which."""
        for name, counts in self.arrays().items():
            counts[replicas] += getattr(other, name)

    def of(self, replicas: Ints) -> "StructureCounts":
        """Return the counts of some replicas."""
        return StructureCounts(**{n: counts[replicas] for n, counts in self.arrays().items()})


def composition(frames: Frames) -> dict[str, int]:
    """Return the number of atoms of each element in the first structure, by atomic number."""
    numbers = frames.atomic_numbers[: frames.n_atoms[0]]
    found, counts = np.unique(numbers, return_counts=True)
    return {chemical_symbols[z]: int(n) for z, n in zip(found, counts, strict=True)}


def rdf(counts: StructureCounts, frames: Frames) -> Floats:
    """Return g(r) of each replica, (n, N_DISTANCES): pairs over those of an ideal gas.

    The shell between r₁ and r₂ has the volume 4π(r₂³ − r₁³)/3, and an ideal gas of N atoms in V
    has N²/V ordered pairs, images included, per unit of volume.
    """
    found: Floats = counts.pairs / _ideal_gas(counts, frames)
    return found


def _ideal_gas(counts: StructureCounts, frames: Frames) -> Floats:
    """Return how many pairs an ideal gas would have had, (n, N_DISTANCES)."""
    ends = np.linspace(0, REACH, N_DISTANCES + 1)
    shells = 4 / 3 * np.pi * np.diff(ends**3)
    volume = np.abs(np.linalg.det(frames.cell))
    density = frames.n_atoms.astype(np.float64) ** 2 / volume
    samples = np.maximum(counts.samples, 1)
    found: Floats = shells * (density * samples)[:, None]
    return found


def _partial_rdf(counts: StructureCounts, frames: Frames) -> dict[str, Floats]:
    """Return g_ab(r), averaged over replicas, by pair of elements; {} of one element.

    An ideal mixture has N_a N_b/V pairs of a centre a and a neighbour b per unit of volume, images
    included, and as many of b and a; so every g_ab goes to 1 at large distances.
    """
    if counts.partial_pairs is None:
        return {}
    shares = shares_of_pairs(composition(frames))
    found = counts.partial_pairs / _ideal_gas(counts, frames)[:, None]
    pairs = zip(shares.items(), found.mean(axis=0), strict=True)
    return {name: g / share for (name, share), g in pairs}


@dataclass(frozen=True)
class Averages:
    """Structure averaged over replicas.

    ``rdf`` g(r) at ``distances()``; ``adf`` density of bond angles, 1/rad, at ``angles()``;
    ``coordination`` mean number of neighbours in the first shell. Where there are several elements,
    ``partial_rdf`` g_ab(r) by pair, as ``"Mo–W"``, and ``partial_adf`` the density of the angles
    between all bonds at atoms of one element, by its symbol.
    """

    rdf: Floats
    adf: Floats
    coordination: float
    partial_rdf: dict[str, Floats] = field(default_factory=dict)
    partial_adf: dict[str, Floats] = field(default_factory=dict)

    def rounded(self) -> dict[str, Any]:
        """Return the averages as JSON values, to as many digits as mean anything."""
        partial = {
            name: {of: values.round(5).tolist() for of, values in curves.items()}
            for name in ("partial_rdf", "partial_adf")
            if (curves := getattr(self, name))
        }
        return {
            "rdf": self.rdf.round(5).tolist(),
            "adf": self.adf.round(5).tolist(),
            "coordination": round(self.coordination, 4),
            **partial,
        }


def averages(counts: StructureCounts, frames: Frames) -> Averages:
    """Return the averages over replicas whose structures ``frames`` started as.

    Those of several elements should be of one composition.
    """
    atoms = int((counts.samples * frames.n_atoms).sum())
    by_centre: dict[str, Floats] = {}
    if counts.partial_bonds is not None:
        bonds = counts.partial_bonds.sum(axis=0)
        by_centre = dict(zip(composition(frames), map(_density, bonds), strict=True))
    return Averages(
        rdf(counts, frames).mean(axis=0),
        _density(counts.bonds.sum(axis=0)),
        float(counts.neighbours.sum() / max(atoms, 1)),
        _partial_rdf(counts, frames),
        by_centre,
    )


def _density(bonds: Ints) -> Floats:
    """Return the density of angles, 1/rad, of their numbers (N_ANGLES,)."""
    found: Floats = bonds / (max(int(bonds.sum()), 1) * (np.pi / N_ANGLES))
    return found


def msd_samples(n_samples: int) -> Ints:
    """Return which of so many samples the mean-square displacement is reported of."""
    return np.unique(np.linspace(0, n_samples - 1, min(n_samples, MSD_POINTS)).round()).astype(
        np.int64
    )


def mean_msd(of_replicas: Floats) -> list[float]:
    """Return the mean-square displacement (n, n_samples), Å², averaged over replicas, in short."""
    found: list[float] = of_replicas.mean(axis=0)[msd_samples(of_replicas.shape[1])].tolist()
    return [round(value, 5) for value in found]


def count_frames(frames: Frames, shell: float | None = None) -> StructureCounts:
    """Return the counts of each frame; ``shell`` as in ``Structures``."""
    return count(graph_of(frames, REACH), len(frames), shell, frames.elements())


def first_minimum(g: Floats) -> float | None:
    """Return where a radial distribution is lowest behind its first peak, Å.

    It is smoothed over a quarter of an Å first, and searched up to 1.6 times the distance of the
    peak, where the second shell of any dense structure has its own. The peak is the highest one
    below 3.6 Å, or if there is none, as in potassium, at any distance. None where pairs are nowhere
    more frequent than in an ideal gas.
    """
    smooth = np.convolve(g, np.ones(5) / 5, mode="same")
    near = smooth[: round(0.6 * len(g))]
    peak = int(np.argmax(near if near.max() > 1 else smooth))
    if smooth[peak] <= 1:
        return None
    last = min(round(1.6 * peak), len(g))
    return float(distances()[peak + int(np.argmin(smooth[peak:last]))])


class Structures:
    """Counts pairs and angles in the structures of a batch.

    Parameters
    ----------
    start
        The structures.
    shell
        Reach of the first shell, Å; by default ``SHELL`` times the sum of the covalent radii of
        both atoms.
    elements
        Atomic numbers, ascending; several are also counted by pair and by centre. By default those
        of the structures.
    """

    def __init__(
        self, start: Frames, shell: float | None = None, elements: Sequence[int] | None = None
    ) -> None:
        self._n = len(start)
        self._elements = start.elements() if elements is None else elements
        self.shell = shell
        # In a crystal nothing moves so far that the list must be built again.
        self._lists = SkinnedNeighbours(start, REACH, skin=1.5)

    def count(self, positions: Tensor) -> StructureCounts:
        """Return the counts of one sample of every structure."""
        return count(self._lists.graph(positions), self._n, self.shell, self._elements)


def first_shell(frames: Frames) -> float:
    """Return how far the first shell reaches by default, Å: that of the largest two atoms."""
    return _largest_shell(frames.atomic_numbers)


def _largest_shell(atomic_numbers: Ints) -> float:
    return float(SHELL * 2 * covalent_radii[atomic_numbers].max())


def _bonds(graph: Graph, shell: float | None) -> Graph:
    """Return the graph with the edges within first shells alone."""
    if shell is not None:
        return within(graph, shell)
    numbers = graph.atomic_numbers.numpy()
    near = within(graph, _largest_shell(numbers))
    radius = torch.as_tensor(covalent_radii[numbers])
    if bool((radius == radius[0]).all()):
        return near
    centre, neighbour = near.edge_index
    squares = squared_lengths(near)
    short = squares < (SHELL * (radius[centre] + radius[neighbour])).square()
    return selected(near, squares, short, short.nonzero().flatten())[0]


def count(
    graph: Graph, n: int, shell: float | None, elements: Sequence[int] = ()
) -> StructureCounts:
    """Return the counts of every structure of a graph whose edges reach at least ``REACH``.

    ``shell`` and ``elements`` as in ``Structures``; without elements nothing is counted by element.
    """
    k = len(elements)
    element = torch.searchsorted(torch.tensor(elements, dtype=torch.int64), graph.atomic_numbers)
    centre, neighbour = graph.edge_index
    length = graph.edge_vectors().norm(dim=1)
    bins = (length * (N_DISTANCES / REACH)).long()
    inside = bins < N_DISTANCES
    system, bins = graph.system[centre][inside], bins[inside]
    pairs = _histogram(system, bins, n, N_DISTANCES)
    partial_pairs = partial_bonds = None
    if k > 1:
        first, second = torch.triu_indices(k, k)
        # In the order of `shares_of_pairs`, and the same for both orders of two elements.
        number = torch.empty(k, k, dtype=torch.int64)
        number[first, second] = number[second, first] = torch.arange(len(first))
        pair = number[element[centre], element[neighbour]][inside]
        partial_pairs = _histogram(system * len(first) + pair, bins, n * len(first), N_DISTANCES)
        partial_pairs = partial_pairs.reshape(n, len(first), N_DISTANCES)

    near = _bonds(graph, shell)
    centre, _ = near.edge_index
    vectors = near.edge_vectors()
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    degree = torch.bincount(centre, minlength=graph.n_atoms)
    neighbours = degree.new_zeros(n).index_add_(0, graph.system, degree)
    one, other = pairs_of_edges(degree)
    cosine = (unit[one] * unit[other]).sum(dim=1).clamp(-1, 1)
    angle = (cosine.arccos() * (N_ANGLES / torch.pi)).long().clamp(max=N_ANGLES - 1)
    middle = centre[one]
    bonds = _histogram(near.system[middle], angle, n, N_ANGLES)
    if k > 1:
        place = near.system[middle] * k + element[middle]
        partial_bonds = _histogram(place, angle, n * k, N_ANGLES).reshape(n, k, N_ANGLES)
    samples = np.ones(n, dtype=np.int64)
    return StructureCounts(pairs, bonds, neighbours.numpy(), samples, partial_pairs, partial_bonds)


def _histogram(row: Tensor, place: Tensor, n_rows: int, n_bins: int) -> Ints:
    """Return how often each bin of each row occurs, (n_rows, n_bins)."""
    counts = torch.bincount(row * n_bins + place, minlength=n_rows * n_bins)
    found: Ints = counts.view(n_rows, n_bins).numpy()
    return found
