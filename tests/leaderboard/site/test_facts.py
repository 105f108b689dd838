"""What a submission's page says of how it was made."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import COMMIT

from tlbench.leaderboard.reading import Entry, read_submission
from tlbench.leaderboard.site.facts import cautions_of, command_of, facts_of, preparation_of


@pytest.fixture(scope="module")
def entry(results: Path) -> Entry:
    return read_submission(results / "quick" / "alpha")


def test_the_command_checks_out_the_commit_and_runs_the_suite(entry: Entry):
    assert command_of(entry) == [
        "cp leaderboard/results/quick/alpha/suite.json ../alpha.json",
        f"git checkout {COMMIT}",
        "python -m pip install --editable . numpy==2.4.6 torch==2.13.0",
        "tlbench run ../alpha.json --device cpu --out runs/alpha",
    ]


def test_without_a_commit_tlbench_is_named_in_words_alone(entry: Entry):
    assert "In a clone" in preparation_of(entry)
    jobs = [job.model_copy(update={"git_commit": None}) for job in entry.provenance]
    installed = replace(entry, provenance=jobs)
    assert command_of(installed) == [
        "python -m pip install numpy==2.4.6 torch==2.13.0",
        "tlbench run suite.json --device cpu --out runs/alpha",
    ]
    assert preparation_of(installed).startswith("Install tlbench 0.1.0:")
    assert "clone" not in preparation_of(installed)


def test_nothing_that_a_stranger_writes_gets_into_the_command_but_names_and_versions(entry: Entry):
    evil = {"torch": "2; rm -rf ~", "numpy": "1.0 --index-url=x", "malware": "1.0"}
    jobs = [job.model_copy(update={"packages": evil}) for job in entry.provenance]
    about = entry.about.model_copy(update={"providers": {"net": "$(id)"}, "tlbench": "`id`"})
    lines = command_of(replace(entry, provenance=jobs, about=about))
    words = [word for line in lines for word in shlex.split(line)]
    assert not [w for w in words if "rm" in w.split() or "malware" in w or "id" in w.split("`")]
    assert "python -m pip install --editable ." in lines
    assert not any("$" in line or ";" in line or "`" in line for line in lines)


def test_packages_of_strangers_are_warned_of_and_no_command_installs_them(results: Path):
    entry = read_submission(results / "quick" / "plugin")
    assert not any("tlbench-mine" in line for line in command_of(entry))
    assert any("tlbench-mine" in caution for caution in cautions_of(entry))


def test_several_commits_are_said(entry: Entry):
    first, *rest = entry.provenance
    jobs = [first.model_copy(update={"git_commit": "a" * 40}), *rest]
    changed = replace(entry, provenance=jobs)
    assert f"git checkout {COMMIT}" in command_of(changed)
    assert any("2 commits" in caution for caution in cautions_of(changed))
    assert facts_of(changed)["commits"] == [COMMIT, "a" * 40]
