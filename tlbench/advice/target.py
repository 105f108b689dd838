"""The data that advice is asked for: their card, found or written beside them."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from tlbench.advice.defects import counting_sentence, defects, mark_counts
from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.base.phrases import counted
from tlbench.data.cards import Card, card_of, data_file, is_path, load_card
from tlbench.data.entries import check_exists, siblings, split_archive
from tlbench.data.fetch import fetch, locate
from tlbench.data.guess import Guess, guess_card
from tlbench.results.shares import FEWEST_GROUPS

FEWEST = 8
"""Training structures: half of them train models of the smaller size, and pairs should differ."""


def target_card(data: str, folder: Path) -> tuple[str, Card, Sequence[str]]:
    """Return the name of the card of some data, the card, and what was guessed to write it.

    Parameters
    ----------
    data
        A file of structures, a card file, or the name of a data set that tlbench ships. Beside
        ``x.extxyz`` the card is ``x.yaml``; it is written if it is not there.
    folder
        Gets the card, and a link to the data, where the folder of the data cannot be written to.

    Raises
    ------
    InputError
        If there are no such data, they have no energies and forces, they are too few, or the card
        beside them is of another file.
    """
    path = data_file(data)
    if path is None:
        name = str(Path(data).absolute()) if is_path(data) else data
        said: Sequence[str] = ()
    else:
        name, said = _card_of(path, folder)
    card = load_card(name)
    if (number := card.n_frames("train")) < FEWEST:
        raise InputError(
            f"{data}: {counted(number, 'structure')} to train on, of "
            f"{sum(card.n_frames(split) for split in ('train', 'validation', 'test'))} in all, are "
            f"too few to compare starts; {FEWEST} are the least."
        )
    return name, card, said


def _card_of(path: Path, folder: Path) -> tuple[str, Sequence[str]]:
    """Return the card of a file, folder or archive, and what was guessed if there was none."""
    # The folder "." has no name of its own, and a link keeps its own name.
    is_named = path.name not in ("", "..")
    path = path.parent.resolve() / path.name if is_named else path.resolve()
    check_exists(path)
    archive, _ = split_archive(path)
    home, folder = (archive or path).parent, folder.absolute()
    beside, other = (each / f"{path.stem}.yaml" for each in (home, folder))
    for place in (beside, other):
        if place.exists():
            _check_card_of(path, place)
            return str(place), [f"card: {place}, which was there"]
    guess = _guess(path, home)
    try:
        write_whole(beside, guess.text)
        marked = _mark(beside, guess)
        return str(beside), [*guess.said, *marked, f"card: written to {beside}"]
    except OSError as error:
        refused = f"{beside}: cannot be written ({error.strerror})"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The files of a card are in its folder.
        for each in [archive] if archive else [path, *siblings(path).values()]:
            link = folder / each.name
            if not (link.exists() and link.samefile(each)):
                link.symlink_to(each)
        guess = _guess(folder / path.relative_to(home), folder)
        write_whole(other, guess.text)
        marked = _mark(other, guess)
    except OSError as error:
        raise InputError(
            f"{refused}, nor can {other}; copy {path.name} to a folder of your own."
        ) from error
    return str(other), [*guess.said, *marked, f"card: written to {other}, because {refused}"]


def _mark(place: Path, guess: Guess) -> list[str]:
    """Add the marks of test structures to a card that was just written; return what they are."""
    card = load_card(place)
    try:
        parts = card.read(fetch(card))
        marks = defects(parts)
    except InputError:
        place.unlink()
        raise
    if not marks:
        return []
    stated = [mark.model_dump(exclude_defaults=True) for mark in marks]
    text = yaml.safe_dump({"marks": stated}, sort_keys=False, allow_unicode=True, width=96)
    write_whole(place, guess.text + text)
    counts = mark_counts({mark.mark: mark.frames for mark in marks})
    return [f"test: {counting_sentence(counts, len(parts['test']))}"]


def _guess(path: Path, folder: Path) -> Guess:
    guess = guess_card(path, name=path.stem, folder=folder, n_test=FEWEST_GROUPS)
    card_of(yaml.safe_load(guess.text), f"a card for {path}")
    return guess


def _check_card_of(path: Path, place: Path) -> None:
    """Refuse the card of other data: of none that are the path, in it, or in the archive it is."""
    card = load_card(str(place))
    files = [
        (card.folder / file.path if file.path else found).resolve()
        for found, file in zip(locate(card).values(), card.data_files().values(), strict=True)
    ]
    own = path.resolve()
    if not any(own == each or own in each.parents or each in own.parents for each in files):
        raise InputError(
            f"{place}: is not the card of {path.name}; write one with tlbench data new "
            "--out NAME.yaml, and give that instead of the file."
        )
