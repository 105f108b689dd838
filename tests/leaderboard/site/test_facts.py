"""What a submission's page says of how it was made."""

from dataclasses import replace
from pathlib import Path

from synthetic import COMMIT

from tlbench.leaderboard.reading import read_submission
from tlbench.leaderboard.site.facts import facts_of


def test_processors_of_one_name_are_told_apart_by_their_instructions(results: Path):
    entry = read_submission(results / "quick" / "alpha")
    first, *rest = entry.provenance
    jobs = [first.model_copy(update={"instructions": "AVX512"}), *rest]
    name = first.device_name
    devices = facts_of(replace(entry, provenance=jobs))["devices"]
    assert devices == [name, f"{name} (AVX512)"]


def test_several_commits_are_said(results: Path):
    entry = read_submission(results / "quick" / "alpha")
    first, *rest = entry.provenance
    jobs = [first.model_copy(update={"git_commit": "a" * 40}), *rest]
    assert facts_of(replace(entry, provenance=jobs))["commits"] == [COMMIT, "a" * 40]
