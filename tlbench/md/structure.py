"""Structure of moving atoms: pair distances, bond angles, coordination, displacement."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase.data import covalent_radii
from torch import Tensor

from tlbench.data.frames import Floats, Frames, Ints
from tlbench.graphs import Graph, graph_of, pairs_of_edges, within
from tlbench.md.neighbours import SkinnedNeighbours
from tlbench.metrics.structure import REACH

N_DISTANCES, N_ANGLES = 120, 90
"""Bins of distances up to ``REACH``, and of angles up to 180°."""

MSD_POINTS = 50
"""Times at which the mean-square displacement is reported."""

SHELL = 1.25
"""Largest distance of neighbours in the first shell, over the sum of covalent radii."""


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
    ``neighbours`` (n,) atoms in first shells, ``samples`` (n,) number of samples.
    """

    pairs: Ints
    bonds: Ints
    neighbours: Ints
    samples: Ints

    @classmethod
    def none(cls, n: int) -> "StructureCounts":
        """Return counts of nothing for ``n`` replicas."""
        return cls(
            np.zeros((n, N_DISTANCES), dtype=np.int64),
            np.zeros((n, N_ANGLES), dtype=np.int64),
            np.zeros(n, dtype=np.int64),
            np.zeros(n, dtype=np.int64),
        )

    def add(self, replicas: Ints, other: "StructureCounts") -> None:
        """Add counts of some replicas; ``replicas`` says which."""
        for name, counts in vars(self).items():
            counts[replicas] += getattr(other, name)

    def of(self, replicas: Ints) -> "StructureCounts":
        """Return the counts of some replicas."""
        return StructureCounts(*(counts[replicas] for counts in vars(self).values()))


def rdf(counts: StructureCounts, frames: Frames) -> Floats:
    """Return g(r) of each replica, (n, N_DISTANCES): pairs over those of an ideal gas.

    The shell between r₁ and r₂ has the volume 4π(r₂³ − r₁³)/3, and an ideal gas of N atoms in V
    has N²/V ordered pairs, images included, per unit of volume.
    """
    ends = np.linspace(0, REACH, N_DISTANCES + 1)
    shells = 4 / 3 * np.pi * np.diff(ends**3)
    volume = np.abs(np.linalg.det(frames.cell))
    density = frames.n_atoms.astype(np.float64) ** 2 / volume
    samples = np.maximum(counts.samples, 1)
    found: Floats = counts.pairs / (shells * (density * samples)[:, None])
    return found


@dataclass(frozen=True)
class Averages:
    """Structure averaged over replicas.

    ``rdf`` g(r) at ``distances()``; ``adf`` density of bond angles, 1/rad, at ``angles()``;
    ``coordination`` mean number of neighbours in the first shell.
    """

    rdf: Floats
    adf: Floats
    coordination: float

    def rounded(self) -> dict[str, Any]:
        """Return the averages as JSON values, to as many digits as mean anything."""
        return {
            "rdf": self.rdf.round(5).tolist(),
            "adf": self.adf.round(5).tolist(),
            "coordination": round(self.coordination, 4),
        }


def averages(counts: StructureCounts, frames: Frames) -> Averages:
    """Return the averages over replicas whose structures ``frames`` started as."""
    width = np.pi / N_ANGLES
    bonds = counts.bonds.sum(axis=0)
    atoms = int((counts.samples * frames.n_atoms).sum())
    return Averages(
        rdf(counts, frames).mean(axis=0),
        bonds / (max(int(bonds.sum()), 1) * width),
        float(counts.neighbours.sum() / max(atoms, 1)),
    )


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
    reach = first_shell(frames) if shell is None else shell
    return count(graph_of(frames, REACH), len(frames), reach)


def first_minimum(g: Floats) -> float:
    """Return where a radial distribution is lowest behind its first peak, Å.

    It is smoothed over a quarter of an Å first, and searched up to 1.6 times the distance of the
    peak, where the second shell of any dense structure has its own.
    """
    smooth = np.convolve(g, np.ones(5) / 5, mode="same")
    peak = int(np.argmax(smooth[: round(0.6 * len(g))]))
    last = min(round(1.6 * peak), len(g))
    return float(distances()[peak + int(np.argmin(smooth[peak:last]))])


class Structures:
    """Counts pairs and angles in the structures of a batch.

    Parameters
    ----------
    start
        The structures.
    shell
        Reach of the first shell, Å; by default ``SHELL`` times the largest sum of covalent radii.
    """

    def __init__(self, start: Frames, shell: float | None = None) -> None:
        self._n = len(start)
        self.shell = first_shell(start) if shell is None else shell
        # In a crystal nothing moves so far that the list must be built again.
        self._lists = SkinnedNeighbours(start, REACH, skin=1.5)

    def count(self, positions: Tensor) -> StructureCounts:
        """Return the counts of one sample of every structure."""
        return count(self._lists.graph(positions), self._n, self.shell)


def first_shell(frames: Frames) -> float:
    """Return how far the first shell reaches by default, Å."""
    return float(SHELL * 2 * covalent_radii[frames.atomic_numbers].max())


def count(graph: Graph, n: int, shell: float) -> StructureCounts:
    """Return the counts of every structure of a graph whose edges reach at least ``REACH``."""
    centre, _ = graph.edge_index
    vectors = graph.edge_vectors()
    length = vectors.norm(dim=1)
    system = graph.system[centre]
    bins = (length * (N_DISTANCES / REACH)).long()
    inside = bins < N_DISTANCES
    pairs = torch.bincount((system * N_DISTANCES + bins)[inside], minlength=n * N_DISTANCES)

    near = within(graph, shell)
    centre, _ = near.edge_index
    vectors = near.edge_vectors()
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    degree = torch.bincount(centre, minlength=graph.n_atoms)
    neighbours = degree.new_zeros(n).index_add_(0, graph.system, degree)
    first, second = pairs_of_edges(degree)
    cosine = (unit[first] * unit[second]).sum(dim=1).clamp(-1, 1)
    angle = (cosine.arccos() * (N_ANGLES / torch.pi)).long().clamp(max=N_ANGLES - 1)
    place = near.system[centre[first]] * N_ANGLES + angle
    bonds = torch.bincount(place, minlength=n * N_ANGLES)
    return StructureCounts(
        pairs.view(n, N_DISTANCES).numpy(),
        bonds.view(n, N_ANGLES).numpy(),
        neighbours.numpy(),
        np.ones(n, dtype=np.int64),
    )
