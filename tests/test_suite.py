"""Suites: what ships is valid, and what is changed is checked."""

import json

import pytest

from tlbench.errors import InputError, UnknownNameError
from tlbench.plan import plan
from tlbench.suite import load_suite, suite_folder, suite_names


@pytest.mark.parametrize("name", suite_names())
def test_every_suite_that_ships_can_be_planned(name):
    suite = load_suite(name)
    assert suite.name == name
    assert plan(suite).cells


def test_the_study_is_as_published():
    suite = load_suite("si-ge-sw")
    assert suite.sizes == [1, 10, 40, 100, 195]
    assert len(suite.subset_seeds) >= 5
    assert suite.cutoff == 5.0
    config = suite.backbone_config("dimenetpp").model_dump()
    published = {
        "hidden_channels": 32, "out_channels": 64, "interaction_channels": 16,
        "basis_channels": 8, "type_channels": 16, "n_blocks": 4, "n_before_skip": 1,
        "n_after_skip": 2, "n_output_layers": 3, "n_radial": 6, "n_spherical": 7,
        "envelope_exponent": 6,
    }  # fmt: skip
    assert published.items() <= config.items()
    assert suite.training.learning_rate == 1e-3
    assert suite.training.final_learning_rate_fraction == 0.01
    assert suite.training.loss.model_dump() == {"energy": 0.0, "forces": 1.0, "stress": 0.0}
    assert len(suite.target.load().origin.temperatures_k) == 11


def test_the_command_line_overrides_one_key():
    suite = load_suite("smoke", [("training.updates", "7"), ("backbones.schnet.n_filters", "9")])
    assert suite.training.updates == 7
    assert suite.training.batch_size == load_suite("smoke").training.batch_size
    assert suite.backbone_config("schnet").model_dump()["n_filters"] == 9


def test_a_chosen_backbone_keeps_the_suites_settings_for_it():
    suite = load_suite("smoke", backbones=["schnet"])
    assert list(suite.backbones) == ["schnet"]
    assert suite.backbones["schnet"] == load_suite("smoke").backbones["schnet"]


def test_a_suite_may_be_a_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text((suite_folder() / "smoke.yaml").read_text())
    assert load_suite(str(path)) == load_suite("smoke")


@pytest.mark.parametrize("name", suite_names())
def test_a_complete_suite_is_the_same_suite(tmp_path, name):
    suite = load_suite(name)
    path = tmp_path / "suite.json"
    path.write_text(json.dumps(suite.complete()))
    again = load_suite(str(path))
    assert again.digest() == suite.digest()
    assert list(plan(again).jobs) == list(plan(suite).jobs)


def test_a_bare_backbone_can_be_changed(tmp_path):
    path = tmp_path / "mine.yaml"
    text = (suite_folder() / "quick.yaml").read_text().replace("schnet: {}", "schnet:")
    path.write_text(text)
    suite = load_suite(str(path), [("backbones.schnet.n_filters", "8")])
    assert suite.backbones["schnet"] == {"n_filters": 8}


def test_the_cutoff_belongs_to_the_suite():
    with pytest.raises(InputError, match="set 'cutoff' at the top"):
        load_suite("smoke", [("backbones.schnet.cutoff", "3.0")])


def test_unknown_names_come_with_near_ones():
    with pytest.raises(UnknownNameError, match="did you mean 'smoke'"):
        load_suite("smoek")
    with pytest.raises(UnknownNameError, match="did you mean 'schnet'"):
        load_suite("smoke", backbones=["shcnet"])


def test_the_digest_follows_results_not_words():
    base = load_suite("smoke").digest()
    assert load_suite("smoke", [("title", "other")]).digest() == base
    assert load_suite("smoke", [("sizes", "[1, 3]")]).digest() != base
    assert load_suite("smoke", [("target.changes.seed", "5")]).digest() != base
    assert load_suite("smoke", [("backbones.schnet.n_filters", "17")]).digest() != base
