"""What a submission needs from the store of a run, and from which packages its parts come."""

import hashlib
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, Field

from tlbench.base.errors import InputError
from tlbench.base.foreign_text import Word
from tlbench.base.magnitudes import LARGEST, Digest
from tlbench.base.schema import ModelT
from tlbench.board.submission import DataSet
from tlbench.data.cards import Card
from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS
from tlbench.engine.store.store import Store
from tlbench.jobs.context import WEIGHTS
from tlbench.jobs.evaluate import ERRORS
from tlbench.jobs.evaluate import Config as EvaluateConfig
from tlbench.jobs.sources import REGISTRIES
from tlbench.jobs.train import Config as TrainConfig
from tlbench.metrics.conditions import Weights
from tlbench.results.frame_errors import ModelErrors, TestSet
from tlbench.results.measured_errors import (
    errors_of,
    is_storable,
    read_errors,
    read_frames,
    tests_of,
)
from tlbench.study.plan import dataset_job
from tlbench.study.sources import registered_backbone
from tlbench.study.study import Study
from tlbench.transfer import base_of


class _Done(BaseModel):
    """What is read of the description of any job."""

    sources: dict[Word, Digest] | None = None


class _Measured(BaseModel):
    """What is read of the description of a job that measured a model."""

    kind: str = Field(pattern=f"^{EvaluateConfig.kind}$")
    config: EvaluateConfig
    parents: dict[str, Digest]


class _Trained(BaseModel):
    """What is read of the description of a job that trained a model."""

    kind: str = Field(pattern=f"^{TrainConfig.kind}$")
    config: TrainConfig


class Collector:
    """Reads finished jobs of one run.

    Whatever is read is compared with the manifest of its job first, byte by byte, and is what such
    a job writes; else a method raises a StoreError that names the job, or an InputError if the
    store does not have it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def errors(self, job: str) -> ModelErrors:
        """Return the errors of the model that ``job`` measured, structure by structure.

        Raises
        ------
        InputError
            If they are beyond all measure.
        """
        described = self._described(job, _Measured)
        if "data" not in described.parents:
            raise self._store.senseless(job, ERRORS, "the job has no test structures")
        found = read_errors(self._store, job, described.config)
        if not is_storable(found):
            raise InputError(
                f"The errors of job {job[:12]} are beyond {LARGEST:g}: a model that has diverged "
                "cannot be published."
            )
        return errors_of(found, job, described.parents["data"], described.config.weights)

    def tests(self, data: str, element: str, measured: str) -> TestSet:
        """Return what the test structures of the data set of job ``data`` are.

        Their marks are those that the job ``measured`` has left out.
        """
        marked = self._described(measured, _Measured).config.marks
        return tests_of(self._frames(data, "test"), data, element, marked)

    def data_set(self, card: Card, tests: Mapping[str, TestSet]) -> DataSet:
        """Return the data set of ``card`` as it was used; ``tests`` by the job of their data."""
        job = dataset_job(card).key
        parts = {split: self._frames(job, split) for split in SPLITS}
        return DataSet(
            card=card.name,
            title=card.title,
            element=card.formula,
            job=job,
            recipe=card.digest(),
            content=card.content(parts),
            tests=tests[job].digest() if job in tests else None,
            licence=card.licence,
            citation=card.citation,
            n_frames={split: len(frames) for split, frames in parts.items()},
        )

    def training(self, job: str) -> TrainConfig:
        """Return the settings of a job that trained a model."""
        return self._described(job, _Trained).config

    def sources(self, job: str) -> dict[str, str] | None:
        """Return the digests of the code that a job was done with; None if it does not say."""
        return self._described(job, _Done).sources

    def weights(self, model: str, which: Weights = "last") -> str:
        """Return the SHA-256 of weights that the job ``model`` left."""
        return hashlib.sha256(self._read(model, WEIGHTS[which])).hexdigest()

    def _described(self, job: str, model: type[ModelT]) -> ModelT:
        self._require(job)
        return self._store.read_json(job, "job.json", model)

    def _frames(self, job: str, split: str) -> Frames:
        self._require(job)
        return read_frames(self._store, job, split)

    def _read(self, job: str, name: str) -> bytes:
        self._require(job)
        return self._store.read(job, name)

    def _require(self, key: str) -> None:
        if not self._store.folder(key).exists():
            raise InputError(
                f"The store {self._store.root} does not have the job {key[:12]} of this run; name "
                "the store that it was run with (--store), or run the suite again."
            )


Providers = dict[str, dict[str, str]]
"""Kind, as ``strategy`` → name → package and version."""


def names_of(study: Study) -> dict[str, list[str]]:
    """Return the names that a study uses, by kind."""
    suite, origins = study.suite, [card.origin for card in study.cards]
    return {
        "backbone": [*dict.fromkeys(map(registered_backbone, suite.backbones))],
        "strategy": [base_of(name) for name in suite.strategies],
        "metric": suite.metrics,
        "property": list(suite.properties.compute) if suite.properties else [],
        "origin": [origin.kind for origin in origins],
        "reader": [name for origin in origins for name in origin.readers()],
        "potential": [each.potential for each in suite.sources or () if each.potential],
    }


def is_own(kind: str, name: str) -> bool:
    """Return whether something is part of tlbench itself."""
    registry = REGISTRIES[kind]
    return name in registry and registry.provider(name) is None


def providers_of(study: Study, trained: Iterable[TrainConfig]) -> Providers:
    """Return what of a study comes from other packages; kinds without any are left out.

    Parameters
    ----------
    trained
        Settings of the training jobs of the run. They hold the versions of backbones and
        strategies that were used, which need not be those that are installed now.
    """
    found = {
        kind: {name: REGISTRIES[kind].provider(name) for name in names}
        for kind, names in names_of(study).items()
    }
    for config in trained:
        backbone, strategy = config.providers
        found["backbone"][config.backbone.name] = backbone
        found["strategy"][base_of(config.strategy)] = strategy
    named = {kind: {n: p for n, p in names.items() if p} for kind, names in found.items()}
    return {kind: names for kind, names in named.items() if names}
