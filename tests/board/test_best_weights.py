"""From a run at two budgets on a card with marks to a submission whose weights are supplied."""

import json
import shutil

import pytest
import yaml
from command_line import without_workers

from tlbench.board.adding import Who, add_run, copy_weights
from tlbench.board.checks.rerun import rerun
from tlbench.board.verification import verify
from tlbench.data.cards import card_folder
from tlbench.metrics.conditions import key_of
from tlbench.study.loading import suite_folder

SETTINGS = {"strategies": ["scratch", "zero-shot"], "sizes": [1, 4], "subset_seeds": [0]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder of a run, its store, and the submission that was made of it."""
    folder = tmp_path_factory.mktemp("best")
    card = yaml.safe_load((card_folder() / "sw-ge-8.yaml").read_text())
    use = {
        "strata": ["temperature_k"],
        "marks": [{"mark": "copy", "frames": [0, 5], "reason": "They are like the others."}],
    }
    (folder / "ge.yaml").write_text(yaml.safe_dump(card | use))
    suite = yaml.safe_load((suite_folder() / "smoke.yaml").read_text()) | SETTINGS
    suite["target"]["card"] = str(folder / "ge.yaml")
    del suite["backbones"]["dimenetpp"]
    (folder / "mine.yaml").write_text(yaml.safe_dump(suite | {"name": "mine", "budgets": [6, 12]}))
    where = ("--out", folder / "out", "--store", folder / "store")
    finished = without_workers("run", folder / "mine.yaml", *where)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    _, *lines = (folder / "out" / "provenance.jsonl").read_text().splitlines()
    jobs = [{**json.loads(line), "git_dirty": False} for line in lines]
    (folder / "out" / "provenance.jsonl").write_text("".join(f"{json.dumps(j)}\n" for j in jobs))
    results = folder / "board" / "results"
    entry, _ = add_run(folder / "out", results, folder / "store", Who("mine"), private=True)
    return entry, folder / "store"


def test_every_number_follows_from_what_is_published(made):
    entry, _ = made
    verdict = verify(entry.folder, entry.folder.parents[1], private=True)
    assert verdict.problems == []
    assert verdict.recomputed == len(entry.results.records)
    conditions = {
        key_of(r.condition) for r in entry.results.records if r.model.strategy == "scratch"
    }
    best = ("weights", "best")
    for some in ((), (("marked", "copy"),), (("marked", "included"),)):
        assert {some, (*some, best)} <= conditions


def test_models_are_trained_on_strata_of_the_card_and_keep_their_best_weights(made):
    entry, store = made
    trained = {r.trained for r in entry.results.records if r.model.strategy == "scratch"}
    assert len(trained) == 4
    for key in trained:
        config = json.loads((store / key / "job.json").read_text())["config"]
        assert config["subset"]["strata"] == ["temperature_k"]
        assert config["validation_size"] == config["subset"]["size"]
    assert entry.about.best_weights.keys() > trained
    without = {r.trained for r in entry.results.records if r.model.strategy == "zero-shot"}
    assert not without & entry.about.best_weights.keys()


def test_supplied_weights_give_the_same_numbers_again(made, tmp_path):
    entry, store = made
    copy_weights(entry, store, tmp_path)
    found = rerun(entry, tmp_path, store)
    assert found.problems == []
    assert sum(model.numbers for model in found.models) == len(entry.results.records)
    assert found.agrees(0.0)


def test_other_best_weights_are_found_out(made, tmp_path):
    entry, store = made
    copy_weights(entry, store, tmp_path)
    first, second = list(entry.about.best_weights)[:2]
    shutil.copyfile(tmp_path / f"{first}.best.safetensors", tmp_path / f"{second}.best.safetensors")
    (problem,) = rerun(entry, tmp_path, store).problems
    assert f"{second}.best.safetensors is not the file whose digest is in the" in problem
