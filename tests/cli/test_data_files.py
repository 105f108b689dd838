"""A data file named where a card, or a suite, is expected is refused with the way out."""

import ase.io
import pytest
import tiny

from tlbench.data.cards import load_card
from tlbench.study.loading import suite_folder


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.extxyz"
    ase.io.write(path, tiny.crystals("Ge", 10).to_ase(), format="extxyz")
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "transfer", "--source", "{}"],
        ["run", "transfer", "--target", "{}", "--dry-run"],
        ["plan", "transfer", "--source", "{}"],
        ["tune", "transfer", "--set", "target.card={}"],
        ["data", "fetch", "{}"],
        ["show", "dataset", "{}"],
    ],
)
@pytest.mark.parametrize("name", ["data.extxyz", "./data.extxyz"])
def test_data_where_a_card_is_expected(refused, data, arguments, name):
    said = refused(*(word.format(name) for word in arguments))
    assert "data.extxyz: is not a card; write one with tlbench data new " in said


def test_a_suite_that_names_data(refused, data, tmp_path):
    text = (suite_folder() / "smoke.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text.replace("card: sw-si-8", "card: data.extxyz"))
    assert "data.extxyz: is not a card; write one with" in refused("run", "mine.yaml")


@pytest.mark.parametrize("name", ["OUTCAR", "runs.traj", "si.json", "my data.xyz"])
def test_other_data_files(refused, data, tmp_path, name):
    data.rename(tmp_path / name)
    quoted = f"'{name}'" if " " in name else name
    said = refused("run", "transfer", "--source", name)
    assert f"{name}: is not a card; write one with tlbench data new {quoted}, and" in said


def test_data_that_are_not_there(refused):
    said = refused("run", "transfer", "--source", "nowhere.extxyz")
    assert "There is no file 'nowhere.extxyz'" in said
    assert "tlbench data new" in said


def test_data_where_a_suite_is_expected(refused, data):
    said = refused("run", "data.extxyz")
    assert "data.extxyz: is not a suite" in said
    assert "tlbench run transfer --target data.yaml" in said


def test_a_file_called_like_a_card_hides_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sw-ge").touch()
    assert load_card("sw-ge").elements == ["Ge"]
