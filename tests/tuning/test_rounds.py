"""Tuning: as many trials for every arm, of the suite's budget, without a look at test sets."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from faulty import done, end, events, finished, start, wait_for, write_suite
from inline import inline

from tlbench.base.errors import InputError
from tlbench.engine.run.runner import Resources
from tlbench.engine.work.attempts import Limits
from tlbench.report.sections.models import tuned_note, tuned_table
from tlbench.report.wording import budget_note
from tlbench.study.loading import load_suite
from tlbench.study.model_key import Place
from tlbench.study.models import plan
from tlbench.study.places import untuned_places
from tlbench.study.study import resolve
from tlbench.study.tuned import read_tuned
from tlbench.tuning import RESULT, Search, cost_of, rounds
from tlbench.tuning.ledger import TRIALS
from tlbench.tuning.ledger import TRIALS as LEDGER


def jobs(folder):
    return [json.loads(p.read_text()) for p in folder.store.root.glob("*/job.json")]


def trials_of(folder):
    return json.loads((folder.out / LEDGER).read_text())["trials"]


def test_every_arm_and_pretraining_get_as_many_trials(search, tuned, folder):
    assert search.series() == [
        ("schnet", "pretrain", 0, 6, ""),
        ("schnet", "scratch", 2, 6, ""),
        ("schnet", "finetune", 2, 6, ""),
    ]
    assert [(name, group.trials) for _, name, group in tuned.groups()] == [
        ("pretrain", search.trials), ("scratch", search.trials), ("finetune", search.trials),
    ]  # fmt: skip
    assert [(t["arm"], t["number"]) for t in trials_of(folder)] == [
        (arm, n) for arm in ("finetune", "pretrain", "scratch") for n in range(search.trials)
    ]


def test_nothing_is_worse_than_the_suites_own_settings(tuned):
    for _, _, arm in tuned.groups():
        assert arm.default_validation_force_mae is not None
        assert arm.validation_force_mae <= arm.default_validation_force_mae


def test_trials_are_training_jobs_of_the_suites_budget_and_nothing_is_tested(search, tuned, folder):
    found = jobs(folder)
    assert {job["kind"] for job in found} == {"dataset", "train"}
    trained = [job["config"]["training"] for job in found if job["kind"] == "train"]
    assert len(trained) == 3 * search.trials
    assert {(t["updates"], t["batch_size"]) for t in trained} == {(6, 4)}
    assert len({t["learning_rate"] for t in trained}) == 3 * (search.trials - 1) + 1
    own = search.suite.training.learning_rate
    assert sum(t["learning_rate"] == own for t in trained) == 3


def test_the_suite_finds_the_best_trials_done(suite, search, tuned, folder):
    """Their keys are those of the suite's own jobs, so nothing is trained again."""
    planned = plan(resolve(suite(("tuned", json.dumps(tuned.model_dump())))))
    pair = search.suite.seed_pairs()[0]
    for cell in planned.cells:
        first = (cell.model.subset_seed, cell.model.init_seed) in (pair, (None, pair[1]))
        if first and cell.model.strategy != "zero-shot":
            assert folder.store.folder(cell.trained).exists(), cell.model.strategy
            job = planned.jobs[cell.trained]
            settings = tuned.arms["schnet"][cell.model.strategy][0].settings
            assert job.settings.training.learning_rate == settings.learning_rate


def test_the_files_say_what_was_found(search, tuned, folder):
    assert read_tuned(folder.out / RESULT) == tuned
    assert len(tuned.study) == 64
    table = tuned_table(tuned)
    assert [line[:6] for line in table[1:]] == [
        ["schnet", name, n, "6", str(search.trials), "0"]
        for name, n in (("pretrain", "–"), ("scratch", "2"), ("finetune", "2"))
    ]
    assert f"Study {tuned.study[:12]}" in tuned_note(tuned)
    for _, name, arm in tuned.groups():
        found = [t for t in trials_of(folder) if t["arm"] == name]
        best = min(found, key=lambda t: t["validation_force_mae"])
        assert best["settings"] == arm.settings.model_dump()
        assert best["validation_force_mae"] == arm.validation_force_mae


def test_a_finished_search_is_not_done_again(search, tuned, folder):
    before = finished(folder.store.root)
    assert folder.tune(search) == tuned
    assert folder.ran() == []
    assert finished(folder.store.root) == before


def test_another_folder_with_the_same_store_finds_all_trials_done(search, tuned, folder, tmp_path):
    other = type(folder)(tmp_path, folder.store.root)
    assert other.tune(search) == tuned
    assert other.ran() == []
    assert (other.out / LEDGER).read_bytes() == (folder.out / LEDGER).read_bytes()


def test_more_trials_keep_those_that_were_made(search, tuned, folder, tmp_path):
    other = type(folder)(tmp_path, folder.store.root)
    found = other.tune(replace(search, trials=search.trials + 1))
    before, after = ({name: arm for _, name, arm in each.groups()} for each in (tuned, found))
    assert {arm.trials for arm in after.values()} == {search.trials + 1}
    assert sorted(label for label in other.ran() if "finetune" not in label) == [
        f"trial {search.trials}, pretrain schnet on Si, seed 0",
        f"trial {search.trials}, scratch schnet, N 2, seed 0/0 on Ge",
    ]
    for name in ("pretrain", "scratch"):
        assert after[name].validation_force_mae <= before[name].validation_force_mae


def named(suite, *strategies):
    return suite(("strategies", json.dumps(strategies)))


def test_arms_that_are_tuned_one_after_the_other_stand_in_one_file(
    suite, search, tuned, folder, tmp_path
):
    """In either order, as if they had been tuned together."""
    for number, order in enumerate([("scratch", "finetune"), ("finetune", "scratch")]):
        other = type(folder)(tmp_path / str(number), folder.store.root)
        for name in order:
            found = other.tune(replace(search, suite=named(suite, name)))
        assert other.ran() == []
        assert found.arms == read_tuned(other.out / RESULT).arms == tuned.arms
        assert found.study == tuned.study
        assert (other.out / LEDGER).read_bytes() == (folder.out / LEDGER).read_bytes()


@pytest.mark.parametrize(("strategy", "trials"), [("finetune", 1), ("finetune", 3), ("scratch", 1)])
def test_arms_of_another_number_of_trials_are_not_dropped(
    suite, search, tuned, folder, tmp_path, strategy, trials
):
    other = type(folder)(tmp_path, folder.store.root)
    other.tune(replace(search, suite=named(suite, "scratch"), trials=2))
    before = (other.out / RESULT).read_bytes()
    with pytest.raises(
        InputError, match=r"holds schnet, scratch, N = 2, 6 updates with 2 trials.*--trials 2"
    ):
        other.tune(replace(search, suite=named(suite, strategy), trials=trials))
    assert other.ran() == []
    assert (other.out / RESULT).read_bytes() == before


def test_settings_whose_trials_are_lost_are_not_dropped(suite, search, tuned, folder, tmp_path):
    other = type(folder)(tmp_path, folder.store.root)
    other.tune(replace(search, suite=named(suite, "scratch")))
    (other.out / LEDGER).unlink()
    with pytest.raises(InputError, match=r"trials\.json beside it lacks its trials; remove both"):
        other.tune(replace(search, suite=named(suite, "finetune")))
    assert other.tune(replace(search, suite=named(suite, "scratch"))) is not None


def test_a_search_that_was_stopped_goes_on_to_the_same_end(search, tuned, folder, tmp_path):
    """Of a store that has lost some trials, as if they had not been run yet."""
    other = type(folder)(tmp_path)
    shutil.copytree(folder.store.root, other.store.root, dirs_exist_ok=True)
    for number, key in enumerate(sorted(finished(other.store.root))):
        if number % 3 == 0:
            shutil.rmtree(other.store.folder(key))
    assert other.tune(search) == tuned
    assert other.ran()
    assert (other.out / LEDGER).read_bytes() == (folder.out / LEDGER).read_bytes()


def test_an_executor_is_made_once_for_all_rounds_and_only_if_there_is_work(suite, folder, tmp_path):
    """On a cluster that is a request for machines."""
    other = type(folder)(tmp_path)
    made = []

    def count():
        made.append(1)
        return inline()

    resources = Resources(device="cpu", executor=(count, 1))
    search = Search(suite(("strategies", "[scratch]")), 9)
    assert other.tune(search, resources=resources) == other.tune(search, resources=resources)
    assert made == [1]


def test_trials_that_diverge_have_no_error_and_are_not_trained_again(suite, folder, tmp_path):
    wild = suite(("training.learning_rate", "1e30"), ("strategies", "[scratch]"))
    only = Search(wild, 5)
    other = type(folder)(tmp_path, folder.store.root)
    found = other.tune(only)
    (arm,) = found.arms["schnet"]["scratch"]
    assert (arm.trials, arm.pruned, arm.default_validation_force_mae) == (5, 1, None)
    assert [t["validation_force_mae"] is None for t in trials_of(other)] == [True] + [False] * 4
    assert other.tune(only) == found
    assert other.ran() == []


def test_a_divergence_is_remembered_when_the_search_is_stopped_at_once(suite, folder, tmp_path):
    wild = suite(("training.learning_rate", "1e30"), ("strategies", "[scratch]"))
    other = type(folder)(tmp_path, folder.store.root)

    def stop(event, job, **fields):
        if event == "failed":
            raise KeyboardInterrupt

    search = Search(wild, 2)
    with pytest.raises(KeyboardInterrupt):
        other.tune(search, stop)
    assert len(json.loads((other.out / LEDGER).read_text())["diverged"]) == 1
    assert other.tune(search) is not None
    assert "failed" not in {event for event, _ in other.events}


def test_a_study_that_diverges_wholly_is_one_sentence(suite, folder, tmp_path):
    other = type(folder)(tmp_path, folder.store.root)
    diverging = suite(("training.loss.forces", "1e60"), ("strategies", "[scratch]"))
    with pytest.raises(
        InputError, match="Every trial of schnet, scratch, N = 2, 6 updates diverged"
    ):
        other.tune(Search(diverging, 2))


def test_a_trial_that_is_killed_is_not_one_that_diverged(search, folder, tmp_path):
    """Its series waits for the next attempt, and so does what builds on it; the others go on."""
    other = type(folder)(tmp_path)
    local = Resources(workers=2, device="cpu", limits=Limits(memory_mib=1), attempts=1)
    assert other.tune(search, resources=local) is None
    assert {event for event, _ in other.events} == {"submitted", "failed"}
    assert not (other.out / RESULT).exists()
    assert trials_of(other) == []
    assert json.loads((other.out / LEDGER).read_text())["diverged"] == []


def test_every_model_of_a_trial_is_of_one_of_the_pairs(suite, search):
    """Also where each subset is drawn with each seed, and where a seed comes twice."""
    pairs = ("subset_seeds", "[0, 1]"), ("init_seeds", "[0, 1]"), ("pairing", "product")
    wanted = Search(suite(*pairs), 1, pairs=3)
    for series, n in zip(wanted.series(), (2, 3, 3), strict=True):
        own = wanted.own_settings(series)
        source = own if series.needs_source else None
        trial = rounds.planned(wanted, series, 0, own, source)
        assert len(trial.models) == n, series


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"schnett": {}}, "'schnett' is not a backbone of the suite; did you mean 'schnet'"),
        ({"schnett": {"scratch": None}}, "'schnett' is not a backbone of the suite"),
        ({"schnet": {"finetun": None}}, "'finetun' is not trained by the suite; did you mean"),
        ({"schnet": {"zero-shot": None}}, "'zero-shot' is not trained by the suite"),
    ],
)
def test_tuned_arms_have_to_be_the_suites(suite, tuned, change, complaint):
    value = tuned.model_dump()
    some = value["arms"]["schnet"]["scratch"]
    value["arms"] = {b: dict.fromkeys(arms, some) for b, arms in change.items()}
    with pytest.raises(InputError, match=complaint):
        suite(("tuned", json.dumps(value)))


def test_unequal_trials_are_refused(suite, tuned):
    value = tuned.model_dump()
    value["arms"]["schnet"]["scratch"][0]["trials"] += 1
    with pytest.raises(InputError, match="should have as many trials"):
        suite(("tuned", json.dumps(value)))


def test_what_is_not_tuned_is_said(suite, tuned):
    value = tuned.model_dump()
    del value["arms"]["schnet"]["finetune"]
    changed = suite(("tuned", json.dumps(value)))
    assert untuned_places(changed) == [Place("schnet", "finetune", 2)]
    said = budget_note(changed, tuned=True)
    assert "Not tuned: schnet, finetune. Their errors may be larger than they need be" in said
    assert "Not tuned" not in budget_note(suite(("tuned", json.dumps(tuned.model_dump()))), True)


def test_a_suite_without_tuned_settings_is_what_it_was(suite, tuned):
    plain, changed = suite(), suite(("tuned", json.dumps(tuned.model_dump())))
    assert "tuned" not in resolve(plain).complete()
    assert resolve(plain).digest != resolve(changed).digest
    assert resolve(changed).complete()["tuned"]["study"] == tuned.study


def test_of_zero_shot_only_the_source_model_is_tuned(suite):
    only = suite(("strategies", "[zero-shot]"))
    assert Search(only, 1).series() == [("schnet", "pretrain", 0, 6, "")]


def test_of_potentials_as_they_are_nothing_is_tuned():
    search = Search(load_suite("zero-shot-cpu"), 1)
    with pytest.raises(InputError, match="strategies trains anything, so nothing is tuned"):
        cost_of(search, Path("nowhere"), "cpu")


pytestmark = pytest.mark.slow

OPTIONS = ("--trials", 5, "--workers", 1)
JOBS = 2 + 3 * 5
"""Data sets, and a model in each trial of pretraining and two strategies."""


def test_two_processes_share_the_trials_and_find_what_one_does_that_was_killed(tmp_path):
    suite = write_suite(tmp_path / "shared.yaml")
    store, out = tmp_path / "store", tmp_path / "out"
    both = [start(suite, out, store, *OPTIONS, verb="tune") for _ in range(2)]
    for process in both:
        text = end(process)
        assert process.returncode == 0, text
    assert len(done(out)) == JOBS
    assert set(done(out).values()) == {1}
    assert "failed" not in {event["event"] for event in events(out)}
    assert not list(out.glob("*.part"))

    alone, store = tmp_path / "alone", tmp_path / "another store"
    killed = start(suite, alone, store, *OPTIONS, verb="tune")
    wait_for(lambda: len(finished(store)) >= JOBS // 2, "half of the trials")
    killed.kill()
    end(killed)
    kept = len(finished(store))
    assert kept < JOBS
    again = start(suite, alone, store, *OPTIONS, verb="tune")
    text = end(again)
    assert again.returncode == 0, text
    assert finished(store).keys() == finished(tmp_path / "store").keys()
    for name in (RESULT, TRIALS):
        assert (alone / name).read_bytes() == (out / name).read_bytes()
