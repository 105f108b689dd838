"""Errors on every test structure: what published errors are recomputed from.

Of the forces of a structure the sums of absolute and squared errors are kept, of which mean and
root mean square over any set of structures follow; not the error of every atom.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field, StringConstraints, model_validator

from tlbench.base.formats import Format, later
from tlbench.base.magnitudes import Digest, Magnitude, Signed, Square, Temperature
from tlbench.base.schema import Strict, digest
from tlbench.data.marks import MarkedFrames, is_unmarked
from tlbench.metrics import METRICS
from tlbench.metrics.conditions import ConditionKey, Weights, conditions_of, key_of
from tlbench.metrics.spec import Floats, FrameErrors

ERRORS_FILE, TESTS_FILE = "errors.jsonl", "tests.jsonl"

MAX_FRAMES = 100_000
MAX_ATOMS = 1_000_000
DIGITS = 9
"""Significant digits that are kept of an error."""

Kind = Annotated[str, StringConstraints(max_length=100, pattern=r"^[\w .,:;+()/%–-]*$")]


class TestSet(Strict):
    """The test structures of a data set, structure by structure.

    ``data`` is the key of the job that made the data set. What is unknown of a structure is None,
    or empty. ``marks`` has the indices of those that are left out of the errors over the test set.
    """

    __test__ = False

    data: Digest
    element: Kind
    n_atoms: list[Annotated[int, Field(gt=0, le=MAX_ATOMS)]] = Field(
        min_length=1, max_length=MAX_FRAMES
    )
    temperature: list[Temperature | None] = Field(max_length=MAX_FRAMES)
    phases: list[Kind] = Field(max_length=MAX_FRAMES)
    groups: list[Kind] = Field(max_length=MAX_FRAMES)
    marks: MarkedFrames = later({})

    @model_validator(mode="after")
    def _of_one_length(self) -> "TestSet":
        if not len(self.n_atoms) == len(self.temperature) == len(self.phases) == len(self.groups):
            raise ValueError("there should be one entry of each list for each structure")
        marked = [index for members in self.marks.values() for index in members]
        if max(marked, default=0) >= len(self.n_atoms) or not all(self.marks.values()):
            raise ValueError("marks should name structures of the test set")
        if not is_unmarked(self.marks, len(self.n_atoms)).any():
            raise ValueError("some structure should have no mark")
        return self

    def digest(self) -> str:
        """Return the SHA-256 of what the structures are: without the name of the job, or marks."""
        return digest(self.model_dump(mode="json", exclude={"data", "marks"}))

    @cached_property
    def temperature_k(self) -> Floats:
        """Temperatures (frames,), NaN where unknown."""
        return np.array([np.nan if t is None else t for t in self.temperature])

    @cached_property
    def phase(self) -> npt.NDArray[np.str_]:
        """Phases (frames,)."""
        return np.array(self.phases, dtype=np.str_)

    @cached_property
    def group(self) -> npt.NDArray[np.str_]:
        """Kinds of structure (frames,)."""
        return np.array(self.groups, dtype=np.str_)


class ModelErrors(Strict):
    """Errors of one model on a test set, structure by structure; see `FrameErrors`.

    ``job`` measured them; ``energy`` is None for a model without a reference energy. ``weights``
    says which weights of the model were measured.
    """

    job: Digest
    data: Digest
    energy: list[Signed] | None = Field(max_length=MAX_FRAMES)
    force_abs: list[Magnitude] = Field(max_length=MAX_FRAMES)
    force_square: list[Square] = Field(max_length=MAX_FRAMES)
    weights: Weights = later("last")

    def on(self, tests: TestSet) -> FrameErrors:
        """Return the errors as arrays.

        Raises
        ------
        ValueError
            If there are not as many as test structures.
        """
        n_frames = len(tests.n_atoms)
        energy = [np.nan] * n_frames if self.energy is None else self.energy
        if {len(energy), len(self.force_abs), len(self.force_square)} != {n_frames}:
            raise ValueError(f"should have {n_frames} errors of each kind, one per test structure")
        return FrameErrors(
            energy=np.array(energy, dtype=np.float64),
            force_abs=np.array(self.force_abs),
            force_square=np.array(self.force_square),
            n_atoms=np.array(tests.n_atoms, dtype=np.int64),
            phase=tests.phase,
        )


ERRORS_FORMAT = Format("list of errors", ModelErrors)
TESTS_FORMAT = Format("test set", TestSet)

Recomputed = dict[tuple[str, ConditionKey], float]
"""(metric, condition) → value."""


def recompute(
    errors: ModelErrors, tests: TestSet, metrics: Sequence[str], by: Iterable[Sequence[str]]
) -> Recomputed:
    """Return every number that is published of these errors, as `conditions_of` has them.

    Metrics that do not follow from the errors of structures, or are not defined, are left out.

    Raises
    ------
    ValueError
        If there are not as many errors as test structures.
    """
    found = errors.on(tests)
    parts = [
        (key_of(condition), found.where(members))
        for condition, members in conditions_of(tests, by, tests.marks, errors.weights)
    ]
    values: Recomputed = {}
    for metric in metrics:
        function = METRICS.get(metric).of_frames
        if function is None:
            continue
        for condition, part in parts:
            value = function(part)
            if np.isfinite(value):
                values[metric, condition] = value
    return values


def rounded(values: Floats) -> list[float]:
    """Return errors with as many digits as are kept of them."""
    return [float(f"{value:.{DIGITS}g}") for value in values.tolist()]
