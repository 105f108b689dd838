"""``tlbench tune``: bad input, and a tuned file that is not one."""

import pytest

from tlbench.tuned import Tuned, TunedArm, TunedSettings
from tlbench.tuning import Search

ARM = TunedArm(
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
        ("smoke --size 3", "--size should be one of the suite's sizes, 1, 4, but is 3."),
        ("smoke --pairs 9", "--pairs 9: the suite has 2 pairs of seeds."),
        ("smoke --set sizes", "--set sizes: write it as KEY=VALUE"),
        ("smoke --device tpu", "choose one of auto, cpu, cuda"),
        ("smoke --backbone schnt", "did you mean 'schnet'"),
        ("smoke --out file", "file cannot be written"),
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
        arms = {"schnet": {name: ARM for _, name in search.studies()}}
        digest = search.suite.digest()
        return Tuned(suite="smoke", suite_digest=digest, study="", size=1, pairs=1, arms=arms)

    monkeypatch.setattr("tlbench.tuning.tune", no_trials)
    said = printed("tune", "smoke", "--backbone", "schnet", "--strategy", "finetune")
    assert seen[0].studies() == [("schnet", "pretrain"), ("schnet", "finetune")]
    assert "Now:  tlbench run smoke --backbone schnet --strategy finetune --set tuned=" in said
