"""What is known of jobs and data sets before anything is run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from pydantic import BaseModel

from tlbench.data.origins import ORIGINS, SPLITS, Origin
from tlbench.data.splits import share_size
from tlbench.errors import InputError
from tlbench.jobs.base import KINDS, Job
from tlbench.jobs.context import RESULT
from tlbench.jobs.results import DatasetResult
from tlbench.schema import ModelT, read_json

ATOMS_PER_CELL = 8
"""Atoms of the conventional cell of diamond."""


class _Described(BaseModel):
    """What a finished job was."""

    kind: str
    config: dict[str, Any]
    parents: dict[str, str]


@dataclass(frozen=True)
class Sizes:
    """How many structures a data set has in each part, and of how many atoms on average.

    ``at`` has those of one temperature in each part; empty where only the files know.
    """

    frames: Mapping[str, int]
    atoms: Mapping[str, float]
    at: Mapping[tuple[str, float], int]

    def atoms_in(self, split: str) -> float:
        """Return the number of atoms in one part."""
        return self.frames[split] * self.atoms[split]

    def chosen(self, split: str, subset: Mapping[str, Any] | None) -> int:
        """Return how many structures a job's ``subset`` is; see `tlbench.data.splits`."""
        if subset is None:
            return self.frames[split]
        if subset.get("size") is not None:
            return int(subset["size"])
        asked = subset["temperatures_k"] if "share" in subset else None
        if asked is None or not self.at:
            available = self.frames[split]
        else:
            available = sum(self.at.get((split, float(t)), 0) for t in asked)
        return share_size(available, subset["share"]) if available else 0


class Known:
    """Jobs by key, planned or finished, and the sizes of data sets.

    Parameters
    ----------
    jobs
        Those that are planned.
    finished
        Folders of finished jobs by key.
    """

    def __init__(self, jobs: Mapping[str, Job], finished: Mapping[str, Path]) -> None:
        self._jobs: dict[str, Job | None] = dict(jobs)
        self._finished = finished
        self._sizes: dict[str, Sizes | None] = {}
        self._counted: dict[str, float] = {}

    def job(self, key: str) -> Job | None:
        """Return the job of a key; None if it is neither planned nor finished."""
        if key not in self._jobs:
            self._jobs[key] = self._finished_job(key)
        return self._jobs[key]

    def parent(self, job: Job, role: str) -> Job | None:
        """Return the parent of a job that has the role ``role``."""
        return self.job(job.parents[role])

    def sizes(self, key: str) -> Sizes | None:
        """Return the sizes of a data set.

        Where it is read from files, the number of atoms is that of the finished job; before
        that, the median of the other data sets that were read from files. None if there are none.
        """
        if key not in self._sizes:
            job = self.job(key)
            found = None if job is None else self._sizes_of(job, key)
            if found is None or not found.atoms:
                # Not kept: more data sets may be known at the next time.
                return None if found is None else self._with_typical_atoms(found)
            self._sizes[key] = found
        return self._sizes[key]

    def read(self, key: str, name: str, model: type[ModelT]) -> ModelT | None:
        """Return what a JSON file of a finished job says; None if it says nothing of that kind."""
        folder = self._finished.get(key)
        try:
            return None if folder is None else read_json(folder / name, model, "such a file")
        except InputError:
            return None

    def _finished_job(self, key: str) -> Job | None:
        found = self.read(key, "job.json", _Described)
        if found is None or found.kind not in KINDS:
            return None
        return Job(found.kind, found.config, found.parents)

    def _sizes_of(self, job: Job, key: str) -> Sizes | None:
        try:
            recipe = job.config["origin"]
            origin = ORIGINS.get(recipe["kind"]).of_recipe(recipe)
            if origin is not None:
                return _sampled(origin)
            frames = {split: int(recipe["split"][split]["frames"]) for split in SPLITS}
        except (KeyError, TypeError, ValueError):
            return None
        result = self.read(key, RESULT, DatasetResult)
        if result is None:
            return Sizes(frames, {}, {})
        frames, n_atoms = result.n_frames.model_dump(), result.n_atoms.model_dump()
        atoms = {split: n_atoms[split] / max(frames[split], 1) for split in SPLITS}
        self._counted[key] = sum(n_atoms.values()) / max(sum(frames.values()), 1)
        return Sizes(frames, atoms, {})

    def _with_typical_atoms(self, sizes: Sizes) -> Sizes | None:
        if not self._counted:
            return None
        return Sizes(sizes.frames, dict.fromkeys(SPLITS, median(self._counted.values())), {})


def _sampled(origin: Origin) -> Sizes:
    made = {split: origin.described(split) or [] for split in SPLITS}
    return Sizes(
        frames={split: len(some) for split, some in made.items()},
        atoms={split: fmean(each.n_atoms for each in some) for split, some in made.items()},
        at=Counter((split, each.temperature_k) for split, some in made.items() for each in some),
    )
