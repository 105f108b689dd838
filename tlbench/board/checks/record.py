"""What a check record says: which models were trained or evaluated again, and what was found.

Models that are trained again are drawn at random.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from tlbench.base.errors import InputError
from tlbench.base.foreign_text import Word
from tlbench.base.formats import Format
from tlbench.base.magnitudes import Digest
from tlbench.base.schema import Strict
from tlbench.board.reading import Entry
from tlbench.board.submission import FIRST_DAY, NAME
from tlbench.board.verification.models import Model, measured_models
from tlbench.study.plan import PRETRAIN
from tlbench.transfer import arm

FORMAT = 1

TRAINED: Literal["trained again"] = "trained again"
EVALUATED: Literal["evaluated again"] = "evaluated again"
Kind = Literal["trained again", "evaluated again"]

TOLERANCES: dict[Kind, float] = {TRAINED: 1e-2, EVALUATED: 1e-3}
"""The largest relative difference at which two sets of errors agree; see `agreement`.

On another processor the sums of a network are rounded differently, by 1e-7: an evaluation has that
error once, training amplifies it from update to update. With other kernels, errors of models
trained for 100 to 2000 updates differed by up to 6e-5. Of the 1,000 pairs of published models of
one arm that differ in their seeds, none agrees within 1e-2 in all of its numbers; the smallest
difference is 1.2e-2.
"""

MAX_MODELS = 20_000
MAX_SEED = 2**63


class CheckedModel(Strict):
    """One model that was trained or evaluated again.

    Attributes
    ----------
    model
        Its coordinates, as `Coordinates.label` has them.
    job
        Key of the job that measured it, as in the records of the submission.
    numbers
        How many of its published numbers were compared.
    largest
        The largest relative difference, of these and of its errors on all test structures; None
        if they could not be compared.
    same_weights
        Whether the weights are the published ones, byte for byte.
    problem
        Why they could not be compared; None if they were.
    """

    model: Word
    job: Digest
    numbers: NonNegativeInt
    largest: float | None = Field(ge=0)
    same_weights: bool
    problem: Word | None = None

    @model_validator(mode="after")
    def _compared_or_not(self) -> "CheckedModel":
        if (self.largest is None) == (self.problem is None):
            raise ValueError("there should be either a largest difference or a problem")
        if self.largest is not None and not self.numbers:
            raise ValueError("a difference follows from the comparison of at least one number")
        return self

    def agrees(self, tolerance: float) -> bool:
        """Return whether all of its numbers were found again.

        The same weights have only been evaluated again, whatever else was done to get them, so
        they are given no more than the tolerance of that.
        """
        allowed = min(tolerance, TOLERANCES[EVALUATED]) if self.same_weights else tolerance
        return self.largest is not None and self.largest <= allowed


class Machine(Strict):
    """The machine and code of a check; the code is a commit, which others can check out."""

    device: Word
    kernels: Word
    instructions: Word | None = None
    python: Word
    packages: dict[Word, Word] = Field(max_length=200)
    tlbench: Word
    git_commit: str = Field(pattern=r"^[0-9a-f]{40,64}$")
    git_dirty: Literal[False]


class Check(Strict):
    """The outcome of one check.

    Attributes
    ----------
    digest
        Of the submission's ``submission.json``, and so of all of the submission.
    seed, drawn
        How models to be trained again were drawn, and how many; the others in ``models`` are the
        source models that these start from. None for what was evaluated again.
    n_models
        How many models the submission has.
    tolerance
        The largest relative difference that was taken for agreement; of models with identical
        weights no more than ``TOLERANCES[EVALUATED]`` is, see `CheckedModel.agrees`.
    by
        Who made the check, if they say so.
    """

    format: Literal[1]
    kind: Kind
    suite: str = Field(pattern=NAME)
    submission: str = Field(pattern=NAME)
    digest: Digest
    seed: int | None = Field(ge=0, lt=MAX_SEED)
    drawn: PositiveInt | None
    models: list[CheckedModel] = Field(min_length=1, max_length=MAX_MODELS)
    n_models: PositiveInt
    tolerance: float = Field(gt=0)
    by: Word | None
    date: date
    machine: Machine

    @model_validator(mode="after")
    def _of_its_kind(self) -> "Check":
        if {self.seed is None, self.drawn is None} != {self.kind == EVALUATED}:
            raise ValueError("seed and number of models drawn belong to models trained again")
        if self.tolerance > TOLERANCES[self.kind]:
            raise ValueError(f"the tolerance should be at most {TOLERANCES[self.kind]:g}")
        if not FIRST_DAY <= self.date <= datetime.now(UTC).date() + timedelta(days=1):
            raise ValueError(f"a check was made on {self.date}, which is before tlbench or later")
        return self

    @property
    def differing(self) -> list[CheckedModel]:
        """The models whose numbers were not found again."""
        return [model for model in self.models if not model.agrees(self.tolerance)]

    @property
    def largest(self) -> float:
        """The largest relative difference of what could be compared."""
        return _largest(self.models)

    @property
    def text(self) -> str:
        """The outcome in one line."""
        by = "" if self.by is None else f", by {self.by}"
        return outcome(self.kind, self.models, self.n_models, self.tolerance) + by


CHECK_FORMAT = Format("check", Check, FORMAT)


def _largest(models: Sequence[CheckedModel]) -> float:
    return max((m.largest for m in models if m.largest is not None), default=0.0)


def outcome(kind: Kind, models: Sequence[CheckedModel], n_models: int, tolerance: float) -> str:
    """Return the outcome of a check of some of the models of a submission, in one line."""
    differing = sum(not model.agrees(tolerance) for model in models)
    return (
        f"{kind}: {len(models)} of {n_models} models, "
        f"{f'{differing} of which DIFFER, ' if differing else ''}"
        f"{sum(model.numbers for model in models)} numbers; weights identical in "
        f"{sum(model.same_weights for model in models)}; largest relative difference "
        f"{_largest(models):.2g} (tolerance {tolerance:g})"
    )


def draw(entry: Entry, number: int, seed: int) -> list[Model]:
    """Return ``number`` models of a submission, drawn at random.

    They are a function of the seed and of the digest of the submission alone: those with the
    smallest SHA-256 of ``<digest> <seed> <job>``. The submitter, who does not know the seed, cannot
    choose. The checker could: the seed is in the check record, but one that draws a wanted model
    can be searched for, with one model drawn in about as many trials as there are models. That they
    did not is vouched for by the person who adds the record to the board.

    Raises
    ------
    InputError
        If the submission has fewer models.
    """
    models = measured_models(entry)
    if number > len(models):
        raise InputError(
            f"{entry.label} has {len(models)} models, of which {number} cannot be drawn; choose a "
            "smaller number."
        )
    return [models[job] for job in drawn_jobs(entry, models, number, seed)]


def source_jobs(models: Mapping[str, Model], jobs: Iterable[str]) -> set[str]:
    """Return the jobs of the source models, as far as published, that some models start from."""
    keys = {job: model.where.model for job, model in models.items()}
    own = {job: key for job, key in keys.items() if models[job].where.data is None}
    sources = {key.origin: job for job, key in own.items() if key.strategy == PRETRAIN}
    started = [keys[job] for job in jobs if keys[job].strategy != PRETRAIN]
    origins = {key.origin for key in started if arm(key.strategy).needs_source}
    return {job for origin, job in sources.items() if origin in origins}


def drawn_jobs(entry: Entry, jobs: Iterable[str], number: int, seed: int) -> list[str]:
    """Return those of ``jobs`` that `draw` draws; fewer than ``number`` if there are fewer."""

    def place(job: str) -> str:
        return hashlib.sha256(f"{entry.digest} {seed} {job}".encode()).hexdigest()

    return sorted(jobs, key=place)[:number]
