"""How a target model starts and which of its parameters train."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from tlbench.base.errors import InputError
from tlbench.base.registry import Registry
from tlbench.base.schema import Strict, validate
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
    "lora": "lora:LORA",
    "multihead": "multihead:MULTIHEAD",
    "self-replay": "self_replay:SELF_REPLAY",
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
    """Return the name of the strategy in the name of an arm, as `arm` reads it."""
    return name.partition("+")[0]


def starts_from_source(name: str) -> bool:
    """Return whether an arm starts from a source; those of plugins that are not here may."""
    return base_of(name) not in STRATEGIES or arm(name).needs_source


def arm(name: str) -> Strategy:
    """Return the strategy called ``name``, which may be followed by settings and another start.

    ``STRATEGY+INITIALISATION`` starts elements in another way, ``STRATEGY+SETTINGVALUE`` sets
    something of the strategy, as ``lora+rank8+alpha16``. Each arm has one name: settings are in
    the order of the strategy, without those that have their default.

    Raises
    ------
    UnknownNameError
        If there is no such strategy, or no such initialisation of elements.
    InputError
        If the strategy leaves no choice of initialisation, it has no such setting or not with this
        value, or the arm is called otherwise.
    """
    base, *options = name.split("+")
    strategy = STRATEGIES.get(base)
    given, starts = _parsed(strategy, options)
    if given:
        strategy = _with_settings(strategy, given, name)
    if starts:
        INITIALISATIONS.get(starts[0])
        if not (strategy.needs_source and strategy.trains and strategy.trains_elements):
            raise InputError(
                f"{name!r}: {base!r} leaves no choice of what the target element starts from; "
                "strategies that fine-tune the embedding of a source model do."
            )
        strategy = replace(strategy, element_init=starts[0])
    own = "+".join([base, *_stated(strategy), *starts[:1]])
    if name != own:
        raise InputError(
            f"{name!r} should be called {own!r}: an arm has one name, with each setting once, in "
            "order, if it is not the default."
        )
    return replace(strategy, name=name) if options else strategy


def _parsed(strategy: Strategy, options: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the values of settings among what follows a strategy's name, and the rest."""
    fields = [] if strategy.settings is None else [*type(strategy.settings).model_fields]
    given, starts = {}, []
    for option in options:
        field = next((field for field in fields if option.startswith(field)), None)
        if field is not None:
            given[field] = option.removeprefix(field)
        elif fields and option not in INITIALISATIONS:
            raise InputError(
                f"{option!r} is not a setting of the strategy {strategy.name!r}, which has "
                f"{' and '.join(fields)}; write a name and its value, as "
                f"{strategy.name}+{'+'.join(_values(strategy.settings))}."
            )
        else:
            starts.append(option)
    return given, starts


def _with_settings(strategy: Strategy, given: Mapping[str, str], name: str) -> Strategy:
    """Return the strategy with values that are written as text."""
    if strategy.settings is None or strategy.variant is None:
        raise TypeError(f"the strategy {strategy.name!r} has settings, but makes no variants")
    values = {**strategy.settings.model_dump(), **given}
    return strategy.variant(validate(type(strategy.settings), values, f"the strategy {name!r}"))


def _stated(strategy: Strategy) -> list[str]:
    """Return the settings that are not the default, as an arm's name has them."""
    settings = strategy.settings
    defaults = [] if settings is None else _values(type(settings)())
    return [value for value in _values(settings) if value not in defaults]


def _values(settings: Strict | None) -> list[str]:
    return [
        # "+" stands between settings, so that 1e+22 is written 1e22.
        f"{key}{str(value).removesuffix('.0').replace('e+', 'e')}"
        for key, value in settings or ()
    ]
