"""Files of every version are read, and a new field changes no digest."""

import json

import pytest

from tlbench.base.errors import InputError
from tlbench.base.formats import Format, lasting, later
from tlbench.base.schema import Strict


class Before(Strict):
    size: int


class Settings(Strict):
    rate: float = 1e-3


class Model(Strict):
    size: int
    backbone: str
    settings: tuple[Settings, ...] = ()


def _named(value):
    return {**value, "backbone": "schnet"}


FORMAT = Format("model", Model, version=2, upgrades={1: _named})


def test_lines_of_the_first_version_state_no_version(tmp_path):
    path = tmp_path / "models.jsonl"
    path.write_text('{"size": 3}\n{"size": 4}\n')
    assert [m.size for m in FORMAT.read_lines(path)] == [3, 4]
    assert {m.backbone for m in FORMAT.read_lines(path)} == {"schnet"}


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_lines_are_read_as_they_were_written(tmp_path, ending):
    path = tmp_path / f"models.jsonl{ending}"
    models = [Model(size=1, backbone="é"), Model(size=2, backbone="b", settings=(Settings(),))]
    FORMAT.write_lines(path, models)
    assert FORMAT.read_lines(path) == models


def test_the_first_line_states_the_version(tmp_path):
    path = tmp_path / "models.jsonl"
    FORMAT.write_lines(path, [])
    assert path.read_text() == '{"format": 2}\n'


def test_an_object_states_its_version(tmp_path):
    path = tmp_path / "model.json"
    path.write_text('{"size": 3}')
    assert FORMAT.read(path) == Model(size=3, backbone="schnet")
    FORMAT.write(path, Model(size=3, backbone="a"))
    assert json.loads(path.read_text())["format"] == 2
    assert FORMAT.read(path) == Model(size=3, backbone="a")


@pytest.mark.parametrize("version", [3, 0, True, "2", None, 1.0, [1]])
def test_another_version_is_refused_in_one_sentence(tmp_path, version):
    one, lines = tmp_path / "model.json", tmp_path / "models.jsonl"
    one.write_text(json.dumps({"format": version, "size": 3}))
    lines.write_text(json.dumps({"format": version}) + '\n{"size": 3, "backbone": "a"}\n')
    said = "newer version of tlbench" if version == 3 else "format should be a whole number"
    for read, path in ((FORMAT.read, one), (FORMAT.read_lines, lines)):
        with pytest.raises(InputError, match=said) as raised:
            read(path)
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("line", ["", "[]", "3", "{", '{"size": "x"}', "{" * 3000, '{"size": NaN}'])
@pytest.mark.parametrize("header", ["", '{"format": 2}\n'])
def test_a_line_that_is_wrong_is_named(tmp_path, line, header):
    path = tmp_path / "models.jsonl"
    path.write_text(f"{header}{line}\n")
    with pytest.raises(InputError, match=f"jsonl:{2 if header else 1}: is not a model"):
        FORMAT.read_lines(path)


@pytest.mark.parametrize("text", ["", "[]", "3", "{", '{"size": "x"}', "[" * 100_000])
def test_an_object_that_is_wrong_is_refused(tmp_path, text):
    path = tmp_path / "model.json"
    path.write_text(text)
    with pytest.raises(InputError, match="model"):
        FORMAT.read(path)


def test_every_version_has_an_upgrade():
    with pytest.raises(ValueError, match="no upgrade of version 1"):
        Format("model", Model, version=2)


class LaterSettings(Settings):
    decay: str = later("exponential")


class LaterModel(Model):
    settings: tuple[LaterSettings, ...] = ()
    named: dict[str, LaterSettings] = later({})


def test_a_field_that_was_added_later_changes_no_digest():
    old = Model(size=1, backbone="a", settings=(Settings(),))
    new = LaterModel(size=1, backbone="a", settings=(LaterSettings(),))
    assert lasting(new) == lasting(old) == old.model_dump(mode="json")


def test_a_field_that_was_added_later_counts_where_it_is_used():
    new = LaterModel(
        size=1,
        backbone="a",
        settings=(LaterSettings(decay="none"),),
        named={"b": LaterSettings(), "c": LaterSettings(decay="none")},
    )
    assert lasting(new)["settings"] == [{"rate": 1e-3, "decay": "none"}]
    assert lasting(new)["named"] == {"b": {"rate": 1e-3}, "c": {"rate": 1e-3, "decay": "none"}}
