"""What a property is, and what is computed of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from pydantic import ConfigDict, Field, model_validator

from tlbench.base.magnitudes import Number
from tlbench.base.schema import Strict

if TYPE_CHECKING:
    from ase import Atoms

MOST = 10_000
"""Values of a property, curves of one, and points of a curve at most."""

Word = Annotated[str, Field(max_length=200)]
Condition = dict[Word, Number | Word]
Points = Annotated[list[Number], Field(max_length=MOST)]


@dataclass(frozen=True)
class Quantity:
    """A number that a property consists of.

    Attributes
    ----------
    name, unit
        As they stand in records, such as ``elastic_constant`` and GPa.
    summary
        One sentence for listings.
    decimals
        Decimals of values in tables.
    compared
        Whether a value has an error: the absolute difference from that of the reference. One that
        only counts something, such as imaginary modes, has none.
    """

    name: str
    unit: str
    summary: str
    decimals: int = 2
    compared: bool = True


class Value(Strict):
    """What one quantity is under one condition, or why it could not be computed.

    Attributes
    ----------
    condition
        What distinguishes it from other values of the quantity, such as ``{"component": "C11"}``.
    value
        In the unit of the quantity; None if the computation failed.
    failure
        How it failed, in the words of a sentence's predicate: "the cell collapsed".
    """

    model_config = ConfigDict(strict=True)

    quantity: Word
    condition: Condition = Field(default={})
    value: Number | None = None
    failure: Word | None = None

    @model_validator(mode="after")
    def _value_or_failure(self) -> "Value":
        if (self.value is None) == (self.failure is None):
            raise ValueError("a value is either a number or a failure")
        return self

    @classmethod
    def of(cls, quantity: Quantity, condition: Condition, found: float | str) -> "Value":
        """Return the value of a quantity: a number, or in words how it failed."""
        if isinstance(found, str):
            return cls(quantity=quantity.name, condition=condition, failure=found)
        return cls(quantity=quantity.name, condition=condition, value=round(found, 9))


class Curve(Strict):
    """A curve for figures: points (x, y), with the labels of the axes, units included.

    ``marks`` are points on the x axis that have names, such as Γ and X of a band structure.
    """

    model_config = ConfigDict(strict=True)

    name: Word
    condition: Condition = Field(default={})
    x_label: Word
    y_label: Word
    x: Points
    y: Points
    marks: dict[Word, Number] = Field(default={})

    @model_validator(mode="after")
    def _as_many(self) -> "Curve":
        if len(self.x) != len(self.y):
            raise ValueError("a curve has as many x as y")
        return self


@dataclass(frozen=True)
class Computed:
    """What was computed of a property."""

    values: list[Value]
    curves: list[Curve] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Subject:
    """A potential, and the crystal whose properties are computed with it.

    What is computed of a subject once, such as its relaxed crystal, is kept while it is in use.

    Attributes
    ----------
    calculator
        Returns an ase calculator of energy, forces and stress. An energy that lacks a constant per
        atom will do for every property but those that compare different numbers of elements.
    crystal
        The conventional cell of the crystal, not relaxed.
    prototype
        Its structure in the words of `ase.build.bulk`, such as ``diamond``.
    cutoff
        Interaction range of the potential, Å.
    """

    calculator: Callable[[], Any]
    crystal: "Atoms"
    prototype: str
    cutoff: float


class Settings(Strict):
    """Settings of a property.

    The default of a setting never changes; one that is added later is marked
    `tlbench.base.formats.later`.
    """


SettingsT = TypeVar("SettingsT", bound=Settings)

Report = Callable[[int, int], None]
"""Called with the steps done, and the steps in all."""


@dataclass(frozen=True)
class Property(Generic[SettingsT]):
    """A property of a crystal that a potential predicts.

    Attributes
    ----------
    name
        Registered name.
    summary
        One sentence for listings.
    literature
        Where the method comes from.
    settings
        Type of its settings.
    quantities
        What it consists of.
    compute
        Computes it. What goes wrong in the potential (a cell that collapses, a relaxation that runs
        away, a minimum that is missing) is returned as a failure of the values concerned, never
        raised; an exception is an error of the program, or `InputError` where the property does
        not make sense for the subject.
    """

    name: str
    summary: str
    literature: str
    settings: type[SettingsT]
    quantities: tuple[Quantity, ...]
    compute: Callable[[Subject, SettingsT, Report], Computed]
