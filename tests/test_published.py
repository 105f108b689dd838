"""What is published can be read, and what the README says of it is what it says."""

import json
from pathlib import Path

import pytest

from tlbench.report.markdown import markdown
from tlbench.results import Results
from tlbench.suite import load_suite

ROOT = Path(__file__).parents[1]
SUBMISSIONS = sorted(p.parent for p in ROOT.glob("leaderboard/results/*/*/records.jsonl"))


@pytest.mark.parametrize("folder", SUBMISSIONS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_submission_is_whole(folder):
    results = Results.read(folder)
    records = results.records
    suite = load_suite(str(folder / "suite.json"))
    jobs = [json.loads(line) for line in (folder / "provenance.jsonl").read_text().splitlines()]
    assert {r.suite for r in records} == {suite.name} == {folder.parent.name}
    assert len({r.suite_digest for r in records}) == 1
    assert {r.job for r in records} <= {j["job"] for j in jobs}
    assert (results.dynamics is not None) == (suite.dynamics is not None)
    assert bool(results.distances and results.profiles) == (suite.distances is not None)
    assert {c.model for c in results.costs} <= {r.model for r in records}
    assert (folder / "summary.md").read_text() == markdown(results, suite.metrics, suite)
    assert not any(j["git_dirty"] for j in jobs)


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
