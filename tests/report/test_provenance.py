"""What a submission's page says of how it was made."""

from pathlib import Path

import pytest
from synthetic import COMMIT, publish

from tlbench.board.reading import read_submission
from tlbench.report.html import facts_of


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("board") / "results"
    publish(folder, "alpha", seed=1)
    return folder


def test_processors_of_one_name_are_told_apart_by_their_instructions(results: Path):
    entry = read_submission(results / "quick" / "alpha")
    first, *rest = entry.provenance
    jobs = [first.model_copy(update={"instructions": "AVX512"}), *rest]
    name = first.device_name
    devices = facts_of([job.model_dump() for job in jobs])["devices"]
    assert devices == [name, f"{name} (AVX512)"]


def test_several_commits_are_said(results: Path):
    entry = read_submission(results / "quick" / "alpha")
    first, *rest = entry.provenance
    jobs = [first.model_copy(update={"git_commit": "a" * 40}), *rest]
    assert facts_of([job.model_dump() for job in jobs])["commits"] == [COMMIT, "a" * 40]
