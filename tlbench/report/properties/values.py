"""Which values of properties a report shows, and all of them for download."""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tlbench.metrics import METRICS
from tlbench.metrics.conditions import PROPERTY, ConditionKey, key_of
from tlbench.properties import PROPERTIES
from tlbench.properties.metrics import error_metric
from tlbench.report.sections.conditions import values_text
from tlbench.results.properties import ModelProperty, UnphysicalValue, of_stable_crystal

FILE = "properties.csv"
"""Beside a page; it has every value."""

MOST = 3
"""Values of one property that a table shows: with their errors, and the arm, 80 characters."""


@dataclass(frozen=True)
class Selection:
    """Values of one quantity, or an agreement, that are shown of a property.

    Attributes
    ----------
    name
        Of the quantity or the agreement.
    title
        Of the column, a format of the condition's items.
    where
        Items that the condition has.
    last_of
        Of values that agree in this item of their condition, the last counts.
    most
        How many of them are shown.
    """

    name: str
    title: str
    where: dict[str, float | str] = field(default_factory=dict)
    last_of: str | None = None
    most: int = MOST


MAIN = {
    "lattice": (
        # The prototype comes first.
        Selection("lattice_constant", "a {phase}", {"axis": "a"}, most=1),
        Selection("cohesive_energy_difference", "E {phase}", most=1),
        Selection("phase_order", "order"),
    ),
    "eos": (
        Selection("bulk_modulus", "B"),
        Selection("eos_energy", "E at {volume_ratio:g} V", {"volume_ratio": 0.9}),
        Selection("eos_energy", "E at {volume_ratio:g} V", {"volume_ratio": 1.1}),
    ),
    "elastic": (Selection("elastic_constant", "{component}"),),
    "phonons": (
        Selection("phonon_dos_error", "error of the DOS"),
        Selection("phonon_frequency", "highest at {point}", last_of="point", most=2),
    ),
    "vacancy": (Selection("vacancy_formation_energy", "E {ions}"),),
    "surface": (Selection("surface_energy", "({surface})", {"ions": "relaxed"}),),
    "dimer": (
        Selection("dimer_distance", "distance", most=1),
        Selection("dimer_depth", "depth", most=1),
        Selection("dimer_repulsion", "repels to", most=1),
    ),
}
"""What is shown of the shipped properties; of others, the first values that have an error."""


@dataclass(frozen=True)
class ShownValue:
    """A value of a property, or an agreement, that has a column in tables.

    Attributes
    ----------
    quantity
        None of an agreement.
    metric
        What is published of it: its error, or the agreement.
    condition
        Without the name of the property.
    symbol
        What it is called within its property.
    """

    of_property: str
    quantity: str | None
    metric: str
    condition: ConditionKey
    symbol: str
    unit: str
    decimals: int

    @property
    def label(self) -> str:
        """What it is called among the values of other properties."""
        return f"{self.of_property} {self.symbol}"

    @property
    def title(self) -> str:
        """Of its column."""
        return self.symbol if self.unit == "1" else f"{self.symbol} ({self.unit})"

    @property
    def tested(self) -> ConditionKey:
        """The condition of its records."""
        return key_of({**dict(self.condition), PROPERTY: self.of_property})

    def text(self, value: float) -> str:
        """Return a value as tables have it: with four digits, or one more than it has decimals."""
        return f"{value:.{self._decimals(value, max(4, self.decimals + 1))}f}"

    def error_text(self, error: float) -> str:
        """Return an error as tables have it: with two digits, or as many as before the point."""
        return f"{error:.{self._decimals(error, 2)}f}"

    def _decimals(self, value: float, digits: int) -> int:
        if not abs(value) > 0:
            return self.decimals
        return min(self.decimals, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def shown_values(name: str, found: Iterable[ModelProperty]) -> list[ShownValue]:
    """Return the values of a property that are shown, at most `MOST`, in order."""
    asked = PROPERTIES.get(name)
    places = dict.fromkeys(value.place for each in found for value in each.values)
    quantities = {each.name: each for each in asked.quantities}
    agreements = {each.name: each for each in asked.agreements}
    main = MAIN.get(name) or [Selection(q.name, "") for q in asked.quantities if q.compared]
    shown: list[ShownValue] = []
    for selection in main:
        if selection.name in agreements:
            of = agreements[selection.name]
            shown.append(ShownValue(name, None, of.name, (), selection.title, of.unit, of.decimals))
            continue
        quantity = quantities[selection.name]
        shown += [
            ShownValue(
                name,
                quantity.name,
                error_metric(quantity.name),
                condition,
                selection.title.format(**dict(condition))
                or f"{quantity.name} {values_text(condition)}".strip(),
                quantity.unit,
                quantity.decimals,
            )
            for condition in _selected(selection, places)
        ]
    return shown[:MOST]


def _selected(
    selection: Selection, places: Iterable[tuple[str, ConditionKey]]
) -> list[ConditionKey]:
    some = [
        condition
        for quantity, condition in places
        if quantity == selection.name and selection.where.items() <= dict(condition).items()
    ]
    if selection.last_of is not None:
        some = list({dict(condition)[selection.last_of]: condition for condition in some}.values())
    return some[: selection.most]


def has_error(shown: ShownValue) -> bool:
    """Return whether what is published of a value is better the lower it is, as errors are."""
    return METRICS.get(shown.metric).better == "lower"


def properties_csv(found: Sequence[ModelProperty]) -> str:
    """Return every value of every model, one a line: beside that of the reference, or its failure.

    Numbers are as they are in ``properties.jsonl``; ``condition`` is JSON. A value of an unstable
    crystal is a failure, and its number is in the column ``unphysical``.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    keys = ("source", "source_part", "target", "backbone", "strategy", "size", "subset_seed",
            "init_seed", "train_temperature_k", "updates")  # fmt: skip
    writer.writerow(
        ["property", "quantity", "condition", "unit", *keys, "value", "reference", "error",
         "failure", "unphysical"]
    )  # fmt: skip
    for each in map(of_stable_crystal, found):
        model = each.model.model_dump(mode="json")
        units = {q.name: q.unit for q in PROPERTIES.get(each.property).quantities}
        for value in each.values:
            writer.writerow(
                [
                    each.property,
                    value.quantity,
                    json.dumps(value.condition, ensure_ascii=False),
                    units[value.quantity],
                    *(model.get(key) for key in keys),
                    value.value,
                    value.reference,
                    value.error(),
                    value.failure,
                    value.unphysical if isinstance(value, UnphysicalValue) else None,
                ]
            )
    return text.getvalue()
