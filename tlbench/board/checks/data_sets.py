"""Whether the data sets of a submission are the same on this machine."""

from pathlib import Path

from tlbench.board.collecting import content_of
from tlbench.board.reading import Entry
from tlbench.data.cards import Card
from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS
from tlbench.engine.store.store import State, Store
from tlbench.jobs.context import data_file
from tlbench.run import load_dataset
from tlbench.study.plan import dataset_job


def same_data(entry: Entry, store: Path, mirror: Path | None) -> tuple[dict[str, Path], list[str]]:
    """Return where the test structures of each element are, and which data sets differ.

    Parameters
    ----------
    store
        Where the data sets are, or will be made.
    mirror
        Folder in which their files are looked for before they are downloaded.

    Raises
    ------
    TlbenchError
        If a data set can neither be read nor made.
    """
    cards = {card.digest(): card for card in entry.study.cards}
    folders, problems = {}, []
    for data in entry.about.data:
        card = cards[data.recipe]
        if content_of(_parts(card, store, mirror)) == data.content:
            folders[data.element] = Store(store).folder(dataset_job(card).key)
            continue
        why = "the files are the same, so the submission's digest is wrong"
        if not card.data_files():
            why = "dynamics sampled on another processor differ: use a machine of the same kind"
        problems.append(
            f"{data.card} has other structures here than in the submission, so nothing of it can "
            f"be compared ({why})."
        )
    return folders, problems


def _parts(card: Card, store: Path, mirror: Path | None) -> dict[str, Frames]:
    job, opened = dataset_job(card).key, Store(store)
    if opened.state(job, thorough=True) is State.FINISHED:
        # The files of a private submission are seldom beside its cards.
        return {split: Frames.load(opened.folder(job) / data_file(split)) for split in SPLITS}
    return load_dataset(card, store, mirror)
