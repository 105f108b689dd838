"""Counts of faults in the data of a run: copies, and parts without forces."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tlbench.base.schema import Strict
from tlbench.data.cards import Card
from tlbench.data.fetch import fetch
from tlbench.data.frames import Frames
from tlbench.data.inspection.collection import from_parts
from tlbench.data.inspection.forces import has_forces
from tlbench.data.inspection.parts import ForceScale, force_scales
from tlbench.data.inspection.shapes import Shape, copies_among, shapes_of
from tlbench.data.reading import read_parts
from tlbench.data.sharing import same_data_error
from tlbench.study.study import Study

MOST_ATOMS = 300_000
"""Atoms of the data sets that are searched for copies, which takes some 30 µs for each."""

Parts = Mapping[str, Frames]


class Copies(Strict):
    """How many frames of a part are copies of others; ``with_forces`` of these have forces."""

    copies: int
    with_forces: int


class DataSetAudit(Strict):
    """The forces of each part, and how many frames of it are copies of frames of an earlier part.

    ``copies`` has the part of the copies, then that of the originals. A frame that is a copy of
    training and of validation frames counts as one of training frames. It is empty where there
    can be no copies, and None where there are too many atoms to compare.
    """

    forces: dict[str, ForceScale]
    copies: dict[str, dict[str, Copies]] | None


class SourceAudit(Strict):
    """How many frames of each part of a target are copies of frames of the source.

    ``copies`` has the part of the target, then that of the source: training or validation. It is
    None where there are too many atoms to compare.
    """

    frames: dict[str, int]
    copies: dict[str, dict[str, Copies]] | None


def audit_data_set(parts: Parts, sampled: bool = False) -> DataSetAudit:
    """Count copies and frames without forces in one data set.

    Parameters
    ----------
    sampled
        Whether the parts are different trajectories that tlbench has sampled, which share no frame.
    """
    scales = force_scales(from_parts(parts))
    if sampled:
        return DataSetAudit(forces=scales, copies={})
    if _n_atoms(parts) > MOST_ATOMS:
        return DataSetAudit(forces=scales, copies=None)
    return DataSetAudit(forces=scales, copies=_copies_within(parts))


def _copies_within(parts: Parts) -> dict[str, dict[str, Copies]]:
    """Return how many frames of validation and test are copies of frames of each earlier part."""
    found, earlier = {}, {"train": shapes_of(parts["train"])}
    for part in ("validation", "test"):
        shapes = shapes_of(parts[part])
        found[part] = _copies(parts[part], shapes, earlier)
        earlier[part] = shapes
    return found


def audit_source(source: Parts, target: Parts) -> SourceAudit:
    """Count the frames of a target that are training or validation frames of its source."""
    copies: dict[str, dict[str, Copies]] | None = None
    if _n_atoms(source) + _n_atoms(target) <= MOST_ATOMS:
        originals = {part: shapes_of(source[part]) for part in ("train", "validation")}
        copies = {
            part: _copies(frames, shapes_of(frames), originals) for part, frames in target.items()
        }
    return SourceAudit(frames={part: len(frames) for part, frames in target.items()}, copies=copies)


def related_transfers(study: Study) -> Iterator[tuple[Card, Card]]:
    """Yield source and target of each transfer of weights between data of a common element."""
    if not any(arm.needs_source for arm in study.arms):
        return
    pairs = {}
    for ends in study.ends:
        if set(ends.source.elements) & set(ends.target.elements):
            pairs[ends.source.digest(), ends.target.digest()] = ends.source, ends.target
    yield from pairs.values()


def check_distinct(study: Study, mirror: Path | None = None) -> None:
    """Refuse a source that holds most of the target's structures under other file names.

    Reads the files of cards of a common element; copies may be renumbered or turned, too.

    Raises
    ------
    InputError
        Unless the suite allows it; or if the files cannot be read.
    """
    for source, target in [] if study.suite.allow_same_data else related_transfers(study):
        if not (source.data_files() and target.data_files()):
            continue
        parts = _read(target, mirror)
        found = audit_source(_read(source, mirror), parts)
        copies = [each for part in (found.copies or {}).values() for each in part.values()]
        # Two data sets of one element may well have perfect crystals in common, so frames
        # without forces count only where there are no others.
        acting = sum(int(has_forces(frames).sum()) for frames in parts.values())
        frames = sum(found.frames.values())
        total = acting or frames
        same = sum(each.with_forces if acting else each.copies for each in copies)
        if same > total / 2:
            kind = "structures" if total == frames else "structures with forces"
            shared = f"{same} of {total} {kind} of the target are structures of the source"
            raise same_data_error(source, target, shared)


def _read(card: Card, mirror: Path | None) -> dict[str, Frames]:
    return read_parts(card.elements, card.recipe()["origin"], fetch(card, mirror))


def _copies(
    frames: Frames, shapes: Sequence[Shape], originals: Mapping[str, Sequence[Shape]]
) -> dict[str, Copies]:
    """Return how many frames are copies of ``originals`` of each part and of none before it."""
    found, acting, free = {}, has_forces(frames), np.ones(len(frames), dtype=bool)
    for part, references in originals.items():
        copied = copies_among(shapes, references) & free
        free &= ~copied
        found[part] = Copies(copies=int(copied.sum()), with_forces=int((copied & acting).sum()))
    return found


def _n_atoms(parts: Parts) -> int:
    return sum(len(frames.positions) for frames in parts.values())
