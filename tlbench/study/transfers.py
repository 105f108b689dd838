"""Between which data sets a suite transfers: from one to one, from parts of one, or all pairs."""

from typing import Annotated, Any, Self

from ase.data import chemical_symbols
from pydantic import Field, PositiveFloat, field_validator, model_validator

from tlbench.base.errors import InputError
from tlbench.base.formats import later
from tlbench.base.schema import Strict
from tlbench.data.cards import Card, card_names, is_path, load_card

ELEMENT = "{element}"
"""Stands for the symbol of an element in the name of its data set."""


OWN_SOURCE = "source"
"""Among the data sets that models are tested on: the source of each transfer."""

WHOLE = "all"
"""The part of a source that leaves nothing out."""


class DataChoice(Strict):
    """A data set, with changes to its origin for this suite."""

    card: str
    changes: dict[str, Any] = Field(default={}, description="keys of the origin to replace")

    def load(self) -> Card:
        """Return the card with the changes applied."""
        return load_card(self.card, self.changes)


class SourcePart(Strict):
    """A part of the source's training structures that is pretrained on; by default all."""

    temperatures_k: list[PositiveFloat] | None = Field(
        default=None, min_length=1, description="only structures sampled at these"
    )
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="share of them, drawn with the init seed; parts are nested"
    )

    @field_validator("temperatures_k")
    @classmethod
    def _ascending(cls, value: list[float] | None) -> list[float] | None:
        if value is not None and sorted(set(value)) != value:
            raise ValueError("temperatures should be distinct and ascending")
        return value

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.temperatures_k is None and self.share == 1

    def label(self) -> str:
        """Return what the part is called in records and reports."""
        at = WHOLE
        if self.temperatures_k is not None:
            at = ", ".join(f"{t:g}" for t in self.temperatures_k) + " K"
        return at if self.share == 1 else f"{100 * self.share:g} % of {at}"


class Matrix(Strict):
    """Every ordered pair of some elements, each with a data set of its own."""

    cards: str = Field(
        description=f"name or path of the data set of an element; {ELEMENT} stands for its symbol "
        "in lower case"
    )
    others: dict[str, str] | None = later(
        None, description="names of the data sets of elements for which it is not that of 'cards'"
    )
    elements: list[str] = Field(min_length=2)
    changes: dict[str, Any] = Field(
        default={}, description="keys of the origin to replace in every data set"
    )

    @field_validator("cards")
    @classmethod
    def _names_the_element(cls, value: str) -> str:
        if ELEMENT not in value:
            raise ValueError(f"{ELEMENT} should stand where the symbol of an element goes")
        return value

    @field_validator("elements")
    @classmethod
    def _distinct_elements(cls, value: list[str]) -> list[str]:
        for symbol in value:
            if symbol not in chemical_symbols[1:]:
                raise ValueError(f"{symbol!r} is not a symbol of an element")
        if len(set(value)) != len(value):
            raise ValueError("an element is given twice")
        return value

    @model_validator(mode="after")
    def _others_are_of_its_elements(self) -> Self:
        for element, name in (self.others or {}).items():
            if element not in self.elements:
                raise ValueError(f"others: {element} is not among the elements of the matrix")
            if is_path(name):
                raise ValueError(
                    f"others: {name} is a path; cards of one's own are named by 'cards'"
                )
        return self

    def choice(self, element: str) -> DataChoice:
        """Return the data set of an element.

        Raises
        ------
        InputError
            If tlbench ships none.
        """
        name = self._name(element)
        known = card_names()
        if not is_path(name) and name not in known:
            there = [s for s in chemical_symbols[1:] if self._name(s) in known]
            raise InputError(
                f"There is no data set {name!r} for {element}; such data sets are there for "
                f"{', '.join(there) or 'no element'}. Write a card (tlbench data new) and name the "
                f"cards by their path, as in matrix.cards=cards/{ELEMENT}.yaml."
            )
        return DataChoice(card=name, changes=self.changes)

    def _name(self, element: str) -> str:
        usual = self.cards.replace(ELEMENT, element.lower())
        return (self.others or {}).get(element, usual)
