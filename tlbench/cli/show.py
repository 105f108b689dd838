"""``tlbench show``: everything about one suite, backbone, metric, data set or the like."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel


class Topic(StrEnum):
    """What can be shown."""

    suite = "suite"
    backbone = "backbone"
    strategy = "strategy"
    metric = "metric"
    dataset = "dataset"
    reader = "reader"
    origin = "origin"
    potential = "potential"
    property = "property"


def show(
    kind: Annotated[Topic, typer.Argument(help="What it is.")],
    name: Annotated[str, typer.Argument(help="Its name; a suite may also be a file.")],
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Print a suite as a file, with every default spelt out.")
    ] = False,
) -> None:
    """Show one suite, backbone, strategy, metric, data set, potential, property … in full."""
    if kind is Topic.suite:
        from tlbench.cli.study import show_study
        from tlbench.study.loading import load_suite
        from tlbench.study.models import plan
        from tlbench.study.study import resolve

        study = resolve(load_suite(name))
        if not as_yaml:
            show_study(study, len(plan(study).jobs))
            return
        content = study.complete()
    else:
        content = _content(kind, name)
    import yaml

    typer.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), nl=False)


def _content(kind: Topic, name: str) -> dict[str, Any]:
    if kind is Topic.dataset:
        from tlbench.data.cards import load_card
        from tlbench.data.origins import SPLITS

        card = load_card(name)
        return {
            **card.model_dump(mode="json"),
            "digest": card.digest(),
            "structures": {split: card.n_frames(split) for split in SPLITS},
        }
    if kind is Topic.backbone:
        from tlbench.models.backbones import BACKBONES

        return _documented(name, BACKBONES.get(name))
    if kind is Topic.origin:
        from tlbench.data.origins import ORIGINS

        return _documented(name, ORIGINS.get(name))
    if kind is Topic.reader:
        from tlbench.data.readers import READERS

        reader = READERS.get(name)
        return {"name": name, "summary": reader.summary, "settings": _settings(reader.options)}
    if kind is Topic.strategy:
        from tlbench.transfer import STRATEGIES

        strategy = STRATEGIES.get(name)
        return {
            "name": strategy.name,
            "summary": strategy.summary,
            "literature": strategy.literature,
            "needs_source": strategy.needs_source,
            "trains": strategy.trains,
            "settings": _settings(type(strategy.settings)) if strategy.settings else {},
        }
    if kind is Topic.property:
        from tlbench.properties import PROPERTIES

        asked = PROPERTIES.get(name)
        return {
            "name": asked.name,
            "summary": asked.summary,
            "literature": asked.literature,
            "quantities": {q.name: f"{q.summary} ({q.unit})" for q in asked.quantities},
            "settings": _settings(asked.settings),
        }
    if kind is Topic.potential:
        from tlbench.transfer.potentials import POTENTIALS

        return POTENTIALS.get(name).description()
    from tlbench.metrics import METRICS

    spec = METRICS.get(name)
    names = ("name", "unit", "better", "summary", "compared", "tolerance")
    return {name: getattr(spec, name) for name in names}


def _documented(name: str, model: "type[BaseModel]") -> dict[str, Any]:
    description = " ".join((model.__doc__ or "").split())
    return {"name": name, "description": description, "settings": _settings(model)}


def _settings(model: "type[BaseModel]") -> dict[str, dict[str, Any]]:
    """Return default and meaning of every setting; one that is required has no default."""
    return {
        key: (
            {} if field.is_required() else {"default": field.get_default(call_default_factory=True)}
        )
        | {"meaning": field.description}
        for key, field in model.model_fields.items()
    }
