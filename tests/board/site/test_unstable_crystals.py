"""A board counts values of unstable crystals as failures, though submissions hold the numbers."""

import csv
import io
from pathlib import Path

import pytest

from tlbench.board.reading import read_submission
from tlbench.board.site.best_models import pooled
from tlbench.board.site.boards import Member, boards_of
from tlbench.board.site.rows import board_rows
from tlbench.board.verification import Coverage
from tlbench.report.properties.values import properties_csv

PUBLISHED = Path(__file__).parents[3] / "leaderboard" / "results"


@pytest.fixture(scope="module")
def board():
    """Return the board of a run in which most crystals of SchNet from scratch are unstable."""
    entry = read_submission(PUBLISHED / "properties-dft-cpu" / "2026-11-29-two-cores")
    (found,) = boards_of([Member(entry, Coverage(1, 1))])
    return found


def test_rows_have_the_rate_of_failures_and_no_error_of_them(board):
    rows = {
        (dict(row.tested)["property"], row.place.backbone, row.place.strategy, row.place.size): row
        for row in board_rows(board)
        if row.metric == "property_failure_rate" and row.place.updates == 400
    }
    assert rows["elastic", "schnet", "scratch", 40].mean.value == 1
    assert rows["elastic", "schnet", "finetune", 1].mean.value == pytest.approx(2 / 5)
    assert rows["elastic", "dimenetpp", "finetune", 40].mean.value == 0


def test_the_file_of_all_values_marks_them(board):
    found = pooled(board, list(board.labels))[0].properties
    lines = [*csv.DictReader(io.StringIO(properties_csv(found)))]
    marked = [line for line in lines if line["unphysical"]]
    assert len({(line["backbone"], line["init_seed"]) for line in marked}) > 5
    for line in marked:
        assert (line["value"], line["error"]) == ("", "")
        assert line["failure"].endswith("the crystal is unstable")
    assert all(float(line["unphysical"]) < 0 for line in marked if line["property"] == "surface")
