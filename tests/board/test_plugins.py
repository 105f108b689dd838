"""A submission of an architecture that is not installed where it is verified."""

import json

import pytest
from forging import copied, edit, edit_lines, rekey, seal

from tlbench.board.reading import read_study, read_submission
from tlbench.board.verification import verify


@pytest.fixture
def plugin(tmp_path):
    """Return a submission in which SchNet calls itself by a name that nobody has."""
    folder = copied(tmp_path / "results")

    def rename(row):
        if row.get("backbone") == "schnet":
            row["backbone"] = "my-network"

    edit_lines(folder, "records", lambda rows: [rename(r) for r in rows] and None)
    edit(folder, "dynamics.json.gz", lambda d: [rename(run) for run in d["models"]] and None)

    def replace(suite):
        suite["backbones"] = {"dimenetpp": suite["backbones"]["dimenetpp"], "my-network": {"n": 1}}

    edit(folder, "suite.json", replace)
    digest = read_study(folder / "suite.json").digest
    edit_lines(
        folder, "records", lambda rows: [r.update(suite_digest=digest) for r in rows] and None
    )
    seal(folder, suite_digest=digest, providers={"my-network": "tlbench-my-network 0.1"})
    rekey(folder)
    return folder


def test_is_verified_to_the_last_number(plugin):
    verdict = verify(plugin, plugin.parents[1])
    assert verdict.problems == []
    assert verdict.recomputed == len(verdict.entry.results.records)
    assert verdict.coverage.missing == []
    assert {r.model.backbone for r in verdict.entry.results.records} == {"dimenetpp", "my-network"}


def test_shares_its_tables_with_others_of_the_suite(plugin, tmp_path):
    other = read_submission(copied(tmp_path / "others"))
    assert read_submission(plugin).about.comparable == other.about.comparable


def test_data_of_other_content_share_no_table(plugin):
    before = read_submission(plugin).about.comparable
    about = json.loads((plugin / "submission.json").read_text())
    about["data"][0]["content"] = "0" * 64
    seal(plugin, data=about["data"])
    assert read_submission(plugin).about.comparable != before
