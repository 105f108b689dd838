"""YAML from strangers becomes strict models, or one sentence with the file, line and key."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator

from tlbench.base.errors import InputError
from tlbench.base.schema import (
    MAX_BYTES,
    MAX_DEPTH,
    Strict,
    assign,
    canonical_json,
    digest,
    read_yaml,
    validate,
)


class Layer(Strict):
    width: int
    depth: int = 1


class Network(Strict):
    name: str
    layer: Layer
    extra: list[Layer] = Field(default_factory=list)
    by_name: dict[str, list[Layer] | None] = Field(default_factory=dict)
    either: int | Layer = 0
    maybe: Layer | None = None
    rate: float = 1.0

    @field_validator("name")
    @classmethod
    def _short(cls, value: str) -> str:
        if len(value) > 5:
            raise ValueError("Names should be short")
        return value


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a YAML file."""
    path = tmp_path / "suite.yaml"

    def written(content: str | bytes):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def refusal(path) -> str:
    """Return the message with which reading, or validating as a network, is refused."""

    def read() -> Network:
        value, lines = read_yaml(path)
        return validate(Network, value, str(path), lines)

    with pytest.raises(InputError) as caught:
        read()
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


# --- reading ---------------------------------------------------------------------------------


def test_values_and_the_line_of_every_key(write):
    text = (
        "# a comment\n"
        "name: abc\n"
        "layer:\n"
        "  width: 3\n"
        "extra:\n"
        "  - width: 1\n"
        "  - {width: 2,\n"
        "     depth: 5}\n"
    )
    value, lines = read_yaml(write(text))
    assert value == {
        "name": "abc",
        "layer": {"width": 3},
        "extra": [{"width": 1}, {"width": 2, "depth": 5}],
    }
    assert lines[("name",)] == 2
    assert lines[("layer",)] == 3
    assert lines[("layer", "width")] == 4
    assert lines[("extra", 0, "width")] == 6
    assert lines[("extra", 1, "width")] == 7
    assert lines[("extra", 1, "depth")] == 8
    found = validate(Network, value, "file", lines)
    assert found.extra[1] == Layer(width=2, depth=5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nlayer: &x {width: 1}\nmaybe: *x\n", ":2: "),
        ("name: &unused a\n", ":1: "),
        ("extra: &all\n  - *all\n", ":1: "),
        ("&top name: a\n", ":1: "),
    ],
)
def test_anchors_are_refused(write, text, message):
    found = refusal(write(text))
    assert found.startswith(message)
    assert "anchor" in found


def test_a_bomb_of_aliases_is_refused_at_once(write):
    rows = ["a0: &a0 [x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    assert "anchor" in refusal(write("\n".join(rows)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nlayer: {width: 1}\nname: b\n", ":3: the key 'name' is given twice."),
        ("name: a\n'name': b\n", ":2: the key 'name' is given twice."),
        ("layer:\n  width: 1\n  width: 1\n", ":3: the key 'width' is given twice."),
        ("extra:\n  - width: 1\n  - width: 1\n    width: 2\n", ":4: the key 'width'"),
    ],
)
def test_a_key_that_stands_twice_is_refused(write, text, message):
    assert refusal(write(text)).startswith(message)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- name: a\n", "name\n", "3\n", "null\n"])
def test_something_else_than_a_mapping_is_refused(write, text):
    assert refusal(write(text)) == ": should be a mapping of keys to values."


def test_a_file_is_refused_beyond_its_largest_size(write):
    text = b"name: a\nlayer: {width: 1}\n"
    full = text + b"#" * (MAX_BYTES - len(text))
    assert read_yaml(write(full))[0]["name"] == "a"
    assert refusal(write(full + b"#")).startswith(f": {MAX_BYTES + 1} bytes is too large")


@pytest.mark.parametrize("content", [b"name: \xe9\n", b"\xff\xfen\x00a\x00", b"\x80"])
def test_text_in_another_encoding_is_refused(write, content):
    assert refusal(write(content)) == ": is not UTF-8 text."


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "none.yaml")
    assert "cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nlayer: [1, 2\n", ":3: is not valid YAML: "),
        ("name: a\nlayer: {width: 1}\n  depth: 2\n", ":3: is not valid YAML: "),
        ("name: a\n\tlayer: b\n", ":2: is not valid YAML: "),
        ("name: a\n---\nname: b\n", ":2: is not valid YAML: "),
        ("name: !!python/object/apply:os.getcwd []\n", ":1: is not valid YAML: "),
        ("name: !mine a\n", ":1: is not valid YAML: "),
        ("? [a, b]\n: c\n", ":1: is not valid YAML: "),
        ("name: \x00\n", ": is not valid YAML: "),
        ("name: 2020-13-45\n", ": is not valid YAML: month"),
        ("name: !!int x\n", ": is not valid YAML: "),
        ("name: !!int ''\n", ": is not valid YAML: "),
        ("name: !!bool maybe\n", ": is not valid YAML: "),
        ("name: !!timestamp soon\n", ": is not valid YAML: "),
        (f"name: a\nn: {'9' * 5000}\n", ":2: is not valid YAML: a whole number should be below"),
        (f"name: a\nn: 0x{'f' * 5000}\n", ":2: is not valid YAML: a whole number should be below"),
        (f"name: a\nn: -{2**63}\n", ":2: is not valid YAML: a whole number should be below"),
    ],
)
def test_what_is_not_yaml_is_refused(write, text, message):
    assert refusal(write(text)).startswith(message)


@pytest.mark.parametrize("written", ["10:30", "1" + ":59" * 3000, "10:30.5", "!!int 10:30"])
def test_no_number_is_to_the_base_of_60(write, written):
    text = written.removeprefix("!!int ")
    assert read_yaml(write(f"a: {written}"))[0] == {"a": text}
    value = {}
    assign(value, "a", written)
    assert value == {"a": text}


def test_whole_numbers_of_64_bits_are_read_in_every_base(write):
    text = f"[{2**63 - 1}, -{2**63 - 1}, 0x{2**63 - 1:x}, 0b{2**63 - 1:b}, 0{2**63 - 1:o}, 1_000]"
    large = 2**63 - 1
    assert read_yaml(write(f"a: {text}"))[0] == {"a": [large, -large, large, large, large, 1000]}


@pytest.mark.parametrize("number", ["9" * 5000, str(2**63), f"-{2**63}"])
def test_too_large_a_number_of_json_is_refused(tmp_path, number):
    path = tmp_path / "a.json"
    path.write_text(f'{{"a": {number}}}')
    with pytest.raises(
        InputError, match=r"is not valid JSON: a whole number should be below 2\^63"
    ):
        read_yaml(path)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    ["a: " + "[" * 5000 + "]" * 5000, "a: " + "{a: " * 5000 + "}" * 5000, "{" * MAX_BYTES],
    ids=["lists", "mappings", "unclosed"],
)
def test_deep_nesting_is_refused_at_once(write, text):
    assert refusal(write(text)) == f":1: is nested more than {MAX_DEPTH} deep."


def test_nesting_is_allowed_to_the_limit(write):
    lists = MAX_DEPTH - 1
    value, _ = read_yaml(write("a: " + "[" * lists + "]" * lists))
    assert canonical_json(value) == '{"a":' + "[" * lists + "]" * lists + "}"
    wide = ", ".join(["[]"] * 2 * MAX_DEPTH)
    assert len(read_yaml(write(f"a: [{wide}]"))[0]["a"]) == 2 * MAX_DEPTH
    indented = "\n".join(f"{'  ' * n}a:" for n in range(MAX_DEPTH + 1))
    assert refusal(write(indented)).startswith(f":{MAX_DEPTH + 1}: is nested more than")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode())
    try:
        value, lines = read_yaml(path)
    except InputError:
        return
    assert isinstance(value, dict)
    assert () in lines


# --- validating ------------------------------------------------------------------------------

GOOD = "name: a\nlayer:\n  width: 1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # Unknown keys, wherever they stand.
        (GOOD + "rat: 2.0\n", ":4: unknown key 'rat'; did you mean 'rate'?"),
        (GOOD + "  widht: 2\n", ":4: unknown key 'layer.widht'; did you mean 'width'"),
        (
            GOOD + "extra:\n- {width: 1}\n- {width: 1,\n   dept: 2}\n",
            ":7: unknown key 'extra.1.dept'",
        ),
        (
            GOOD + "by_name:\n  b:\n  - width: 1\n    dept: 2\n",
            ":7: unknown key 'by_name.b.0.dept'; did you mean 'depth'",
        ),
        # The member of a union that was tried is not a key.
        (
            GOOD + "either:\n  width: 1\n  dept: 2\n",
            ":6: unknown key 'either.dept'; did you mean 'depth'",
        ),
        (
            GOOD + "maybe:\n  width: 1\n  dept: 2\n",
            ":6: unknown key 'maybe.dept'; did you mean 'depth'",
        ),
        (
            GOOD + "zzz: 1\n",
            ":4: unknown key 'zzz'; known: by_name, either, extra, layer, maybe, name, rate",
        ),
        # A misspelt key is the cause of a missing one.
        ("nmae: a\nlayer: {width: 1}\n", ":1: unknown key 'nmae'; did you mean 'name'"),
        # Missing keys.
        ("layer: {width: 1}\n", ": the key 'name' is missing."),
        ("name: a\nlayer:\n  depth: 1\n", ":2: the key 'layer.width' is missing."),
        (GOOD + "extra:\n- width: 1\n- depth: 2\n", ":6: the key 'extra.1.width' is missing."),
        # Wrong values.
        ("name: a\nlayer:\n  width: soft\n", ":3: 'layer.width': input should be a valid integer"),
        (
            "name: [a, b]\nlayer: {width: 1}\n",
            ':1: \'name\': input should be a valid string (given: ["a", "b"]).',
        ),
        ("name: a\nlayer: 3\n", ":2: 'layer': input should be"),
        (GOOD + "maybe: 3\n", ":4: 'maybe': input should be"),
        (GOOD + "extra:\n- width: 1\n- 7\n", ":6: 'extra.1': input should be"),
        (GOOD + "rate: .inf\n", ":4: 'rate': input should be a finite number"),
        (GOOD + "rate: .nan\n", ":4: 'rate': input should be a finite number"),
        (
            "name: verylong\nlayer: {width: 1}\n",
            ":1: 'name': names should be short (given: \"verylong\").",
        ),
        (GOOD + "1: 2\n", ": '1': keys should be strings"),
        (
            "name: [{2020-01-01: a}]\nlayer: {width: 1}\n",
            ":1: 'name': input should be a valid string",
        ),
        (
            "name: 2020-01-01\nlayer: {width: 1}\n",
            ":1: 'name': input should be a valid string (given: \"2020-01-01\").",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(write, text, message):
    assert refusal(write(text)).startswith(message)


def test_without_lines_the_source_stands_alone():
    with pytest.raises(InputError) as caught:
        validate(Network, {"name": "a", "layer": {"widht": 1}}, "the command line")
    assert str(caught.value).startswith("the command line: unknown key 'layer.widht'; did you mean")


def test_a_part_of_a_document_is_named_by_its_place_in_the_whole(write):
    value, lines = read_yaml(write("models:\n  mine:\n    name: a\n    layer:\n      dept: 2\n"))
    part = value["models"]["mine"]
    with pytest.raises(InputError) as caught:
        validate(Network, part, "file", lines, within=("models", "mine"))
    expected = "file:5: unknown key 'models.mine.layer.dept'; did you mean 'depth'?"
    assert str(caught.value) == expected


def test_models_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Layer(width=1).width = 2


# --- digests --------------------------------------------------------------------------------


def test_a_digest_is_the_sha256_of_the_sorted_compact_json():
    value = {"b": [1, 2.5, None], "a": {"y": True, "x": "Å"}}
    text = '{"a":{"x":"\\u00c5","y":true},"b":[1,2.5,null]}'
    assert canonical_json(value) == text
    assert json.loads(text) == value
    # From `sha256sum`.
    assert digest(value) == "b07f7dcd652246536de461d3aee88336e306c42e37905ace973040d76fb89293"


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": [1, 2]}) != digest({"a": [2, 1]})


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_json_cannot_say_has_no_digest(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest({"a": value})


# --- assigning ------------------------------------------------------------------------------


def test_assign_sets_a_nested_key_to_a_yaml_value():
    value = {"training": {"updates": 100, "rate": 0.1}, "sizes": [1]}
    assign(value, "training.updates", "50")
    assign(value, "sizes", "[1, 10]")
    assign(value, "new.deep.key", "true")
    assign(value, "title", "a b")
    assert value == {
        "training": {"updates": 50, "rate": 0.1},
        "sizes": [1, 10],
        "new": {"deep": {"key": True}},
        "title": "a b",
    }


def test_assign_refuses_a_key_that_is_given_twice():
    written = "{Nb: Mo, Ta: Mo, Nb: W}"
    with pytest.raises(InputError) as error:
        assign({}, "elements", written)
    assert str(error.value) == f"--set elements={written}: the key 'Nb' is given twice."


def test_assign_refuses_to_go_through_a_value():
    value = {"cutoff": 5.0, "sizes": [1]}
    for key, part in (("cutoff.x", "cutoff"), ("sizes.0", "sizes"), ("cutoff.x.y", "cutoff")):
        with pytest.raises(InputError, match=f"--set {key}=1: '{part}' is not a mapping"):
            assign(value, key, "1")
    assert value == {"cutoff": 5.0, "sizes": [1]}


@pytest.mark.parametrize(
    "text",
    ["[1", "a: b: c", "2020-13-45", "!!bool maybe", "!!timestamp x", "[" * 1000 + "]" * 1000],
)
def test_assign_refuses_what_is_not_yaml(text):
    value = {"a": 1}
    with pytest.raises(InputError, match="--set a="):
        assign(value, "a", text)
    assert value == {"a": 1}
