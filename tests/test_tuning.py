"""Tuning: as many trials for every arm, of the suite's budget, without a look at test sets."""

import json
from dataclasses import replace

import pytest
import tiny

from tlbench.engine.store import Store
from tlbench.errors import InputError
from tlbench.plan import plan
from tlbench.report.tuned import tuned_note, tuned_table
from tlbench.suite import load_suite
from tlbench.tuned import Tuned, read_tuned
from tlbench.tuning import RESULT, Search, best, standings, tune
from tlbench.tuning.studies import LOCKS
from tlbench.tuning.trials import work

TRIALS = 4
SETTINGS = [
    ("training.validation_points", "2"),
    ("pretraining.validation_points", "2"),
    ("training.updates", "6"),
    ("pretraining.updates", "6"),
    ("sizes", "[2]"),
    ("strategies", "[scratch, finetune, zero-shot]"),
]
SMALL = {k: v for k, v in tiny.BACKBONES["schnet"].items() if k != "cutoff"}


def suite(*more):
    settings = [*SETTINGS, ("backbones", json.dumps({"schnet": SMALL})), *more]
    return load_suite("smoke", settings)


@pytest.fixture(scope="module")
def search(tmp_path_factory) -> Search:
    folder = tmp_path_factory.mktemp("tuning")
    return Search(suite(), TRIALS, 2, 1, folder / "out", folder / "store", "cpu")


@pytest.fixture(scope="module")
def tuned(search) -> Tuned:
    return tune(search, workers=2)


def test_every_arm_and_pretraining_get_as_many_trials(search, tuned):
    assert search.studies() == [
        ("schnet", "pretrain"), ("schnet", "scratch"), ("schnet", "finetune"),
    ]  # fmt: skip
    assert {name: arm.trials for name, arm in tuned.arms["schnet"].items()} == {
        "pretrain": TRIALS, "scratch": TRIALS, "finetune": TRIALS,
    }  # fmt: skip
    assert {s.ended for s in standings(search)} == {TRIALS}


def test_nothing_is_worse_than_the_suites_own_settings(tuned):
    for arm in tuned.arms["schnet"].values():
        assert arm.default_validation_force_mae is not None
        assert arm.validation_force_mae <= arm.default_validation_force_mae


def test_trials_are_training_jobs_of_the_suites_budget_and_nothing_is_tested(search, tuned):
    store = Store(search.store)
    jobs = [json.loads(p.read_text()) for p in search.store.glob("*/job.json")]
    assert {job["kind"] for job in jobs} == {"dataset", "train"}
    trained = [job["config"]["training"] for job in jobs if job["kind"] == "train"]
    assert {(t["updates"], t["batch_size"]) for t in trained} == {(6, 4)}
    rates = {t["learning_rate"] for t in trained}
    assert len(rates) > 3
    # Whoever runs trial 0 runs the suite's own settings.
    assert search.suite.training.learning_rate in rates
    assert store.root.exists()


def test_the_suite_finds_the_best_trials_done(search, tuned):
    """Their keys are those of the suite's own jobs, so nothing is trained again."""
    planned = plan(suite(("tuned", json.dumps(tuned.model_dump()))))
    pair = search.suite.seed_pairs()[0]
    for cell in planned.cells:
        first = (cell.subset_seed, cell.init_seed) in (pair, (None, pair[1]))
        if first and cell.strategy != "zero-shot":
            assert (search.store / cell.trained).exists(), cell.strategy
            job = planned.jobs[cell.trained]
            settings = tuned.arms["schnet"][cell.strategy].settings
            assert job.config["training"]["learning_rate"] == settings.learning_rate


def test_the_file_says_what_was_found(search, tuned):
    assert read_tuned(search.out / RESULT) == tuned
    assert best(search) == tuned
    assert len(tuned.study) == 64
    table = tuned_table(tuned)
    assert [line[:3] for line in table[1:]] == [
        ["schnet", name, str(TRIALS)] for name in ("pretrain", "scratch", "finetune")
    ]
    assert f"Study {tuned.study[:12]}" in tuned_note(tuned)


def test_a_finished_search_is_not_done_again(search, tuned):
    before = {p: p.stat().st_mtime_ns for p in search.store.glob("*/job.json")}
    assert tune(search) == tuned
    assert {p: p.stat().st_mtime_ns for p in search.store.glob("*/job.json")} == before


def test_more_trials_keep_those_that_were_made(search, tuned):
    more = Search(search.suite, TRIALS + 1, 2, 1, search.out, search.store, "cpu")
    found = tune(more)
    for name, arm in found.arms["schnet"].items():
        assert arm.trials == TRIALS + 1
        if name == "pretrain":
            before = tuned.arms["schnet"][name].validation_force_mae
            assert arm.validation_force_mae <= before


def test_a_trial_that_was_killed_is_run_again_and_every_proposal_is_another(search, tuned):
    """Of the journal up to the middle of a trial, as a killed process leaves it."""
    lines = (search.out / "journal.log").read_bytes().splitlines(keepends=True)
    for keep in (6, len(lines) // 2):
        out = search.out.parent / f"killed-{keep}"
        out.mkdir()
        torn = lines[keep][: len(lines[keep]) // 2]
        (out / "journal.log").write_bytes(b"".join(lines[:keep]) + torn)
        again = replace(search, out=out)
        found = tune(again)
        for name, arm in found.arms["schnet"].items():
            assert arm.trials == TRIALS
            before = tuned.arms["schnet"][name].default_validation_force_mae
            if name in ("pretrain", "scratch"):
                assert arm.default_validation_force_mae == before
        trained = [json.loads(p.read_text()) for p in search.store.glob("*/job.json")]
        rates = {j["config"]["training"]["learning_rate"] for j in trained if j["kind"] == "train"}
        assert len(rates) >= TRIALS


def test_trials_that_diverge_have_ended(search, tmp_path):
    wild = suite(("training.learning_rate", "1e30"), ("strategies", "[scratch]"))
    only = Search(wild, 3, 2, 1, tmp_path / "out", search.store, "cpu")
    found = tune(only).arms["schnet"]["scratch"]
    assert found.trials == 3
    assert found.default_validation_force_mae is None
    assert found.pruned >= 1
    diverging = suite(("training.loss.forces", "1e60"), ("strategies", "[scratch]"))
    never = Search(diverging, 2, 2, 1, tmp_path / "never", search.store, "cpu")
    with pytest.raises(InputError, match="Every trial of schnet, scratch diverged"):
        tune(never)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"schnett": {}}, "'schnett' is no backbone of the suite; did you mean 'schnet'"),
        ({"schnet": {"finetun": None}}, "'finetun' is not trained by the suite; did you mean"),
        ({"schnet": {"zero-shot": None}}, "'zero-shot' is not trained by the suite"),
    ],
)
def test_tuned_arms_have_to_be_the_suites(tuned, change, complaint):
    value = tuned.model_dump()
    some = value["arms"]["schnet"]["scratch"]
    value["arms"] = {b: dict.fromkeys(arms, some) for b, arms in change.items()}
    with pytest.raises(InputError, match=complaint):
        suite(("tuned", json.dumps(value)))


def test_unequal_trials_are_refused(tuned):
    value = tuned.model_dump()
    value["arms"]["schnet"]["scratch"]["trials"] += 1
    with pytest.raises(InputError, match="should have as many trials"):
        suite(("tuned", json.dumps(value)))


def test_what_is_not_tuned_is_said(tuned):
    value = tuned.model_dump()
    del value["arms"]["schnet"]["finetune"]
    changed = suite(("tuned", json.dumps(value)))
    assert changed.untuned_arms() == [("schnet", "finetune")]
    assert "Not tuned: schnet, finetune." in tuned_note(changed.tuned, changed.untuned_arms())


def test_a_folder_of_another_search_is_refused(search, tuned):
    other = Search(suite(("training.updates", "7")), 1, 2, 1, search.out, search.store, "cpu")
    with pytest.raises(InputError, match="holds the tuning of another suite, size or number"):
        tune(other)


def test_a_suite_without_tuned_settings_is_what_it_was(tuned):
    plain, changed = suite(), suite(("tuned", json.dumps(tuned.model_dump())))
    assert "tuned" not in plain.complete()
    assert plain.digest() != changed.digest()
    assert changed.complete()["tuned"]["study"] == tuned.study


def test_of_zero_shot_only_the_source_model_is_tuned(tmp_path):
    only = suite(("strategies", "[zero-shot]"))
    search = Search(only, 1, 2, 1, tmp_path / "out", tmp_path / "store", "cpu")
    assert search.studies() == [("schnet", "pretrain")]


def test_nothing_that_optuna_warns_of_reaches_the_user(tmp_path):
    """Neither its experimental sampler nor a learning rate outside the bounds; here both raise."""
    outside = suite(("strategies", "[scratch]"), ("training.learning_rate", "0.05"))
    small = Search(outside, 2, 2, 1, tmp_path / "out", tmp_path / "store", "cpu")
    (small.out / LOCKS).mkdir(parents=True)
    work(small)
    (standing,) = standings(small)
    assert standing.ended == 2
    assert best(small).arms["schnet"]["scratch"].default_validation_force_mae is not None
