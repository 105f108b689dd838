"""What a suite says of the physical properties that are computed with its models."""

from collections.abc import Iterable
from typing import Any

from pydantic import Field, PositiveInt, ValidationError, field_validator, model_validator

from tlbench.base.errors import InputError
from tlbench.base.formats import lasting
from tlbench.base.phrases import listed
from tlbench.base.registry import near_names
from tlbench.base.schema import Strict, first_problem
from tlbench.data.cards import Card
from tlbench.properties import PROPERTIES
from tlbench.properties.crystals import PROTOTYPES, fitting, ground_state, prototype_of


class PropertyChoice(Strict):
    """Properties of a crystal of the target's elements, of which models, with which settings.

    A list of names, or a mapping of names to settings, is short for ``compute``.
    """

    compute: dict[str, dict[str, Any]] = Field(
        min_length=1, max_length=100, description="name of a property: settings, with defaults"
    )
    prototype: str | None = Field(
        default=None,
        max_length=200,
        description="crystal, as diamond or rocksalt; by default that of the card of the data "
        "set, or the one that the element has in nature",
    )
    sizes: list[PositiveInt] | None = Field(
        default=None,
        min_length=1,
        description="of the models trained on so many structures; by default all",
    )
    budgets: list[PositiveInt] | None = Field(
        default=None,
        min_length=1,
        description="of the models trained with these of the suite's budgets; by default the "
        "largest",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_names(cls, value: Any) -> Any:
        if isinstance(value, dict) and not value.keys() & cls.model_fields.keys():
            return {"compute": value}
        return {"compute": value} if isinstance(value, list) else value

    @field_validator("compute", mode="before")
    @classmethod
    def _with_settings(cls, value: Any) -> Any:
        if value in ([], {}):
            raise ValueError("none is named; for no properties leave them out, or set them to null")
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            if len(set(value)) < len(value):
                raise ValueError("a property is given twice")
            return {name: {} for name in value}
        if isinstance(value, dict):
            return {name: {} if given is None else given for name, given in value.items()}
        return value

    @field_validator("compute")
    @classmethod
    def _known(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Spell out every default."""
        found = {}
        for name, given in value.items():
            if name not in PROPERTIES:
                raise ValueError(
                    f"unknown property {name!r}; {near_names(name, PROPERTIES.names())}"
                )
            try:
                settings = PROPERTIES.get(name).settings.model_validate(given)
            except ValidationError as error:
                raise ValueError(f"{name}: {first_problem(error)}") from error
            found[name] = settings.model_dump(mode="json")
        return found

    @field_validator("prototype")
    @classmethod
    def _known_prototype(cls, value: str | None) -> str | None:
        if value is not None and value not in (*PROTOTYPES, "b2"):
            raise ValueError(f"unknown prototype {value!r}; {near_names(value, PROTOTYPES)}")
        return value

    def check(self, suite: str, target: Card) -> None:
        """Refuse what cannot be computed of a data set; parameters and errors as `prototype_of`."""
        self.prototype_of(suite, target)
        single = [name for name in self.compute if PROPERTIES.get(name).of_one_element]
        if single and len(target.elements) > 1:
            raise InputError(
                f"Suite {suite!r}: properties: energies of {listed(single)} in {target.formula} "
                "depend on chemical potentials; leave them out for crystals of several elements."
            )

    def prototype_of(self, suite: str, target: Card) -> str:
        """Return the crystal whose properties are computed.

        Parameters
        ----------
        suite
            The name of the suite, for messages.

        Raises
        ------
        InputError
            If none is known, or it does not fit the elements of the data set.
        """
        found = self.prototype or target.prototype or ground_state(target.elements)
        if found is None:
            raise InputError(
                f"Suite {suite!r}: properties: it is not known which crystal {target.formula} is; "
                + (
                    f"set 'properties.prototype' to one of {', '.join(possible)}."
                    if (possible := fitting(target.elements))
                    else "no prototype has so many elements, so leave 'properties' out."
                )
            )
        try:
            return prototype_of(found, target.elements)
        except InputError as error:
            raise InputError(f"Suite {suite!r}: properties: {error}") from error


def literature(
    choice: PropertyChoice | None, targets: Iterable[Card]
) -> dict[str, list[dict[str, Any]]]:
    """Return name of a card → its values that the properties of a suite are compared with."""
    asked = choice.compute if choice else {}
    return {
        card.name: [lasting(each) for each in card.properties if each.property in asked]
        for card in targets
    }
