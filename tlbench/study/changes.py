"""Which settings of two suites differ."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tlbench.data.cards import is_path, load_card
from tlbench.study.ends import with_energy_references
from tlbench.study.loading import load_suite, suite_names
from tlbench.study.sources import SourceChoice
from tlbench.study.study import Study, resolve

NOT_SET = "not set"
_WORDS = ("name", "title", "description")
"""Name and description of a suite determine no number."""


class Change(NamedTuple):
    """A setting by its dotted key, as ``--set`` takes it, before and after, as text."""

    key: str
    was: str
    now: str

    def text(self) -> str:
        """Return the change as ``training.updates: 100 → 50``."""
        return f"{self.key}: {self.was} → {self.now}"


def changes_of(study: Study) -> list[Change]:
    """Return how a study differs from the suite that it is named after.

    That is the suite of its name and version that tlbench ships, or the file that it was read
    from, before any change on the command line.
    """
    suite = study.suite
    original = suite.unchanged
    if suite.name in suite_names():
        shipped = load_suite(suite.name)
        if shipped.version == suite.version:
            original = shipped
    if original is None:
        return []
    # What follows from the data is not a setting that was changed.
    with_same_defaults = with_energy_references(original, study.ends)
    before = replace(resolve(original), suite=with_same_defaults)
    return differences(before.complete(), study.complete())


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Return the settings that differ between two suites with every default spelt out."""
    return list(_differences("", was, now))


def _differences(key: str, was: Any, now: Any) -> Iterator[Change]:
    if was == now:
        return
    if not (isinstance(was, Mapping) and isinstance(now, Mapping)) or key == "tuned":
        yield Change(key, _text(key, was), _text(key, now))
        return
    if key == "backbones" and list(was) != list(now):
        yield Change(key, ", ".join(was), ", ".join(now))
    if was.get("card") != now.get("card"):
        # The rest of a choice of data is of its card.
        key = f"{key}.card"
        yield Change(key, _text(key, was.get("card")), _text(key, now.get("card")))
        return
    for name in dict.fromkeys([*was, *now]):
        if key == "backbones" and not (name in was and name in now):
            continue
        if key or name not in _WORDS:
            yield from _differences(f"{key}.{name}" if key else name, was.get(name), now.get(name))


def _source(choice: SourceChoice) -> str:
    # Not the place of a file on one machine.
    name = choice.name or Path(choice.label).name
    name = name if choice.card is None else _text("source.card", choice.card)
    return f"{name} (for {', '.join(choice.backbones)})" if choice.backbones else name


def _text(key: str, value: Any) -> str:
    if value is None:
        return NOT_SET
    if key == "source":
        return _text("source.card", value["card"])
    if key == "sources":
        return ", ".join(_source(SourceChoice.model_validate(each)) for each in value)
    if key.endswith(".card") and is_path(value):
        # The name of the data set says more than the place of its card on one machine.
        return load_card(value).name
    if key == "matrix.cards" and is_path(value):
        return Path(value).name
    if key == "tuned":
        return f"study {str(value.get('study'))[:12]} of suite {value.get('suite')}"
    if isinstance(value, list) and value and not any(isinstance(v, (list, dict)) for v in value):
        return ", ".join(_text(key, each) for each in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
