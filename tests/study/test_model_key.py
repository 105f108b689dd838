"""The coordinates of a model, and the schemas that hold them."""

import gzip
import json
from pathlib import Path

import pytest

from tlbench.base.errors import InputError
from tlbench.results import costs, dynamics, profiles, records
from tlbench.results.records import read_records
from tlbench.study.model_key import ModelKey, Place, TrainingSet, Transfer

RESULTS = Path(__file__).parents[2] / "leaderboard" / "results"

KEY = ModelKey(
    source="Si", source_part="300 K", target="Ge", backbone="b", strategy="finetune", size=10,
    subset_seed=2, init_seed=3, train_temperature_k=600.0,
)  # fmt: skip


def test_a_key_is_read_as_it_was_written():
    assert ModelKey.model_validate_json(KEY.model_dump_json()) == KEY
    assert hash(ModelKey(**KEY.model_dump())) == hash(KEY)


def test_a_key_knows_what_models_have_in_common():
    assert KEY.transfer == Transfer("Si", "300 K", "Ge")
    assert KEY.place == Place("b", "finetune", 10, 600.0)
    assert KEY.pair == (2, 3)
    other = KEY.replace(init_seed=4, subset_seed=None)
    assert (other.transfer, other.place) == (KEY.transfer, KEY.place)
    assert other != KEY
    assert KEY.place.replace(strategy="scratch") == KEY.replace(strategy="scratch").place
    assert KEY.without_transfer() == KEY.replace(source="Li", target="Mo").without_transfer()
    assert KEY.label() == "finetune b, N 10 at 600 K, seed 2/3"


def test_a_budget_is_written_only_where_there_is_one():
    assert "updates" not in KEY.model_dump()
    assert "updates" not in json.loads(KEY.model_dump_json())
    budget = KEY.replace(updates=1600)
    assert ModelKey.model_validate_json(budget.model_dump_json()) == budget
    assert json.loads(budget.model_dump_json()) == {**KEY.model_dump(), "updates": 1600}
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        ModelKey(**{**KEY.model_dump(), "updates": -1})


def test_arms_are_compared_at_one_budget():
    budget = KEY.replace(updates=1600)
    assert budget.place == Place("b", "finetune", 10, 600.0, 1600)
    assert budget.place.scratch == budget.replace(strategy="scratch").place
    assert budget.place != KEY.place
    assert budget.label() == "finetune b, N 10 at 600 K, 1,600 updates, seed 2/3"
    assert budget.place.training_set() == "N = 10 at 600 K, 1,600 updates"
    others = [budget, KEY, KEY.replace(updates=400)]
    assert [key.updates for key in sorted(others, key=ModelKey.order)] == [None, 400, 1600]


def test_a_model_without_target_data_may_have_been_trained_on_any():
    structures = TrainingSet(size=10, subset_seed=2, init_seed=3, train_temperature_k=600.0)
    assert KEY.is_trained_on(structures)
    for change in ({"size": 9}, {"subset_seed": 0}, {"train_temperature_k": None}):
        assert not KEY.replace(**change).is_trained_on(structures)
    untrained = KEY.replace(size=0, subset_seed=None, train_temperature_k=None)
    assert untrained.is_trained_on(structures)
    assert not untrained.replace(init_seed=0).is_trained_on(structures)


def test_training_structures_are_compared_name_by_name():
    values = {"train_temperature_k": 600.0, "init_seed": 3, "subset_seed": 2, "size": 10}
    structures = TrainingSet(**values)
    structures.__dict__.update({name: structures.__dict__.pop(name) for name in values})
    assert list(dict(structures)) == list(values)
    assert KEY.is_trained_on(structures)


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("records.jsonl.gz", records.RECORDS_FORMAT),
        ("costs.jsonl.gz", costs.COSTS_FORMAT),
        ("profiles.jsonl.gz", profiles.PROFILES_FORMAT),
    ],
)
def test_published_lines_are_written_as_they_were(name, schema):
    paths = sorted(RESULTS.glob(f"*/2026-11-23-*/{name}"))
    assert len(paths) >= 4
    for path in paths:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        found = schema.read_lines(path)
        dumped = [json.dumps(each.model_dump(mode="json"), ensure_ascii=False) for each in found]
        assert dumped == lines


def test_published_simulations_are_written_as_they_were():
    paths = sorted(RESULTS.glob("*/2026-11-23-*/dynamics.json.gz"))
    assert len(paths) >= 3
    for path in paths:
        text = gzip.decompress(path.read_bytes()).decode()
        found = dynamics.DYNAMICS_FORMAT.read(path)
        assert found.model_dump_json(indent=1) + "\n" == text
        assert found.models[0].model.transfer == Transfer("", None, "")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"size": -1}, "greater than or equal to 0"),
        ({"train_temperature_k": 0.0}, "greater than 0"),
        ({"extra": 1}, "Extra inputs"),
        ({"model": 7}, "valid string"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, change, complaint):
    path = tmp_path / "records.jsonl"
    record = {
        "suite": "s", "suite_version": 1, "suite_digest": "", **KEY.model_dump(),
        "metric": "force_mae", "unit": "meV/Å", "value": 1.0, "condition": {}, "job": "j",
        "model": "m",
    }  # fmt: skip
    path.write_text(json.dumps(record) + "\n")
    (found,) = read_records(path)
    assert (found.model, found.trained) == (KEY, "m")
    path.write_text(json.dumps(record | {"model": None}) + "\n")
    assert read_records(path)[0].trained is None
    path.write_text(json.dumps(record | change) + "\n")
    with pytest.raises(InputError, match=complaint):
        read_records(path)
