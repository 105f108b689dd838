"""``tlbench tune``: bad input, and a tuned file that is not one."""

import pytest


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
