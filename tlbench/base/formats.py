"""Versions of the files that tlbench writes: how an old file is read, and what a digest is of.

A file states the version of its format in the key ``format``; a file of lines does so in its first
line, ``{"format": 2}``. A file that states none is of version 1, as those are that were written
before versions were stated. An old file is brought to the present version step by step before it
is validated.

A field that is added with a default needs no new version: an old file has the default. Such a field
is marked by `later`, and is left out of what digests are taken of where it has its default, so that
no digest of anything that does without it changes.
"""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo

from tlbench.base.errors import InputError
from tlbench.base.files import read_bounded, write_whole
from tlbench.base.schema import ModelT, first_problem

KEY = "format"
FIRST = 1
_LONGEST_HEAD = 40

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Format(Generic[ModelT]):
    """A kind of file.

    Attributes
    ----------
    noun
        What the file holds, or one line of it: "record". It is used in messages.
    model
        The schema of the file, or of one line of it.
    version
        The version that is written.
    upgrades
        Version → function that turns the JSON object of a file (or line) of that version into one
        of the next.
    """

    noun: str
    model: type[ModelT]
    version: int = FIRST
    upgrades: Mapping[int, Upgrade] = field(default_factory=dict)

    def __post_init__(self) -> None:
        missing = set(range(FIRST, self.version)) - set(self.upgrades)
        if missing:
            raise ValueError(f"format {self.noun!r} has no upgrade of version {min(missing)}")

    def upgraded(self, value: dict[str, Any], where: str, version: int | None = None) -> Any:
        """Return the JSON object ``value`` as one of the present version.

        Parameters
        ----------
        where
            The file, for messages.
        version
            The version of ``value``; by default the one that it states.

        Raises
        ------
        InputError
            If it is of a version that is not known.
        """
        stated = version is None and KEY not in self.model.model_fields
        if version is None:
            version = value.get(KEY, FIRST)
        self._check(version, where)
        if stated:
            value = {key: content for key, content in value.items() if key != KEY}
        for number in range(version, self.version):
            value = self.upgrades[number](value)
        return value

    def read(self, path: Path) -> ModelT:
        """Read a file of one JSON object.

        Raises
        ------
        InputError
            If it cannot be read, or is not one; naming the first key that is wrong.
        """
        content = self._content(path)
        try:
            value = json.loads(content)
            if not isinstance(value, dict):
                raise InputError(f"{path}: should hold {_a(self.noun)}.")
            return self.model.model_validate_json(json.dumps(self.upgraded(value, str(path))))
        except ValidationError as error:
            raise InputError(
                f"{path}: does not hold {_a(self.noun)} ({first_problem(error)})."
            ) from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: is not valid JSON ({error}).") from error

    def write(self, path: Path, value: ModelT) -> None:
        """Write one JSON object; the file appears whole or not at all."""
        write_whole(path, self.text(value))

    def text(self, value: ModelT) -> str:
        """Return the text of a file of one JSON object."""
        content = self.stated(value.model_dump(mode="json"))
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def read_lines(self, path: Path) -> list[ModelT]:
        """Read a file of one JSON object a line.

        Raises
        ------
        InputError
            Naming the first line that is wrong.
        """
        lines = io.BytesIO(self._content(path))
        found = []
        version = FIRST
        for number, line in enumerate(lines, start=1):
            if number == 1 and (head := _head(line)) is not None:
                self._check(head[KEY], str(path))
                version = head[KEY]
                continue
            try:
                found.append(self._of_line(line, path, version))
            except ValidationError as error:
                problem = error.errors(include_url=False)[0]["msg"]
                raise InputError(f"{path}:{number}: is not {_a(self.noun)} ({problem}).") from error
        return found

    def write_lines(self, path: Path, values: Iterable[ModelT]) -> None:
        """Write one JSON object a line; the file appears whole or not at all."""
        self.write_objects(path, (value.model_dump(mode="json") for value in values))

    def write_objects(self, path: Path, values: Iterable[Mapping[str, Any]]) -> None:
        """Write JSON objects that the schema accepts, but need not be all that it says."""
        write_whole(path, self._lines(values))

    def _lines(self, values: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        yield json.dumps(self.stated({})) + "\n"
        for value in values:
            yield json.dumps(value, ensure_ascii=False) + "\n"

    def stated(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON object ``value`` with the version that is written."""
        return {KEY: self.version, **value}

    def _of_line(self, line: bytes, path: Path, version: int) -> ModelT:
        if version == self.version:
            return self.model.model_validate_json(line)
        # What is no JSON object is for the schema to refuse.
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return self.model.model_validate_json(line)
        if isinstance(value, dict):
            value = self.upgraded(value, str(path), version)
        return self.model.model_validate_json(json.dumps(value))

    def _check(self, version: Any, where: str) -> None:
        if type(version) is not int or version < FIRST:
            raise InputError(f"{where}: its format should be a whole number from {FIRST} on.")
        if version > self.version:
            raise InputError(
                f"{where}: was written by a newer version of tlbench (format {version}; this one "
                f"reads up to {self.version}); update tlbench."
            )

    def _content(self, path: Path) -> bytes:
        try:
            return read_bounded(path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{path}: cannot be read as {_a(self.noun)} ({reason}).") from error


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _head(line: bytes) -> dict[str, Any] | None:
    """Return the first line of a file if it states the version; None if it is like the others."""
    if len(line) > _LONGEST_HEAD:
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and value.keys() == {KEY} else None


def later(default: Any, **about: Any) -> Any:
    """Return a field of a schema that was added to it after files of it had been published."""
    return Field(default=default, json_schema_extra={"later": True}, **about)


def is_later(about: FieldInfo) -> bool:
    """Return whether a field of a schema is one that `later` made."""
    extra = about.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("later"))


def lasting(value: BaseModel) -> dict[str, Any]:
    """Return ``value`` as JSON values, without fields that were added later and have their default.

    It is what a digest of ``value`` is taken of.
    """
    dumped = value.model_dump(mode="json")
    for name, about in type(value).model_fields.items():
        held = getattr(value, name)
        if is_later(about) and held == about.get_default(call_default_factory=True):
            dumped.pop(name, None)
        else:
            dumped[name] = _lasting(held, dumped[name])
    return dumped


def _lasting(held: Any, dumped: Any) -> Any:
    if isinstance(held, BaseModel):
        return lasting(held)
    if isinstance(held, Mapping):
        names = zip(held.values(), dumped.items(), strict=True)
        return {name: _lasting(each, text) for each, (name, text) in names}
    if isinstance(held, list | tuple):
        return [_lasting(each, text) for each, text in zip(held, dumped, strict=True)]
    return dumped
