"""Data sets, and trajectories in files, made ready to be compared."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from tlbench.base.errors import InputError
from tlbench.base.formats import Format
from tlbench.base.schema import Strict
from tlbench.data.frames import Frames
from tlbench.data.readers.extxyz import READER, ExtxyzOptions, images
from tlbench.data.settings import guess_options
from tlbench.metrics.distances.compare import compare_sets
from tlbench.metrics.distances.quantities import DistanceSettings, SetDistance
from tlbench.metrics.distances.structures import StructureSet, nearest_distance
from tlbench.metrics.environments import environments
from tlbench.models.applicability import check_structure

MOST_BYTES = 1 << 28
"""Size of the largest file that is read."""

MOST_FRAMES = 1000
"""Frames of a file that are compared; of more, so many evenly spaced ones are."""


class ComparedSets(Strict):
    """The distances between two sets of structures, by name."""

    a: str
    b: str
    distances: list[SetDistance]


class SetDistances(Strict):
    """What ``tlbench data distances`` writes; ``part`` is that of data sets which are compared."""

    settings: DistanceSettings
    part: str
    pairs: list[ComparedSets]


SETS_FORMAT = Format("comparison of data sets", SetDistances)


def set_of(name: str, frames: Frames, labelled: bool = True) -> StructureSet:
    """Return structures with the nearest-neighbour distance that is their unit.

    Raises
    ------
    InputError
        If no atom has a neighbour.
    """
    return StructureSet(name, frames, nearest_distance(frames, name), labelled=labelled)


def described(sets: list[StructureSet], settings: DistanceSettings) -> list[StructureSet]:
    """Return the sets with their environments; aware of elements, every element is its own."""
    species = None
    if settings.elements == "aware":
        numbers = sorted({z for each in sets for z in each.frames.elements()})
        species = [chemical_symbols[z] for z in numbers]
    return [
        replace(
            each,
            raw=environments(each.frames, None, species),
            scaled=environments(each.frames, each.nearest, species),
        )
        for each in sets
    ]


def read_file(path: Path) -> tuple[Frames, str]:
    """Read the frames of an extended XYZ file, and why its labels are not compared.

    The reason is empty if it has energies and forces, under whatever keys.

    Raises
    ------
    InputError
        If it is too large, or a frame of it cannot be used.
    """
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path}: is larger than {MOST_BYTES >> 20} MiB; take fewer frames.")
    try:
        options = ExtxyzOptions.model_validate(guess_options(path).options)
        frames, why = READER.read(path, options), ""
    except InputError as error:
        frames, why = Frames.unlabelled([atoms for _, atoms in images(path)]), str(error)
    if len(frames) > MOST_FRAMES:
        kept = np.linspace(0, len(frames) - 1, MOST_FRAMES).round().astype(np.int64)
        frames = frames.select(kept)
    # A frame's trajectory is its index in the file.
    for index, number in enumerate(frames.trajectory):
        check_structure(f"{path}: frame {number + 1}", frames.select([index]))
    return frames, why


def check_different(names: list[str], digests: list[str]) -> None:
    """Refuse two names of the same data.

    Raises
    ------
    InputError
        Naming them.
    """
    for number, digest in enumerate(digests):
        first = digests.index(digest)
        if first < number:
            raise InputError(
                f"{names[first]} and {names[number]} are the same data, so their distance is 0; "
                "name different ones."
            )


def compare_all(
    sets: list[StructureSet],
    settings: DistanceSettings,
    on_done: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> dict[tuple[str, str], list[SetDistance]]:
    """Return the distances of every pair of sets, by their names.

    Parameters
    ----------
    on_done
        Called with the pair in words, and how many of its distances are done, of how many.

    Raises
    ------
    InputError
        If a set has a single structure, or two have no quantity in common.
    """
    found = {}
    for number, b in enumerate(sets):
        for a in sets[:number]:
            on_pair = partial(on_done, f"{a.name} and {b.name}")
            found[a.name, b.name] = compare_sets(a, b, settings, on_pair)
    return found
