"""What ``tlbench ls`` lists and ``tlbench show`` shows, kind by kind."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True)
class Kind:
    """One kind of things that have names.

    Attributes
    ----------
    plural
        What several are called.
    names, get
        Where the functions are that return all names, and what has a name: ``module:attribute``,
        imported when it is asked for.
    summary
        Returns a sentence on what has a name.
    description
        Takes a name and what has it, and returns all there is to know.
    """

    plural: str
    names: str
    get: str
    summary: Callable[[Any], str]
    description: Callable[[str, Any], dict[str, Any]]

    def entries(self) -> Iterator[tuple[str, str]]:
        """Yield each name and a sentence on it."""
        get = resolve_name(self.get)
        for name in resolve_name(self.names)():
            yield name, self.summary(get(name))

    def describe(self, name: str) -> dict[str, Any]:
        """Return all there is to know of one.

        Raises
        ------
        TlbenchError
            If there is none of this name, or its package is missing.
        """
        return self.description(name, resolve_name(self.get)(name))


def _suite(name: str, suite: Any) -> dict[str, Any]:
    from tlbench.study.study import resolve

    return resolve(suite).complete()


def _dataset(name: str, card: Any) -> dict[str, Any]:
    from tlbench.data.origins import SPLITS

    return {
        **card.model_dump(mode="json"),
        "digest": card.digest(),
        "structures": {split: card.n_frames(split) for split in SPLITS},
    }


def _documented(name: str, model: "type[BaseModel]") -> dict[str, Any]:
    description = " ".join((model.__doc__ or "").split())
    return {"name": name, "description": description, "settings": _settings(model)}


def _reader(name: str, reader: Any) -> dict[str, Any]:
    return {"name": name, "summary": reader.summary, "settings": _settings(reader.options)}


def _strategy(name: str, strategy: Any) -> dict[str, Any]:
    return {
        "name": strategy.name,
        "summary": strategy.summary,
        "literature": strategy.literature,
        "needs_source": strategy.needs_source,
        "trains": strategy.trains,
        "settings": _settings(type(strategy.settings)) if strategy.settings else {},
    }


def _property(name: str, asked: Any) -> dict[str, Any]:
    return {
        "name": asked.name,
        "summary": asked.summary,
        "literature": asked.literature,
        "quantities": {each.name: _with_unit(each) for each in asked.quantities},
        "settings": _settings(asked.settings),
    }


def _metric(name: str, metric: Any) -> dict[str, Any]:
    shown = ("name", "unit", "better", "summary", "compared", "tolerance")
    return {each: getattr(metric, each) for each in shown}


def _settings(model: "type[BaseModel]") -> dict[str, dict[str, Any]]:
    """Return default and meaning of every setting; one that is required has no default."""
    return {
        key: (
            {} if field.is_required() else {"default": field.get_default(call_default_factory=True)}
        )
        | {"meaning": field.description}
        for key, field in model.model_fields.items()
    }


def _title(entry: Any) -> str:
    return str(entry.title)


def _summary(entry: Any) -> str:
    return str(entry.summary)


def _with_unit(entry: Any) -> str:
    return f"{entry.summary} ({entry.unit})"


def _first_line(documented: type) -> str:
    return (documented.__doc__ or "").strip().partition("\n")[0]


def _registered(
    plural: str,
    registry: str,
    description: Callable[[str, Any], dict[str, Any]],
    summary: Callable[[Any], str] = _summary,
) -> Kind:
    return Kind(plural, f"{registry}.names", f"{registry}.get", summary, description)


_SUITES, _CARDS = "tlbench.study.loading:", "tlbench.data.cards:"

KINDS = {
    "suite": Kind("suites", f"{_SUITES}suite_names", f"{_SUITES}load_suite", _title, _suite),
    "backbone": _registered(
        "backbones", "tlbench.models.backbones:BACKBONES", _documented, _first_line
    ),
    "strategy": _registered("strategies", "tlbench.transfer:STRATEGIES", _strategy),
    "metric": _registered("metrics", "tlbench.metrics:METRICS", _metric, _with_unit),
    "dataset": Kind("datasets", f"{_CARDS}card_names", f"{_CARDS}load_card", _title, _dataset),
    "reader": _registered("readers", "tlbench.data.readers:READERS", _reader),
    "origin": _registered("origins", "tlbench.data.origins:ORIGINS", _documented, _first_line),
    "potential": _registered(
        "potentials",
        "tlbench.transfer.potentials:POTENTIALS",
        lambda name, potential: potential.description(),
    ),
    "property": _registered("properties", "tlbench.properties:PROPERTIES", _property),
}
"""By what one is called."""

if TYPE_CHECKING:
    # To mypy, members of an enumeration are literals.
    Singular: TypeAlias = str
    Plural: TypeAlias = str
else:
    Singular = StrEnum("Singular", list(KINDS))
    Plural = StrEnum("Plural", [kind.plural for kind in KINDS.values()])
