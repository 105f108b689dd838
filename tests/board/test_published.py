"""What is published can be read, and what the README says of it is what it says."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tlbench.board.reading import read_submission, submission_folders
from tlbench.board.site.build import build_site
from tlbench.board.verification import verify
from tlbench.report.markdown import markdown

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "leaderboard" / "results"
SUBMISSIONS = submission_folders(RESULTS)


@pytest.mark.parametrize("folder", SUBMISSIONS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_submission_is_whole_and_all_its_numbers_follow(folder):
    verdict = verify(folder, RESULTS)
    assert verdict.problems == verdict.notes == []
    assert verdict.recomputed == len(verdict.entry.results.records) > 0
    assert verdict.coverage.found == verdict.coverage.expected


def test_the_site_is_built_of_them_and_the_readme_has_its_table(tmp_path):
    readme = tmp_path / "README.md"
    shutil.copyfile(ROOT / "README.md", readme)
    built = build_site(RESULTS, tmp_path / "site", readme)
    assert built.left_out == []
    assert built.n_submissions == len(SUBMISSIONS)
    assert readme.read_text() == (ROOT / "README.md").read_text()
    front = (tmp_path / "site" / "index.html").read_text()
    # Other versions say their budget, and what was compared by forces also by energies.
    assert "<code>si-ge-dft-cpu</code> version 1" in front
    assert ". 400 updates: speed of learning, not shown to be converged; untuned.</li>" in front
    # backbones-cpu and matrix-cpu are the suites with results whose data have not changed since.
    assert front.count("at this budget, energy_mae") == 2


def _summary(folder):
    entry = read_submission(folder)
    # Intervals of the board allow for the choice of test structures, which these hold.
    results = replace(entry.results, errors=entry.errors(), tests=entry.tests())
    return markdown(results, entry.suite.error_metrics, entry.suite)


def test_the_tables_of_the_readme_are_those_of_published_records():
    tables = [
        table
        for folder in SUBMISSIONS
        for table in _summary(folder).split("\n\n")
        if table.startswith("|")
    ]
    readme = (ROOT / "README.md").read_text()
    shown = [
        block
        for block in readme.split("\n\n")
        if block.startswith(("| backbone ", "| source ", "| distance "))
    ]
    assert shown
    assert {block.strip() for block in shown} <= {table.strip() for table in tables}
