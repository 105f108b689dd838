"""Transfer between temperatures: error by training and test temperature."""

from collections.abc import Mapping
from dataclasses import dataclass

from tlbench.metrics.statistics import (
    Ratio,
    geometric_mean,
    paired_ratio,
)
from tlbench.plan import PRETRAIN, Place
from tlbench.records import Record
from tlbench.report.budget import AT_THIS_BUDGET
from tlbench.report.summary import (
    BASELINE,
    Errors,
    arm_at,
    range_text,
    ratio_text,
    seed_of,
    strategies_of,
    target_errors,
)

Test = tuple[float, str]
"""Temperature and phase of test structures; the phase is empty if unknown."""


@dataclass(frozen=True)
class Matrix:
    """Errors of one backbone at one size, by training temperature and test structures.

    Attributes
    ----------
    train_k
        Training temperatures, ascending.
    tests
        Temperature and phase of the test structures, ascending.
    errors
        Strategy → (training temperature, test) → geometric mean over pairs. The training
        temperature is None for an arm without target data.
    ratios
        Strategy → (training temperature, test) → ratio to the baseline trained there.
    """

    backbone: str
    size: int
    train_k: list[float]
    tests: list[Test]
    errors: Mapping[str, Mapping[tuple[float | None, Test], float]]
    ratios: Mapping[str, Mapping[tuple[float, Test], Ratio]]

    def trains(self, strategy: str) -> bool:
        """Return whether an arm uses target data."""
        return any(train is not None for train, _ in self.errors[strategy])


def label(test: Test) -> str:
    """Return temperature and phase in words."""
    return f"{test[0]:g} {test[1]}".strip()


def matrices(records: list[Record], metric: str) -> list[Matrix]:
    """Return one matrix per backbone and size; none if nothing was trained at one temperature."""
    by_test = {
        test: target_errors(records, metric, condition)
        for test, condition in sorted(_conditions(records).items())
    }
    seed = seed_of(records, metric)
    places = {p for errors in by_test.values() for p in errors}
    found = []
    for backbone, size in sorted(
        {(p.backbone, p.size) for p in places if p.train_temperature_k is not None}
    ):
        train_k = sorted(
            {p.train_temperature_k for p in places if p.train_temperature_k is not None}
        )
        errors, ratios = {}, {}
        for strategy in strategies_of(records):
            means, compared = _of_arm(by_test, Place(backbone, strategy, size), train_k, seed)
            errors[strategy] = means
            if strategy != BASELINE and compared:
                ratios[strategy] = compared
        found.append(Matrix(backbone, size, train_k, list(by_test), errors, ratios))
    return found


def _conditions(records: list[Record]) -> dict[Test, dict[str, float | str]]:
    """Return what test structures are recorded under; with the phase, wherever it is known."""
    found: dict[Test, dict[str, float | str]] = {}
    for record in records:
        condition = record.condition
        if record.model.strategy == PRETRAIN or "temperature_k" not in condition:
            continue
        if set(condition) <= {"temperature_k", "phase"}:
            test = (float(condition["temperature_k"]), str(condition.get("phase", "")))
            found[test] = condition
    known = {temperature for temperature, phase in found if phase}
    return {test: c for test, c in found.items() if test[1] or test[0] not in known}


def _of_arm(
    by_test: Mapping[Test, Errors], arm: Place, train_k: list[float], seed: int
) -> tuple[dict[tuple[float | None, Test], float], dict[tuple[float, Test], Ratio]]:
    means: dict[tuple[float | None, Test], float] = {}
    ratios: dict[tuple[float, Test], Ratio] = {}
    for test, errors in by_test.items():
        level = errors.get(arm.replace(size=0))
        if level:
            means[None, test] = geometric_mean(list(level.values()))
        for train in train_k:
            values = arm_at(errors, arm.replace(train_temperature_k=train))
            baseline = errors.get(arm.replace(strategy=BASELINE, train_temperature_k=train), {})
            if values and not level:
                means[train, test] = geometric_mean(list(values.values()))
            ratio = paired_ratio(values, baseline, seed)
            if ratio:
                ratios[train, test] = ratio
    return means, ratios


def tables(matrix: Matrix) -> list[tuple[str, list[list[str]]]]:
    """Return a title and the lines of a table for each arm, and for each arm against scratch."""
    columns = [label(test) for test in matrix.tests]
    found = []
    for strategy, errors in matrix.errors.items():
        lines = [["trained at (K)", *columns]]
        for train in sorted({train for train, _ in errors}, key=lambda t: t or 0):
            name = "no target data" if train is None else f"{train:g}"
            values = [errors.get((train, test)) for test in matrix.tests]
            lines.append([name, *["–" if v is None else f"{v:.1f}" for v in values]])
        if len(lines) > 1:
            found.append((strategy, lines))
    for strategy, ratios in matrix.ratios.items():
        flagged = matrix.trains(strategy)
        lines = [["trained at (K)", *columns]]
        for train in matrix.train_k:
            compared = [ratios.get((train, test)) for test in matrix.tests]
            texts = ["–" if r is None else ratio_text(r, flagged) for r in compared]
            lines.append([f"{train:g}", *texts])
        found.append((f"{strategy} / {BASELINE}", lines))
    return found


def in_words(matrix: Matrix) -> list[str]:
    """Return a sentence for each trained arm: the range of its ratios to scratch.

    They are not counted: all test temperatures of one training temperature share their models.
    """
    return [
        f"{matrix.backbone}, {strategy}, N = {matrix.size}: {AT_THIS_BUDGET}, its error is "
        + range_text(
            [
                (ratio, f"trained at {train:g} K, tested at {label(test)}")
                for (train, test), ratio in ratios.items()
            ]
        )
        + f" times that of {BASELINE}."
        for strategy, ratios in matrix.ratios.items()
        if matrix.trains(strategy)
    ]
