"""What every kind of job has: settings, a result, and the function that does the work.

The file of a kind is imported to plan jobs and to read results, which should not take the seconds
that importing torch takes: at its top it imports nothing that needs torch, inside its functions
whatever computes.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tlbench.base.errors import InputError
from tlbench.base.formats import is_later
from tlbench.base.magnitudes import Magnitude, Number
from tlbench.base.schema import Strict, first_problem
from tlbench.jobs.amount import Amount, Facts
from tlbench.jobs.context import Context
from tlbench.models.backbones import BACKBONES

MOST = 10_000
"""Numbers in a list of a result at most."""

Layout = Mapping[str, tuple[str, int]]
"""Name of an array in a file → kind of its numbers, ``f`` or ``i``, and number of its axes."""

Word = Annotated[str, Field(max_length=200)]
Curve = Annotated[list[Magnitude], Field(max_length=MOST)]
"""Densities, distances, angles, times or squares of them."""


def json_values(model: BaseModel, exclude_defaults: bool = False) -> dict[str, Any]:
    """Return a model as JSON values; names of files need not be text that UTF-8 can hold."""
    dumped = model.model_dump(exclude_defaults=exclude_defaults)
    found: dict[str, Any] = json.loads(json.dumps(dumped))
    return found


class Config(Strict):
    """Settings of a job: what determines its result beside its parents and the code.

    Subclasses name their ``kind``. A setting that is added later has a default, which gives what
    was done without it, and the mark `later`: then no key and no seed of a job without it changes.
    The default of a setting never changes, as keys leave it out.
    """

    kind: ClassVar[str]
    of_code: ClassVar[tuple[str, ...]] = ()
    """Names of settings that say which code does the work, not which work it is."""

    def stated(self) -> dict[str, Any]:
        """Return what the key says of the settings: as JSON values, without defaults."""
        return json_values(self, exclude_defaults=True)


class Backbone(Strict):
    """A backbone and its settings.

    Settings that are the defaults of a backbone of tlbench are left out. Those of another package
    are complete, because its defaults are unknown where it is not installed.
    """

    name: str
    config: dict[str, Any] = Field(default={})


def first_form(model: BaseModel) -> dict[str, Any]:
    """Return settings as JSON values as keys of the first format have them.

    All defaults are spelt out, also of a backbone that is installed; what was added later is left
    out. Seeds follow from it, too.
    """
    if isinstance(model, Backbone) and model.name in BACKBONES:
        complete = first_form(BACKBONES.get(model.name).model_validate(model.config))
        return {"name": model.name, "config": {**complete, **model.config}}
    found = json_values(model)
    for name, about in type(model).model_fields.items():
        value = getattr(model, name)
        if is_later(about):
            del found[name]
        elif isinstance(value, BaseModel):
            found[name] = first_form(value)
    return found


class Result(Strict):
    """What a job returns, as it stands in its ``result.json``.

    Numbers are numbers, not texts of them. A digest shows that a file is what was stored, not who
    computed it: a store may be filled by an import, and a metric may come from a plugin. So
    the code that stores or reads a result validates it.
    """

    model_config = ConfigDict(strict=True)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return a result of JSON values.

        Raises
        ------
        InputError
            Naming the first key whose value no such job should return.
        """
        try:
            return cls.model_validate_json(json.dumps(values))
        except ValidationError as error:
            raise InputError(
                f"The result makes no sense: {first_problem(error)}; if a metric or a backbone of "
                "another package computed it, report it there."
            ) from error


class Measurement(Result):
    """Value of one metric under one condition."""

    metric: Word
    condition: Annotated[dict[Word, Number | Word], Field(max_length=20)]
    value: Number


ConfigT = TypeVar("ConfigT", bound=Config)
ResultT = TypeVar("ResultT", bound=Result)


def _alike(config: Any, facts: Facts) -> Amount | None:
    return Amount(1.0)


@dataclass(frozen=True)
class Kind(Generic[ConfigT, ResultT]):
    """A kind of job.

    Attributes
    ----------
    config, result
        Types of its settings and of what it returns.
    run
        Does the work.
    amount
        Says how much work a job is, for estimates; None if too little is known of its parents. By
        default all jobs of the kind are alike.
    outputs
        Names of the files that a job leaves beside its result.
    outputs_with
        Name of a setting → name of the file that a job leaves where the setting is given.
    uses_device
        Whether it computes on the device that is asked for; if not, on the CPU.
    measures_device
        Whether it measures ``force_call_seconds`` of the device, so that it is done again on a
        device on which that was not measured; what others have measured is kept.
    """

    config: type[ConfigT]
    result: type[ResultT]
    run: Callable[[ConfigT, Context], ResultT]
    amount: Callable[[ConfigT, Facts], Amount | None] = _alike
    outputs: tuple[str, ...] = ()
    outputs_with: Mapping[str, str] = field(default_factory=dict)
    uses_device: bool = False
    measures_device: bool = False

    @property
    def module(self) -> str:
        """Module that its code starts in."""
        return self.run.__module__

    def outputs_of(self, config: Mapping[str, Any]) -> frozenset[str]:
        """Return the names of the files that a job with these settings leaves."""
        given = (name for setting, name in self.outputs_with.items() if config.get(setting))
        return frozenset((*self.outputs, *given))

    def seed_of(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the seed of a job with these settings follows from."""
        return first_form(self.config.model_validate(config))

    def perform(self, config: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Do a job with these settings, and return its result as JSON values."""
        found = self.run(self.config.model_validate(config), context)
        return found.model_dump(exclude_unset=True)
