"""Errors by properties of the test structures: temperature, phase, kind."""

from collections import defaultdict
from collections.abc import Iterator

from tlbench.metrics import METRICS
from tlbench.metrics.conditions import ConditionKey
from tlbench.metrics.errors import FORCE_MAE
from tlbench.report.analysis import MOST_BESIDE, Analysis, comparison, note_of, place_cells, present
from tlbench.report.content import Draw, Figure, Section, Table, drawing
from tlbench.report.rows import Row
from tlbench.study.model_key import Transfer

PROPERTIES = {
    "temperature_k": ("temperature (K)", "temperature", "temperature"),
    "phase": ("phase", "phase", "phase"),
    "group": ("kind of structure", "kind of structure", "kind"),
    "composition": ("composition", "composition", "composition"),
    "element": ("element of the atoms", "element of the atoms", "element"),
}
"""Property → title of a column, title of a figure, word."""

NOTE = (
    "Means over pairs of the error on the test structures of each {}, one panel per size: "
    "arithmetic ones of errors that have a sign, of all others geometric ones, on a logarithmic "
    "axis."
)
ROUNDING = 0.01
"""meV/Å; force errors of a few 1e-5 are what single precision leaves of forces that vanish."""


def conditions(analysis: Analysis) -> Iterator[Section]:
    """Yield figures and tables by property, but of models trained at one temperature.

    Those have matrices instead, see `tlbench.report.sections.temperature`.
    """
    blocks: list[Figure | Table] = []
    for name, (_, title, word) in PROPERTIES.items():
        cases: dict[str, Draw] = {}
        for metric in analysis.every_metric if not analysis.has_several else ():
            rows = [r for r in _tested(analysis, metric) if [p for p, _ in r.tested] == [name]]
            rows, _ = _measurable([r for r in rows if r.place.train_temperature_k is None])
            for backbone in dict.fromkeys(row.place.backbone for row in rows):
                case = backbone if len(analysis.every_metric) == 1 else f"{backbone}, {metric}"
                mine = [row for row in rows if row.place.backbone == backbone]
                strategies = present(rows, analysis.strategies)
                cases[case] = drawing("figures:by_condition", mine, strategies, name)
        blocks.append(Figure(f"by-{word}", f"Error by {title}", NOTE.format(word), cases))
    specs = [METRICS.get(metric) for metric in analysis.every_metric]
    units = [(spec.unit, spec.better) for spec in specs]
    for number, metric in enumerate(analysis.every_metric):
        # Of metrics of one unit, as MAE and RMSE, a summary has the first.
        is_first = units.index(units[number]) == number
        blocks += condition_tables(analysis, metric, is_first and not analysis.has_several)
    yield Section("by-condition", "By test structures", blocks)


def _tested(analysis: Analysis, metric: str) -> list[Row]:
    return [r for r in analysis.rows if r.metric == metric and r.tested]


def condition_tables(analysis: Analysis, metric: str, brief: bool = True) -> list[Table]:
    """Return the tables of a metric, one for each property that it is broken down by."""
    return tables_of(analysis, _tested(analysis, metric), metric, brief)


def tables_of(analysis: Analysis, rows: list[Row], name: str, brief: bool = True) -> list[Table]:
    """Return the tables of the rows of a metric, one for each property that they are of.

    Parameters
    ----------
    name
        What is broken down, for titles.
    """
    rows = [row for row in rows if dict(row.tested).keys() <= PROPERTIES.keys()]
    if any(row.place.train_temperature_k is not None for row in rows):
        return []
    tables = []
    for names in dict.fromkeys(tuple(name for name, _ in row.tested) for row in rows):
        of_names = [row for row in rows if tuple(name for name, _ in row.tested) == names]
        some, left_out = _measurable(of_names)
        if not some:
            continue
        transfers = analysis.transfers
        some.sort(key=lambda r: (transfers.index(r.transfer), r.place.backbone, r.place.size))
        cells = [
            ({"transfer": row.transfer.label()} if analysis.has_several else {})
            | place
            | {"tested on": values_text(row.tested)}
            for row, place in zip(some, place_cells(some), strict=True)
        ]
        strategies = present(some, analysis.strategies)
        beside, below = comparison(some, cells, strategies)
        lines = beside if len(strategies) <= MOST_BESIDE else below
        title = " and ".join(PROPERTIES[name][0] for name in names)
        # Pairs are those of the main table, whose note says what they share.
        note = " ".join(filter(None, (note_of(some, signs_only=True), left_out)))
        title = f"{name} by {title}"
        tables.append(Table(title, lines, note, folded=len(lines) > 16, brief=brief))
    return tables


def values_text(tested: ConditionKey) -> str:
    """Return the properties of test structures without their names."""
    return " ".join(value if isinstance(value, str) else f"{value:g}" for _, value in tested)


def _measurable(rows: list[Row]) -> tuple[list[Row], str]:
    """Return the rows without test structures all of whose forces vanish by symmetry.

    So do errors there, for every model. Also returns a sentence on what is left out, if anything
    is.
    """
    largest: dict[tuple[ConditionKey, Transfer], float] = defaultdict(float)
    for row in rows:
        key = row.tested, row.transfer
        largest[key] = max(largest[key], *row.values.values())
    if not rows or METRICS.get(rows[0].metric).unit != FORCE_MAE.unit:
        return rows, ""
    vanishing = {key for key, error in largest.items() if error < ROUNDING}
    if not vanishing:
        return rows, ""
    names = sorted(f"{transfer.target}, {values_text(tested)}" for tested, transfer in vanishing)
    said = (
        "Left out, because all forces on them vanish by symmetry, for the reference as for every "
        f"model (errors below {ROUNDING:g} meV/Å): {'; '.join(dict.fromkeys(names))}."
    )
    return [row for row in rows if (row.tested, row.transfer) not in vanishing], said
