"""What is published can be read, and what the README says of it is what it says."""

from pathlib import Path

import pytest

from tlbench.leaderboard.reading import submission_folders
from tlbench.leaderboard.verification import verify

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "leaderboard" / "results"
SUBMISSIONS = submission_folders(RESULTS)


@pytest.mark.parametrize("folder", SUBMISSIONS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_submission_is_whole_and_all_its_numbers_follow(folder):
    verdict = verify(folder, RESULTS)
    assert verdict.problems == verdict.notes == []
    assert verdict.recomputed == len(verdict.entry.results.records) > 0
    assert verdict.coverage.found == verdict.coverage.expected


def test_the_tables_of_the_readme_are_those_of_published_records():
    tables = [
        table
        for folder in SUBMISSIONS
        for table in (folder / "summary.md").read_text().split("\n\n")
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
