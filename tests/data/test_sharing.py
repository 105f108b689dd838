"""Cards that hold the same data are recognised by content, whatever their names."""

from pathlib import Path

import ase.io
import pytest
import tiny
import yaml

from tlbench.base.errors import InputError
from tlbench.data.cards import Card, load_card, shared_data
from tlbench.data.guess import guess_card
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve


def written(folder: Path, name: str, seed: int, element: str = "Ge", **origin) -> Card:
    """Write ten crystals and a card for them; ``origin`` replaces keys of its origin."""
    path = folder / f"{name}.extxyz"
    ase.io.write(path, tiny.crystals(element, 10, seed=seed).to_ase(), format="extxyz")
    value = yaml.safe_load(guess_card(path).text)
    value["origin"] |= origin
    path.with_suffix(".yaml").write_text(yaml.safe_dump(value))
    return load_card(str(path.with_suffix(".yaml")))


def split(seed: int, **files: list[str]):
    parts = {part: {"files": files.get(part, ["a.extxyz"]), "frames": 2} for part in
             ("train", "validation", "test")}  # fmt: skip
    return {"name": "s", "order": "random", "seed": seed, **parts}


def test_identical_files_under_other_names_are_the_same_data(tmp_path):
    a, b = (written(tmp_path, name, seed=0) for name in "ab")
    assert a.digest() != b.digest()
    assert shared_data(a, b) == "the file a.extxyz of one is b.extxyz of the other"


def test_other_structures_of_one_element_are_other_data(tmp_path):
    a, b = (written(tmp_path, name, seed) for seed, name in enumerate("ab"))
    assert shared_data(a, b) is None


def test_another_split_of_a_file_is_the_same_data(tmp_path):
    a = written(tmp_path, "a", seed=0)
    other = load_card(str(tmp_path / "a.yaml"), {"split": split(seed=7)})
    assert other.digest() != a.digest()
    assert shared_data(a, other) == "both draw from the file a.extxyz"


def test_only_files_that_the_source_is_trained_on_count(tmp_path):
    a, b = (written(tmp_path, name, seed) for seed, name in enumerate("ab"))
    both = {**a.data_files(), **b.data_files()}
    files = {name: file.model_dump() for name, file in both.items()}
    trained_on_a = written(
        tmp_path, "source", 2, files=files, split=split(0, test=["b.extxyz"])
    )  # fmt: skip
    assert shared_data(trained_on_a, b) is None
    assert shared_data(trained_on_a, a)
    # The target is tested on what the source is trained on: one of two files is enough.
    target = written(
        tmp_path, "target", 3, files=files,
        split=split(0, train=["b.extxyz"], validation=["b.extxyz"]),
    )  # fmt: skip
    assert shared_data(trained_on_a, target) == "both draw from the file a.extxyz"


def test_sampled_data_are_the_same_if_seed_and_temperature_are():
    ge = load_card("sw-ge")
    more = load_card("sw-ge", {"train": {"trajectories": 9, "frames": 1}})
    assert "trajectories of seed" in (shared_data(ge, more) or "")
    assert shared_data(ge, load_card("sw-ge", {"seed": ge.origin.seed + 1})) is None
    assert shared_data(ge, load_card("sw-ge", {"temperatures_k": [333.0]})) is None
    assert shared_data(ge, load_card("sw-si")) is None


def same(*settings):
    return load_suite("smoke", settings, cards={"source": "sw-ge", "target": "sw-ge"})


def test_a_plan_of_the_same_data_is_refused_unless_it_is_asked_for():
    with pytest.raises(InputError, match=r"'sw-ge' .* hold the same data .*allow_same_data=true"):
        plan(resolve(same()))
    assert plan(resolve(same(("allow_same_data", "true")))).cells
    # Nothing is transferred.
    assert plan(resolve(same(("strategies", "[scratch]")))).cells


def test_that_it_may_be_asked_for_changes_no_digest():
    suite = load_suite("smoke")
    assert "allow_same_data" not in resolve(suite).complete()
    assert (
        resolve(load_suite("smoke", [("allow_same_data", "false")])).digest == resolve(suite).digest
    )
    # The complete suite of a run is one that can be run again.
    assert resolve(same(("allow_same_data", "true"))).complete()["allow_same_data"] is True
