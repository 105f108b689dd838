"""Submissions of suites of several sources: verified, and shown apart."""

import json
from dataclasses import replace

import pytest
from synthetic import publish

from tlbench.board.site.build import build_site
from tlbench.board.verification import verify
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

SILICON = {
    "card": "sw-si-8", "changes": {"temperatures_k": [300, 900, 1500, 2100, 2700, 3300]},
    "backbones": ["schnet"],
}  # fmt: skip
CHANGES = (
    ("source", "null"),
    ("sources", json.dumps(["sevennet-0", "chgnet-0.3.0", SILICON])),
    ("backbones", "{sevennet-0: {}, chgnet-0.3.0: {}, schnet: {}}"),
    ("dynamics", "null"),
)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    pytest.importorskip("sevenn")
    pytest.importorskip("chgnet")
    results = tmp_path_factory.mktemp("board") / "results"
    return publish(results, "universal", "quick", CHANGES)


def test_a_submission_of_several_sources_is_verified(published):
    verdict = verify(published, published.parents[1])
    assert verdict.problems == verdict.notes == []
    assert verdict.coverage.found == verdict.coverage.expected > 0


def test_weights_of_other_potentials_have_other_keys(published):
    suite = load_suite("quick", CHANGES)
    keys = plan(resolve(suite)).jobs.keys()
    assert {job.kind for job in plan(resolve(suite)).jobs.values()} >= {"weights"}
    path = published / "suite.json"
    stated = json.loads(path.read_text())
    assert stated["backbones"]["sevennet-0"] == {}
    again = load_suite(path)
    assert plan(resolve(again)).jobs.keys() == keys


def test_the_board_names_each_source(published, tmp_path):
    built = build_site(published.parents[1], tmp_path / "site", None)
    assert built.left_out == []
    pages = [p.read_text() for p in (tmp_path / "site").rglob("*.html")]
    for name in ("SevenNet-0", "CHGNet 0.3.0", "Si"):
        assert any(name in text for text in pages)


def test_earlier_versions_measured_a_potential_as_it_is_for_each_seed(monkeypatch, tmp_path):
    def seeded(*suite, **how):
        return replace(resolve(*suite, **how), seeded=True)

    monkeypatch.setattr("synthetic.resolve", seeded)
    folder = publish(tmp_path / "board" / "results", "universal", "quick", CHANGES)
    verdict = verify(folder, folder.parents[1])
    assert verdict.problems == verdict.notes == []
    assert verdict.entry.study.seeded
    untrained = [m for m in verdict.entry.study.grid if m.source == "SevenNet-0" and not m.size]
    assert len(untrained) == len(verdict.entry.suite.init_seeds) > 1
