"""The jobs that compute physical properties with a model, and with the reference potential."""

from typing import Any

from tlbench.data.cards import Card
from tlbench.data.origins import ORIGINS
from tlbench.jobs.properties import Config
from tlbench.properties import PROPERTIES
from tlbench.study.plan import Cell, ComputedProperty, Plan
from tlbench.study.sources import registered_backbone

ROOM_TEMPERATURE_K = 300.0
"""Any will do: of what reference dynamics start from, only the potential is used."""


def compute(result: Plan, measured: Cell, target: Card) -> None:
    """Plan every property of a model that is measured, and the same of the reference."""
    asked = result.suite.properties
    if asked is None:
        return
    trained = result.jobs[measured.trained]
    prototype = asked.prototype_of(result.suite.name, target)
    for name, given in asked.compute.items():
        provider = result.keys.provider("property", name)
        config = Config(
            property=name,
            settings=_stated(name, given, provider),
            prototype=prototype,
            elements=target.elements,
            provider=provider,
        )
        code = f"property {name}"
        job = result.keys.job(
            config,
            {"model": measured.trained},
            f"{name} of {trained.label}",
            named=[code, f"backbone {registered_backbone(measured.model.backbone)}"],
            environment=trained.environment,
        )
        result.computed.append(
            ComputedProperty(
                model=measured.model,
                property=name,
                job=result.add(job),
                trained=measured.trained,
                reference=_reference(result, config, code, target),
            )
        )


def _reference(result: Plan, config: Config, code: str, target: Card) -> str | None:
    """Plan a property of the reference potential of a data set, if it has one."""
    start = target.origin.start(ROOM_TEMPERATURE_K)
    if start["kind"] == "frames":
        return None
    potential = ORIGINS.get(start["kind"]).reference_name(target.formula)
    job = result.keys.job(
        config.model_copy(update={"reference": start}),
        {},
        f"{config.property} of {potential}",
        named=[code, f"origin {start['kind']}"],
    )
    return result.add(job)


def _stated(name: str, given: dict[str, Any], provider: str | None) -> dict[str, Any]:
    """Return the settings of a property as keys have them.

    Those of one from another package are complete, as its defaults may change.
    """
    if provider is not None:
        return given
    settings = PROPERTIES.get(name).settings.model_validate(given)
    stated: dict[str, Any] = settings.model_dump(mode="json", exclude_defaults=True)
    return stated
