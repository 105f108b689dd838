"""How a target model starts and which of its parameters train."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from tlbench.base.errors import InputError
from tlbench.base.registry import Registry
from tlbench.transfer.strategy import Strategy

if TYPE_CHECKING:
    from tlbench.models.backbones.base import Backbone

STRATEGIES: Registry[Strategy] = Registry(
    "strategy",
    group="tlbench.strategies",
    wanted=("a Strategy", lambda entry: isinstance(entry, Strategy)),
)
for _name, _entry in {
    "scratch": "scratch:SCRATCH",
    "scratch-long": "scratch:SCRATCH_LONG",
    "finetune": "finetune:FINETUNE",
    "zero-shot": "zero_shot:ZERO_SHOT",
    "freeze-embedding": "freeze:FREEZE_EMBEDDING",
    "freeze-interactions": "freeze:FREEZE_INTERACTIONS",
    "head-only": "freeze:HEAD_ONLY",
    "layerwise-lr": "layerwise:LAYERWISE_LR",
    "l2-sp": "l2_sp:L2_SP",
    "mixed": "mixed:MIXED",
}.items():
    STRATEGIES.register(_name, f"tlbench.transfer.{_entry}")

INITIALISATIONS: "Registry[Callable[[Backbone, Mapping[int, int], Collection[int]], None]]" = (
    Registry("element initialisation")
)
"""Name → what gives target elements their first values; see `tlbench.models.parameters`."""
for _name, _entry in {
    "copy-source": "parameters:copy_element",
    "random": "parameters:keep_element",
    "mean": "parameters:mean_element",
}.items():
    INITIALISATIONS.register(_name, f"tlbench.models.{_entry}")


def base_of(name: str) -> str:
    """Return the name of the strategy in ``STRATEGY`` or ``STRATEGY+INITIALISATION``."""
    return name.partition("+")[0]


def starts_from_source(name: str) -> bool:
    """Return whether an arm starts from a source; those of plugins that are not here may."""
    return base_of(name) not in STRATEGIES or arm(name).needs_source


def arm(name: str) -> Strategy:
    """Return the strategy called ``name``, or ``STRATEGY+INITIALISATION`` with another start.

    Raises
    ------
    UnknownNameError
        If there is no such strategy, or no such initialisation of elements.
    InputError
        If the strategy leaves no choice of initialisation.
    """
    base, plus, initialisation = name.partition("+")
    strategy = STRATEGIES.get(base)
    if not plus:
        return strategy
    INITIALISATIONS.get(initialisation)
    if not (strategy.needs_source and strategy.trains and strategy.trains_elements):
        raise InputError(
            f"{name!r}: {base!r} leaves no choice of what the target element starts from; "
            "strategies that fine-tune the embedding of a source model do."
        )
    return replace(strategy, name=name, element_init=initialisation)
