"""Whether properties of models are those that the suite asks for, and what follows from them."""

import re
from collections import Counter
from collections.abc import Iterator

from tlbench.board.reading import Entry
from tlbench.board.verification.simulations import PLAIN
from tlbench.data.cards import Card
from tlbench.data.origins import ORIGINS
from tlbench.metrics.conditions import PROPERTY, key_of
from tlbench.properties import PROPERTIES
from tlbench.results.frame_errors import Recomputed
from tlbench.results.properties import (
    LITERATURE,
    ModelProperty,
    References,
    literature_values,
)
from tlbench.study.model_key import ModelKey
from tlbench.study.properties import ROOM_TEMPERATURE_K

LABEL = re.compile(r"[\w .,:;+()/%|–-]{1,200}")
"""Words, and corners of a band structure that coincide, as ``U|K``."""


def check_properties(entry: Entry) -> Iterator[str]:
    """Yield what is impossible of the properties of models, where there are any."""
    asked, lines = entry.suite.properties, entry.results.properties
    if asked is None:
        if lines:
            yield "There are properties of models, but the suite has none."
        return
    targets = {ends.target_name: ends.target for ends in entry.study.ends}
    known: dict[tuple[str, str], References] = {}
    for line in lines:
        name, target = named(line), targets.get(line.model.target)
        if line.property not in asked.compute or target is None:
            yield f"{name}: the suite does not ask for it."
            continue
        crystal = asked.prototype_of(entry.suite.name, target), target.elements
        if (line.prototype, line.elements) != crystal:
            yield f"{name}: it is of another crystal than {crystal[0]} {target.formula}."
        yield from (f"{name}: {problem}." for problem in _of_values(line))
        yield from (f"{name}: {problem}." for problem in _of_reference(line, target))
        references = {each.place: each.reference for each in line.values}
        before = known.setdefault((line.model.target, line.property), {})
        if any(before.get(place, value) != value for place, value in references.items()):
            yield f"{name}: the values of the reference are not those beside other models."
        before |= references
    for (model, asked_for), count in Counter((p.model, p.property) for p in lines).items():
        if count > 1:
            yield f"The {asked_for} of {model.label()} is given twice."


def check_curves(entry: Entry) -> Iterator[str]:
    """Yield curves that are of no property of the submission, or whose labels are not words."""
    known: set[tuple[str, str, ModelKey | None]] = set()
    for line in entry.results.properties:
        known |= {(line.property, line.model.target, model) for model in (line.model, None)}
    seen = Counter((each.property, each.target, each.model) for each in entry.results.curves)
    for subject, count in seen.items():
        if subject not in known:
            yield f"There are curves of {subject[0]}, but not the property that they belong to."
        elif count > 1:
            yield f"The curves of the property {subject[0]} are given twice for one model."
    labels = {
        word
        for each in entry.results.curves
        for curve in each.curves
        for word in (curve.name, curve.x_label, curve.y_label, *(name for _, name in curve.marks))
    }
    labels |= {
        str(word)
        for each in entry.results.curves
        for curve in each.curves
        for word in (*curve.condition, *curve.condition.values())
    }
    if not all(LABEL.fullmatch(word) for word in labels):
        yield "A name of a curve holds more than words."


def _of_values(line: ModelProperty) -> Iterator[str]:
    quantities = {quantity.name for quantity in PROPERTIES.get(line.property).quantities}
    if len({each.place for each in line.values}) < len(line.values):
        yield "a value is given twice"
    for each in line.values:
        if each.quantity not in quantities:
            yield f"{each.quantity!r} is not one of its quantities"
        words = [each.failure, *each.condition, *each.condition.values()]
        if PROPERTY in each.condition or not all(
            PLAIN.fullmatch(word) for word in words if isinstance(word, str)
        ):
            yield "a condition or a failure holds more than words"


def _of_reference(line: ModelProperty, target: Card) -> Iterator[str]:
    start = target.origin.start(ROOM_TEMPERATURE_K)
    if start["kind"] != "frames":
        if line.origin not in (None, ORIGINS.get(start["kind"]).reference_name(target.formula)):
            yield f"its reference is given as {line.origin!r}, but is the potential of the data"
        return
    stated = literature_values(target, line.property)
    if line.origin != (LITERATURE if stated else None) or any(
        each.reference != stated.get(each.place) for each in line.values
    ):
        yield "the values of its reference are not those of the card"


def named(line: ModelProperty) -> str:
    """Return the property and its model in words."""
    return f"{line.property} of {line.model.label()}"


def by_model(entry: Entry) -> dict[tuple[ModelKey, str], ModelProperty]:
    """Return the properties of models, by model and name."""
    return {(line.model, line.property): line for line in entry.results.properties}


def of_property(line: ModelProperty) -> Recomputed:
    """Return every number that is published of a property of one model."""
    return {(number.metric, key_of(number.condition)): number.value for number in line.numbers()}
