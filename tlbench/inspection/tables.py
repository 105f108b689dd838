"""The numbers of a description as text: one form for the terminal and the page."""

from dataclasses import dataclass
from math import isnan

from tlbench.inspection.summary import WHOLE, Description, Range

UNKNOWN = "–"
LONG = 1e6
"""Numbers from here on are written with an exponent."""

DIGITS = {"eV": 4, "eV/Å": 3, "Å": 3, "GPa": 2, "": 0}


@dataclass(frozen=True)
class Table:
    """A table as text; the first ``n_words`` columns are words, the others numbers."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_words: int = 1
    note: str = ""


def tables(description: Description) -> list[Table]:
    """Return the tables of a description."""
    return [_counts(description), _ranges(description), _cells(description)]


def _counts(description: Description) -> Table:
    parts = [cells.part for cells in description.cells if cells.part != WHOLE]
    rows = [
        (
            count.group or UNKNOWN,
            count.phase or UNKNOWN,
            UNKNOWN if isnan(count.temperature_k) else f"{count.temperature_k:g}",
            *(str(count.frames[part]) for part in parts),
            str(sum(count.frames.values())),
        )
        for count in description.counts
    ]
    totals = [sum(count.frames[part] for count in description.counts) for part in parts]
    rows.append(("all", "", "", *(str(total) for total in totals), str(sum(totals))))
    return Table("Structures", ("group", "phase", "T (K)", *parts, WHOLE), tuple(rows), n_words=2)


def _ranges(description: Description) -> Table:
    rows: list[tuple[str, ...]] = []
    named = ""
    # Stress, or the width of cells, may be unknown throughout.
    known = {found.quantity for found in description.ranges if not isnan(found.median)}
    for found in description.ranges:
        if found.quantity not in known:
            continue
        unit = f" ({found.unit})" if found.unit else ""
        # A quantity is named in the first of its rows.
        new = found.quantity != named
        named = found.quantity
        rows.append((f"{named}{unit}" if new else "", found.part, *_figures(found)))
    return Table(
        "Ranges",
        ("quantity", "part", "min", "median", "max", "rms"),
        tuple(rows),
        n_words=2,
        note="The nearest neighbour is that of each atom; the cell width is the smallest of the "
        "three distances between opposite faces; the pressure is minus a third of the trace of the "
        "stress, and the largest stress is that of its components; rms is that of the force "
        "components.",
    )


def _figures(found: Range) -> tuple[str, ...]:
    values = (found.minimum, found.median, found.maximum, found.component_rms)
    digits = DIGITS[found.unit]
    return tuple(_figure(value, digits) for value in values)


def _figure(value: float, digits: int) -> str:
    if isnan(value):
        return UNKNOWN
    return f"{value:.{digits}f}" if abs(value) < LONG else f"{value:.3g}"


def _cells(description: Description) -> Table:
    cutoff, cells = description.cutoff, description.cells
    rows = {
        f"a cell narrower than {cutoff:g} Å": [of.below_cutoff for of in cells],
        f"a cell narrower than {2 * cutoff:g} Å": [of.below_twice for of in cells],
        f"an atom within {cutoff:g} Å of its own image": [of.self_images for of in cells],
        "unknown stress": [of.without_stress for of in cells],
    }
    return Table(
        f"Cells at a cutoff of {cutoff:g} Å",
        ("structures with", *(of.part for of in cells)),
        tuple((title, *map(str, numbers)) for title, numbers in rows.items()),
        note="In a cell narrower than twice the cutoff an atom may meet a neighbour several "
        "times, through several periodic images.",
    )
