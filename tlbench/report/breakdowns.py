"""Errors by properties of the test structures: temperature, phase, kind."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tlbench.metrics import METRICS
from tlbench.metrics.conditions import ConditionKey, key_of
from tlbench.plan import PRETRAIN
from tlbench.records import Record
from tlbench.report.summary import (
    MOST_BESIDE,
    WORSE,
    WORSE_NOTE,
    below_each_other,
    cells,
    header,
    strategies_of,
    summarise,
)
from tlbench.report.transfers import by_transfer, has_several

TITLES = {"temperature_k": "temperature (K)", "phase": "phase", "group": "kind of structure"}
_FLAGGED = ("seen", "significant")
ROUNDING = 0.01
"""meV/Å; force errors of a few 1e-5 are what single precision leaves of forces that vanish."""


@dataclass(frozen=True)
class Breakdown:
    """One metric by one property, or several together.

    Attributes
    ----------
    lines
        A line per backbone, size and test structures, the header first; where there are more
        than `MOST_BESIDE` arms, one for each arm of these.
    note
        What the signs mean, and which test structures are left out, as all forces on them vanish.
    """

    title: str
    lines: list[list[str]]
    note: str


def breakdowns(records: list[Record], metric: str) -> list[Breakdown]:
    """Return the tables of a metric, one for each property that it is broken down by.

    None for models that are trained at one temperature; see `tlbench.report.temperature`.
    """
    some = [r for r in records if r.metric == metric]
    if any(r.model.train_temperature_k is not None for r in some):
        return []
    keys = {key_of(r.condition) for r in some if r.condition and r.model.strategy != PRETRAIN}
    properties = dict.fromkeys(tuple(name for name, _ in key) for key in sorted(keys, key=str))
    found = []
    for names in properties:
        of_names = [key for key in keys if tuple(name for name, _ in key) == names]
        of_names.sort(key=lambda key: [value for _, value in key])
        lines = _lines(some, metric, of_names)
        if len(lines) > 1:
            title = " and ".join(TITLES[name] for name in names)
            signs = any(WORSE[kind] in cell for line in lines for cell in line for kind in _FLAGGED)
            notes = [WORSE_NOTE] if signs else []
            notes += _left_out(some, metric, of_names)
            found.append(Breakdown(f"By {title}", lines, " ".join(notes)))
    return found


def _lines(records: list[Record], metric: str, keys: list[ConditionKey]) -> list[list[str]]:
    several = has_several(records)
    lines: list[tuple[tuple[int, str, int, int], list[str]]] = []
    titles: list[str] = []
    arms = strategies_of(records)
    for number, (transfer, some) in enumerate(by_transfer(records).items()):
        shown = [key for key in keys if not vanishes(some, metric, dict(key))]
        tables = [summarise(some, metric, dict(key)) for key in shown]
        for order, (key, table) in enumerate(zip(shown, tables, strict=True)):
            whole = replace(table, strategies=arms)
            backbone, size, *others = header(whole)
            titles = titles or [
                *(["transfer"] if several else []), backbone, size, "tested on", *others
            ]  # fmt: skip
            name = [transfer.label()] if several else []
            for row in table.rows:
                backbone, size, *others = cells(whole, row)
                line = [*name, backbone, size, _values_text(key), *others]
                lines.append(((number, row.backbone, row.size, order), line))
    found = [titles, *(line for _, line in sorted(lines, key=lambda each: each[0]))]
    if len(arms) <= MOST_BESIDE:
        return found
    return below_each_other(found, arms, records[0].metric)


def _values_text(key: ConditionKey) -> str:
    return " ".join(value if isinstance(value, str) else f"{value:g}" for _, value in key)


def vanishes(records: Iterable[Record], metric: str, condition: dict[str, float | str]) -> bool:
    """Return whether all forces of some test structures vanish by symmetry, and so do errors."""
    if METRICS.get(metric).unit != "meV/Å":
        return False
    values = [
        r.value
        for r in records
        if r.metric == metric and r.condition == condition and r.model.strategy != PRETRAIN
    ]
    return bool(values) and max(values) < ROUNDING


def _left_out(records: list[Record], metric: str, keys: list[ConditionKey]) -> list[str]:
    """Say of which elements and test structures the forces vanish, if any do."""
    gone = {
        f"{transfer.target}, {_values_text(key)}"
        for transfer, some in by_transfer(records).items()
        for key in keys
        if vanishes(some, metric, dict(key))
    }
    if not gone:
        return []
    return [
        "Left out, because all forces on them vanish by symmetry, for the reference as for every "
        f"model (errors below {ROUNDING:g} meV/Å): {'; '.join(sorted(gone))}."
    ]
