"""How a changed suite differs from the one that it is named after."""

import json

import pytest
import yaml

from tlbench.data.cards import card_folder
from tlbench.report.html import write_report
from tlbench.results.results import Results
from tlbench.study.changes import Change, changes_of, differences
from tlbench.study.loading import load_suite
from tlbench.study.study import resolve


def texts(suite):
    return [change.text() for change in changes_of(resolve(suite))]


def test_a_suite_as_it_is_shipped_has_no_changes():
    assert changes_of(resolve(load_suite("smoke"))) == []
    assert changes_of(resolve(load_suite("smoke", [("title", "other")]))) == []


def test_settings_are_named_with_their_values_before_and_after():
    settings = [
        ("budgets", "[10, 50]"),
        ("sizes", "[1, 2]"),
        ("backbones.schnet.hidden_channels", "8"),
    ]
    found = texts(load_suite("smoke", settings))
    assert "budgets: 10, 20 → 10, 50" in found
    # The largest budget is that of the trainings' own settings.
    assert "training.updates: 20 → 50" in found
    assert "sizes: 4 → 1, 2" in found
    assert any(each.startswith("backbones.schnet.hidden_channels: ") for each in found)
    assert len(found) == 4


def test_other_backbones_are_one_change():
    assert texts(load_suite("smoke", backbones=["schnet"])) == [
        "backbones: dimenetpp, schnet → schnet"
    ]


def test_lists_are_written_as_the_names_of_backbones_are():
    (found,) = texts(load_suite("smoke", strategies=["scratch", "finetune"]))
    assert found == "strategies: scratch, finetune, zero-shot → scratch, finetune"
    was, now = (
        {"strategies": ["scratch"], "backbones": ["a"]},
        {"strategies": [], "backbones": ["a", "b"]},
    )
    assert [c.text() for c in differences(was, now)] == [
        "strategies: scratch → []",
        "backbones: a → a, b",
    ]


def test_other_data_are_one_change():
    assert texts(load_suite("smoke", cards={"source": "mlearn-si"})) == [
        "source.card: sw-si-8 → mlearn-si"
    ]


def test_a_card_file_is_named_by_its_data_set_and_not_by_its_place(tmp_path):
    text = (card_folder() / "sw-si.yaml").read_text().replace("name: sw-si", "name: mine")
    (tmp_path / "card.yaml").write_text(text)
    assert texts(load_suite("smoke", cards={"source": str(tmp_path / "card.yaml")})) == [
        "source.card: sw-si-8 → mine"
    ]


def test_the_cards_of_a_matrix_are_named_without_their_folder():
    was, now = ({"matrix": {"cards": c}} for c in ("mlearn-{element}", "/home/me/{element}.yaml"))
    assert differences(was, now) == [Change("matrix.cards", "mlearn-{element}", "{element}.yaml")]


def test_a_suite_file_of_ones_own_is_compared_with_itself(tmp_path):
    value = resolve(load_suite("smoke")).complete() | {"name": "mine"}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(value))
    assert changes_of(resolve(load_suite(str(path)))) == []
    assert texts(load_suite(str(path), [("cutoff", "3.5")])) == ["cutoff: 4.0 → 3.5"]


def test_a_changed_run_that_is_repeated_is_still_compared_with_the_shipped_suite(tmp_path):
    path = tmp_path / "suite.json"
    path.write_text(json.dumps(resolve(load_suite("smoke", [("cutoff", "3.5")])).complete()))
    assert texts(load_suite(str(path))) == ["cutoff: 4.0 → 3.5"]


def test_what_only_one_has_is_not_set_in_the_other():
    assert differences({"a": 1}, {"a": 1, "dynamics": {"b": 2}}) == [
        Change("dynamics", "not set", '{"b": 2}')
    ]


@pytest.mark.parametrize("changed", [False, True])
def test_the_report_of_a_changed_run_drops_the_description(tmp_path, changed):
    suite = load_suite("smoke", [("pretraining.updates", "50")] if changed else [])
    write_report(tmp_path / "report.html", resolve(suite), {}, Results([]), [])
    page = (tmp_path / "report.html").read_text()
    assert (suite.description in page) != changed
    assert ("<code>pretraining.updates</code>" in page) == changed
    assert ("settings changed" in page) == changed


def test_sources_are_called_as_they_are_known():
    (found, *_) = [
        each for each in texts(load_suite("universal-cpu", backbones=["chgnet-0.3.0"]))
        if each.startswith("sources")
    ]  # fmt: skip
    assert found == ("sources: sevennet-0, chgnet-0.3.0, mlearn-si (for dimenetpp) → chgnet-0.3.0")
    given = texts(load_suite("smoke", backbones=["sevennet-0"], cards={"source": "sevennet-0"}))
    assert "source: sw-si-8 → not set" in given
    assert "sources: not set → sevennet-0" in given
