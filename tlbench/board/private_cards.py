"""The cards of data of one's own, which go with a private submission."""

import json
import shutil
from pathlib import Path
from typing import Any

from tlbench.base.schema import read_yaml
from tlbench.board.submission import SUITE
from tlbench.data.cards import load_card
from tlbench.study.loading import card_files
from tlbench.study.transfers import ELEMENT


def with_own_cards(suite: Path, folder: Path) -> Path:
    """Copy a suite and every card file that it names to ``folder``, where it names these copies.

    So the submission can be read when the cards have moved, and on another machine. The data
    themselves are not copied.

    Returns
    -------
    Path
        The suite file in ``folder``.

    Raises
    ------
    InputError
        If the suite or a card cannot be read.
    """
    value, _ = read_yaml(suite)
    for part, key, name in card_files(value):
        stem = ELEMENT if part == "matrix" else part
        for element in _elements(value) if part == "matrix" else [""]:
            card = suite.parent / name.replace(ELEMENT, element.lower())
            load_card(str(card))
            shutil.copyfile(card, folder / _card_name(stem.replace(ELEMENT, element.lower())))
        value[part][key] = _card_name(stem)
    target = folder / SUITE
    target.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return target


def _card_name(stem: str) -> str:
    return f"card-{stem}.yaml"


def _elements(value: dict[str, Any]) -> list[str]:
    return [str(element) for element in value["matrix"].get("elements", [])]
