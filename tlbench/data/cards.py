"""Data-set cards: what a data set is, where it comes from, and under which licence."""

import shlex
from collections.abc import Mapping
from functools import lru_cache
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, SerializeAsAny, field_validator, model_validator

from tlbench.base.errors import InputError, UnknownNameError
from tlbench.base.formats import later
from tlbench.base.magnitudes import Number
from tlbench.base.registry import near_names
from tlbench.base.schema import Lines, Location, Strict, digest, read_yaml, validate
from tlbench.data.frames import Frames
from tlbench.data.marks import Mark, Marked, marked_of
from tlbench.data.origins import ORIGINS, Origin
from tlbench.data.origins.base import DataFile
from tlbench.data.readers.base import check_is_file
from tlbench.data.shipped import card_folder
from tlbench.data.strata import Stratum


class Units(Strict):
    """Units of a data set, as tlbench holds it."""

    length: Literal["angstrom"]
    energy: Literal["eV"]
    force: Literal["eV/angstrom"]
    stress: Literal["GPa"]


class Literature(Strict):
    """The value of a physical property at the level of theory of a data set.

    Property, quantity and condition are those of `tlbench.properties`, as lattice,
    lattice_constant and ``{phase: diamond, axis: a}``; ``citation`` says where the value is from.
    """

    property: str = Field(max_length=200)
    quantity: str = Field(max_length=200)
    condition: dict[str, Number | str] = Field(default={}, max_length=9)
    value: Number
    citation: str = Field(min_length=1, max_length=500)


class Card(Strict):
    """A data set: its origin, theory, licence and citation. See ``datasets/``.

    ``strata`` are the properties of frames by which subsets are stratified where a suite asks for
    it, ``marks`` the test structures that say little of a model. ``prototype`` is the crystal whose
    properties are computed, if it is not the one that the element has in nature, and
    ``properties`` are values that models are compared with. None of these changes the frames.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    title: str
    description: str
    elements: list[str] = Field(min_length=1)
    level_of_theory: str
    licence: str
    citation: list[str] = Field(min_length=1)
    units: Units
    origin: SerializeAsAny[Origin]
    strata: list[Stratum] = later([])
    marks: list[Mark] = later([])
    prototype: str | None = later(None)
    properties: list[Literature] = later([], max_length=1000)
    _folder: Path = PrivateAttr(default=Path())

    @field_validator("origin", mode="before")
    @classmethod
    def _of_its_kind(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        kind, kinds = value.get("kind"), ORIGINS.names()
        if kind is None:
            raise ValueError(f"the key 'kind' is missing; it is one of {', '.join(kinds)}")
        if kind not in kinds:
            raise ValueError(f"unknown kind of origin {kind!r}; {near_names(str(kind), kinds)}")
        return ORIGINS.get(kind).model_validate(value)

    @model_validator(mode="after")
    def _elements_fit_the_origin(self) -> "Card":
        self.origin.check_elements(self.elements)
        return self

    @property
    def formula(self) -> str:
        """The elements of the data set, joined: ``"Mo–W"``."""
        return "–".join(self.elements)

    def n_frames(self, split: str) -> int:
        """Return the number of frames in ``split`` (train, validation or test)."""
        return self.origin.n_frames(split)

    def data_files(self) -> dict[str, DataFile]:
        """Return the files that the data set is read from; none if it is sampled."""
        return self.origin.data_files()

    def content(self, parts: Mapping[str, Frames]) -> str:
        """Return the SHA-256 of the structures of the data set, by which results share its data."""
        return self.origin.content(self.elements, parts)

    def read(self, paths: Mapping[str, Path]) -> dict[str, Frames]:
        """Return the train, validation and test part of `data_files` that lie at ``paths``.

        Raises
        ------
        InputError
            If a file is not as the card says, or a part cannot be filled.
        """
        return self.origin.make(self.origin.recipe(), self.elements, paths)

    def marked(self) -> Marked:
        """Return the test structures of each mark, as `tlbench.jobs.evaluate.Config` takes them."""
        return marked_of(self.marks)

    @property
    def folder(self) -> Path:
        """Folder that the paths of its files are relative to."""
        return self._folder

    def recipe(self) -> dict[str, Any]:
        """Return everything that determines the frames, and nothing else."""
        return {"elements": self.elements, "origin": self.origin.recipe()}

    def digest(self) -> str:
        """Return the SHA-256 of the recipe."""
        return digest(self.recipe())


def card_of(value: Mapping[str, Any], source: str, lines: Lines | None = None) -> Card:
    """Return a card from what its file holds.

    Parameters
    ----------
    source, lines
        The file, and the line of each of its keys, for messages.

    Raises
    ------
    InputError
        If the card is not valid.
    """
    origin = value.get("origin")
    if isinstance(origin, dict) and origin.get("kind") in ORIGINS.names():
        # By itself first, so that messages know its keys.
        validate(ORIGINS.get(origin["kind"]), origin, source, lines, ("origin",))
    return validate(Card, value, source, lines)


def card_names() -> list[str]:
    """Return the names of the cards that tlbench ships, sorted."""
    return sorted(path.stem for path in card_folder().glob("*.yaml"))


def load_card(
    name: str | PathLike[str],
    changes: Mapping[str, Any] | None = None,
    changed_in: str = "the changes",
    lines: Lines | None = None,
    within: Location = (),
) -> Card:
    """Read the card called ``name``, or a card file, and apply ``changes`` to its origin.

    Parameters
    ----------
    changed_in, lines, within
        Document in which the changes are written, the lines of its keys, and the keys under
        which the changes stand; for messages.

    Raises
    ------
    UnknownNameError
        If there is no such card.
    InputError
        If the card, or a change, is not valid.
    """
    path = _card_path(fspath(name))
    value, card_lines = _read(path, path.stat().st_mtime_ns)
    card = card_of(value, str(path), card_lines)
    card._folder = path.parent
    if not changes:
        return card
    origin = validate(type(card.origin), {**value["origin"], **changes}, changed_in, lines, within)
    try:
        card.origin.check_change(origin)
    except ValueError as error:
        raise InputError(f"{changed_in}: data set {card.name!r}: {error}.") from error
    return card.model_copy(update={"origin": origin})


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> tuple[dict[str, Any], Lines]:
    """Read a card once for each time it was changed: suites name the same few again and again."""
    return read_yaml(path)


def is_path(name: str) -> bool:
    """Return whether ``name`` means a card file rather than a card that tlbench ships."""
    return name.endswith((".yaml", ".yml")) or "/" in name


DATA_ENDINGS = (".extxyz", ".xyz", ".json", ".traj", ".db", ".cfg", ".gz")
"""Endings of files that may hold structures; no name of a card has one."""


def data_file(name: str) -> Path | None:
    """Return the file of structures that ``name`` means, there or not; None if it means a card."""
    path = Path(name)
    if name in card_names() or path.suffix in (".yaml", ".yml"):
        return None
    is_file = path.is_file() or is_path(name) or path.suffix.lower() in DATA_ENDINGS
    return path if is_file else None


def check_names_a_card(name: str) -> None:
    """Refuse the name of a data file where that of a card is expected.

    Raises
    ------
    InputError
        Saying how to write a card for the file.
    """
    path = data_file(name)
    if path is None:
        return
    if path.is_file():
        raise InputError(
            f"{name}: is not a card; write one with tlbench data new {shlex.quote(name)}, and "
            "name the .yaml file that it writes."
        )
    if path.suffix.lower() in DATA_ENDINGS:
        check_is_file(
            path,
            f"There is no file {name!r}; check the path, and name not the data but their card, "
            "which tlbench data new writes beside them.",
        )


def _card_path(name: str) -> Path:
    check_names_a_card(name)
    if is_path(name):
        check_is_file(Path(name), f"There is no card file {name!r}; check the path.")
        return Path(name)
    names = card_names()
    if name not in names:
        raise UnknownNameError(
            f"Unknown data set {name!r}; {near_names(name, names)}; a card file of your own is "
            "named by its path, ending in .yaml."
        )
    return card_folder() / f"{name}.yaml"


def shared_data(source: Card, target: Card) -> str | None:
    """Return in words what a model pretrained on ``source`` has in common with ``target``.

    Names of cards, of files and of splits do not matter, and two different data sets of one
    element share nothing.

    Returns
    -------
    str or None
        Such as "the file a.extxyz of one is b.extxyz of the other"; None if nothing is shared.
    """
    if source.origin.kind != target.origin.kind or not set(source.elements) & set(target.elements):
        return None
    return source.origin.shared_with(target.origin)


class SameDataError(InputError):
    """The structures of a source are those of its target."""


def same_data_error(source: Card, target: Card, shared: str) -> SameDataError:
    """Return the refusal of a transfer between data that share structures.

    Parameters
    ----------
    shared
        What they share, as `shared_data` says it.
    """
    return SameDataError(
        f"The source {source.name!r} and the target {target.name!r} hold the same data ({shared}), "
        "so a gain by transfer cannot be distinguished from more training on the target; choose "
        "another source or target, or ask for it with --set allow_same_data=true."
    )
