"""What a data set holds, in numbers: one form for the terminal and the page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from tlbench.base.errors import InputError
from tlbench.data.frames import Floats, Frames
from tlbench.data.inspection.cells import check_cells, check_numbers
from tlbench.data.inspection.collection import from_parts
from tlbench.data.inspection.geometry import (
    Structure,
    nearest,
    pairs_within,
    structures_of,
    widths,
)

WHOLE = "all"
"""Stands for all parts together."""

MAX_KINDS = 24
"""Temperatures, groups, or compositions that are listed separately."""

OTHERS = "others"
"""Stands for the groups, or compositions, beyond those."""

UNKNOWN = "–"

LONG = 1e6
"""Numbers from here on are written with an exponent."""

UNITS = {
    "energy per atom": ("eV", 4),
    "force on an atom": ("eV/Å", 3),
    "nearest neighbour": ("Å", 3),
    "atoms": ("", 0),
    "cell width": ("Å", 3),
    "pressure": ("GPa", 2),
    "largest stress": ("GPa", 2),
}
"""Quantity → its unit, and the digits that are shown."""


@dataclass(frozen=True)
class Table:
    """A table as text; the first ``n_words`` columns are words, the others numbers."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_words: int = 1
    note: str = ""


@dataclass(frozen=True)
class Description:
    """Counts and ranges of each part and of all parts together, at a cutoff (Å).

    Attributes
    ----------
    counts
        Number of frames in each part (columns) of each group, phase and temperature (K; NaN if
        unknown).
    ranges
        ``min``, ``median`` and ``max`` of each quantity in each part, and for forces the ``rms``
        of their components; NaN where no value is finite.
    cells
        Number of frames in each part (columns) whose smallest perpendicular width is below the
        cutoff, and below twice the cutoff, in which an atom has an image of itself within the
        cutoff, and whose stress is unknown.
    compositions
        Number of frames in each part (columns) of each composition, the most frequent first; empty
        for a single element.
    """

    cutoff: float
    counts: pd.DataFrame
    ranges: pd.DataFrame
    cells: pd.DataFrame
    compositions: pd.DataFrame


def describe_parts(parts: Mapping[str, Frames], cutoff: float) -> Description:
    """Count and measure the frames of each part and of all; ``cutoff`` is in Å.

    Raises
    ------
    InputError
        If positions, labels or a cell are such that distances cannot be measured.
    """
    named = from_parts(parts)
    for finding in chain(check_numbers(named), check_cells(named)):
        raise InputError(
            f"{finding.frame}: {finding.message} Correct or remove it; tlbench data validate "
            "names all such frames."
        )
    measured = {part: _measure(frames) for part, frames in parts.items()}
    measured[WHOLE] = {
        name: np.concatenate([values[name] for values in measured.values()]) for name in UNITS
    }
    ranges = [
        {"quantity": name, "part": part, **_range(name, values[name])}
        for name in UNITS
        for part, values in measured.items()
    ]
    return Description(
        cutoff,
        _counts(simplify(parts)),
        pd.DataFrame(ranges),
        _cells(parts, cutoff),
        _compositions(parts),
    )


def simplify(parts: Mapping[str, Frames]) -> dict[str, Frames]:
    """Return the parts with at most ``MAX_KINDS`` temperatures and groups.

    Temperatures are rounded to 10, 100, … K if need be; all but the most frequent groups become
    ``OTHERS``.
    """
    together = Frames.concatenate(list(parts.values()))
    known = together.temperature_k[np.isfinite(together.temperature_k)]
    step = 0.0
    while len(np.unique(_rounded(known, step))) > MAX_KINDS:
        step = 10 * (step or 1)
    names, counts = np.unique(together.group, return_counts=True)
    rare = names[np.argsort(-counts, kind="stable")][MAX_KINDS:]
    return {
        part: replace(
            frames,
            temperature_k=_rounded(frames.temperature_k, step),
            group=np.where(np.isin(frames.group, rare), OTHERS, frames.group),
        )
        for part, frames in parts.items()
    }


def _rounded(temperatures: Floats, step: float) -> Floats:
    return np.round(temperatures / step) * step if step else temperatures


def smallest_widths(frames: Frames) -> Floats:
    """Return the smallest perpendicular width of each cell (Å); infinite if not periodic."""
    return np.array([widths(structure).min() for structure in structures_of(frames)])


def _measure(frames: Frames) -> dict[str, Floats]:
    """Return the values of every quantity."""
    closest = [nearest(structure, 1)[0][:, 0] for structure in structures_of(frames)]
    return {
        "energy per atom": frames.energy / frames.n_atoms,
        "force on an atom": np.linalg.norm(frames.forces, axis=1),
        "nearest neighbour": np.concatenate([*closest, np.empty(0)]),
        "atoms": frames.n_atoms.astype(np.float64),
        "cell width": smallest_widths(frames),
        "pressure": -np.trace(frames.stress, axis1=1, axis2=2) / 3,
        "largest stress": np.abs(frames.stress).max(axis=(1, 2), initial=0.0),
    }


def _range(name: str, values: Floats) -> dict[str, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return dict.fromkeys(("min", "median", "max", "rms"), np.nan)
    low, middle, high = np.quantile(finite, [0, 0.5, 1])
    rms = np.sqrt((finite**2).mean() / 3) if name == "force on an atom" else np.nan
    return {"min": low, "median": middle, "max": high, "rms": rms}


def _counts(parts: Mapping[str, Frames]) -> pd.DataFrame:
    kinds = ["group", "temperature_k", "phase"]
    frames = _by_part(parts, {kind: [getattr(f, kind) for f in parts.values()] for kind in kinds})
    counted = frames.groupby([*kinds, "part"], dropna=False).size().unstack("part", fill_value=0)
    # Unknown temperatures come last.
    return counted.reindex(columns=list(parts), fill_value=0).reset_index().sort_values(kinds)


def _compositions(parts: Mapping[str, Frames]) -> pd.DataFrame:
    if len({z for frames in parts.values() for z in frames.elements()}) < 2:
        return pd.DataFrame(columns=list(parts))
    frames = _by_part(parts, {"composition": [f.composition for f in parts.values()]})
    counted = frames.groupby(["composition", "part"]).size().unstack("part", fill_value=0)
    counted = counted.reindex(columns=list(parts), fill_value=0)
    return counted.loc[counted.sum(axis=1).sort_values(ascending=False, kind="stable").index]


def _cells(parts: Mapping[str, Frames], cutoff: float) -> pd.DataFrame:
    width = [smallest_widths(frames) for frames in parts.values()]
    found: dict[str, list[Any]] = {
        f"a cell narrower than {cutoff:g} Å": [of < cutoff for of in width],
        f"a cell narrower than {2 * cutoff:g} Å": [of < 2 * cutoff for of in width],
        f"an atom within {cutoff:g} Å of its own image": [
            np.array([_meets_itself(each, cutoff) for each in structures_of(frames)], dtype=bool)
            for frames in parts.values()
        ],
        "unknown stress": [
            ~np.isfinite(frames.stress).all(axis=(1, 2)) for frames in parts.values()
        ],
    }
    return _by_part(parts, found).groupby("part").sum().T.reindex(columns=list(parts), fill_value=0)


def _by_part(parts: Mapping[str, Frames], columns: Mapping[str, list[Any]]) -> pd.DataFrame:
    """Return a row for each frame: its part, and what ``columns`` have of each part."""
    of_part = np.repeat(list(parts), [len(frames) for frames in parts.values()])
    joined = {name: np.concatenate(arrays) for name, arrays in columns.items()}
    return pd.DataFrame({"part": of_part, **joined})


def _meets_itself(structure: Structure, cutoff: float) -> bool:
    alone = Structure(
        structure.atomic_numbers[:1], structure.positions[:1], structure.cell, structure.pbc
    )
    return len(pairs_within(alone, cutoff).distance) > 0


def tables(description: Description) -> list[Table]:
    """Return the tables of a description; that of compositions only if there are any."""
    found = [
        _count_table(description),
        _range_table(description),
        _cell_table(description),
    ]
    if len(description.compositions):
        found.append(_composition_table(description.compositions))
    return found


def _count_table(description: Description) -> Table:
    counts = description.counts
    parts = list(counts.columns[3:])
    rows = [
        (
            row["group"] or UNKNOWN,
            row["phase"] or UNKNOWN,
            UNKNOWN if np.isnan(row["temperature_k"]) else f"{row['temperature_k']:g}",
            *(str(row[part]) for part in parts),
            str(sum(row[part] for part in parts)),
        )
        for row in counts.to_dict("records")
    ]
    totals = counts[parts].sum()
    rows.append((WHOLE, "", "", *map(str, totals), str(totals.sum())))
    return Table("Structures", ("group", "phase", "T (K)", *parts, WHOLE), tuple(rows), n_words=2)


def _range_table(description: Description) -> Table:
    rows = []
    # Stress, or the width of cells, may be unknown throughout.
    for name, found in description.ranges.groupby("quantity", sort=False):
        if found["median"].isna().all():
            continue
        unit, digits = UNITS[str(name)]
        # A quantity is named in the first of its rows.
        titles = [f"{name} ({unit})" if unit else str(name), *[""] * (len(found) - 1)]
        for title, row in zip(titles, found.to_dict("records"), strict=True):
            figures = (_figure(row[column], digits) for column in ("min", "median", "max", "rms"))
            rows.append((title, row["part"], *figures))
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


def _figure(value: float, digits: int) -> str:
    if np.isnan(value):
        return UNKNOWN
    return f"{value:.{digits}f}" if abs(value) < LONG else f"{value:.3g}"


def _cell_table(description: Description) -> Table:
    cells = description.cells
    rows = [
        (str(title), *map(str, numbers), str(sum(numbers)))
        for title, *numbers in cells.itertuples(name=None)
    ]
    return Table(
        f"Cells at a cutoff of {description.cutoff:g} Å",
        ("structures with", *cells.columns, WHOLE),
        tuple(rows),
        note="In a cell narrower than twice the cutoff an atom may meet a neighbour several "
        "times, through several periodic images.",
    )


def _composition_table(counts: pd.DataFrame) -> Table:
    rows = [
        (str(formula), *map(str, numbers), str(sum(numbers)))
        for formula, *numbers in counts[:MAX_KINDS].itertuples(name=None)
    ]
    if len(rest := counts[MAX_KINDS:]):
        totals = rest.sum()
        rows.append((f"{len(rest)} {OTHERS}", *map(str, totals), str(totals.sum())))
    return Table(
        "Compositions",
        ("composition", *counts.columns, WHOLE),
        tuple(rows),
        note=f"Empirical formulas of the structures, of which there are {len(counts)}.",
    )
