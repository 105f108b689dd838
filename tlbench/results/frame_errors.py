"""Errors on every test structure: what published errors are recomputed from.

Of the forces of a structure the sums of absolute and squared errors are kept, of which mean and
root mean square over any set of structures follow; not the error of every atom.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field, StringConstraints, model_validator

from tlbench.base.formats import Format, lasting, later
from tlbench.base.magnitudes import Digest, Magnitude, Signed, Square, Temperature
from tlbench.base.schema import Strict, digest
from tlbench.data.formulas import Counts, formulas
from tlbench.data.marks import MarkedFrames, is_unmarked
from tlbench.metrics import METRICS
from tlbench.metrics.conditions import ELEMENT, ConditionKey, Weights, conditions_of, key_of
from tlbench.metrics.spec import Floats, FrameErrors

ERRORS_FILE, TESTS_FILE = "errors.jsonl", "tests.jsonl"

MAX_FRAMES = 100_000
MAX_ATOMS = 1_000_000
DIGITS = 9
"""Significant digits that are kept of an error."""

Kind = Annotated[str, StringConstraints(max_length=100, pattern=r"^[\w .,:;+()/%–-]*$")]

Element = Annotated[str, StringConstraints(pattern=r"^[A-Z][a-z]?$")]


class TestSet(Strict):
    """The test structures of a data set, structure by structure.

    ``data`` is the key of the job that made the data set. What is unknown of a structure is None,
    or empty. ``marks`` has the indices of those that are left out of the errors over the test set.
    ``n_atoms_of`` has the atoms of each element, where there are several.
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
    n_atoms_of: dict[Element, list[Annotated[int, Field(ge=0, le=MAX_ATOMS)]]] = later({})

    @model_validator(mode="after")
    def _of_one_length(self) -> "TestSet":
        if not len(self.n_atoms) == len(self.temperature) == len(self.phases) == len(self.groups):
            raise ValueError("there should be one entry of each list for each structure")
        marked = [index for members in self.marks.values() for index in members]
        if max(marked, default=0) >= len(self.n_atoms) or not all(self.marks.values()):
            raise ValueError("marks should name structures of the test set")
        if not is_unmarked(self.marks, len(self.n_atoms)).any():
            raise ValueError("some structure should have no mark")
        self._check_elements()
        return self

    def _check_elements(self) -> None:
        symbols = self.element.split("–")
        if len(symbols) > 1 and not self.n_atoms_of:
            raise ValueError("n_atoms_of should have the atoms of each element")
        if not self.n_atoms_of.keys() <= set(symbols):
            raise ValueError(f"n_atoms_of should be of {', '.join(symbols)} alone")
        counts = list(self.n_atoms_of.values())
        if {len(each) for each in counts} - {len(self.n_atoms)} or (
            counts and [sum(each) for each in zip(*counts, strict=True)] != self.n_atoms
        ):
            raise ValueError("n_atoms_of should add up to n_atoms, structure by structure")

    def digest(self) -> str:
        """Return the SHA-256 of what the structures are: without the name of the job, or marks."""
        return digest({k: v for k, v in lasting(self).items() if k not in ("data", "marks")})

    @cached_property
    def element_counts(self) -> Counts:
        """Atoms of each element, each (frames,)."""
        found = self.n_atoms_of or {self.element: self.n_atoms}
        return {symbol: np.array(counts, dtype=np.int64) for symbol, counts in found.items()}

    @cached_property
    def composition(self) -> npt.NDArray[np.str_]:
        """Empirical formulas (frames,)."""
        return formulas(self.element_counts)

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


class ElementErrors(Strict):
    """Sums over the atoms of one element, structure by structure; see `FrameErrors`."""

    force_abs: list[Magnitude] = Field(max_length=MAX_FRAMES)
    force_square: list[Square] = Field(max_length=MAX_FRAMES)


class ModelErrors(Strict):
    """Errors of one model on a test set, structure by structure; see `FrameErrors`.

    ``job`` measured them; ``energy`` is None for a model without a reference energy, and of
    structures with an element that it has none of. ``weights`` says which weights of the model were
    measured. ``stress_abs`` is None where no metric is of the
    stress, and of structures whose stress is not known. ``by_element`` is empty where errors are
    not distinguished by element, or there is only one.
    """

    job: Digest
    data: Digest
    energy: list[Signed | None] | None = Field(max_length=MAX_FRAMES)
    force_abs: list[Magnitude] = Field(max_length=MAX_FRAMES)
    force_square: list[Square] = Field(max_length=MAX_FRAMES)
    weights: Weights = later("last")
    stress_abs: list[Magnitude | None] | None = later(None, max_length=MAX_FRAMES)
    by_element: dict[Element, ElementErrors] = later({})

    def on(self, tests: TestSet) -> FrameErrors:
        """Return the errors as arrays.

        Raises
        ------
        ValueError
            If there are not as many as test structures.
        """
        n_frames = len(tests.n_atoms)
        energy = [np.nan] * n_frames if self.energy is None else self.energy
        sums: list[Sequence[float | None]] = [energy, self.force_abs, self.force_square]
        sums += [] if self.stress_abs is None else [self.stress_abs]
        for each in self.by_element.values():
            sums += [each.force_abs, each.force_square]
        if {len(each) for each in sums} != {n_frames}:
            raise ValueError(f"should have {n_frames} errors of each kind, one per test structure")
        if self.by_element and self.by_element.keys() != tests.element_counts.keys():
            raise ValueError(f"should have errors of {', '.join(tests.element_counts)} each")
        found = FrameErrors(
            energy=np.array(energy, dtype=np.float64),
            force_abs=np.array(self.force_abs),
            force_square=np.array(self.force_square),
            n_atoms=np.array(tests.n_atoms, dtype=np.int64),
            phase=tests.phase,
            stress_abs=None
            if self.stress_abs is None
            else np.array(self.stress_abs, dtype=np.float64),
        )
        if len(tests.element_counts) == 1:
            return replace(found, by_element=dict.fromkeys(tests.element_counts, found))
        parts = {
            symbol: FrameErrors(
                energy=np.full(n_frames, np.nan),
                force_abs=np.array(each.force_abs),
                force_square=np.array(each.force_square),
                n_atoms=tests.element_counts[symbol],
                phase=tests.phase,
            )
            for symbol, each in self.by_element.items()
        }
        return replace(found, by_element=parts)


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
        If there are not as many errors as test structures, or not by element where they should be.
    """
    found = errors.on(tests)
    parts = [
        (condition, found.where(members))
        for condition, members in conditions_of(tests, by, tests.marks, errors.weights)
    ]
    parts = [
        (condition, part.of_element(str(condition[ELEMENT])) if ELEMENT in condition else part)
        for condition, part in parts
    ]
    values: Recomputed = {}
    for metric in map(METRICS.get, metrics):
        if metric.of_frames is None:
            continue
        for condition, part in parts:
            value = metric.of_frames(part) if metric.is_under(condition) else np.nan
            if np.isfinite(value):
                values[metric.name, key_of(condition)] = value
    return values


def rounded(values: Floats) -> list[float]:
    """Return errors with as many digits as are kept of them."""
    return [float(f"{value:.{DIGITS}g}") for value in values.tolist()]
