"""The physical properties of the models of a run, beside those of the reference.

Files hold what was computed. What is shown of it, and every number that is compared, is judged by
`of_stable_crystal`: values of an unstable crystal are failures.
"""

from collections.abc import Iterable
from functools import cache

from pydantic import Field, SerializeAsAny

from tlbench.base.formats import Format
from tlbench.base.magnitudes import Number
from tlbench.base.schema import Strict
from tlbench.data.cards import Card
from tlbench.engine.store.store import Store
from tlbench.jobs import properties
from tlbench.jobs.kind import Word
from tlbench.metrics import METRICS
from tlbench.metrics.conditions import ConditionKey, key_of
from tlbench.properties import PROPERTIES
from tlbench.properties.metrics import Number as Published
from tlbench.properties.metrics import numbers_of
from tlbench.properties.spec import MOST, Curve, Value
from tlbench.properties.stability import instabilities
from tlbench.results.records import Record
from tlbench.study.model_key import ModelKey, OfModel
from tlbench.study.plan import ComputedProperty, Plan

FILE, CURVES_FILE = "properties.jsonl", "curves.jsonl"

DIGITS = 6


References = dict[tuple[str, ConditionKey], float | None]
"""Quantity and condition → value of the reference."""


class ComparedValue(Value):
    """A value of a property, and that of the reference under the same condition.

    ``reference`` is None where none is known, or its computation failed.
    """

    reference: Number | None = None

    def error(self) -> float | None:
        """Return the absolute difference from the reference; None if either is not known."""
        if self.value is None or self.reference is None:
            return None
        return abs(self.value - self.reference)


class UnphysicalValue(ComparedValue):
    """A value that is a failure because it is that of an unstable crystal.

    Files hold none: there it is a `ComparedValue` like others. ``unphysical`` is the number.
    """

    unphysical: Number


class ModelProperty(OfModel):
    """A property of one model, which ``job`` computed with what ``trained`` trained.

    ``origin`` is where the reference values are from, for people; None if there are none.
    """

    property: Word
    prototype: Word
    elements: list[Word] = Field(min_length=1, max_length=100)
    origin: Word | None
    values: list[SerializeAsAny[ComparedValue]] = Field(min_length=1, max_length=MOST)
    job: str
    trained: str

    def reference(self) -> list[Value]:
        """Return the known values of the reference."""
        return [
            Value(quantity=each.quantity, condition=each.condition, value=each.reference)
            for each in self.values
            if each.reference is not None
        ]

    def numbers(self) -> list[Published]:
        """Return what is published of the values: errors, agreement, and how many failed."""
        return [*numbers_of(PROPERTIES.get(self.property), self.values, self.reference())]


def of_stable_crystal(found: ModelProperty) -> ModelProperty:
    """Return a property whose values are failures where they are those of an unstable crystal.

    They are `UnphysicalValue`, with what `tlbench.properties.stability` says as their failure.
    Where the reference is unstable in the same way, as that of a crystal which the suite chose
    against nature, values are compared as all others. Without such values it is ``found`` itself.
    """
    reference = instabilities(found.reference())
    reasons = {
        place: reason
        for place, reason in instabilities(found.values).items()
        if place not in reference
    }
    if not reasons:
        return found
    values = [
        UnphysicalValue(
            quantity=each.quantity,
            condition=each.condition,
            failure=reasons[each.place],
            reference=each.reference,
            unphysical=each.value,
        )
        if each.place in reasons and each.value is not None
        else each
        for each in found.values
    ]
    return found.model_copy(update={"values": values})


PROPERTIES_FORMAT = Format("property of a model", ModelProperty)


class PropertyCurves(Strict):
    """Curves of a property, for figures: of a model, or of the reference, which has no ``model``.

    Numbers have `DIGITS` digits, which is more than can be seen.
    """

    property: Word
    target: Word
    model: ModelKey | None
    curves: list[Curve] = Field(min_length=1, max_length=MOST)


CURVES_FORMAT = Format("list of curves", PropertyCurves)

LITERATURE = "literature"
"""Origin of reference values that are on a card."""


def collect_properties(plan: Plan, store: Store, finished: Iterable[str]) -> list[ModelProperty]:
    """Return the properties of ``plan`` whose jobs are in ``finished``, in plan order."""
    available = set(finished)
    targets = {ends.target_name: ends.target for ends in plan.study.ends}

    @cache
    def values_of(job: str) -> list[Value]:
        return store.result(job, properties.Result).values

    found = []
    for each in plan.computed:
        if each.job not in available:
            continue
        reference, origin = literature_values(targets[each.model.target], each.property), LITERATURE
        if each.reference is not None:
            origin = plan.jobs[each.reference].label.removeprefix(f"{each.property} of ")
            reference = (
                {value.place: value.value for value in values_of(each.reference)}
                if each.reference in available
                else {}
            )
        found.append(_compared(plan, each, values_of(each.job), reference, origin))
    return found


def collect_curves(plan: Plan, store: Store, finished: Iterable[str]) -> list[PropertyCurves]:
    """Return the curves of the jobs of ``plan`` in ``finished``: of references, and of models."""
    available = set(finished)
    subjects: dict[tuple[str, ModelKey | None], ComputedProperty] = {}
    for each in plan.computed:
        if each.reference is not None:
            subjects.setdefault((each.reference, None), each)
    subjects |= {(each.job, each.model): each for each in plan.computed}
    found = []
    for (job, model), each in subjects.items():
        if job in available:
            curves = store.read_json(job, properties.CURVES, properties.Curves).curves
            if curves:
                found.append(
                    PropertyCurves(
                        property=each.property,
                        target=each.model.target,
                        model=model,
                        curves=list(map(_rounded, curves)),
                    )
                )
    return found


def _rounded(curve: Curve) -> Curve:
    x, y = ([float(f"{v:.{DIGITS}g}") for v in axis] for axis in (curve.x, curve.y))
    return curve.model_copy(update={"x": x, "y": y})


def _compared(
    plan: Plan,
    computed: ComputedProperty,
    values: Iterable[Value],
    reference: References,
    origin: str,
) -> ModelProperty:
    config = plan.jobs[computed.job].settings
    assert isinstance(config, properties.Config)
    return ModelProperty(
        model=computed.model,
        property=computed.property,
        prototype=config.prototype,
        elements=config.elements,
        origin=origin if reference else None,
        values=[
            ComparedValue(**dict(value), reference=reference.get(value.place)) for value in values
        ],
        job=computed.job,
        trained=computed.trained,
    )


def literature_values(card: Card, name: str) -> References:
    """Return the values of a property that a card has."""
    return {
        (each.quantity, key_of(each.condition)): each.value
        for each in card.properties
        if each.property == name
    }


def property_records(plan: Plan, found: Iterable[ModelProperty]) -> list[Record]:
    """Return what is published of properties, in their order."""
    return [
        Record(
            suite=plan.suite.name,
            suite_version=plan.suite.version,
            suite_digest=plan.study.digest,
            model=each.model,
            metric=number.metric,
            unit=METRICS.get(number.metric).unit,
            value=number.value,
            condition=number.condition,
            job=each.job,
            trained=each.trained,
        )
        for each in found
        for number in each.numbers()
    ]
