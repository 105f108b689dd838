"""Which submissions share a table, and which revision is in it."""

from tlbench.leaderboard.site.boards import boards_of
from tlbench.leaderboard.site.build import Built


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


def test_the_order_in_which_submissions_are_found_does_not_matter(built: Built):
    members = [m for board, _ in built.boards for m in board.members]
    assert boards_of(members) == boards_of(reversed(members))
