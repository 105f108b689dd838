"""Transfer between temperatures: error by training and test temperature."""

from collections.abc import Mapping
from dataclasses import dataclass

from tlbench.metrics.statistics import Ratio, geometric_mean, paired_ratio
from tlbench.plan import PRETRAIN
from tlbench.records import Record
from tlbench.report.summary import (
    BASELINE,
    Errors,
    Place,
    arm_at,
    ratio_text,
    seed_of,
    strategies_of,
    target_errors,
)


@dataclass(frozen=True)
class Matrix:
    """Errors of one backbone at one size, by training temperature and test temperature.

    Attributes
    ----------
    train_k, test_k
        Temperatures, ascending.
    phases
        Test temperature → phase of its structures, empty if unknown.
    errors
        Strategy → (training, test temperature) → geometric mean over pairs. The training
        temperature is None for an arm without target data.
    ratios
        Strategy → (training, test temperature) → ratio to the baseline trained there.
    """

    backbone: str
    size: int
    train_k: list[float]
    test_k: list[float]
    phases: Mapping[float, str]
    errors: Mapping[str, Mapping[tuple[float | None, float], float]]
    ratios: Mapping[str, Mapping[tuple[float, float], Ratio]]

    def test_label(self, temperature: float) -> str:
        """Return a test temperature with the phase of its structures."""
        return f"{temperature:g} {self.phases[temperature]}".strip()


def matrices(records: list[Record], metric: str) -> list[Matrix]:
    """Return one matrix per backbone and size; none if nothing was trained at one temperature."""
    conditions = _conditions(records)
    by_test = {t: target_errors(records, metric, c) for t, c in conditions.items()}
    seed = seed_of(records, metric)
    strategies = strategies_of(records)
    places = {p for errors in by_test.values() for p in errors}
    found = []
    for backbone, size in sorted(
        {(p.backbone, p.size) for p in places if p.train_temperature_k is not None}
    ):
        train_k = sorted(
            {p.train_temperature_k for p in places if p.train_temperature_k is not None}
        )
        matrix_errors, ratios = {}, {}
        for strategy in strategies:
            means, compared = _of_arm(by_test, Place(backbone, strategy, size), train_k, seed)
            matrix_errors[strategy] = means
            if strategy != BASELINE and compared:
                ratios[strategy] = compared
        phases = {t: str(c.get("phase", "")) for t, c in conditions.items()}
        found.append(
            Matrix(backbone, size, train_k, sorted(conditions), phases, matrix_errors, ratios)
        )
    return found


def _conditions(records: list[Record]) -> dict[float, dict[str, float | str]]:
    """Return test temperature → the condition it is recorded under, with the phase if known."""
    found: dict[float, dict[str, float | str]] = {}
    for record in records:
        condition = record.condition
        if record.strategy == PRETRAIN:
            continue
        if "temperature_k" in condition and set(condition) <= {"temperature_k", "phase"}:
            temperature = float(condition["temperature_k"])
            if len(condition) > len(found.get(temperature, {})):
                found[temperature] = condition
    return found


def _of_arm(
    by_test: Mapping[float, Errors], arm: Place, train_k: list[float], seed: int
) -> tuple[dict[tuple[float | None, float], float], dict[tuple[float, float], Ratio]]:
    means: dict[tuple[float | None, float], float] = {}
    ratios: dict[tuple[float, float], Ratio] = {}
    for test, errors in by_test.items():
        level = errors.get(Place(arm.backbone, arm.strategy, 0))
        if level:
            means[None, test] = geometric_mean(list(level.values()))
        for train in train_k:
            values = arm_at(errors, Place(arm.backbone, arm.strategy, arm.size, train))
            baseline = errors.get(Place(arm.backbone, BASELINE, arm.size, train), {})
            if values and not level:
                means[train, test] = geometric_mean(list(values.values()))
            ratio = paired_ratio(values, baseline, seed)
            if ratio:
                ratios[train, test] = ratio
    return means, ratios


def tables(matrix: Matrix) -> list[tuple[str, list[list[str]]]]:
    """Return a title and the lines of a table for each arm, and for each arm against scratch."""
    columns = [f"{matrix.test_label(t)}" for t in matrix.test_k]
    found = []
    for strategy, errors in matrix.errors.items():
        lines = [["trained at (K)", *columns]]
        for train in sorted({train for train, _ in errors}, key=lambda t: t or 0):
            name = "no target data" if train is None else f"{train:g}"
            values = [errors.get((train, test)) for test in matrix.test_k]
            lines.append([name, *["–" if v is None else f"{v:.1f}" for v in values]])
        if len(lines) > 1:
            found.append((strategy, lines))
    for strategy, ratios in matrix.ratios.items():
        lines = [["trained at (K)", *columns]]
        for train in matrix.train_k:
            compared = [ratios.get((train, test)) for test in matrix.test_k]
            lines.append([f"{train:g}", *["–" if r is None else ratio_text(r) for r in compared]])
        found.append((f"{strategy} / {BASELINE}", lines))
    return found
