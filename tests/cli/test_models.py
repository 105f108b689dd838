"""``tlbench models``: the list of a run's trained models."""

import csv
import io
import json
import shutil
import subprocess
import sys

import pytest

from tlbench import list_models
from tlbench.base.errors import StoreError


@pytest.fixture
def run(smoke, tmp_path):
    """Return a copy of the folder of a run, whose store is the smoke run's."""
    return shutil.copytree(smoke.out, tmp_path / "run")


def test_models_that_were_deleted_or_damaged_are_said_to_be(run, smoke, tmp_path, printed):
    store = tmp_path / "store"
    smoke.copy_store(store)
    first, second, *_ = list_models(run)
    shutil.rmtree(store / first.trained)
    (store / second.trained / "potential.safetensors").write_bytes(b"other")
    states = [(m.state, m.potential) for m in list_models(run, store)[:3]]
    assert states[:2] == [("absent", None), ("damaged", None)]
    assert states[2][0] == "finished"
    said = printed("models", run, "--store", store)
    assert said.count("\n  not in the store\n") == 1
    assert said.count("\n  damaged in the store") == 1
    assert f"1 of 20 models are not in the store {store}: they were deleted" in said


def test_a_store_that_was_moved_is_named(run, tmp_path, printed):
    about = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**about, "store": str(tmp_path / "gone")}))
    assert {m.state for m in list_models(run)} == {"absent"}
    assert f"20 of 20 models are not in the store {tmp_path / 'gone'}" in printed("models", run)
    assert {m.state for m in list_models(run, about["store"])} == {"finished"}
    with pytest.raises(StoreError, match="cannot be read"):
        list_models(run, tmp_path / "nowhere")
    # Neither does a submission say where its models are.
    (run / "run.json").unlink()
    said = printed("models", run)
    assert "does not say which store the run used" in said
    assert "not in the store" not in said


def test_the_table_fits_in_80_columns_and_cuts_nothing(run, printed, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = printed("models", run).splitlines()
    found = list_models(run)
    paths = [line for line in lines if line.startswith("  /")]
    assert paths == [f"  {m.potential}" for m in found]
    assert max(len(line) for line in lines if line not in paths) <= 80
    for model, row in zip(found, lines[2:-4:2], strict=True):
        assert row.split()[:2] == [model.model.backbone, model.model.strategy]
        assert row.split()[-6] == ("–" if model.model.updates is None else str(model.model.updates))
        assert f" {model.force_mae:.1f} " in row


def test_json_and_csv_have_every_coordinate(run, printed, refused):
    found = list_models(run)
    values = json.loads(printed("models", run, "--json"))
    rows = list(csv.DictReader(io.StringIO(printed("models", run, "--csv"))))
    for model, value, row in zip(found, values, rows, strict=True):
        assert value["potential"] == row["potential"] == str(model.potential)
        assert value["force_mae"] == float(row["force_mae"]) == model.force_mae
        assert value["subset_seed"] == model.model.subset_seed
        assert row["subset_seed"] == (
            "" if model.model.subset_seed is None else str(model.model.subset_seed)
        )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("none", "none: is not the folder of a run (it has no records.jsonl), nor is runs/none."),
        ("going", "going: has no records.jsonl yet"),
        ("going --json --csv", "--json and --csv: choose one of them."),
    ],
)
def test_bad_input_is_one_sentence(refused, tmp_path, arguments, complaint):
    (tmp_path / "going").mkdir()
    (tmp_path / "going" / "run.json").write_text("{}")
    assert complaint in refused("models", *arguments.split())


def test_listing_models_needs_no_torch(run):
    code = (
        "import sys\nfrom tlbench.cli import app\n"
        f"sys.argv = ['tlbench', 'models', {str(run)!r}]\n"
        "app(standalone_mode=False)\nsys.exit('torch' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
