"""What a data set holds, in numbers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

import numpy as np

from tlbench.data.frames import Floats, Frames
from tlbench.errors import InputError
from tlbench.inspection.checks.cells import check_cells, check_numbers
from tlbench.inspection.collection import from_parts
from tlbench.inspection.gathering import simplify
from tlbench.inspection.geometry import (
    Structure,
    nearest,
    pairs_within,
    structures_of,
    widths,
)

WHOLE = "all"
"""Stands for all parts together."""

FORCE = ("force on an atom", "eV/Å")


@dataclass(frozen=True)
class Count:
    """How many frames of a kind there are in each part; ``temperature_k`` is NaN if unknown."""

    group: str
    phase: str
    temperature_k: float
    frames: Mapping[str, int]


@dataclass(frozen=True)
class Range:
    """Smallest, middle and largest value of a quantity in a part; NaN if no value is finite.

    ``component_rms`` is the root mean square of the components of a vector; NaN for numbers.
    """

    quantity: str
    unit: str
    part: str
    minimum: float
    median: float
    maximum: float
    component_rms: float


@dataclass(frozen=True)
class Cells:
    """How many frames of a part have small cells, and no stress.

    Attributes
    ----------
    below_cutoff, below_twice
        Frames whose smallest perpendicular width is below the cutoff, and below twice the
        cutoff, where an atom may meet one neighbour through several images.
    self_images
        Frames in which an atom has an image of itself within the cutoff.
    without_stress
        Frames whose stress is unknown.
    """

    part: str
    frames: int
    below_cutoff: int
    below_twice: int
    self_images: int
    without_stress: int


@dataclass(frozen=True)
class Description:
    """Counts and ranges of each part and of all parts together, at a cutoff (Å)."""

    cutoff: float
    counts: tuple[Count, ...]
    ranges: tuple[Range, ...]
    cells: tuple[Cells, ...]


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
    names = list(next(iter(measured.values())))
    measured[WHOLE] = {
        name: np.concatenate([values[name] for values in measured.values()]) for name in names
    }
    return Description(
        cutoff=cutoff,
        counts=_counts(simplify(parts)),
        ranges=tuple(
            _range(name, part, measured[part][name]) for name in names for part in measured
        ),
        cells=_cells(parts, cutoff),
    )


def smallest_widths(frames: Frames) -> Floats:
    """Return the smallest perpendicular width of each cell (Å); infinite if not periodic."""
    return np.array([widths(structure).min() for structure in structures_of(frames)])


def _measure(frames: Frames) -> dict[tuple[str, str], Floats]:
    """Return the values of every quantity, by name and unit."""
    closest = [nearest(structure, 1)[0][:, 0] for structure in structures_of(frames)]
    trace = np.trace(frames.stress, axis1=1, axis2=2)
    return {
        ("energy per atom", "eV"): frames.energy / frames.n_atoms,
        FORCE: np.linalg.norm(frames.forces, axis=1),
        ("nearest neighbour", "Å"): np.concatenate([*closest, np.empty(0)]),
        ("atoms", ""): frames.n_atoms.astype(np.float64),
        ("cell width", "Å"): smallest_widths(frames),
        ("pressure", "GPa"): -trace / 3,
        ("largest stress", "GPa"): np.abs(frames.stress).max(axis=(1, 2), initial=0.0),
    }


def _range(name: tuple[str, str], part: str, values: Floats) -> Range:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Range(*name, part, *[float("nan")] * 4)
    low, middle, high = (float(value) for value in np.quantile(finite, [0, 0.5, 1]))
    rms = float(np.sqrt((finite**2).mean() / 3)) if name == FORCE else float("nan")
    return Range(*name, part, low, middle, high, rms)


def _counts(parts: Mapping[str, Frames]) -> tuple[Count, ...]:
    counted: dict[tuple[str, str, float | None], Counter[str]] = {}
    for part, frames in parts.items():
        for group, phase, temperature in zip(
            frames.group, frames.phase, frames.temperature_k, strict=True
        ):
            # NaN is not equal to itself, so it would never be counted twice.
            known = float(temperature) if np.isfinite(temperature) else None
            counted.setdefault((str(group), str(phase), known), Counter())[part] += 1

    def order(kind: tuple[str, str, float | None]) -> Any:
        group, phase, temperature = kind
        return group, temperature is None, temperature or 0.0, phase

    return tuple(
        Count(
            group,
            phase,
            float("nan") if temperature is None else temperature,
            {part: counted[group, phase, temperature][part] for part in parts},
        )
        for group, phase, temperature in sorted(counted, key=order)
    )


def _cells(parts: Mapping[str, Frames], cutoff: float) -> tuple[Cells, ...]:
    found = []
    for part, frames in parts.items():
        width = smallest_widths(frames)
        found.append(
            Cells(
                part=part,
                frames=len(frames),
                below_cutoff=int((width < cutoff).sum()),
                below_twice=int((width < 2 * cutoff).sum()),
                self_images=sum(_meets_itself(s, cutoff) for s in structures_of(frames)),
                without_stress=int((~np.isfinite(frames.stress).all(axis=(1, 2))).sum()),
            )
        )
    numbers = [field.name for field in fields(Cells) if field.name != "part"]
    sums = {name: sum(getattr(cells, name) for cells in found) for name in numbers}
    return (*found, Cells(part=WHOLE, **sums))


def _meets_itself(structure: Structure, cutoff: float) -> bool:
    alone = Structure(
        structure.atomic_numbers[:1], structure.positions[:1], structure.cell, structure.pbc
    )
    return len(pairs_within(alone, cutoff).distance) > 0
