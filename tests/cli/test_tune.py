"""``tlbench tune``: bad input, what it says, and a tuned file that is not one."""

import json
import re
from pathlib import Path

import pytest
from inline import inline

from tlbench.cli import main
from tlbench.study.study import resolve
from tlbench.study.tuned import Tuned, TunedGroup, TunedSettings, read_tuned
from tlbench.tuning import Search

ARM = TunedGroup(
    sizes=None,
    updates=None,
    size=None,
    settings=TunedSettings(learning_rate=1e-3, final_learning_rate_fraction=0.1),
    trials=1,
    pruned=0,
    validation_force_mae=100.0,
    default_validation_force_mae=None,
)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("nosuch", "Unknown suite 'nosuch'"),
        ("smoke --group 3", "The suite does not have the size 3; choose among 4."),
        ("smoke --group 4,4", "The size 4 is given twice; give it once."),
        ("smoke --group 4;4", "--group should be sizes, as 10,40, but one is not: ['4;4']."),
        ("smoke --budget 7", "The suite does not have the budget 7; choose among 10, 20."),
        ("smoke --trials 0", "Every arm should have at least one trial, not 0."),
        ("smoke --pairs 9", "models of 9 pairs of seeds: the suite has 2."),
        ("smoke --set sizes", "--set sizes: write it as KEY=VALUE"),
        ("smoke --device tpu", "choose one of auto, cpu, cuda"),
        ("smoke --backbone schnt", "did you mean 'schnet'"),
        ("smoke --out file", "file: cannot be written"),
        ("smoke --python mace=python", "no backbone of this suite runs in an environment called"),
        ("smoke --time-limit soon", "--time-limit should be like 600, 90m or 4h"),
        ("smoke --executor parsl", "--executor parsl needs --parsl-config FILE"),
    ],
)
def test_bad_input_is_one_sentence(refused, tmp_path, arguments, complaint):
    (tmp_path / "file").touch()
    assert complaint in refused("tune", *arguments.split())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nonsense: 1", "tuned.yaml"),
        ("- a", "should be a mapping"),
        ("suite: a", "tuned.yaml: the key"),
    ],
)
def test_a_file_that_is_no_tuning_is_one_sentence(refused, tmp_path, text, complaint):
    (tmp_path / "tuned.yaml").write_text(text)
    assert complaint in refused("run", "smoke", "--set", "tuned=tuned.yaml")
    assert "cannot be read" in refused("run", "smoke", "--set", "tuned=none.yaml")


def test_only_the_strategies_that_are_named_are_tuned(printed, monkeypatch):
    seen = []

    def no_trials(search: Search, *_: object) -> Tuned:
        seen.append(search)
        arms = {"schnet": {series.arm: [ARM] for series in search.series()}}
        digest = resolve(search.suite).digest
        return Tuned(suite="smoke", suite_digest=digest, study="", pairs=1, arms=arms)

    monkeypatch.setattr("tlbench.tuning.tune", no_trials)
    said = printed("tune", "smoke", "--backbone", "schnet", "--strategy", "finetune")
    assert seen[0].series() == [
        ("schnet", "pretrain", 0, 60, ""),
        ("schnet", "finetune", 4, 10, ""),
        ("schnet", "finetune", 4, 20, ""),
    ]
    assert "Now:  tlbench run smoke --backbone schnet --strategy finetune --set tuned=" in said
    assert "scratch is not tuned, so a ratio to it would compare tuned with untuned" in said


def test_the_command_to_go_on_with_names_arms_of_earlier_searches(printed, monkeypatch):
    """Without them the suite would refuse the file."""

    def kept(search: Search, *_: object) -> Tuned:
        arms = {"dimenetpp": {"scratch": [ARM]}, "schnet": {"pretrain": [ARM], "finetune": [ARM]}}
        return Tuned(suite="smoke", suite_digest="", study="", pairs=1, arms=arms)

    monkeypatch.setattr("tlbench.tuning.tune", kept)
    said = printed("tune", "smoke", "--backbone", "schnet", "--strategy", "finetune")
    *_, command = said.splitlines()
    assert (
        "--backbone schnet --backbone dimenetpp --strategy finetune --strategy scratch" in command
    )


ONE = ("--backbone", "schnet", "--strategy", "scratch", "--budget", "20", "--trials", "2")
SMALL = (*ONE, "--workers", "1")


@pytest.fixture
def here(monkeypatch):
    """Do jobs in this process."""
    monkeypatch.setattr("tlbench.engine.run.runner.local", lambda workers: inline())


def test_each_trial_and_how_studies_stand_are_said_within_80_columns(here, printed, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    small = (*SMALL, "--store", "store", "--out", "out")
    said = printed("tune", "smoke", *small, "--set", "training.learning_rate=1e30")
    text = " ".join(said.split())
    assert text.startswith("2 trials for each of 1 series")
    assert (
        "Diverged: trial 0, scratch schnet, N 4, 20 updates, seed 0/0 on Ge: The loss is nan"
        in text
    )
    assert re.search(r"trial 1, scratch schnet, N 4, 20 updates, seed 0/0 on Ge: \d+ s", text)
    (found,) = read_tuned(Path("out/tuned.yaml")).arms["schnet"]["scratch"]
    best = f"best validation force MAE {found.validation_force_mae:.1f} meV/Å"
    assert f"schnet, scratch, N = 4, 20 updates: 2 of 2 trials, {best}" in text
    assert (found.trials, found.pruned) == (2, 1)
    *lines, command = said.splitlines()
    assert max(map(len, lines)) <= 80
    assert command.startswith("Now:  tlbench run smoke --backbone schnet --strategy scratch --set")


def test_what_the_trials_cost_is_said_before_they_are_run(smoke, here, printed, tmp_path):
    said = printed("tune", "smoke", *ONE, "--dry-run", "--store", tmp_path / "none")
    start = (
        "2 trials for each of 1 series (backbone, arm, group of sizes, budget): 2 trainings with "
        "40 updates in all, less what is done; "
    )
    assert said == f"{start}how long that takes is not known, as the store has no such trainings.\n"
    assert not list(tmp_path.iterdir())
    known = printed("tune", "smoke", *ONE, "--dry-run", "--store", smoke.store)
    assert re.fullmatch(re.escape(start) + r"about \S+ s for one worker, by what .*\n", known)
    both = printed("tune", "smoke", "--strategy", "finetune", "--trials", "3", "--dry-run")
    assert "each of 6 series (" in both
    assert f"18 trainings with {3 * 2 * (60 + 10 + 20)} updates" in both


def test_a_job_that_fails_ends_in_exit_code_1_and_is_tried_again(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    limited = (*SMALL, "--memory-limit", "0.001", "--store", "store", "--out", "out")
    for _ in range(2):
        monkeypatch.setattr("sys.argv", ["tlbench", "tune", "smoke", *limited])
        with pytest.raises(SystemExit) as exit_:
            main()
        said = capsys.readouterr().out
        assert exit_.value.code == 1
        assert "Failed: data set" in said
        assert "it took too much memory" in said
        assert "Some jobs failed, see above. Trials that ended are kept" in said
        assert not (tmp_path / "out" / "tuned.yaml").exists()
        assert json.loads((tmp_path / "out" / "trials.json").read_text())["diverged"] == []


def test_a_run_that_compares_tuned_with_untuned_arms_says_so(smoke, printed, tmp_path):
    """Of settings that are the suite's own, so that all of it is done."""
    own = ARM.model_copy(
        update={"settings": TunedSettings(learning_rate=3e-3, final_learning_rate_fraction=0.01)}
    )
    arms = {"schnet": {"finetune": [own]}, "dimenetpp": {"finetune": [own], "scratch": [own]}}
    value = Tuned(suite="smoke", suite_digest="", study="0" * 64, pairs=1, arms=arms)
    (tmp_path / "tuned.yaml").write_text(json.dumps(value.model_dump()))
    small = ("--strategy", "scratch", "--strategy", "finetune", "--set", "tuned=tuned.yaml")
    said = printed("run", "smoke", *small, "--store", smoke.store)
    assert re.search(r"^0 jobs run", said, re.MULTILINE)
    assert "Not tuned: dimenetpp, pretrain; schnet, pretrain; schnet, scratch. " in said
    assert "a ratio of a tuned arm to one of these also shows what tuning gained" in said
