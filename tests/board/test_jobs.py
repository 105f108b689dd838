"""Keys of a submission are those of its suite: what determines a result cannot be misstated."""

import json

import pytest
from forging import copied, edit, edit_lines, rekey, seal
from synthetic import publish

from tlbench.base import registry
from tlbench.board.reading import read_study, read_submission
from tlbench.board.verification import verify
from tlbench.metrics import METRICS
from tlbench.metrics.spec import MetricSpec

FIRST = "is not that of its suite, settings, seeds and sources."


@pytest.fixture
def old(tmp_path):
    return copied(tmp_path / "results")


@pytest.fixture
def new(tmp_path):
    return publish(tmp_path / "results", "mine")


def problems_of(folder):
    verdict = verify(folder, folder.parents[1])
    return " ".join(verdict.problems)


def test_keys_of_both_formats_are_those_of_their_suites(old, new):
    assert json.loads((old / "submission.json").read_text())["format"] == 1
    assert json.loads((new / "submission.json").read_text())["format"] == 2
    assert problems_of(old) == problems_of(new) == ""


def replace_key(folder, known):
    """Replace it throughout, as somebody would who knows what else is compared."""
    for name in ("records", "errors", "tests", "provenance", "costs"):
        edit_lines(
            folder,
            name,
            lambda rows: [json.loads(json.dumps(r).replace(known, "5" * 64)) for r in rows],
        )
    about = (folder / "submission.json").read_text().replace(known, "5" * 64)
    (folder / "submission.json").write_text(about)
    seal(folder)


@pytest.mark.parametrize("which", ["old", "new"])
@pytest.mark.parametrize("field", ["job", "model"])
def test_an_invented_key_is_refused(which, field, request):
    folder = request.getfixturevalue(which)
    first = read_submission(folder).results.records[0]
    replace_key(folder, first.trained if field == "model" else first.job)
    assert FIRST in problems_of(folder)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("init_seeds",), [7, 8, 9]),
        (("pretraining", "updates"), 1),
        (("training", "learning_rate"), 0.5),
        (("backbones", "schnet", "n_gaussians"), 3),
    ],
)
@pytest.mark.parametrize("which", ["old", "new"])
def test_a_setting_or_seed_that_was_not_used_is_refused(which, path, value, request):
    """The suite says something else than what the models were trained with."""
    folder = request.getfixturevalue(which)
    seeds = json.loads((folder / "suite.json").read_text())["init_seeds"]
    swapped = dict(zip(seeds, value, strict=False)) if path == ("init_seeds",) else {}

    def change(suite):
        place = suite
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value[: len(seeds)] if swapped else value

    edit(folder, "suite.json", change)
    study = read_study(folder / "suite.json")

    def say(rows):
        for row in rows:
            if "suite_digest" in row:
                row["suite_digest"] = study.digest
            if "init_seed" in row:
                row["init_seed"] = swapped.get(row["init_seed"], row["init_seed"])

    edit_lines(folder, "records", lambda rows: say(rows))
    edit(folder, "dynamics.json.gz", lambda found: say(found["models"]))
    seal(folder, suite_digest=study.digest, protocol_digest=study.protocol_digest)
    assert FIRST in problems_of(folder)


def test_data_of_another_recipe_are_refused(new):
    known = json.loads((new / "submission.json").read_text())["data"][0]["job"]
    replace_key(new, known)
    assert f"the key of its job, 555555555555, {FIRST}" in problems_of(new)


def test_the_kind_of_a_job_cannot_be_misstated(new):
    def change(rows):
        rows[0]["kind"] = "speed"

    edit_lines(new, "provenance", change)
    assert f"(speed) {FIRST}" in problems_of(new)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda s: s.update({"train": "5" * 64}), FIRST),
        (lambda s: s.pop("backbone schnet"), "digest of the code of backbone schnet is missing"),
        (lambda s: s.update({"strategy mine": "5" * 64}), "states the code of strategy mine"),
        (lambda s: s.clear(), "has sources from format 2 on"),
    ],
)
def test_sources_are_those_that_the_keys_are_made_of(new, change, complaint):
    sources = json.loads((new / "submission.json").read_text())["sources"]
    change(sources)
    seal(new, sources=sources)
    assert complaint in problems_of(new)


def test_format_1_states_no_sources(old):
    seal(old, sources={"train": "5" * 64})
    assert "has sources from format 2 on" in problems_of(old)


def test_a_metric_that_happens_to_be_installed_is_not_asked_for(old, monkeypatch):
    """Nor computed: an honest run stays as honest as it was."""
    spec = MetricSpec("longest", "ps", "higher", "", lambda found: 1.0, of="dynamics")
    monkeypatch.setattr(METRICS, "_entries", {**METRICS._entries, "longest": spec})
    monkeypatch.setattr(registry, "entry_points", lambda group: [])
    assert "longest" in METRICS.names()
    assert problems_of(old) == ""


def test_the_copy_with_other_keys_is_a_submission_again(old):
    """What the tests of plugins stand on."""
    rekey(old)
    assert problems_of(old) == ""
