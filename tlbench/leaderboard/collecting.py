"""What a submission needs from the store of a run: errors, test structures, data, weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tlbench.data.cards import Card
from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS
from tlbench.engine.manifest import read_manifest
from tlbench.engine.store import State, Store
from tlbench.errors import InputError
from tlbench.jobs.base import ERRORS, MODEL
from tlbench.leaderboard.per_frame import LARGEST, ModelErrors, TestSet, rounded
from tlbench.leaderboard.submission import DataSet
from tlbench.metrics.spec import Errors, FrameErrors
from tlbench.plan import dataset_job
from tlbench.schema import digest


class Collector:
    """Reads finished jobs of one run."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def errors(self, job: str) -> ModelErrors:
        """Return the errors of the model that ``job`` measured, structure by structure.

        Raises
        ------
        InputError
            If the job is not in the store, or is damaged; as all methods do.
        """
        folder = self._folder(job)
        description = json.loads((folder / "job.json").read_text())
        with np.load(folder / ERRORS, allow_pickle=False) as file:
            found = FrameErrors.of(Errors(file["energy"], file["forces"], file["n_atoms"]))
        known = bool(np.isfinite(found.energy).all())
        largest = max(found.force_abs.max(), found.force_square.max())
        if not (largest <= LARGEST and np.nanmax(np.abs(found.energy), initial=0) <= LARGEST):
            raise InputError(
                f"The errors of job {job[:12]} are beyond {LARGEST:g}: a model that has diverged "
                "cannot be published."
            )
        return ModelErrors(
            job=job,
            data=description["parents"]["data"],
            energy=rounded(found.energy) if known else None,
            force_abs=rounded(found.force_abs),
            force_square=rounded(found.force_square),
        )

    def tests(self, data: str, element: str) -> TestSet:
        """Return what the test structures of the data set of job ``data`` are."""
        frames = Frames.load(self._folder(data) / "test.npz")
        return TestSet(
            data=data,
            element=element,
            n_atoms=frames.n_atoms.tolist(),
            temperature=[t if np.isfinite(t) else None for t in frames.temperature_k.tolist()],
            phases=frames.phase.tolist(),
            groups=frames.group.tolist(),
        )

    def data_set(self, card: Card, tests: Mapping[str, TestSet]) -> DataSet:
        """Return the data set of ``card`` as it was used; ``tests`` by the job of their data."""
        job = dataset_job(card).key
        folder = self._folder(job)
        parts = {split: Frames.load(folder / f"{split}.npz") for split in SPLITS}
        return DataSet(
            card=card.name,
            title=card.title,
            element=card.elements[0],
            job=job,
            recipe=card.digest(),
            content=content_of(parts),
            tests=tests[job].digest() if job in tests else None,
            licence=card.licence,
            citation=card.citation,
            n_frames={split: len(frames) for split, frames in parts.items()},
        )

    def config(self, job: str) -> dict[str, Any]:
        """Return the configuration of a job."""
        config: dict[str, Any] = json.loads((self._folder(job) / "job.json").read_text())["config"]
        return config

    def weights(self, model: str) -> str:
        """Return the SHA-256 of the weights that the job ``model`` left."""
        return read_manifest(self._folder(model)).files[MODEL]

    def _folder(self, key: str) -> Path:
        if self._store.state(key) is not State.FINISHED:
            raise InputError(
                f"The store {self._store.root} does not have the job {key[:12]} of this run; name "
                "the store that it was run with (--store), or run the suite again."
            )
        return self._store.folder(key)


def content_of(parts: dict[str, Frames]) -> str:
    """Return the digest of all parts of a data set."""
    return digest({split: frames.digest() for split, frames in parts.items()})
