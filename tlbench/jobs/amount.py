"""How much work a job is, counted before it is done.

The time that a job takes is taken to be proportional to its amount of work, at a rate that depends
on its kind, its device, and on what ``Amount.rate`` names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tlbench.data.splits import Subset, share_size

UPDATE = 2.7
"""Force calls that an update of the same structures costs; benchmarks/README.md measures it."""

CALL = 100
"""Atoms more that a force call costs as much as, beyond those whose forces it computes.

About right for the backbones of the published runs; benchmarks/README.md has the errors.
"""


@dataclass(frozen=True)
class Amount:
    """How much a job has to do.

    Attributes
    ----------
    number
        Number of equal pieces of work; for models, of atoms whose forces are computed, a call
        counted as `CALL` more.
    rate
        What jobs of a kind have in common whose pieces take equally long, such as a backbone.
    """

    number: float
    rate: str = ""


@dataclass(frozen=True)
class Sizes:
    """How many structures a data set has in each part, and of how many atoms on average.

    ``at`` has the number of structures of one temperature in each part; it is empty where only the
    files know.
    """

    frames: Mapping[str, int]
    atoms: Mapping[str, float]
    at: Mapping[tuple[str, float], int] = field(default_factory=dict)

    def atoms_in(self, *splits: str) -> float:
        """Return the number of atoms in some parts."""
        return sum(self.frames[split] * self.atoms[split] for split in splits)

    def n_frames(self, split: str, subset: Subset | None) -> int:
        """Return how many structures a subset of a part has."""
        if subset is None:
            return self.frames[split]
        if subset.size is not None:
            return subset.size
        available = self.frames[split]
        if subset.temperatures_k is not None and self.at:
            available = sum(self.at.get((split, t), 0) for t in subset.temperatures_k)
        return share_size(available, subset.share) if available else 0


@dataclass(frozen=True)
class Facts:
    """What is known of the parents of a job before it is done, by their roles.

    Attributes
    ----------
    configs
        Settings of parents.
    sizes
        Of the data sets that parents are, or that they read themselves.
    """

    configs: Mapping[str, Any]
    sizes: Mapping[str, Sizes]
