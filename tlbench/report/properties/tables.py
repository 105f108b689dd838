"""Tables of properties: values with their errors beside the reference, and ratios to scratch."""

import math
from collections.abc import Iterator, Sequence

from tlbench.base.phrases import listed
from tlbench.properties import PROPERTIES
from tlbench.properties.metrics import FAILURE_RATE
from tlbench.report.analysis import Analysis, arm_cells, note_of, place_cells, present
from tlbench.report.content import Lines, Table, lines_of
from tlbench.report.properties.contradictions import PairedErrors
from tlbench.report.properties.values import ShownValue, has_error
from tlbench.report.rows import Row
from tlbench.report.wording import BASELINE, ratio_text
from tlbench.results.properties import ModelProperty, UnphysicalValue
from tlbench.study.model_key import Place, Transfer

MARK = " †"
FAILURES = "Failures of properties"
FAILURES_NOTE = (
    "A line per property and model of which values failed: how many of all, and how the first of "
    "them failed. Numbers of unstable crystals are in the column “unphysical” of the file of all "
    "values."
)
VALUES_NOTE = (
    "Values are means over pairs, with the mean absolute difference from the reference in "
    "brackets; “2/5”: of that many models, the others failed. “failed” is the share of all values "
    "of the property, also of those not shown, that could not be computed or are those of an "
    "unstable crystal: negative energies of vacancies and surfaces, and elastic constants that "
    "violate Born's criteria. "
    f"†: a larger error than from {BASELINE} with a lower force error, over at least three pairs; "
    "the sentences say which of them are beyond chance."
)


def values_table(
    analysis: Analysis,
    shown: Sequence[ShownValue],
    found: Sequence[ModelProperty],
    compared: Sequence[PairedErrors],
    transfer: Transfer,
) -> Table:
    """Return the shown values of one property of one transfer: the reference, then a line per arm.

    Parameters
    ----------
    found
        The property of every model of the transfer.
    compared
        Of which contradictions are marked.
    """
    name = found[0].property
    rows = {
        (row.metric, row.tested, row.arm): row
        for row in reversed(analysis.rows)
        if row.transfer == transfer
    }
    marked = {
        (each.shown, each.place)
        for each in compared
        if each.is_contradiction and each.transfer == transfer
    }
    reference = {
        value.place: value.reference
        for each in found
        for value in each.values
        if value.reference is not None
    }
    lines = []
    if reference:
        cells = {"backbone": "reference", "arm": "", "N": ""}
        for each in shown:
            right = reference.get((each.quantity or "", each.condition))
            cells[each.title] = "–" if right is None else each.text(right)
        lines.append(cells | {"failed": ""})
    arms = sorted(
        dict.fromkeys(each.model.place for each in found),
        key=lambda place: (place.backbone, *_order(analysis, place)),
    )
    for place, first in arm_cells(arms).items():
        models = [each for each in found if each.model.place == place]
        cells = dict(first)
        for each in shown:
            cell = _cell(each, models, rows.get((each.metric, each.tested, place)))
            cells[each.title] = cell + (MARK if (each, place) in marked else "")
        failures = rows.get((FAILURE_RATE, (("property", name),), place))
        cells["failed"] = "–" if failures is None else f"{failures.mean.value:.0%}"
        lines.append(cells)
    of = f", {transfer.label()}" if analysis.has_several else ""
    return Table(f"{PROPERTIES.get(name).summary.capitalize()}{of}", lines_of(lines))


def _order(analysis: Analysis, place: Place) -> tuple[object, ...]:
    return place.size == 0, *place.order()[2:], analysis.strategies.index(place.strategy)


def _cell(shown: ShownValue, models: Sequence[ModelProperty], row: Row | None) -> str:
    if shown.quantity is None:
        return "–" if row is None else shown.text(row.mean.value)
    place = shown.quantity, shown.condition
    values = [value for each in models for value in each.values if value.place == place]
    known = [value.value for value in values if value.value is not None]
    if not known:
        return "failed" if values else "–"
    errors = [error for value in values if (error := value.error()) is not None]
    mean = shown.text(math.fsum(known) / len(known))
    of_error = f" ({shown.error_text(math.fsum(errors) / len(errors))})" if errors else ""
    share = "" if len(known) == len(values) else f" {len(known)}/{len(values)}"
    return mean + of_error + share


def failures_table(analysis: Analysis, found: Sequence[ModelProperty]) -> Table:
    """Return how values of properties failed: a line per property and model, where there are any.

    Parameters
    ----------
    found
        Every property of every model.
    """
    names = list(dict.fromkeys(each.property for each in found))
    failed = [each for each in found if any(value.failure for value in each.values)]
    failed.sort(key=lambda each: names.index(each.property))
    cells = arm_cells(each.model.place for each in failed)
    lines = []
    for each in failed:
        reasons = [value.failure for value in each.values if value.failure is not None]
        first = {"transfer": each.model.transfer.label()} if analysis.has_several else {}
        seeds = "/".join(str(seed) for seed in each.model.pair if seed is not None)
        lines.append(
            {"property": each.property}
            | first
            | cells[each.model.place]
            | {"seeds": seeds or "–", "values": f"{len(reasons)}/{len(each.values)}"}
            | {"failure": reasons[0]}
        )
    return Table(FAILURES, lines_of(lines), FAILURES_NOTE, folded=True, brief=False)


def unstable_findings(found: Sequence[ModelProperty]) -> Iterator[str]:
    """Say of how many models values are failures because their crystal is unstable."""
    unstable = [
        (name, len(of), sum(any(isinstance(v, UnphysicalValue) for v in p.values) for p in of))
        for name in dict.fromkeys(each.property for each in found)
        if (of := [each for each in found if each.property == name])
    ]
    some = [f"{name} of {count} of {n_models}" for name, n_models, count in unstable if count]
    if some:
        yield (
            f"Values of unstable crystals count as failures and have no error: {listed(some)} "
            f"models (“{FAILURES}” gives the reasons)."
        )


def ratios_table(analysis: Analysis, shown: Sequence[ShownValue]) -> Table:
    """Return errors relative to scratch: a line per value, backbone and N, a column per arm."""
    strategies = [s for s in present(analysis.rows, analysis.strategies) if s != BASELINE]
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    used: list[Row] = []
    for each in filter(has_error, shown):
        rows = [
            row
            for row in analysis.rows
            if (row.metric, row.tested) == (each.metric, each.tested) and row.ratio is not None
        ]
        used += rows
        for row, place in zip(rows, place_cells(rows), strict=True):
            first = {"transfer": row.transfer.label()} if analysis.has_several else {}
            first |= {"error of": each.label, **place}
            line = lines.setdefault(tuple(first.values()), first)
            if row.ratio is not None:
                line[f"{row.place.strategy} / {BASELINE}"] = ratio_text(row.ratio, row.trained)
    titles = [f"{strategy} / {BASELINE}" for strategy in strategies]
    ordered: Lines = lines_of(
        {
            **{key: text for key, text in line.items() if key not in titles},
            **{title: line.get(title, "–") for title in titles},
        }
        for line in lines.values()
    )
    title = f"Errors of properties relative to {BASELINE}"
    return Table(title, ordered, note_of(used, signs_only=True), folded=True, brief=False)
