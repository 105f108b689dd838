"""A submission of an architecture that is not installed where it is verified."""

import json

import pytest
from forging import copied, edit, edit_lines, rekey, seal, told

from tlbench.board.reading import read_study, read_submission
from tlbench.board.verification import verify
from tlbench.data.origins import ORIGINS


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


def test_a_reference_is_called_as_the_origin_of_its_data_calls_it(tmp_path, monkeypatch):
    """Whichever package the origin comes from, and nothing else."""
    folder = copied(tmp_path / "results")
    name = "Tersoff Ge, second parametrisation"
    edit(
        folder, "dynamics.json.gz", lambda d: d["reference"].update(origin=f"{name}, 8 simulations")
    )
    told(folder)
    refused = verify(folder, folder.parents[1]).problems
    assert "origin of the reference dynamics is not the one that its data set gives" in refused[0]
    origin = ORIGINS.get("stillinger-weber")
    monkeypatch.setattr(origin, "reference_name", lambda element: name)
    assert verify(folder, folder.parents[1]).problems == []


def test_a_reference_may_be_made_of_frames(tmp_path, monkeypatch):
    folder = copied(tmp_path / "results")
    made_of = "12 frames of the data set"
    edit(folder, "dynamics.json.gz", lambda d: d["reference"].update(origin=made_of))
    told(folder)
    refused = "origin of the reference dynamics is not"
    assert refused in "\n".join(verify(folder, folder.parents[1]).problems)
    origin = ORIGINS.get("stillinger-weber")
    monkeypatch.setattr(origin, "start", lambda self, temperature_k: {"kind": "frames"})
    # The job of such a reference has another key, so other problems remain.
    assert refused not in "\n".join(verify(folder, folder.parents[1]).problems)
