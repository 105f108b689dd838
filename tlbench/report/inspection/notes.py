"""Sentences on the data of a run, and the counts that are kept beside its results."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.base.schema import Strict, read_json
from tlbench.data.cards import Card
from tlbench.data.frames import Frames
from tlbench.data.inspection.parts import unlike_training, without_forces
from tlbench.data.origins import SPLITS
from tlbench.engine.store.store import Store
from tlbench.jobs.context import data_file
from tlbench.report.data_notes import DataNotes
from tlbench.report.inspection.audit import (
    Copies,
    DataSetAudit,
    SourceAudit,
    audit_data_set,
    audit_source,
    related_transfers,
)
from tlbench.study.plan import dataset_job
from tlbench.study.study import Study

FILE = "data.json"
"""Counts of a run's data sets, so that the same command does not count again."""


_ADJECTIVE = {"train": "training", "validation": "validation", "test": "test"}


class Audits(Strict):
    """Counts by the key of a data set's job, and by those of source and target, with a slash.

    Counts of another format are made again from the data.
    """

    format: Literal[2] = 2
    data: dict[str, DataSetAudit] = Field(default={})
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

    data, sources = {}, {}
    for card in study.cards:
        key = dataset_job(card).key
        if key in finished:
            data[key] = known.data.get(key) or audit_data_set(
                parts(key), sampled=not card.data_files()
            )
    for source, target in related_transfers(study):
        first, second = dataset_job(source).key, dataset_job(target).key
        if first in finished and second in finished:
            pair = _pair(source, target)
            sources[pair] = known.sources.get(pair) or audit_source(parts(first), parts(second))
    found = Audits(data=data, sources=sources)
    if found != known:
        write_whole(path, found.model_dump_json(indent=1) + "\n")
    return found


def _pair(source: Card, target: Card) -> str:
    return f"{dataset_job(source).key}/{dataset_job(target).key}"


def _notes(study: Study, audits: Audits) -> DataNotes:
    sentences: list[str] = []
    for card in study.cards:
        if (found := audits.data.get(dataset_job(card).key)) is not None:
            sentences += _on_data_set(card.name, found)
    for source, target in related_transfers(study):
        if (shared := audits.sources.get(_pair(source, target))) is not None:
            sentences += _on_source(source.name, target.name, shared)
    silent = set()
    for target in {ends.target.digest(): ends.target for ends in study.ends}.values():
        found = audits.data.get(dataset_job(target).key)
        if found is not None and found.forces["test"].vanishes:
            silent |= set(target.elements)
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
