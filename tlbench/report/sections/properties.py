"""Physical properties of every arm beside those of the reference, and their errors."""

import math
from collections.abc import Iterator, Sequence

from tlbench.metrics import METRICS, has_logarithm
from tlbench.metrics.conditions import PROPERTY, ConditionKey
from tlbench.metrics.spec import MetricSpec
from tlbench.properties import PROPERTIES
from tlbench.properties.metrics import FAILURE_RATE, metrics_of
from tlbench.report.analysis import (
    MOST_BESIDE,
    Analysis,
    arm_cells,
    comparison,
    note_of,
    place_cells,
    present,
)
from tlbench.report.content import Block, Paragraph, Section, Table, lines_of
from tlbench.report.rows import Row
from tlbench.report.sections.conditions import values_text
from tlbench.results.properties import ComparedValue, ModelProperty
from tlbench.study.model_key import Transfer

NOTE = (
    "Means over the pairs in which the value could be computed; “(2 failed)” is the number of "
    "pairs in which it could not, “2 failed” alone that it could in none."
)
SHARES_NOTE = "Means over pairs, with 95 % intervals (Student's) from three pairs on."


def properties(analysis: Analysis) -> Iterator[Section]:
    """Yield the values of each property and, where there is a reference, errors and ratios."""
    found = analysis.results.properties
    blocks: list[Block] = []
    for name in dict.fromkeys(each.property for each in found):
        mine = [each for each in found if each.property == name]
        for transfer in dict.fromkeys(each.model.transfer for each in mine):
            of_transfer = [each for each in mine if each.model.transfer == transfer]
            blocks.append(_values(analysis, name, of_transfer, transfer))
        for metric in (*metrics_of(PROPERTIES.get(name)), METRICS.get(FAILURE_RATE)):
            rows = [
                row
                for row in analysis.rows
                if row.metric == metric.name and dict(row.tested)[PROPERTY] == name
            ]
            # Where all values could be computed, a table of zeros says no more.
            if metric.name != FAILURE_RATE or any(row.mean.value for row in rows):
                blocks.append(_errors(analysis, metric, rows))
    if blocks:
        yield Section("properties", "Physical properties", [Paragraph(_what(found)), *blocks])


def _what(found: Sequence[ModelProperty]) -> str:
    crystals = dict.fromkeys(f"{p.prototype} {'–'.join(p.elements)}" for p in found)
    origins = dict.fromkeys(p.origin for p in found if p.origin is not None)
    compared = (
        f"errors are absolute differences from {', '.join(origins)}"
        if origins
        else "there is no reference, so nothing is ranked"
    )
    return f"Properties of {', '.join(crystals)}; {compared}."


def _values(
    analysis: Analysis, name: str, found: Sequence[ModelProperty], transfer: Transfer
) -> Table:
    """Return the values of a property: a line for each arm, that of the reference first."""
    columns = list(dict.fromkeys(value.place for each in found for value in each.values))
    quantities = {each.name: each for each in PROPERTIES.get(name).quantities}

    def text(place: tuple[str, ConditionKey], values: Sequence[ComparedValue]) -> str:
        known = [each.value for each in values if each.value is not None]
        failed = f"{n} failed" if (n := len(values) - len(known)) else ""
        if not known:
            return failed or "–"
        mean = f"{math.fsum(known) / len(known):.{quantities[place[0]].decimals}f}"
        return f"{mean} ({failed})" if failed else mean

    def title(place: tuple[str, ConditionKey]) -> str:
        of = f" {values_text(place[1])}" if place[1] else ""
        return f"{place[0]}{of} ({quantities[place[0]].unit})"

    known = {
        value.place: value.reference
        for each in found
        for value in each.values
        if value.reference is not None
    }
    lines = []
    if known:
        cells = {"backbone": "reference", "arm": "", "N": ""}
        for place in columns:
            right = known.get(place)
            decimals = quantities[place[0]].decimals
            cells[title(place)] = "–" if right is None else f"{right:.{decimals}f}"
        lines.append(cells)
    for arm, first in arm_cells(dict.fromkeys(each.model.place for each in found)).items():
        models = [each for each in found if each.model.place == arm]
        cells = dict(first)
        for place in columns:
            values = [value for each in models for value in each.values if value.place == place]
            cells[title(place)] = text(place, values)
        lines.append(cells)
    of = f", {transfer.label()}" if analysis.has_several else ""
    return Table(f"{PROPERTIES.get(name).summary.capitalize()}{of}", lines_of(lines), NOTE)


def _errors(analysis: Analysis, metric: MetricSpec, rows: list[Row]) -> Table:
    """Return the mean errors of a quantity and their ratios to scratch; empty without rows."""
    names = [
        ({"transfer": row.transfer.label()} if analysis.has_several else {})
        | place
        | ({"of": values_text(of)} if (of := _within(row)) else {})
        for row, place in zip(rows, place_cells(rows), strict=True)
    ]
    strategies = present(rows, analysis.strategies)
    beside, below = comparison(rows, names, strategies)
    lines = beside if len(strategies) <= MOST_BESIDE else below
    title = f"{metric.name} ({metric.unit})" if metric.unit != "1" else metric.name
    note = note_of(rows, signs_only=True) if has_logarithm(metric.name) else SHARES_NOTE
    return Table(title, lines, note, folded=len(lines) > 16, brief=False)


def _within(row: Row) -> ConditionKey:
    return tuple(each for each in row.tested if each[0] != PROPERTY)
