"""Intervals over test structures, from a run to its report, and to a row of the board."""

import json

import pytest
import yaml
from command_line import without_workers

from tlbench import load_results
from tlbench.board.adding import Who, add_run
from tlbench.board.site.boards import Member, boards_of
from tlbench.board.site.rows import board_rows
from tlbench.metrics.statistics import CrossedRatio
from tlbench.report.analysis import Analysis
from tlbench.report.rows import final
from tlbench.study.loading import load_published, suite_folder

pytestmark = pytest.mark.slow

NOTE = "Intervals allow for the choice of seeds and of test structures (8 groups)."


@pytest.fixture(scope="module")
def ran(tmp_path_factory, smoke):
    """Run one backbone of the smoke suite with three pairs, over the store of the smoke suite."""
    value = yaml.safe_load((suite_folder() / "smoke.yaml").read_text())
    del value["backbones"]["dimenetpp"]
    value |= {"name": "three-pairs", "sizes": [4], "subset_seeds": [0, 1, 2]}
    folder = tmp_path_factory.mktemp("pairs")
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump(value))
    done = without_workers(
        "run", path, "--store", smoke.store, "--out", folder / "out", "--workers", 1
    )
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stdout


@pytest.fixture(scope="module")
def analysis(ran):
    """Return the analysis of what the run has written."""
    out, _ = ran
    return Analysis.of(load_results(out), load_published(out / "suite.json"))


def finetuned(rows):
    (row,) = (
        row
        for row in final(rows)
        if (row.metric, row.tested, row.place.strategy) == ("force_mae", (), "finetune")
    )
    return row


def test_report_summary_and_terminal_say_what_intervals_allow_for(ran, analysis):
    out, printed = ran
    ratio = finetuned(analysis.rows).ratio
    assert isinstance(ratio, CrossedRatio)
    cell = f"{ratio.value:.2f} [{ratio.interval.low:.2f}, {ratio.interval.high:.2f}]"
    for text in ((out / "summary.md").read_text(), (out / "report.html").read_text()):
        assert NOTE in text
        assert cell in text
    assert NOTE in " ".join(printed.split())
    assert cell in printed


def test_the_board_has_the_interval_of_the_report(ran, analysis, smoke, tmp_path):
    out, _ = ran
    provenance = out / "provenance.jsonl"
    head, *lines = provenance.read_text().splitlines()
    jobs = [json.dumps({**json.loads(line), "git_dirty": False}) for line in lines]
    provenance.write_text("\n".join([head, *jobs, ""]))
    entry, verdict = add_run(out, tmp_path / "results", smoke.store, Who("mine"))
    (board,) = boards_of([Member(entry, verdict.coverage)])
    row = finetuned(board_rows(board))
    assert row.ratio == finetuned(analysis.rows).ratio
    assert row.ratio.n_groups == 8
