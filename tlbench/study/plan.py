"""What a plan is: the jobs of a study, and what they measure."""

from dataclasses import dataclass, field

from tlbench.data.cards import Card
from tlbench.data.fetch import locate
from tlbench.jobs import dataset
from tlbench.jobs.base import Job
from tlbench.metrics.conditions import Weights
from tlbench.study.keys import KeyScheme
from tlbench.study.model_key import ModelKey, TrainingSet, Transfer
from tlbench.study.study import Study
from tlbench.study.suite import Suite
from tlbench.study.tuned import PRETRAINING

PRETRAIN = PRETRAINING
"""Arm under which the source models' own errors are recorded."""


@dataclass(frozen=True)
class Cell:
    """One model that is measured, and its jobs.

    ``job`` measures it, ``trained`` trains it, ``pretrained`` its source model, if it has one, and
    ``speed`` times its backbone. ``weights`` are those that are measured. ``data`` is the name of
    the further data set that they are measured on; None for that of the model.
    """

    model: ModelKey
    job: str
    trained: str
    pretrained: str | None
    speed: str
    weights: Weights = "last"
    data: str | None = None


@dataclass(frozen=True)
class ComparedSet:
    """Structures that are compared: those of a data set's part, of one temperature or all."""

    data: str
    element: str
    split: str
    part: str | None
    temperature_k: float | None

    def label(self) -> str:
        """Return what they are called."""
        part = "" if self.part is None else f", {self.part}"
        at = "" if self.temperature_k is None else f" at {self.temperature_k:g} K"
        return f"{self.data} ({self.split}{part}){at}"


@dataclass(frozen=True)
class SetPair:
    """Two sets of structures, and the job that has their distance."""

    a: ComparedSet
    b: ComparedSet
    job: str


@dataclass(frozen=True)
class Covered:
    """What some models are trained on, and the job that has how near test atoms are to it."""

    transfer: Transfer
    training_set: TrainingSet
    job: str


@dataclass(frozen=True)
class ComputedProperty:
    """A property of one model, and its jobs.

    ``job`` computes it with the model that ``trained`` trains, ``reference`` with the reference
    potential of the data; None where there is none.
    """

    model: ModelKey
    property: str
    job: str
    trained: str
    reference: str | None


@dataclass
class Plan:
    """All jobs of a study, parents before children, and what they measure.

    Attributes
    ----------
    keys
        How the keys of its jobs are made.
    cells
        Errors on test sets.
    data
        Digest of a card → key of the job of its data set.
    simulated, reference
        Simulations, and the job of the reference dynamics that they are compared with.
    compared, covered, geometry
        Distances between sets of structures, coverage of test atoms, and by target element the job
        that has what their errors are sorted by; empty for suites without ``distances``.
    computed
        Properties of models; empty for suites without ``properties``.
    """

    study: Study
    keys: KeyScheme = field(default_factory=KeyScheme)
    jobs: dict[str, Job] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    simulated: list[Cell] = field(default_factory=list)
    reference: str | None = None
    compared: list[SetPair] = field(default_factory=list)
    covered: list[Covered] = field(default_factory=list)
    geometry: dict[str, str] = field(default_factory=dict)
    computed: list[ComputedProperty] = field(default_factory=list)

    @property
    def suite(self) -> Suite:
        """The suite that its study is of."""
        return self.study.suite

    def add(self, job: Job) -> str:
        """Add a job, once however often it is needed, and return its key."""
        self.jobs.setdefault(job.key, job)
        return job.key


def dataset_job(card: Card, keys: KeyScheme | None = None) -> Job:
    """Return the job that makes or reads the data set of ``card``."""
    return (keys or KeyScheme()).job(
        dataset.Config.model_validate(card.recipe()),
        label=f"data set {card.name}",
        named=[
            f"origin {card.origin.kind}",
            *(f"reader {name}" for name in card.origin.readers()),
        ],
        files={name: str(path) for name, path in locate(card).items()},
    )
