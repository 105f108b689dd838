"""Positions and cells that describe no structure, stress without a period, foreign elements."""

from collections.abc import Iterator

import numpy as np

from tlbench.data.frames import Frames
from tlbench.data.inspection.collection import Collection
from tlbench.data.inspection.finding import Finding, measured
from tlbench.data.inspection.geometry import flatness, structures_of, widths

MIN_FLATNESS = 0.01
"""Volume of the cell over the product of its edges; 0.01 is that of an angle of half a degree."""

MIN_WIDTH = 0.05
"""Smallest distance of opposite faces, Å; even positions in nm have more."""


def check_numbers(collection: Collection) -> Iterator[Finding]:
    """Find positions, cells and labels that are not finite numbers."""
    frames = collection.frames
    owner = np.repeat(np.arange(len(frames)), frames.n_atoms)
    for what, finite in (("positions", frames.positions), ("forces", frames.forces)):
        atoms = np.flatnonzero(~np.isfinite(finite).all(axis=1))
        bad, counts = np.unique(owner[atoms], return_counts=True)
        for frame, count in zip(bad, counts, strict=True):
            yield measured(
                "error",
                "labels",
                str(collection.names[frame]),
                f"The {what} of {{0}} of the {{1}} atoms are not numbers.",
                int(count),
                int(frames.n_atoms[frame]),
            )
    for check, message, sound in (
        ("labels", "The energy is not a number.", np.isfinite(frames.energy)),
        ("cell", "The cell vectors are not numbers.", np.isfinite(frames.cell).all(axis=(1, 2))),
    ):
        for name in collection.names[~np.asarray(sound)]:
            yield Finding("error", check, str(name), message)


def first_unsound(frames: Frames) -> tuple[int, str] | None:
    """Return the first structure that no model can be applied to, and what is wrong with it."""
    for index, structure in enumerate(structures_of(frames)):
        if not np.isfinite(structure.positions).all() or not np.isfinite(structure.cell).all():
            return index, "its positions or its cell vectors are not all finite numbers"
        if flatness(structure) == 0:
            return index, "it is periodic, but its cell is flat"
    return None


def check_cells(collection: Collection) -> Iterator[Finding]:
    """Find periodic cells without volume."""
    for name, structure in zip(collection.names, structures_of(collection.frames), strict=True):
        share = flatness(structure)
        if share >= MIN_FLATNESS and widths(structure).min() >= MIN_WIDTH:
            continue
        edges = ", ".join(f"{edge:.3g}" for edge in np.linalg.norm(structure.cell, axis=1))
        yield measured(
            "error",
            "cell",
            str(name),
            "Periodic, but the cell is flat: edges of {0} Å span {1:.2g} of the volume of a box "
            "with these edges.",
            edges,
            share,
        )


def check_stress_cells(collection: Collection) -> Iterator[Finding]:
    """Find stresses of frames that are not periodic in all directions.

    The stress is a force per area of the cell, or an energy per volume; without a period it
    depends on how much vacuum the cell happens to hold.
    """
    frames = collection.frames
    known = np.isfinite(frames.stress).all(axis=(1, 2))
    for frame in np.flatnonzero(known & ~frames.pbc.all(axis=1)):
        yield measured(
            "warning",
            "stress-cell",
            str(collection.names[frame]),
            "Has a stress, but is periodic along {0} of 3 lattice vectors; such a stress depends "
            "on the vacuum in the cell.",
            int(frames.pbc[frame].sum()),
        )


def check_elements(collection: Collection) -> Iterator[Finding]:
    """Find atoms of an element that the card does not name."""
    from ase.data import atomic_numbers, chemical_symbols

    if collection.elements is None:
        return
    known = [atomic_numbers.get(symbol, -1) for symbol in collection.elements]
    frames = collection.frames
    owner = np.repeat(np.arange(len(frames)), frames.n_atoms)
    foreign = ~np.isin(frames.atomic_numbers, known)
    for frame in np.unique(owner[foreign]):
        symbols = {chemical_symbols[z] for z in frames.atomic_numbers[foreign & (owner == frame)]}
        yield measured(
            "error",
            "elements",
            str(collection.names[frame]),
            f"Atoms of {{0}}; the card names {', '.join(collection.elements)} only.",
            ", ".join(sorted(symbols)),
        )
