"""Which submissions share a table, and which revision is in it."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from synthetic import publish

from tlbench.board.checks.trust import Trust
from tlbench.board.reading import read_submission
from tlbench.board.site import boards
from tlbench.board.site.boards import Board, Kind, Member, boards_of
from tlbench.board.site.build import Built
from tlbench.board.site.headline import headline_of
from tlbench.board.site.rows import board_rows
from tlbench.board.verification import Coverage
from tlbench.board.verification.data import Content
from tlbench.study.loading import load_suite


def _members(built: Built) -> list[Member]:
    return [member for board, _ in built.boards for member in board.members]


def _changed(member: Member, suite: dict[str, object], about: dict[str, object]) -> Member:
    entry = replace(
        member.entry,
        study=replace(member.entry.study, suite=member.entry.suite.model_copy(update=suite)),
        about=member.entry.about.model_copy(update=about),
    )
    return replace(member, entry=entry)


def test_submissions_of_one_suite_protocol_and_data_share_a_table(built: Built):
    found = {board.folder: [m.name for m in board.members] for board, _ in built.boards}
    quick = [folder for folder in found if folder.startswith("suites/quick")]
    assert found["suites/quick"] == ["alpha", "beta-r2", "gaps", "plugin"]
    assert len(quick) == 2
    assert found[max(quick)] == ["old"], "version 1 of the suite is another table"
    assert found["suites/temperature-sw"] == ["warm"]


def test_only_the_newest_revision_is_in_the_table(built: Built):
    members = [m for board, _ in built.boards for m in board.members]
    assert "beta" not in [m.name for m in members]
    assert built.n_submissions == len(members) + 1


def test_models_are_told_apart_by_submission_where_their_names_are_the_same(built: Built):
    board = next(board for board, _ in built.boards if board.folder == "suites/quick")
    assert board.labels["alpha", "schnet"] == "schnet · alpha"
    assert board.labels["plugin", "my-net"] == "my-net"
    assert len(set(board.labels.values())) == len(board.labels)


def test_a_later_version_of_a_suite_does_not_take_over_its_page(built: Built):
    members = [m for m in _members(built) if m.entry.about.suite == "quick"]
    crowd = [
        _changed(
            member,
            {"version": 99, "title": "The official suite", "description": "Mine"},
            {"suite_version": 99, "name": f"evil-{number}"},
        )
        for number, member in enumerate(members * 2)
    ]
    first, *others = boards_of([*crowd, *members])
    shipped = load_suite("quick")
    assert (first.kind, first.slug) == (Kind.SHIPPED, "")
    assert (first.suite.title, first.suite.version) == (shipped.title, shipped.version)
    assert first.difference == ""
    assert {board.kind for board in others} == {Kind.VARIANT}
    assert all(board.slug for board in others)
    assert "version 99, and tlbench ships version 4" in others[0].difference
    assert all(board.slug for board in boards_of(crowd)), "with nothing to lead, none does"


def test_title_and_description_are_those_that_tlbench_ships(built: Built):
    members = [m for m in _members(built) if m.name == "alpha"]
    (board,) = boards_of([_changed(members[0], {"title": "Mine", "description": "Mine"}, {})])
    shipped = load_suite("quick")
    assert (board.suite.title, board.suite.description) == (shipped.title, shipped.description)


def test_changed_settings_and_other_data_do_not_lead(built: Built):
    members = [m for m in _members(built) if m.entry.about.suite == "quick" and m.name != "old"]
    first, *rest = members
    data = [each.model_copy(update={"content": "e" * 64}) for each in first.entry.about.data]
    other = _changed(first, {}, {"data": data, "name": "other"})
    changed = _changed(first, {}, {"protocol_digest": "f" * 64, "name": "changed"})
    boards = boards_of([*rest, other, changed])
    assert [board.kind for board in boards] == [Kind.SHIPPED, Kind.OTHER_DATA, Kind.VARIANT]
    assert [board.mark for board in boards] == ["", " (other data)", " (changed)"]
    assert "data of other content" in boards[1].difference
    assert "its settings or data sets are changed" in boards[2].difference


def _with_trust(member: Member, *trust: int) -> Member:
    member = replace(member)
    vars(member)["trust"] = Trust(*trust)
    return member


def test_a_back_dated_copy_with_invented_data_does_not_take_over_the_page(built: Built):
    mine = next(m for m in _members(built) if m.name == "alpha")
    data = [each.model_copy(update={"content": "e" * 64}) for each in mine.entry.about.data]
    about = {"data": data, "created": date(1999, 1, 1)}
    forged = [_changed(mine, {}, {**about, "name": f"forged-{n}"}) for n in range(3)]

    def first(*members: Member) -> str:
        return boards_of(members)[0].members[0].entry.about.name

    assert first(mine, *forged) == "forged-0", "without any check, most submissions lead"
    assert first(_with_trust(mine, 2, 0, 0, 40), *forged) == "alpha"
    assert first(_with_trust(mine, 0, 2, 0, 40), *forged) == "alpha"
    bad = [_with_trust(each, 9, 0, 1, 40) for each in forged]
    assert first(mine, *bad) == "alpha"


def test_data_that_tlbench_knows_lead_whatever_else(built: Built, monkeypatch):
    mine = next(m for m in _members(built) if m.name == "alpha")
    known = {
        each.recipe: Content(card=each.card, content=each.content, tests="0" * 64)
        for each in mine.entry.about.data
    }
    monkeypatch.setattr(boards, "known_contents", lambda: known)
    data = [each.model_copy(update={"content": "e" * 64}) for each in mine.entry.about.data]
    forged = _with_trust(_changed(mine, {}, {"data": data, "name": "forged"}), 9, 9, 0, 40)
    assert [board.members[0].entry.about.name for board in boards_of([forged, mine])] == [
        "alpha", "forged",
    ]  # fmt: skip


def test_suites_that_tlbench_does_not_ship_have_a_table_of_their_own(built: Built):
    member = next(m for m in _members(built) if m.name == "alpha")
    (board,) = boards_of([_changed(member, {"name": "mine"}, {"suite": "mine"})])
    assert (board.kind, board.folder) == (Kind.FOREIGN, "suites/mine")
    assert "tlbench ships no suite mine" in board.difference


def test_the_order_in_which_submissions_are_found_does_not_matter(built: Built):
    members = [m for board, _ in built.boards for m in board.members]
    assert boards_of(members) == boards_of(reversed(members))


def _board(results: Path, *settings: tuple[str, str]) -> Board:
    folder = publish(results, "mine", settings=settings, seed=1)
    entry = read_submission(folder)
    (board,) = boards_of([Member(entry, Coverage(1, 1))])
    return board


def test_a_changed_suite_names_its_settings_and_has_no_description(tmp_path: Path):
    board = _board(tmp_path, ("pretraining.updates", "25"), ("strategies", "[scratch, l2-sp]"))
    assert board.kind is Kind.VARIANT
    # Submissions that share a table may have other arms.
    assert [each.text() for each in board.changes] == ["pretraining.updates: 300 → 25"]
    assert board.difference.endswith("that tlbench ships: 1 setting is changed.")
    assert board.description == ""
    assert _board(tmp_path / "other").description == load_suite("quick").description


@pytest.mark.parametrize(
    ("strategies", "arm"),
    [
        ("[scratch, l2-sp]", "l2-sp"),
        ("[scratch, finetune, l2-sp]", "finetune"),
        ("[scratch, l2-sp, head-only]", "all trained arms"),
    ],
)
def test_the_headline_names_the_arm_that_it_is_of(tmp_path: Path, strategies: str, arm: str):
    board = _board(tmp_path, ("strategies", strategies))
    assert headline_of(board, board_rows(board)).arm == arm
