"""Finished jobs, read from a store that may hold very many."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from typing import Any

from pydantic import BaseModel

from tlbench.base.errors import InputError, UnknownNameError
from tlbench.base.schema import ModelT, read_json
from tlbench.data.origins import ORIGINS, SPLITS
from tlbench.engine.store.provenance import Provenance
from tlbench.engine.store.store import Store
from tlbench.engine.work.devices import device_name, has_driver, resolve
from tlbench.jobs.amount import Amount, Sizes
from tlbench.jobs.base import KINDS, Job, amount_of
from tlbench.jobs.context import RESULT
from tlbench.jobs.dataset import Config as DatasetConfig
from tlbench.jobs.dataset import Result as DatasetResult

_OF_ANOTHER_VERSION = (UnknownNameError, KeyError, TypeError, ValueError)
"""What goes wrong where the description of a job is of another version of tlbench."""


class _Described(BaseModel):
    """What a finished job was."""

    kind: str
    config: dict[str, Any]
    parents: dict[str, str]
    sources: dict[str, str] = {}


class FinishedJobs:
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
        self._planned, self._finished = frozenset(jobs), finished
        self._sizes: dict[str, Sizes] = {}
        self._atoms: list[float] = []

    def job(self, key: str) -> Job | None:
        """Return the job of a key; None if it is neither planned nor finished."""
        if key not in self._jobs:
            found = self._read(key, "job.json", _Described)
            described = found is not None and found.kind in KINDS
            self._jobs[key] = Job(**found.model_dump()) if found and described else None
        return self._jobs[key]

    def provenances(self, most: int) -> dict[str, Provenance]:
        """Return those of the plan and of others, the first ``most`` of each in order of keys.

        Keys are digests, so that is a fair draw, and always the same.
        """
        found = {}
        for keys in (self._planned & self._finished.keys(), self._finished.keys() - self._planned):
            for key in islice(sorted(keys), most):
                provenance = self._read(key, "provenance.json", Provenance)
                if provenance is not None and self.job(key) is not None:
                    found[key] = provenance
        return found

    def amount(self, job: Job) -> Amount | None:
        """Return how much work a job is; None if that is unknown."""
        try:
            if job.kind == DatasetConfig.kind:
                # Others may be taken to have structures as large.
                self._sizes_of(job.key)
            return amount_of(job, self.job, self._sizes_of)
        except _OF_ANOTHER_VERSION:
            return None

    def _sizes_of(self, key: str) -> Sizes | None:
        """Return the sizes of a data set; None if they are unknown.

        Where it is read from files, the number of atoms is that of the finished job; before that,
        the median of the other data sets that were read from files.
        """
        job = self.job(key)
        if key in self._sizes or job is None or job.kind != DatasetConfig.kind:
            return self._sizes.get(key)
        recipe = job.config["origin"]
        origin = ORIGINS.get(recipe["kind"]).of_recipe(recipe)
        result = self._read(key, RESULT, DatasetResult) if origin is None else None
        if origin is not None:
            made = {split: origin.described(split) or [] for split in SPLITS}
            at = Counter((split, each.temperature_k) for split in SPLITS for each in made[split])
            atoms = {split: fmean(each.n_atoms for each in made[split]) for split in SPLITS}
            self._sizes[key] = Sizes({split: len(made[split]) for split in SPLITS}, atoms, at)
        elif result is not None:
            frames, n_atoms = result.n_frames.model_dump(), result.n_atoms.model_dump()
            atoms = {split: n_atoms[split] / max(frames[split], 1) for split in SPLITS}
            self._sizes[key] = Sizes(frames, atoms)
            self._atoms.append(sum(n_atoms.values()) / max(sum(frames.values()), 1))
        elif self._atoms:
            # Not kept: it may be read later.
            frames = {split: recipe["split"][split]["frames"] for split in SPLITS}
            return Sizes(frames, dict.fromkeys(SPLITS, median(self._atoms)))
        return self._sizes.get(key)

    def _read(self, key: str, name: str, model: type[ModelT]) -> ModelT | None:
        """Return what a JSON file of a finished job says; None if it says nothing of that kind."""
        folder = self._finished.get(key)
        try:
            return None if folder is None else read_json(folder / name, model, "such a file")
        except InputError:
            return None


def finished_in(store: Store) -> dict[str, Path]:
    """Return the folders of all finished jobs of a store by key."""
    return {key: store.folder(key) for key in store.finished()}


def accelerator_of(device: str, provenances: Iterable[Provenance]) -> str | None:
    """Return the accelerator that jobs are to use; without one here, the one used most."""
    if device == "auto" and has_driver():
        device = resolve(device)
    if device != "cuda":
        return None
    names = Counter(p.device_name for p in provenances if p.device.startswith("cuda"))
    return _here() or (names.most_common(1)[0][0] if names else "a CUDA device")


@cache
def _here() -> str | None:
    import torch

    return device_name("cuda") if torch.cuda.is_available() else None
