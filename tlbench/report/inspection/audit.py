"""Copies, and parts without forces, in the data of a run: counted, kept, and put in words."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.base.schema import Strict, read_json
from tlbench.data.cards import Card, same_data_error
from tlbench.data.compositions import n_undetermined
from tlbench.data.fetch import fetch
from tlbench.data.frames import Frames
from tlbench.data.inspection.collection import from_parts
from tlbench.data.inspection.copies import Shape, copies_among, shapes_of
from tlbench.data.inspection.forces import (
    ForceScale,
    force_scales,
    has_forces,
    unlike_training,
    without_forces,
)
from tlbench.data.inspection.statements import new_compositions
from tlbench.data.origins import SPLITS
from tlbench.engine.store.store import Store
from tlbench.jobs.context import data_file
from tlbench.report.data_notes import DataNotes
from tlbench.report.inspection.compositions import on_compositions
from tlbench.report.inspection.draws import Draws, draws_from, draws_key, on_draws
from tlbench.study.further_sets import cards_of
from tlbench.study.plan import dataset_job
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
    training and of validation frames counts as one of training frames. It is empty where copies
    are impossible, and None where there are too many atoms to compare. ``undetermined`` is the
    number of constant energies of elements that the training structures leave open, and
    ``extrapolated`` counts test structures of each composition that no training structure has.
    """

    forces: dict[str, ForceScale]
    copies: dict[str, dict[str, Copies]] | None
    undetermined: int = 0
    extrapolated: dict[str, int] = Field(default={})


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
    found = DataSetAudit(
        forces=force_scales(from_parts(parts)),
        copies=None,
        undetermined=n_undetermined(parts["train"]),
        extrapolated=new_compositions(parts),
    )
    if not sampled and _n_atoms(parts) > MOST_ATOMS:
        return found
    shapes = {} if sampled else {part: shapes_of(parts[part]) for part in SPLITS}
    copies = {
        part: _copies(parts[part], shapes[part], {each: shapes[each] for each in SPLITS[:n]})
        for n, part in enumerate(shapes)
        if n
    }
    return found.model_copy(update={"copies": copies})


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
        if ends.data and set(ends.data.elements) & set(ends.target.elements):
            pairs[ends.data.digest(), ends.target.digest()] = ends.data, ends.target
    yield from pairs.values()


def further_pairs(study: Study) -> Iterator[tuple[Card, Card]]:
    """Yield data that models are trained on, and others of a common element to test on."""
    trained = {card.digest(): card for each in study.ends for card in each.cards}
    tested = {d: card for each in study.ends for d, card in cards_of(study.further, each).items()}
    for (digest, card), (other, further) in product(trained.items(), tested.items()):
        if digest != other and set(card.elements) & set(further.elements):
            yield card, further


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
        parts = target.read(fetch(target, mirror))
        found = audit_source(source.read(fetch(source, mirror)), parts)
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


FILE = "data.json"
"""Counts of a run's data sets, so that the same command does not count again."""


_ADJECTIVE = {"train": "training", "validation": "validation", "test": "test"}


class Audits(Strict):
    """Counts by the key of a data set's job, and by those of source and target, with a slash.

    ``draws`` are by `tlbench.report.inspection.draws.draws_key`. Counts of another format are made
    again from the data.
    """

    format: Literal[5] = 5
    data: dict[str, DataSetAudit] = Field(default={})
    draws: dict[str, list[Draws]] = Field(default={})
    sources: dict[str, SourceAudit] = Field(default={})


def notes_on_data(study: Study, store: Store, finished: Collection[str], out: Path) -> DataNotes:
    """Return notes on those data sets of ``study`` whose jobs are in ``finished``.

    Counts are kept in the folder ``out``; only data sets that are not counted there are read.
    """
    try:
        audits = _audits(study, store, finished, out / FILE)
        return _notes(study, audits)
    except Exception as error:
        # The results of a run that is done should be written, however odd its data are.
        said = " ".join(str(error).split())[:200]
        return DataNotes((f"The data could not be inspected ({type(error).__name__}: {said}).",))


def _audits(study: Study, store: Store, finished: Collection[str], path: Path) -> Audits:
    """Return the counts of a run, and write them if there are new ones."""
    try:
        known = read_json(path, Audits, "counts of data sets")
    except InputError:
        known = Audits()
    loaded: dict[str, dict[str, Frames]] = {}

    def parts(key: str) -> dict[str, Frames]:
        if key not in loaded:
            folder = store.folder(key)
            loaded[key] = {split: Frames.load(folder / data_file(split)) for split in SPLITS}
        return loaded[key]

    data, draws, sources = {}, {}, {}
    for card in study.cards:
        key = dataset_job(card).key
        if key in finished:
            data[key] = known.data.get(key) or audit_data_set(
                parts(key), sampled=not card.data_files()
            )
    for target in _drawn_from(study):
        if (key := dataset_job(target).key) in finished:
            name = draws_key(study, target)
            draws[name] = known.draws.get(name) or draws_from(study, target, parts(key)["train"])
    for source, target in [*related_transfers(study), *further_pairs(study)]:
        first, second = dataset_job(source).key, dataset_job(target).key
        if first in finished and second in finished:
            pair = _pair(source, target)
            sources[pair] = known.sources.get(pair) or audit_source(parts(first), parts(second))
    found = Audits(data=data, draws=draws, sources=sources)
    if found != known:
        write_whole(path, found.model_dump_json(indent=1) + "\n")
    return found


def _drawn_from(study: Study) -> list[Card]:
    """Return the data sets that training structures are drawn from."""
    if not any(arm.trains for arm in study.arms):
        return []
    return [*{ends.target.digest(): ends.target for ends in study.ends}.values()]


def _pair(source: Card, target: Card) -> str:
    return f"{dataset_job(source).key}/{dataset_job(target).key}"


def _notes(study: Study, audits: Audits) -> DataNotes:
    sentences = [*study.element_sentences(), *study.left_out()]
    for card in study.cards:
        if (found := audits.data.get(dataset_job(card).key)) is not None:
            sentences += on_compositions(
                card, found.undetermined, found.extrapolated, found.forces["test"].frames
            )
            sentences += _on_data_set(card.name, found)
        if marked := study.marked(card):
            marks = " or ".join(f"“{mark}”" for mark in marked)
            sentences.append(
                f"Test structures that the card of {card.name} marks as {marks} are left out of "
                "all errors but those whose condition names them."
            )
    for target in _drawn_from(study):
        sentences += on_draws(target.name, audits.draws.get(draws_key(study, target), []))
    for source, target in related_transfers(study):
        if (shared := audits.sources.get(_pair(source, target))) is not None:
            sentences += _on_source(source.name, target.name, shared)
    for trained, further in further_pairs(study):
        if (shared := audits.sources.get(_pair(trained, further))) is not None:
            sentences += _on_further(trained.name, further.name, shared)
    silent = set()
    for target in {ends.target.digest(): ends.target for ends in study.ends}.values():
        found = audits.data.get(dataset_job(target).key)
        if found is not None and found.forces["test"].vanishes:
            silent.add(study.name_of(target))
    if silent:
        sentences.append(
            f"Force errors of models of {', '.join(sorted(silent))} are therefore in the records "
            "only: neither a ratio between them nor a gain or loss by transfer means anything."
        )
    return DataNotes(tuple(sentences), frozenset(silent))


def _on_data_set(name: str, found: DataSetAudit) -> Iterator[str]:
    of = f" of {name}"
    fitted = (
        "Models trained on all training structures have been fitted to {them}, models of smaller N "
        "only if {they} among their N structures; tlbench data validate lists {them}."
    )
    unseen = "Models are not fitted to validation structures; tlbench data validate lists {them}."
    for part, by_original in (found.copies or {}).items():
        structures = f"{found.forces[part].frames} {part} structures{of}"
        for original, what, meaning in (
            ("train", "its training structures", fitted),
            ("validation", "its validation structures alone", unseen),
        ):
            if original in by_original:
                yield from _on_copies(by_original[original], structures, what, meaning)
    if found.copies is None:
        yield (
            f"The structures{of} were not searched for copies of training structures, because "
            "they are many; tlbench data validate does."
        )
    yield from unlike_training(found.forces, of)
    tested = {"test": found.forces["test"]}
    if not found.forces["test"].vanishes and (counts := without_forces(tested, of)):
        yield f"{counts}."


def _on_source(source: str, target: str, found: SourceAudit) -> Iterator[str]:
    if found.copies is None:
        yield (
            f"The structures of {target} were not searched for structures of the source {source}, "
            "because they are many."
        )
    fitted = f"Source models trained on all of {source} have been fitted to {{them}}."
    unseen = "Source models are not fitted to validation structures."
    for part, by_original in (found.copies or {}).items():
        structures = f"{found.frames[part]} {_ADJECTIVE[part]} structures of {target}"
        of_source = f"structures of the source {source}"
        yield from _on_copies(by_original["train"], structures, f"the training {of_source}", fitted)
        yield from _on_copies(
            by_original["validation"], structures, f"the validation {of_source} alone", unseen
        )


def _on_further(trained: str, further: str, found: SourceAudit) -> Iterator[str]:
    if found.copies is None:
        yield (
            f"The test structures of {further} were not searched for training structures of "
            f"{trained}, because they are many."
        )
        return
    structures = f"{found.frames['test']} test structures of {further}"
    fitted = f"Models trained on all of {trained} have been fitted to {{them}}."
    originals = f"the training structures of {trained}"
    yield from _on_copies(found.copies["test"]["train"], structures, originals, fitted)


def _on_copies(copies: Copies, structures: str, originals: str, meaning: str) -> Iterator[str]:
    """Yield how many of ``structures`` are copies of ``originals``, and which models know them.

    ``meaning`` has ``{them}`` and ``{they}`` for the copies.
    """
    if not copies.copies:
        return
    ways = "(rotated, reflected, shifted or repeated)"
    some = {copies.copies: "All", 0: "None"}.get(copies.with_forces, str(copies.with_forces))
    if copies.copies == 1:
        are = f"1 of {structures} is a copy of one of {originals} {ways}"
        forces = f"It has {'forces' if copies.with_forces else 'no forces'}"
        words = {"them": "it", "they": "it is"}
    else:
        are = f"{copies.copies} of {structures} are copies of {originals} {ways}"
        forces = f"{some} of these copies {'has' if some in ('1', 'None') else 'have'} forces"
        words = {"them": "them", "they": "they are"}
    yield f"{are}. {forces}. {meaning.format(**words)}"
