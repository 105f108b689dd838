"""Job: compute one property of a crystal with one potential."""

import warnings
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.base.schema import Strict, validate
from tlbench.jobs import kind
from tlbench.jobs.amount import Amount, Facts
from tlbench.jobs.context import MODEL, Context, Progress
from tlbench.jobs.kind import Kind, Word
from tlbench.properties import PROPERTIES
from tlbench.properties.spec import MOST, Curve, Value

CURVES = "curves.json"
"""File of the curves of a property, for figures."""


class Config(kind.Config):
    """Which property is computed, of which crystal.

    ``settings`` are those that differ from the defaults of the property; of one from another
    package, ``provider``, all. With ``reference``, it is computed with the reference potential of
    the origin of a data set, and that is what the potential is made of; else with the model that
    is the parent of the job.
    """

    kind: ClassVar = "properties"

    property: Word
    settings: dict[str, Any] = Field(default={})
    prototype: Word
    elements: list[Word] = Field(min_length=1)
    reference: dict[str, Any] | None = Field(default=None)
    provider: str | None = Field(default=None)


class Curves(Strict):
    """Curves of a property, as a job leaves them."""

    format: Literal[1] = 1
    curves: list[Curve] = Field(max_length=MOST)


class Result(kind.Result):
    """The values of a property, each once under each condition."""

    values: Annotated[list[Value], Field(min_length=1, max_length=MOST)]

    @model_validator(mode="after")
    def _each_once(self) -> "Result":
        if len({value.place for value in self.values}) < len(self.values):
            raise ValueError("a value is given twice")
        return self


def run(config: Config, context: Context) -> Result:
    """Write ``curves.json`` and return the values.

    Networks compute in double precision: relaxations end and second derivatives are taken where
    single precision has no digits left.
    """
    from tlbench.properties.crystals import crystal
    from tlbench.properties.spec import Subject

    asked = PROPERTIES.get(config.property)
    settings = validate(asked.settings, config.settings, f"the settings of {asked.name}")
    calculator, cutoff = _calculator(config, context)
    subject = Subject(
        calculator, crystal(config.prototype, config.elements), config.prototype, cutoff
    )
    with warnings.catch_warnings():
        # Energies up to a constant per atom are all that a property needs.
        warnings.filterwarnings("ignore", ".*energies are known up to a constant only")
        found = asked.compute(
            subject, settings, lambda done, total: context.report(Progress(done, total))
        )
    names = {quantity.name for quantity in asked.quantities}
    for value in found.values:
        if value.quantity not in names:
            raise InputError(
                f"The property {asked.name!r} has returned {value.quantity!r}, which is not among "
                "its quantities; report it to the package that defines it."
            )
    write_whole(context.folder / CURVES, Curves(curves=found.curves).model_dump_json())
    return Result.of(values=[value.model_dump(mode="json") for value in found.values])


def _calculator(config: Config, context: Context) -> tuple[Any, float]:
    """Return what makes calculators of the potential, and its cutoff, Å."""
    import torch

    if config.reference is not None:
        from tlbench.data.origins import ORIGINS
        from tlbench.reference.calculator import ReferenceCalculator

        origin = ORIGINS.get(config.reference["kind"])
        reference = origin.reference(config.reference, "–".join(config.elements)).potential
        return lambda: ReferenceCalculator(reference, reference.cutoff), reference.cutoff
    from tlbench.models.calculator import PotentialCalculator
    from tlbench.models.potential import load_potential

    potential = load_potential(context.parents["model"] / MODEL, context.device)
    potential = potential.to(torch.float64)
    return lambda: PotentialCalculator(potential), potential.cutoff


def amount(config: Config, facts: Facts) -> Amount | None:
    """Return one piece of work, of a rate that the property and the backbone have."""
    if config.reference is not None:
        return Amount(1.0, f"{config.property} {config.reference['kind']}")
    model = facts.configs.get("model")
    return None if model is None else Amount(1.0, f"{config.property} {model.rate}")


KIND = Kind(Config, Result, run, amount, outputs=(CURVES,), uses_device=True)
