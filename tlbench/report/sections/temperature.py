"""Transfer between temperatures: error by temperature of training and of test structures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tlbench.metrics import METRICS
from tlbench.metrics.statistics import Ratio
from tlbench.report.analysis import Analysis
from tlbench.report.content import Draw, Figure, Lines, Section, Table, drawing, pivot
from tlbench.report.rows import Row
from tlbench.report.wording import AT_THIS_BUDGET, BASELINE, range_text, ratio_text
from tlbench.study.model_key import Transfer

ERRORS_NOTE = (
    "Geometric means over pairs. A row is the temperature of the target training structures, a "
    "column that of the test structures, with their phase. An arm without target data is in the "
    "lowest row."
)
RATIOS_NOTE = (
    "Error of the arm relative to training from scratch on structures of the same temperature: "
    "blue below 1, where the arm has the lower error at this budget, red above. Intervals are in "
    "the tables, under the test structures."
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

    transfer: Transfer
    backbone: str
    size: int
    train_k: list[float]
    tests: list[Test]
    errors: dict[str, dict[tuple[float | None, Test], float]]
    ratios: dict[str, dict[tuple[float, Test], Ratio]]

    def trains(self, strategy: str) -> bool:
        """Return whether an arm uses target data."""
        return any(train is not None for train, _ in self.errors[strategy])


def label(test: Test) -> str:
    """Return temperature and phase in words."""
    return f"{test[0]:g} {test[1]}".strip()


def matrices(analysis: Analysis, metric: str) -> list[Matrix]:
    """Return one matrix per transfer, backbone and size of models trained at one temperature."""
    found = []
    for transfer in analysis.transfers:
        by_test = rows_by_test([r for r in analysis.rows if r.transfer == transfer], metric)
        rows = [(test, row) for test, some in by_test.items() for row in some]
        at_one = [row.place for _, row in rows if row.place.train_temperature_k is not None]
        train_k = sorted({place.train_temperature_k or 0.0 for place in at_one})
        for backbone, size in sorted({(place.backbone, place.size) for place in at_one}):
            matrix = Matrix(transfer, backbone, size, train_k, list(by_test), {}, {})
            for strategy in analysis.strategies:
                matrix.errors[strategy] = {}
            for test, row in rows:
                place = row.place
                at = place.train_temperature_k
                if (place.backbone, place.size) == (backbone, size) and at is not None:
                    train = at if row.trained else None
                    matrix.errors[place.strategy][train, test] = row.mean.value
                    if row.ratio is not None:
                        matrix.ratios.setdefault(place.strategy, {})[at, test] = row.ratio
            found.append(matrix)
    return found


def rows_by_test(rows: list[Row], metric: str) -> dict[Test, list[Row]]:
    """Return the rows by temperature and phase; with the phase, wherever it is known."""
    found: dict[Test, list[Row]] = {}
    for row in rows:
        condition = dict(row.tested)
        if row.metric == metric and {*condition, "phase"} == {"temperature_k", "phase"}:
            test = float(condition["temperature_k"]), str(condition.get("phase", ""))
            found.setdefault(test, []).append(row)
    named = {temperature for temperature, phase in found if phase}
    return {test: found[test] for test in sorted(found) if test[1] or test[0] not in named}


def temperatures(analysis: Analysis) -> Iterator[Section]:
    """Yield heat maps and tables of errors and ratios to scratch by temperature."""
    errors: dict[str, Draw] = {}
    ratios: dict[str, Draw] = {}
    tables: list[Table] = []
    for number, metric in enumerate(analysis.metrics):
        for matrix in matrices(analysis, metric):
            case = f"{matrix.backbone}, N = {matrix.size}"
            case = f"{matrix.transfer.label()}, {case}" if analysis.has_several else case
            case = f"{case}, {metric}" if len(analysis.metrics) > 1 else case
            errors[case] = drawing("heatmaps:error_maps", matrix, METRICS.get(metric).unit)
            if matrix.ratios:
                ratios[case] = drawing("heatmaps:ratio_maps", matrix)
            for title, lines in [] if analysis.has_several else matrix_tables(matrix, metric):
                table = Table(f"{case}, {title}", lines, folded=True, brief=number == 0)
                tables.append(table)
    yield Section(
        "by-temperature",
        "From temperature to temperature",
        [
            Figure("temperatures", "Errors by temperature", ERRORS_NOTE, errors),
            Figure("temperature-gains", "Ratio to scratch by temperature", RATIOS_NOTE, ratios),
            *tables,
        ],
    )


def matrix_tables(matrix: Matrix, metric: str) -> list[tuple[str, Lines]]:
    """Return a title and the lines of a table for each arm, and for each arm against scratch."""
    text, found = METRICS.get(metric).text, []
    for strategy, errors in matrix.errors.items():
        rows = sorted({train for train, _ in errors}, key=lambda train: train or 0)
        if rows:
            cells = {key: text(error) for key, error in errors.items()}
            found.append((strategy, _lines(matrix, rows, cells)))
    for strategy, ratios in matrix.ratios.items():
        flagged = matrix.trains(strategy)
        cells = {key: ratio_text(ratio, flagged) for key, ratio in ratios.items()}
        found.append((f"{strategy} / {BASELINE}", _lines(matrix, matrix.train_k, cells)))
    return found


def _lines(matrix: Matrix, rows: Sequence[float | None], cells: Mapping[Any, str]) -> Lines:
    def name(train: float | None) -> str:
        return "no target data" if train is None else f"{train:g}"

    return pivot("trained at (K)", rows, matrix.tests, cells, (name, label))


def temperature_findings(analysis: Analysis, metric: str) -> list[str]:
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
        for matrix in matrices(analysis, metric)
        for strategy, ratios in matrix.ratios.items()
        if matrix.trains(strategy)
    ]
