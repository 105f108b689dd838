"""What a property is, and what is computed of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from pydantic import ConfigDict, Field, model_validator

from tlbench.base.magnitudes import Number
from tlbench.base.schema import Strict
from tlbench.metrics.conditions import ConditionKey, key_of

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

    @property
    def place(self) -> tuple[str, ConditionKey]:
        """Quantity and condition, by which values of two potentials are compared."""
        return self.quantity, key_of(self.condition)


class Curve(Strict):
    """A curve for figures: points (x, y), with the labels of the axes, units included.

    ``marks`` are places on the x axis and their names, such as Γ and X of a band structure, whose
    path may visit a point more than once.
    """

    model_config = ConfigDict(strict=True)

    name: Word
    condition: Condition = Field(default={})
    x_label: Word
    y_label: Word
    x: Points
    y: Points
    marks: list[tuple[Number, Word]] = Field(default=[], max_length=100)

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
class Agreement:
    """A number that says how far all values of a property agree with those of a reference.

    It is beside the errors of the single values, as whether phases are in the right order.

    Attributes
    ----------
    name, unit, summary, decimals
        As of a `Quantity`.
    better
        Which direction is an improvement.
    function
        Maps the values of a potential and those of the reference to the number, NaN where it is not
        defined. The reference may lack values.
    compared
        Whether arms are compared by the ratio of its values, as of errors, which are positive, or
        by their difference.
    """

    name: str
    unit: str
    summary: str
    better: Literal["lower", "higher"]
    function: Callable[[Sequence[Value], Sequence[Value]], float]
    decimals: int = 2
    compared: Literal["ratio", "difference"] = "difference"


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
    agreements
        Numbers that follow from its values and those of a reference.
    packages
        Optional packages that it needs, by the names of their modules.
    of_one_element
        Whether it makes sense for crystals of one element only.
    """

    name: str
    summary: str
    literature: str
    settings: type[SettingsT]
    quantities: tuple[Quantity, ...]
    compute: Callable[[Subject, SettingsT, Report], Computed]
    agreements: tuple[Agreement, ...] = ()
    packages: tuple[str, ...] = ()
    of_one_element: bool = False
