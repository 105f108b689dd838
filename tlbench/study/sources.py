"""Sources of a suite: data sets to pretrain on, and potentials whose weights are there."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase.data import chemical_symbols
from pydantic import Field, model_validator

from tlbench.base.errors import InputError
from tlbench.base.magnitudes import Digest
from tlbench.base.registry import near_names
from tlbench.base.schema import Strict, canonical_json
from tlbench.data.cards import card_names, data_file, is_path
from tlbench.models.backbones import BACKBONES, BackboneConfig
from tlbench.models.potential_file import DESCRIPTION, potential_path, refusal
from tlbench.study.transfers import DataChoice
from tlbench.transfer.potentials import POTENTIALS

if TYPE_CHECKING:
    from tlbench.study.suite import Suite

LARGEST_FILE = 1 << 30
"""Bytes of a file of weights."""

ENDING = ".safetensors"


class SourceChoice(Strict):
    """A source of a suite: a data set, a published potential, or a potential in a file.

    In a suite it may be a word: the name of a published potential or of a data set, or the path of
    a card or of a ``potential.safetensors``.
    """

    card: str | None = None
    changes: dict[str, Any] = Field(default={}, description="keys of the card's origin to replace")
    potential: str | None = Field(default=None, description="name of a published potential")
    file: str | None = Field(default=None, description="path of a potential.safetensors")
    name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$",
        description="what results call the potential of a file; by default its stem",
    )
    sha256: Digest | None = Field(default=None, description="of the file, if it should be this one")
    backbones: list[str] | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="backbones that start from it; by default all that can",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_word(cls, value: Any) -> Any:
        return {_kind_of(value): value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_kind(self) -> "SourceChoice":
        if sum(each is not None for each in (self.card, self.potential, self.file)) != 1:
            raise ValueError("a source is one of 'card', 'potential' and 'file'")
        if self.changes and self.card is None:
            raise ValueError("changes are those of the origin of a data set; name a 'card'")
        if self.file is None and (self.name or self.sha256):
            raise ValueError("'name' and 'sha256' are of the potential in a 'file'")
        if self.potential is not None and self.potential not in POTENTIALS:
            hint = near_names(self.potential, POTENTIALS.names())
            raise ValueError(f"unknown potential {self.potential!r}; {hint}")
        return self

    @property
    def data(self) -> DataChoice | None:
        """The data set; None for weights that are there."""
        return None if self.card is None else DataChoice(card=self.card, changes=self.changes)

    @property
    def potential_name(self) -> str | None:
        """What results call the potential; None for a data set."""
        if self.potential is not None:
            return POTENTIALS.get(self.potential).label
        return None if self.file is None else self.name or Path(self.file).stem

    @property
    def label(self) -> str:
        """What it is called in messages."""
        return str(self.card or self.potential or self.name or self.file)


def is_potential(word: str) -> bool:
    """Return whether a word names a published potential, or the file of a potential."""
    return word in POTENTIALS or word.endswith(ENDING)


def takers_of(
    source: "SourcePotential", backbones: Mapping[str, Mapping[str, Any]], cutoff: float
) -> list[str]:
    """Return which backbones can take the weights of a potential: those of its architecture.

    Parameters
    ----------
    backbones
        Name → settings, as in a suite.
    cutoff
        Of the suite, Å.
    """
    found = []
    for name, stated in backbones.items():
        registered = registered_backbone(name)
        # Settings of others need not be known: they may be of a package that is not installed.
        if registered == source.backbone and source.fits(
            registered, _complete(name, stated, cutoff)
        ):
            found.append(name)
    return found


def difference_from(
    source: "SourcePotential", backbones: Mapping[str, Mapping[str, Any]], cutoff: float
) -> str:
    """Return the first setting in which a backbone differs from the architecture of a potential.

    Empty if none of them is of its kind. Parameters are those of `takers_of`.
    """
    for name, stated in backbones.items():
        if registered_backbone(name) == source.backbone:
            for key, value in _complete(name, stated, cutoff).items():
                if value != source.complete.get(key):
                    own = json.dumps(source.complete.get(key))
                    return f"{key} {own} against {json.dumps(value)} of {name!r}"
    return ""


def _complete(name: str, stated: Mapping[str, Any], cutoff: float) -> dict[str, Any]:
    """Return all settings of a backbone of a suite, as JSON values."""
    config = BACKBONES.get(registered_backbone(name)).model_validate({**stated, "cutoff": cutoff})
    config = POTENTIALS.get(name).config if is_architecture(name) else config
    return config.model_dump(mode="json")


def _kind_of(word: str) -> str:
    """Return what a source that is given as a word names.

    Raises
    ------
    ValueError
        If it is not a path, and no potential or data set has this name.
    """
    if is_potential(word):
        return "potential" if word in POTENTIALS else "file"
    if word not in card_names() and not is_path(word) and data_file(word) is None:
        known = near_names(word, [*POTENTIALS.names(), *card_names()])
        raise ValueError(f"unknown source {word!r}; {known}")
    return "card"


@dataclass(frozen=True)
class SourcePotential:
    """A potential that target models start from, trained by others or before.

    Attributes
    ----------
    name
        What results call it, as ``"SevenNet-0"``.
    registered
        Name of the published potential; None for that of a file.
    path
        The file; None for a published potential.
    sha256
        Of the file that its weights come from.
    backbone, config
        Registered name and complete configuration of the backbone that it is made of.
    elements
        Symbols of the elements that it was trained on.
    trained_on
        The data that it was trained on; empty if not known.
    """

    name: str
    registered: str | None
    path: Path | None
    sha256: str
    backbone: str
    config: BackboneConfig
    elements: tuple[str, ...]
    trained_on: str

    @cached_property
    def complete(self) -> dict[str, Any]:
        """All settings of its backbone, as JSON values."""
        return self.config.model_dump(mode="json")

    def fits(self, backbone: str, settings: Mapping[str, Any]) -> bool:
        """Return whether a backbone with these complete settings can take its weights."""
        return backbone == self.backbone and canonical_json(settings) == canonical_json(
            self.complete
        )

    def identity(self) -> dict[str, Any]:
        """Return what digests of a study are taken of: the weights, wherever they lie."""
        return {
            "name": self.name,
            "potential": self.registered,
            "sha256": self.sha256,
            "backbone": self.backbone,
            "config": self.complete,
        }


def registered_backbone(name: str) -> str:
    """Return the registered name of a backbone of a suite, which may be called like a potential."""
    return POTENTIALS.get(name).backbone if is_architecture(name) else name


def is_architecture(name: str) -> bool:
    """Return whether a backbone is named by a published potential, whose architecture it has."""
    return name not in BACKBONES and name in POTENTIALS


def contradictions_of_sources(suite: "Suite") -> Iterator[str]:
    """Yield what is wrong with the sources of a suite and its other keys together."""
    for other in ("source", "source_parts") if suite.sources else ():
        if getattr(suite, other) is not None:
            yield f"a suite has either 'sources' or {other!r}; leave one of them out"
    for name in suite.from_scratch or ():
        if name not in suite.backbones:
            yield (
                f"from_scratch: the suite does not have the backbone {name!r}; "
                f"{near_names(name, suite.backbones)}"
            )
    for choice in suite.sources or ():
        for name in choice.backbones or ():
            if name not in suite.backbones:
                yield (
                    f"sources: {choice.label} is for the backbone {name!r}, which the suite does "
                    f"not have; {near_names(name, suite.backbones)}"
                )
    if suite.distances is not None and any(each.data is None for each in suite.sources or ()):
        yield (
            "distances: they are between data sets, and what a potential was trained on is not "
            "available; leave 'distances' out"
        )
    for name, settings in suite.backbones.items():
        if settings and is_architecture(name):
            yield (
                f"backbones: {name!r} is the architecture of a published potential, which has no "
                f"settings; set those of {POTENTIALS.get(name).backbone!r} instead"
            )


def potential_of(choice: SourceChoice) -> SourcePotential:
    """Return the potential that a source names; its weights are not read, but those of a file are.

    Raises
    ------
    InputError
        If a file is not a potential of tlbench, or has another digest than the suite says.
    """
    if choice.potential is not None:
        found = POTENTIALS.get(choice.potential)
        return SourcePotential(
            name=found.label,
            registered=found.name,
            path=None,
            sha256=found.sha256,
            backbone=found.backbone,
            config=found.config,
            elements=found.elements,
            trained_on=found.trained_on,
        )
    if choice.file is None:
        raise AssertionError("a data set is not a potential")
    return _of_file(choice, potential_path(choice.file))


def sources_for(
    choices: Sequence[SourceChoice], backbones: Mapping[str, Mapping[str, Any]], cutoff: float
) -> list[SourceChoice]:
    """Return the sources of a suite that is left with some of its backbones, or gets others.

    Potentials whose weights none of these can take, and sources that are for others alone, are left
    out; all stay where none would.

    Parameters
    ----------
    backbones
        Name → settings.
    cutoff
        Of the suite, Å.
    """
    found = []
    for choice in choices:
        named = choice.backbones and [each for each in choice.backbones if each in backbones]
        takers = choice.data or takers_of(potential_of(choice), backbones, cutoff)
        if named != [] and takers:
            found.append(choice.model_copy(update={"backbones": named}))
    return found or [*choices]


def _of_file(choice: SourceChoice, path: Path) -> SourcePotential:
    from safetensors import SafetensorError, safe_open

    if (size := path.stat().st_size) > LARGEST_FILE:
        raise InputError(
            f"{path}: {size:,} bytes are too many for a potential; up to {LARGEST_FILE:,} are read."
        )
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        with safe_open(str(path), framework="np") as file:
            described = json.loads((file.metadata() or {})[DESCRIPTION])
            energies = file.get_tensor("reference_energy")
        backbone, settings = str(described["backbone"]), json.loads(described["config"])
        trained_on = str(described.get("trained_on") or "")
        # NaN alone differs from itself.
        known = [z for z, energy in enumerate(energies.tolist()) if energy == energy]
        elements = tuple(chemical_symbols[z] for z in known)
        if not elements:
            raise KeyError("reference energy of any element")
    except (OSError, SafetensorError) as error:
        raise InputError(refusal(path, str(error))) from error
    except KeyError as error:
        raise InputError(refusal(path, f"it has no {error}")) from error
    except (ValueError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise InputError(refusal(path, f"its description is damaged: {error}")) from error
    if choice.sha256 not in (None, sha256):
        raise InputError(
            f"{path}: has SHA-256 {sha256[:16]}…, but the suite is of {str(choice.sha256)[:16]}…; "
            "name the file that it was, or leave 'sha256' out to start from this one."
        )
    if backbone not in BACKBONES:
        hint = near_names(backbone, BACKBONES.names())
        raise InputError(f"{path}: is of an unknown backbone {backbone!r}; {hint}")
    try:
        config = BACKBONES.get(backbone).model_validate(settings)
    except ValueError as error:
        raise InputError(refusal(path, f"it is of another version of {backbone!r}")) from error
    return SourcePotential(
        name=choice.name or path.stem,
        registered=None,
        path=path,
        sha256=sha256,
        backbone=backbone,
        config=config,
        elements=elements,
        trained_on=trained_on,
    )
