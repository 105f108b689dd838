"""``tlbench tune``: bad input, and a tuned file that is not one."""

import pytest
import yaml


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("nosuch", "Unknown suite 'nosuch'"),
        ("smoke --size 3", "--size 3: is none of the suite's sizes, which are 1, 4."),
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


def test_only_the_strategies_that_are_named_are_tuned(command, tmp_path):
    arguments = (
        "smoke", "--backbone", "schnet", "--strategy", "finetune", "--trials", 1, "--size", 1,
        "--set", "training.updates=4", "--set", "training.validation_points=1",
        "--set", "pretraining.updates=4", "--set", "pretraining.validation_points=1",
        "--out", tmp_path / "out", "--store", tmp_path / "store", "--device", "cpu",
    )  # fmt: skip
    ended = command("tune", *arguments)
    assert ended.returncode == 0, ended.stderr
    tuned = yaml.safe_load((tmp_path / "out" / "tuned.yaml").read_text())
    assert list(tuned["arms"]["schnet"]) == ["pretrain", "finetune"]
    (now,) = [line for line in ended.stdout.splitlines() if line.startswith("Now:")]
    assert " --backbone schnet --strategy finetune " in now
