"""Counts of what is wrong with the data of a run: copies, and parts without forces."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tlbench.data.cards import Card
from tlbench.data.fetch import fetch
from tlbench.data.frames import Frames
from tlbench.data.reading import read_parts
from tlbench.data.sharing import same_data_error
from tlbench.inspection.checks.parts import ForceScale, force_scale, has_forces
from tlbench.inspection.matching import Described, copies_among, describe
from tlbench.schema import Strict
from tlbench.suite import Suite
from tlbench.transfer import arm

MOST_ATOMS = 300_000
"""Atoms of the data sets that are searched for copies, which takes some 30 µs for each."""

LEARNT = ("train", "validation")
"""Parts that a source model is trained on and chosen by."""

Parts = Mapping[str, Frames]


class Copies(Strict):
    """How many frames of a part are copies of others; ``with_forces`` is how many have forces."""

    copies: int
    with_forces: int


class DataSetAudit(Strict):
    """The forces of each part, and which frames of it are copies of frames of an earlier part.

    ``copies`` is None where there are too many atoms to compare.
    """

    forces: dict[str, ForceScale]
    copies: dict[str, Copies] | None


class SourceAudit(Strict):
    """How many frames of each part of a target are copies of what a source model learns from.

    ``copies`` is None where there are too many atoms to compare.
    """

    frames: dict[str, int]
    copies: dict[str, Copies] | None


def audit_data_set(parts: Parts) -> DataSetAudit:
    """Count copies and frames without forces in one data set."""
    copies: dict[str, Copies] | None = None
    if _n_atoms(parts) <= MOST_ATOMS:
        copies, earlier = {}, describe(parts["train"])
        for part in ("validation", "test"):
            described = describe(parts[part])
            copies[part] = _copies(parts[part], described, earlier)
            earlier += described
    return DataSetAudit(
        forces={part: force_scale(frames) for part, frames in parts.items()}, copies=copies
    )


def audit_source(source: Parts, target: Parts) -> SourceAudit:
    """Count the frames of a target that its source model has learnt from."""
    copies: dict[str, Copies] | None = None
    if _n_atoms(source) + _n_atoms(target) <= MOST_ATOMS:
        learnt = [one for part in LEARNT for one in describe(source[part])]
        copies = {
            part: _copies(frames, describe(frames), learnt) for part, frames in target.items()
        }
    return SourceAudit(frames={part: len(frames) for part, frames in target.items()}, copies=copies)


def related_transfers(suite: Suite) -> Iterator[tuple[Card, Card]]:
    """Yield source and target of each transfer of weights between data of a common element."""
    if not any(arm(name).needs_source for name in suite.strategies):
        return
    pairs = {}
    for transfer in suite.transfers():
        source, target = transfer.source.load(), transfer.target.load()
        if set(source.elements) & set(target.elements):
            pairs[source.digest(), target.digest()] = source, target
    yield from pairs.values()


def check_distinct(suite: Suite, mirror: Path | None = None) -> None:
    """Refuse a source that holds most of the target's structures under other file names.

    Reads the files of cards of a common element; copies may be renumbered or turned, too.

    Raises
    ------
    InputError
        Unless the suite allows it; or if the files cannot be read.
    """
    for source, target in [] if suite.allow_same_data else related_transfers(suite):
        if not (source.data_files() and target.data_files()):
            continue
        found = audit_source(*(_read(card, mirror) for card in (source, target)))
        total = sum(found.frames.values())
        # Perfect crystals may well stand in two data sets of one element.
        same = sum(each.with_forces for each in (found.copies or {}).values())
        if same > total / 2:
            shared = f"{same} of {total} structures of the target are structures of the source"
            raise same_data_error(source, target, shared)


def _read(card: Card, mirror: Path | None) -> dict[str, Frames]:
    return read_parts(card.elements, card.recipe()["origin"], fetch(card, mirror))


def _copies(
    frames: Frames, described: Sequence[Described], references: Sequence[Described]
) -> Copies:
    found: npt.NDArray[np.bool_] = copies_among(described, references)
    return Copies(copies=int(found.sum()), with_forces=int((found & has_forces(frames)).sum()))


def _n_atoms(parts: Parts) -> int:
    return sum(len(frames.positions) for frames in parts.values())
