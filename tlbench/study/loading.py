"""From a name or a file to a suite."""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from tlbench.base.errors import InputError, UnknownNameError
from tlbench.base.formats import Format
from tlbench.base.registry import near_names
from tlbench.base.schema import Lines, assign, read_yaml, validate
from tlbench.data.cards import check_names_a_card, is_path, load_card
from tlbench.models.backbones import BACKBONES
from tlbench.study.places import has_other_data, still_tuned, trained_places, untuned_places
from tlbench.study.sources import (
    ENDING,
    is_potential,
    registered_backbone,
    sources_for,
)
from tlbench.study.suite import Suite
from tlbench.study.transfers import DataChoice
from tlbench.study.tuned import PRETRAINING, TUNED_FIELDS, Tuned, read_tuned
from tlbench.transfer import arm
from tlbench.transfer.potentials import POTENTIALS

MOST_MODELS = 50_000
"""Models of a published suite: reading it should not fill the memory."""

MOST_PAIRS = 100
"""Pairs of seeds of one, for the same reason."""

SUITE_FORMAT = Format("suite", Suite)


def suite_folder() -> Path:
    """Return the folder of the suites that tlbench ships."""
    return Path(str(files("tlbench"))) / "suites"


def suite_names() -> list[str]:
    """Return the names of the suites that tlbench ships, sorted."""
    return sorted(path.stem for path in suite_folder().glob("*.yaml"))


def load_suite(
    name: str | PathLike[str],
    settings: Sequence[tuple[str, str]] = (),
    backbones: Sequence[str] = (),
    cards: Mapping[str, str] | None = None,
    strategies: Sequence[str] = (),
) -> Suite:
    """Read a suite that tlbench ships, or a YAML file, and apply changes to it.

    Parameters
    ----------
    name
        Name of a suite, or path of a file.
    settings
        Dotted keys and their YAML values, e.g. ``("training.updates", "50")``.
    backbones
        Run these instead of the suite's own; one that the suite has keeps its settings there.
    cards
        "source" or "target" → the data set to use instead, unchanged: a name or a card file. As
        source it may also be a published potential or the file of one; it then is the only one.
    strategies
        Run these instead of the suite's own, training from scratch only if it is among them.

    Raises
    ------
    UnknownNameError
        If there is no such suite, backbone or strategy.
    InputError
        If the file or a setting is not valid.
    """
    path = _suite_path(fspath(name))
    value, lines = read_yaml(path)
    value = SUITE_FORMAT.upgraded(value, str(path))
    # A card file is beside the suite that names it.
    _find_cards(value, path.parent)
    _read_tuned(value, path.parent)
    suite = _checked(value, str(path), lines)
    for backbone in backbones:
        BACKBONES.get(registered_backbone(backbone))
    if backbones:
        value["backbones"] = {name: suite.backbones.get(name, {}) for name in backbones}
        if suite.sources is not None and not (cards or {}).get("source"):
            left = sources_for(suite.sources, value["backbones"], suite.cutoff)
            value["sources"] = [
                each.model_dump(mode="json", exclude_defaults=True) for each in left
            ]
    for name in strategies:
        arm(name)
    if strategies:
        # In the suite's order, so that a suite does not depend on how its command was typed.
        own = [name for name in suite.strategies if name in strategies]
        value["strategies"] = list(dict.fromkeys([*own, *strategies]))
    if cards and suite.matrix is not None:
        raise InputError(
            f"Suite {suite.name!r} transfers between all pairs of its elements; choose them with "
            "--set 'matrix.elements=[Si, Ge]'."
        )
    for part, named in (cards or {}).items():
        if part == "source" and (value.get("sources") or is_potential(named)):
            value["sources"] = [named]
            value.pop("source", None)
            _find_cards(value, Path())
            continue
        check_names_a_card(named)
        value[part] = {"card": str(Path(named).absolute()) if is_path(named) else named}
    for key, text in settings:
        assign(value, key, text)
    _read_tuned(value, Path())
    _find_cards(value, Path())
    if settings or backbones or cards or strategies:
        _narrow_tuning(
            value, suite, chosen=any(key.split(".")[0] == "tuned" for key, _ in settings)
        )
        changed = _checked(value, "the changes on the command line", {})
        _check_rates(changed, [key for key, _ in settings])
        changed._unchanged = suite
        return changed
    return suite


def load_published(path: Path, private: bool = False) -> Suite:
    """Read a published suite: it may name nothing outside tlbench.

    Its backbones need not be installed here.

    Parameters
    ----------
    private
        Whether it is of a private submission, which may name card files in its own folder.

    Raises
    ------
    InputError
        If it is not valid, or names data sets or tuned settings by their path.
    """
    value, lines = read_yaml(path)
    value = SUITE_FORMAT.upgraded(value, str(path))
    if isinstance(value.get("tuned"), str):
        raise InputError(f"{path}: 'tuned' is a path, but should be the settings themselves.")
    for card in card_files(value):
        if not private:
            raise InputError(
                f"{path}: {card.where} is a path; published results are of data sets that tlbench "
                "has cards for. Propose the card first, or keep the results on a private board "
                "(tlbench board add --private)."
            )
        if Path(card.name).name != card.name:
            raise InputError(f"{path}: {card.where} should name a card file in the same folder.")
    if any(_files(value)):
        raise InputError(
            f"{path}: a source is a file that only you have; published results start from "
            "data sets and published potentials. Offer the potential in a package (entry points "
            "tlbench.potentials) first."
        )
    _find_cards(value, path.parent)
    if not all(
        text.isprintable() for text in (str(value.get("title")), str(value.get("description")))
    ):
        raise InputError(f"{path}: title and description should be printable characters.")
    suite = validate(Suite, value, str(path), lines)
    if suite.n_models() > MOST_MODELS:
        raise InputError(
            f"{path}: the suite has {suite.n_models():,} models; {MOST_MODELS:,} may be published."
        )
    pairs = len(suite.init_seeds) * (len(suite.subset_seeds) if suite.pairing == "product" else 1)
    if pairs > MOST_PAIRS:
        raise InputError(
            f"{path}: the suite has {pairs:,} pairs of seeds; {MOST_PAIRS} may be published."
        )
    return suite


@dataclass(frozen=True)
class CardFile:
    """The path of a card file in a suite as it is read from YAML.

    ``part`` is the key of the suite, with a number where there may be several, ``where`` that of
    the path, for messages, and ``holder[key]`` the path itself.
    """

    part: str
    where: str
    holder: Any
    key: str | int

    @property
    def name(self) -> str:
        """The path, as it is written."""
        return str(self.holder[self.key])

    def rename(self, name: str) -> None:
        """Change the path in the suite."""
        self.holder[self.key] = name


def card_files(value: Mapping[str, Any]) -> list[CardFile]:
    """Return the card files that a suite names.

    Parameters
    ----------
    value
        The suite as it is read from YAML.
    """
    return [each for each in _cards(value) if is_path(each.name)]


def _cards(value: Mapping[str, Any]) -> Iterator[CardFile]:
    for part, key in (("source", "card"), ("target", "card"), ("matrix", "cards")):
        if isinstance(value.get(part), dict) and key in value[part]:
            yield CardFile(part, f"{part}.{key}", value[part], key)
    for part, key in (("test", "tested_on"), ("from", "sources")):
        further = value.get(key)
        for number, each in enumerate(further if isinstance(further, list) else []):
            where = f"{key}[{number}]"
            if isinstance(each, str) and not is_potential(each):
                yield CardFile(f"{part}{number}", where, further, number)
            elif isinstance(each, dict) and each.get("card") is not None:
                yield CardFile(f"{part}{number}", f"{where}.card", each, "card")


def _files(value: Mapping[str, Any]) -> Iterator[tuple[Any, str | int]]:
    """Yield where a suite, as it is read from YAML, has the path of a potential: holder and key."""
    sources = value.get("sources")
    for number, each in enumerate(sources if isinstance(sources, list) else []):
        if isinstance(each, str) and each.endswith(ENDING):
            yield sources, number
        elif isinstance(each, dict) and isinstance(each.get("file"), str):
            yield each, "file"


def beside(value: Mapping[str, Any], folder: Path) -> None:
    """Change the paths of card files and potentials in a suite to those from ``folder``."""
    for card in card_files(value):
        card.rename(os.path.relpath(card.name, folder))
    for holder, key in _files(value):
        holder[key] = os.path.relpath(holder[key], folder)


def _find_cards(value: dict[str, Any], folder: Path) -> None:
    """Make the paths of card files and potentials, from ``folder``, absolute."""
    for card in card_files(value):
        card.rename(str((folder / card.name).absolute()))
    for holder, key in _files(value):
        holder[key] = str((folder / holder[key]).absolute())


def _narrow_tuning(value: dict[str, Any], before: Suite, chosen: bool) -> None:
    """Leave out tuned settings of what is not trained since the suite was changed.

    All of them are left out where it was given other data, unless they were ``chosen`` with these.
    """
    tuned = value.pop("tuned", None)
    if tuned is None:
        return
    after = _checked(value, "the changes on the command line", {})
    if not chosen and has_other_data(before, after):
        return
    left = still_tuned(validate(Tuned, tuned, "the tuned settings"), before, after)
    if left is not None:
        value["tuned"] = left.model_dump(mode="json")


def _check_rates(suite: Suite, changed: Sequence[str]) -> None:
    """Refuse a learning rate that is set on the command line where every arm has a tuned one."""
    for part in ("training", "pretraining"):
        places, untuned = (
            [place for place in some if (place.strategy == PRETRAINING) == (part == "pretraining")]
            for some in (trained_places(suite), untuned_places(suite))
        )
        named = [key for key in changed if key in {f"{part}.{name}" for name in TUNED_FIELDS}]
        if named and places and not untuned:
            raise InputError(
                f"{named[0]} would have no effect, because every arm that it is of has a learning "
                "rate that was tuned; set tuned to null, too, for one that is the same for all."
            )


def _read_tuned(value: dict[str, Any], folder: Path) -> None:
    """Replace the path of tuned settings, from ``folder``, by what is in it."""
    if isinstance(value.get("tuned"), str):
        value["tuned"] = read_tuned(folder / value["tuned"]).model_dump(mode="json")


def _checked(value: dict[str, Any], where: str, lines: Lines) -> Suite:
    """Validate a suite down to the settings of its backbones and data sets."""
    suite = validate(Suite, value, where, lines)
    for name in suite.backbones:
        if registered_backbone(name) not in BACKBONES:
            line = lines.get(("backbones", name))
            place = f"{where}:{line}" if line else where
            hint = near_names(name, [*BACKBONES.names(), *POTENTIALS.names()])
            raise UnknownNameError(f"{place}: unknown backbone {name!r}; {hint}")
        suite.backbone_config(name, where, lines)
    for part, choice in (("source", suite.source), ("target", suite.target)):
        if choice is not None:
            load_card(choice.card, choice.changes, where, lines, (part, "changes"))
    for number, source in enumerate(suite.sources or []):
        if source.card is not None:
            within = ("sources", number, "changes")
            load_card(source.card, source.changes, where, lines, within)
    for number, further in enumerate(suite.tested_on or []):
        if isinstance(further, DataChoice):
            within = ("tested_on", number, "changes")
            load_card(further.card, further.changes, where, lines, within)
    return suite


def _suite_path(name: str) -> Path:
    names = suite_names()
    if name in names:
        return suite_folder() / f"{name}.yaml"
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.exists():
        if not path.is_file():
            raise InputError(f"There is no suite file {name!r}; check the path.")
        if path.suffix.lower() in (".extxyz", ".xyz"):
            raise InputError(
                f"{name}: is not a suite; to use its structures, write a card with tlbench data "
                f"new {shlex.quote(name)}, and name that, as in tlbench run transfer --target "
                f"{shlex.quote(str(path.with_suffix('.yaml')))}."
            )
        return path
    raise UnknownNameError(f"Unknown suite {name!r}; {near_names(name, names)}")
