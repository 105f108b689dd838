"""A data set whose card reads files has one content, which nobody may misstate."""

import json

import pytest
from forging import copied, edit_lines, seal
from real_data import MLEARN, mirror_of, needs_mlearn, needs_snap

from tlbench.board.reading import read_submission
from tlbench.board.verification import data as known_data
from tlbench.board.verification import verify
from tlbench.board.verification.data import (
    CONTENTS,
    check_files,
    check_known_data,
    content_from_files,
)
from tlbench.data.cards import card_folder, card_names, load_card

DFT = "si-ge-dft-cpu/2026-11-28-two-cores-2400-updates"


def contents_text():
    """Return what ``contents.json`` has to hold, for every card of the same frames everywhere."""
    cards = [card for card in map(load_card, card_names()) if card.origin.is_fixed]
    found = {c.digest(): content_from_files(c, mirror_of(c.name)).model_dump() for c in cards}
    return json.dumps(found, indent=1) + "\n"


def misstated(results, **changes):
    """Return a submission that says something else of its last data set."""
    folder = copied(results, DFT)
    about = json.loads((folder / "submission.json").read_text())
    about["data"][-1].update(changes)
    seal(folder, data=about["data"])
    return folder


def test_other_structures_are_refused(tmp_path):
    folder = misstated(tmp_path, content="1" * 64)
    (problem,) = verify(folder, tmp_path).problems
    assert problem.endswith("structures of mlearn-ge are not those that its card describes.")


def test_another_test_set_is_refused_though_it_is_told_throughout(tmp_path):
    folder = copied(tmp_path, DFT)
    edit_lines(folder, "tests", lambda rows: rows[-1]["groups"].__setitem__(0, "easy"))
    tests = {each.data: each.digest() for each in read_submission(folder).tests()}
    about = json.loads((folder / "submission.json").read_text())
    for each in about["data"]:
        each["tests"] = tests[each["job"]]
    seal(folder, data=about["data"])
    found = "\n".join(verify(folder, tmp_path).problems)
    assert "The test structures of mlearn-ge are not those that its card describes." in found


@needs_mlearn
@needs_snap
def test_what_is_known_is_what_the_files_hold():
    assert (card_folder() / CONTENTS).read_text() == contents_text()


@needs_mlearn
def test_a_data_set_that_is_not_known_is_read_from_its_files(tmp_path, monkeypatch):
    monkeypatch.setattr(known_data, "known_contents", dict)
    entry = read_submission(misstated(tmp_path, content="1" * 64))
    assert list(check_known_data(entry)) == []
    (problem,) = check_files(entry, MLEARN)
    assert problem == "The structures of mlearn-ge are not those that its card describes."


@pytest.mark.parametrize("name", [DFT, "quick/2026-11-23-two-cores"])
@needs_mlearn
def test_published_data_sets_are_those_of_their_files(name, tmp_path):
    assert list(check_files(read_submission(copied(tmp_path, name)), MLEARN)) == []
