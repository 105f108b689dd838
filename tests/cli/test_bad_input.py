"""Bad input gets one clear sentence, exit code 2, no traceback, and leaves everything as it was."""

import json
import re
from pathlib import Path

import pytest

from tlbench.study.loading import suite_folder

SMOKE = (suite_folder() / "smoke.yaml").read_text()


def suite_file(folder: Path, old: str, new: str) -> tuple[Path, int]:
    """Write the smoke suite with one change; return the file and the changed line."""
    assert old in SMOKE
    path = folder / "mine.yaml"
    path.write_text(SMOKE.replace(old, new, 1))
    lines = path.read_text().splitlines()
    return path, next(n for n, line in enumerate(lines, start=1) if new in line)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run", "smok"], "Unknown suite 'smok'; did you mean 'smoke'?"),
        (["run", "missing.yaml"], "There is no suite file 'missing.yaml'"),
        (["run", "smoke", "--backbone", "dimenet"], "did you mean 'dimenetpp'?"),
        (["run", "smoke", "--set", "strategies=[scratch, fintune]"], "did you mean 'finetune'?"),
        (["run", "smoke", "--set", "metrics=[force_mea]"], "did you mean 'force_mae'"),
        (["run", "smoke", "--set", "training.updatse=3"], "did you mean 'updates'?"),
        (["run", "smoke", "--set", "training"], "write it as KEY=VALUE"),
        (["run", "smoke", "--set", "title.x=3"], "is not a mapping"),
        (["run", "smoke", "--set", "sizes=[1, -4]"], "'sizes.1': input should be greater than 0"),
        (["run", "smoke", "--set", "sizes=[4, 1]"], "distinct and ascending"),
        (["run", "smoke", "--set", "sizes=[1, 1]"], "distinct and ascending"),
        (
            ["run", "smoke", "--set", "sizes=[1, 13]"],
            "size 13 is larger than the training set of 'sw-ge-8' (12 structures)",
        ),
        (["run", "smoke", "--set", "source.card=sw-sn"], "Unknown data set 'sw-sn'"),
        (["run", "smoke", "--set", "pretraining.updates=many"], "valid integer"),
        (["run", "smoke", "--set", "cutoff=-1"], "greater than 0"),
        (["run", "smoke", "--device", "tpu"], "choose one of auto, cpu, cuda"),
        (["show", "suite", "quik"], "did you mean 'quick'?"),
        (["show", "dataset", "sw-is"], "did you mean 'sw-si'"),
        (["show", "backbone", "schnett"], "did you mean 'schnet'?"),
        (["show", "strategy", "zeroshot"], "did you mean 'zero-shot'?"),
        (["show", "metric", "mae"], "known: adf_error, "),
    ],
)
def test_names_and_settings(refused, arguments, complaint):
    assert complaint in refused(*arguments)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("cutoff: 4.0", "cutof: 4.0", "unknown key 'cutof'; did you mean 'cutoff'?"),
        ("{updates: 60,", "{update: 60,", "unknown key 'pretraining.update'; did you mean"),
        ("n_filters: 16", "filters: 16", "'backbones.schnet.filters'; did you mean 'n_filters'?"),
        ("temperatures_k: [", "temperature_k: [", "'source.changes.temperature_k'; did you"),
        ("frames: 6}", "framse: 6}", "'source.changes.train.framse'; did you mean 'frames'?"),
        ("zero-shot]", "zeroshot]", "unknown strategy 'zeroshot'; did you mean 'zero-shot'?"),
        ("sizes: [4]", "sizes: [-1, 4]", "'sizes.0': input should be greater than 0"),
        ("  schnet: {", "  schnett: {", "unknown backbone 'schnett'; did you mean 'schnet'?\n"),
        ("version: 3", "version: 3\nversion: 4", "'version' is given twice"),
        ("sizes: [4]", "sizes: [4", "is not valid YAML"),
    ],
)
def test_a_mistake_in_a_suite_file_is_found_with_its_line(refused, tmp_path, old, new, complaint):
    path, line = suite_file(tmp_path, old, new.splitlines()[-1] if "\n" in new else new)
    if "\n" in new:
        path.write_text(SMOKE.replace(old, new, 1))
        line = path.read_text().splitlines().index(new.splitlines()[-1]) + 1
    said = refused("run", path)
    assert complaint in said
    found = re.search(rf"{re.escape(str(path))}:(\d+)", said)
    assert found
    # A parser notices an open bracket only on the next line.
    assert int(found[1]) == line + ("not valid YAML" in complaint)


@pytest.mark.parametrize(
    "verb", [("plan",), ("run",), ("run", "--dry-run"), ("show", "suite"), ("tune",)]
)
def test_a_suite_of_too_many_models_is_refused_with_their_number(refused, tmp_path, verb):
    path, _ = suite_file(tmp_path, "init_seeds: [0]", f"init_seeds: {list(range(800))}")
    text = path.read_text().replace("seeds: [0, 1]", f"seeds: {list(range(50))}")
    path.write_text(text)
    said = refused(*verb, path)
    assert f"{path}: the suite has 560,000 models, but at most 200,000 can be planned;" in said


def test_a_store_that_cannot_be_written(refused, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    said = refused("run", "smoke", "--store", blocked / "store")
    assert "cannot be written" in said
    assert "--store" in said


def test_an_output_folder_that_cannot_be_written(refused, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    said = refused("run", "smoke", "--out", blocked / "out")
    assert "cannot be written" in said
    assert "--out" in said


def test_a_store_of_a_newer_version(refused, tmp_path):
    store = tmp_path / "newer"
    store.mkdir()
    (store / "store.json").write_text(json.dumps({"format": 99}))
    said = refused("run", "smoke", "--store", store)
    assert "format 99" in said
    assert "update tlbench" in said


def test_a_cuda_device_that_is_not_there(refused):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    assert "no usable CUDA device" in refused("run", "smoke", "--device", "cuda")
