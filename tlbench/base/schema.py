"""YAML files read into strict pydantic models, with errors that name file and line.

Files may come from strangers: parsing is safe, bounded in size and depth, and refuses anchors
(which can expand without bound) and repeated keys.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from tlbench.base.errors import InputError
from tlbench.base.files import read_bounded
from tlbench.base.registry import near_names

MAX_BYTES = 128 << 10
MAX_DEPTH = 50

MOST_SHOWN = 200
"""Characters of a wrong value that a message repeats."""

# PyYAML passes on what its conversions raise, such as KeyError for "!!bool maybe".
_YAML_FAULTS = (
    yaml.YAMLError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)

LARGEST = (1 << 63) - 1
"""Largest whole number of a file; no setting needs more, and many things cannot hold more."""

_LONGEST_NUMBER = 80
"""Characters of a whole number: enough for one of 64 bits in any base, and read in no time."""

Location = tuple[str | int, ...]
Lines = dict[Location, int]
ModelT = TypeVar("ModelT", bound=BaseModel)


class Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Loader(yaml.SafeLoader):
    """YAML whose numbers are what they look like, and bounded."""


def _whole_number(loader: _Loader, node: yaml.ScalarNode) -> int | str:
    text = loader.construct_scalar(node)
    # YAML 1.1 takes 10:30 for 630, to the base of 60.
    if ":" in text:
        return text
    short = len(text) <= _LONGEST_NUMBER
    number = loader.construct_yaml_int(node) if short else LARGEST + 1
    if abs(number) > LARGEST:
        raise yaml.constructor.ConstructorError(
            problem="a whole number should be below 2^63", problem_mark=node.start_mark
        )
    return number


def _number(loader: _Loader, node: yaml.ScalarNode) -> float | str:
    text = loader.construct_scalar(node)
    return text if ":" in text else loader.construct_yaml_float(node)


def _whole_number_of_json(text: str) -> int:
    if len(text) > _LONGEST_NUMBER or abs(int(text)) > LARGEST:
        raise ValueError("a whole number should be below 2^63")
    return int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def _parsed(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)


def canonical_json(value: Any) -> str:
    """Return the one JSON text of ``value`` that digests are taken of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of ``value``, in hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def read_yaml(path: Path) -> tuple[dict[str, Any], Lines]:
    """Read a YAML mapping and the line of every key in it.

    Raises
    ------
    InputError
        If the file is missing, too large or too deep, not YAML, not a mapping, or uses anchors.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path}: {size} bytes is too large for a YAML file of tlbench.")
        text = read_bounded(path, MAX_BYTES).decode()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text.") from error
    except ValueError as error:
        raise InputError(f"{path}: cannot be read ({error}).") from error
    lines: Lines = {}
    try:
        _refuse_bombs(path, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        # YAML takes a number such as 1e-05, which JSON has, for text.
        if node is None:
            value = None
        elif path.suffix == ".json":
            value = json.loads(text, parse_int=_whole_number_of_json)
        else:
            value = _parsed(text)
        if node is not None:
            _collect_lines(path, node, (), lines)
    except _YAML_FAULTS as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        where = f"{path}" if mark is None else f"{path}:{mark.line + 1}"
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        kind = "JSON" if path.suffix == ".json" else "YAML"
        raise InputError(f"{where}: is not valid {kind}: {problem}.") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: should be a mapping of keys to values.")
    return value, lines


def _refuse_bombs(path: Path, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        mark: Any = event.start_mark
        if isinstance(event, yaml.NodeEvent) and event.anchor:
            raise InputError(
                f"{path}:{mark.line + 1}: the anchor or alias {event.anchor!r} is not allowed; "
                "write the value out."
            )
        # The time PyYAML takes grows with the square of the depth.
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise InputError(f"{path}:{mark.line + 1}: is nested more than {MAX_DEPTH} deep.")


def _collect_lines(
    source: Path | str, node: yaml.Node, where: tuple[str | int, ...], out: Lines
) -> None:
    out.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key = (*where, key_node.value)
            if key in out:
                at = f"{source}:{key_node.start_mark.line + 1}"
                raise InputError(
                    f"{at if isinstance(source, Path) else source}: "
                    f"the key {key_node.value!r} is given twice."
                )
            out[key] = key_node.start_mark.line + 1
            _collect_lines(source, value_node, key, out)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _collect_lines(source, item, (*where, index), out)


def validate(
    model: type[ModelT],
    value: Mapping[str, Any],
    source: str,
    lines: Lines | None = None,
    within: Location = (),
) -> ModelT:
    """Check ``value`` against ``model`` and say in one sentence what is wrong.

    Parameters
    ----------
    source
        Where the value comes from, for the message: a file, or "the command line".
    lines
        Line of every key of the whole document, as ``read_yaml`` returns them.
    within
        Keys under which ``value`` stands in the document.

    Raises
    ------
    InputError
        Naming the first offending key, its line, and near names if it is unknown.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InputError(_explain(model, error, source, lines or {}, within)) from error


def first_problem(error: ValidationError) -> str:
    """Return the first key that is wrong, and why, as a part of a sentence."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"{place}: {first['msg']}"


def _explain(
    model: type[BaseModel],
    error: ValidationError,
    source: str,
    lines: Lines,
    within: Location,
) -> str:
    # An unknown key is the likeliest cause of any other complaint, so it is named first.
    problems = error.errors(include_url=False)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    location, current = _walk(model, first["loc"])
    shown = _written_path((*within, *location), lines)
    line = _line_of(shown, lines)
    where = f"{source}:{line}" if line else source
    key = ".".join(str(part) for part in shown)
    if first["type"] == "extra_forbidden":
        hint = near_names(str(location[-1]), _field_names(current))
        return f"{where}: unknown key {key!r}; {hint}"
    if first["type"] == "missing":
        return f"{where}: the key {key!r} is missing."
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    given = first["input"]
    text = json.dumps(given, default=str, skipkeys=True)
    text = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} …"
    # A validator that checks a part of a value says itself what was given there.
    is_shown = not isinstance(given, dict) and "(given: " not in message
    shown_value = f" (given: {text})" if is_shown else ""
    prefix = f"{key!r}: " if key else ""
    end = "" if message.endswith("?") and not shown_value else "."
    return f"{where}: {prefix}{message[:1].lower()}{message[1:]}{shown_value}{end}"


def _written_path(location: tuple[str | int, ...], lines: Lines) -> tuple[str | int, ...]:
    """Drop the parts of a pydantic location that name a union's member, not a key."""
    path: tuple[str | int, ...] = ()
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if not lines or last or (*path, part) in lines:
            path = (*path, part)
    return path


def _line_of(path: tuple[str | int, ...], lines: Lines) -> int | None:
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def _walk(model: type[BaseModel], location: tuple[str | int, ...]) -> tuple[Location, Any]:
    """Follow a pydantic location through the models.

    Returns
    -------
    tuple
        The location without the parts that name a member of a union by its tag, and the type
        that the last part was looked for in.
    """
    path: Location = ()
    current: Any = model
    inside: Any = model
    for part in location:
        # Whether a value may be missing does not show in the location.
        choices = [a for a in get_args(current) if a is not type(None)]
        if len(choices) == 1 and type(None) in get_args(current):
            current = choices[0]
        members = _models(current)
        container = get_origin(current) in (list, dict, tuple)
        union = get_origin(current) is not None and not container
        named = [m for m in members if union and part in _names(m)]
        if named:
            current = named[0]
            continue
        path, inside = (*path, part), current
        if container:
            current = get_args(current)[-1]
        elif len(members) == 1:
            field = members[0].model_fields.get(str(part))
            current = field.annotation if field else None
        else:
            current = None
    return path, inside


def _models(annotation: Any) -> list[type[BaseModel]]:
    leaves = _flatten(annotation)
    return [leaf for leaf in leaves if isinstance(leaf, type) and issubclass(leaf, BaseModel)]


def _names(model: type[BaseModel]) -> tuple[Any, ...]:
    """Return by which names pydantic calls a member of a union: its class, or its tag."""
    kind = model.model_fields.get("kind")
    return (model.__name__, *(get_args(kind.annotation) if kind else ()))


def _field_names(annotation: Any) -> list[str]:
    """Return the keys that are allowed in a value of this type."""
    return [name for model in _models(annotation)[:1] for name in model.model_fields]


def _flatten(annotation: Any) -> list[Any]:
    inner = getattr(annotation, "__args__", None)
    if inner is None:
        return [annotation]
    return [leaf for part in inner for leaf in _flatten(part)]


def assign(value: dict[str, Any], key: str, text: str) -> None:
    """Set the dotted ``key`` of a nested mapping to the YAML value written in ``text``.

    Raises
    ------
    InputError
        If the key runs through something that is not a mapping, or the text is not YAML or gives
        a key twice.
    """
    *parents, last = key.split(".")
    target: Any = value
    for part in parents:
        if isinstance(target, dict) and target.get(part) is None:
            target[part] = {}
        target = target[part] if isinstance(target, dict) else None
        if not isinstance(target, dict):
            raise InputError(f"--set {key}={text}: {part!r} is not a mapping, so it has no keys.")
    try:
        target[last] = _parsed(text)
        if (node := yaml.compose(text, Loader=yaml.SafeLoader)) is not None:
            _collect_lines(f"--set {key}={text}", node, (), {})
    except _YAML_FAULTS as error:
        raise InputError(f"--set {key}={text}: the value is not valid YAML.") from error


def read_json(path: Path, model: type[ModelT], what: str) -> ModelT:
    """Read one JSON object; ``what`` it is is said in errors.

    Raises
    ------
    InputError
        If it cannot be read, or is not one; naming the first key that is wrong.
    """
    try:
        return model.model_validate_json(read_bounded(path))
    except ValidationError as error:
        raise InputError(
            f"{path}: does not hold {what} of this version ({first_problem(error)})."
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}).") from error
