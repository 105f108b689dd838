"""The data that advice is asked for: their card, found or written beside them."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.base.phrases import counted
from tlbench.data.cards import Card, card_of, data_file, is_path, load_card
from tlbench.data.entries import check_exists
from tlbench.data.fetch import locate
from tlbench.data.guess import guess_card

FEWEST = 8
"""Training structures: half of them train models of the smaller size, and pairs should differ."""


def target_card(data: str) -> tuple[str, Card, Sequence[str]]:
    """Return the name of the card of some data, the card, and what was guessed to write it.

    Parameters
    ----------
    data
        A file of structures, a card file, or the name of a data set that tlbench ships. Beside
        ``x.extxyz`` the card is ``x.yaml``; it is written if it is not there.

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
        name, said = _card_beside(path)
    card = load_card(name)
    if (number := card.n_frames("train")) < FEWEST:
        raise InputError(
            f"{data}: {counted(number, 'structure')} to train on, of "
            f"{sum(card.n_frames(split) for split in ('train', 'validation', 'test'))} in all, are "
            f"too few to compare starts; {FEWEST} are the least."
        )
    return name, card, said


def _card_beside(path: Path) -> tuple[str, Sequence[str]]:
    """Return the card of a file, and what was guessed if it was not there."""
    check_exists(path)
    place = path.with_suffix(".yaml").absolute()
    if place.exists():
        files = [each.resolve() for each in locate(load_card(str(place))).values()]
        if path.resolve() not in files:
            raise InputError(
                f"{place}: is not the card of {path.name}; write one with tlbench data new "
                "--out NAME.yaml, and give that instead of the file."
            )
        return str(place), [f"card: {place}, which was there"]
    guess = guess_card(path, name=place.stem, folder=place.parent)
    card_of(yaml.safe_load(guess.text), f"a card for {path}")
    try:
        write_whole(place, guess.text)
    except OSError as error:
        raise InputError(
            f"{place}: cannot be written ({error.strerror}); copy {path.name} to a folder of your "
            "own."
        ) from error
    return str(place), [*guess.said, f"card: written to {place}"]
