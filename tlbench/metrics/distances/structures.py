"""What a set of structures looks like: the quantities and environments that are compared."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tlbench.base.errors import InputError
from tlbench.base.seeds import stream
from tlbench.data.frames import Floats, Frames, Ints
from tlbench.graphs import Graph, graph_of, pairs_of_edges, within
from tlbench.metrics.distances.quantities import DistanceSettings


@dataclass(frozen=True)
class Sample:
    """Values, or vectors, of the atoms or pairs of a set of structures.

    ``values`` (n,) or (n, features); ``frame`` (n,) the structure that each comes from, one of
    ``n_frames``.
    """

    values: Floats
    frame: Ints
    n_frames: int

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_present(self) -> int:
        """Number of structures that have values."""
        return len(np.unique(self.frame))

    def thinned(self, most: int) -> "Sample":
        """Return at most so many of the values, drawn evenly and always the same ones."""
        if len(self) <= most:
            return self
        generator = np.random.Generator(np.random.PCG64(stream("thinned", len(self), most)))
        kept = np.sort(generator.choice(len(self), most, replace=False))
        return Sample(self.values[kept], self.frame[kept], self.n_frames)

    def weights(self, frames: Floats) -> Floats:
        """Return the weight of each value if each structure has that of ``frames`` (n_frames,)."""
        found: Floats = frames[self.frame]
        return normalised(found)

    def ones(self) -> Floats:
        """Return the weights of structures that count the same."""
        return np.ones(self.n_frames)


def normalised(weights: Floats) -> Floats:
    """Return weights that add up to 1."""
    found: Floats = weights / weights.sum()
    return found


FARTHEST = 6.0
"""Distance beyond which an atom counts as having no neighbour, Å."""

CLOSEST = 0.1
"""Distance below which two atoms are at the same place, Å."""

SHORTEST = 0.01
"""Share of pairs that are shorter than where the first maximum is looked for."""

BINS, SMOOTHED = 120, 7
"""Bins in which it is looked for, and the number of bins that are smoothed over. Of silicon they
are 0.02 Å wide; they scale with the distances, as what they find has to."""

PEAK = 0.1
"""Half the width of the first maximum, relative to its distance."""


@dataclass(frozen=True)
class StructureSet:
    """Structures under a name, with the nearest-neighbour distance (Å) that is their unit.

    ``raw`` and ``scaled`` are their environments, (n_atoms, features) each, if they are known.
    ``labelled`` says whether energies and forces are.
    """

    name: str
    frames: Frames
    nearest: float
    raw: Floats | None = None
    scaled: Floats | None = None
    labelled: bool = True

    def samples(self, settings: DistanceSettings, scaled: bool) -> dict[str, Sample]:
        """Return a sample of every quantity that the set has, in one of its forms."""
        unit = self.nearest if scaled else 1.0
        reach = settings.scaled_reach * unit if scaled else settings.reach
        bond = settings.scaled_bond * unit if scaled else settings.bond
        graph = graph_of(self.frames, max(reach, bond))
        bonds = within(graph, bond)
        pairs = within(graph, reach)
        length = pairs.edge_vectors().norm(dim=1).numpy() / unit
        degree = bonds.edge_index[0].bincount(minlength=bonds.n_atoms).double().numpy()
        found = {
            "pair_distance": (length, pairs.system[pairs.edge_index[0]].numpy()),
            "angle": _angles(bonds),
            "coordination": (degree, self._frame_of_atom),
        }
        if self.labelled:
            force = np.linalg.norm(self.frames.forces, axis=1) * unit
            energy = self.frames.energy / self.frames.n_atoms
            energy = energy - energy.mean() if scaled else energy
            found["force"] = force, self._frame_of_atom
            found["energy"] = energy, np.arange(len(self.frames))
        samples = {name: Sample(*pair, len(self.frames)) for name, pair in found.items()}
        return {name: s.thinned(settings.values) for name, s in samples.items() if len(s)}

    def environments(self, scaled: bool) -> Sample | None:
        """Return the environments of all atoms in one of their forms, if they are known."""
        values = self.scaled if scaled else self.raw
        return None if values is None else Sample(values, self._frame_of_atom, len(self.frames))

    @cached_property
    def _frame_of_atom(self) -> Ints:
        return np.repeat(np.arange(len(self.frames)), self.frames.n_atoms)


def _angles(graph: Graph) -> tuple[Floats, Ints]:
    """Return all angles between bonds, degrees, and the structure that each is in."""
    vectors = graph.edge_vectors()
    directions = vectors / vectors.norm(dim=1, keepdim=True)
    centre = graph.edge_index[0]
    first, second = pairs_of_edges(centre.bincount(minlength=graph.n_atoms))
    cosine = (directions[first] * directions[second]).sum(dim=1).clamp(-1, 1)
    return np.degrees(cosine.arccos().numpy()), graph.system[centre[first]].numpy()


def nearest_distance(frames: Frames, name: str) -> float:
    """Return the nearest-neighbour distance of a set of structures, Å.

    It is the mean length of the pairs within `PEAK` of the first maximum of the radial
    distribution: unlike the distance of each atom to its nearest neighbour it does not shrink when
    atoms move about their sites. Where they do so by 0.2 Å (root mean square, each component), it
    is right to 3 %.

    Raises
    ------
    InputError
        If no atom has a neighbour within `FARTHEST`, or two atoms are at the same place.
    """
    length = graph_of(frames, FARTHEST).edge_vectors().norm(dim=1).numpy()
    if not len(length):
        raise InputError(
            f"{name}: no two atoms are within {FARTHEST:g} Å of each other, so there is nothing "
            "to compare."
        )
    if length.min() < CLOSEST:
        raise InputError(f"{name}: two atoms are at the same place; correct the structure.")
    shortest = float(np.quantile(length, SHORTEST))
    span = 0.8 * shortest, 1.8 * shortest
    inside = length[(length >= span[0]) & (length <= span[1])]
    counts, ends = np.histogram(inside, bins=BINS, range=span)
    middles = (ends[1:] + ends[:-1]) / 2
    density = np.convolve(counts / middles**2, np.ones(SMOOTHED) / SMOOTHED, mode="same")
    # Of shells that touch, the first: higher ones, such as the second of bcc, are farther out.
    high = np.flatnonzero(density > 0.7 * density.max())
    top, before = int(high[0]), -1
    while top > before:
        # As far as it rises, which in wide shells is farther than noise is smoothed.
        top, before = int(np.argmax(density[: top + SMOOTHED])), top
    peak = middles[top]
    return float(inside[np.abs(inside - peak) < PEAK * peak].mean())
