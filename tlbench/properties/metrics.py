"""What is published of properties: errors of their quantities, agreement, and how many failed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tlbench.base.errors import TlbenchError
from tlbench.metrics.conditions import PROPERTY, Condition
from tlbench.metrics.spec import MetricSpec
from tlbench.properties import PROPERTIES
from tlbench.properties.spec import Agreement, Property, Quantity, Value

FAILURE_RATE = "property_failure_rate"


class Number(NamedTuple):
    """The value of a metric under a condition."""

    metric: str
    condition: Condition
    value: float


def error_metric(quantity: str) -> str:
    """Return the name of the metric that has the errors of a quantity."""
    return f"{quantity}_error"


def property_metrics() -> Mapping[str, MetricSpec]:
    """Return the metrics of all properties, by name.

    Raises
    ------
    TlbenchError
        If two properties define one.
    """
    found = {FAILURE_RATE: _FAILURE_RATE}
    for name in PROPERTIES.names():
        for spec in metrics_of(PROPERTIES.get(name)):
            if spec.name in found:
                raise TlbenchError(
                    f"The property {name!r} defines {spec.name!r}, which another property has "
                    "already; have one of them changed."
                )
            found[spec.name] = spec
    return found


def metrics_of(asked: Property[Any]) -> Iterator[MetricSpec]:
    """Yield the metrics that one property defines."""
    for quantity in asked.quantities:
        if quantity.compared:
            yield _error(quantity)
    for agreement in asked.agreements:
        yield _agreement(agreement)


def numbers_of(
    asked: Property[Any], values: Sequence[Value], reference: Sequence[Value]
) -> Iterator[Number]:
    """Yield what is published of the values of one property.

    These are the absolute difference of each value from that of the reference, where both are
    known; the agreements, where there is a reference; and the share of the values that failed.

    Parameters
    ----------
    values, reference
        Of a potential, and of the reference; the latter may be empty.
    """
    named: Condition = {PROPERTY: asked.name}
    wanted = {each.place: each.value for each in reference if each.value is not None}
    errors = {quantity.name: _error(quantity) for quantity in asked.quantities if quantity.compared}
    for each in values:
        spec, right = errors.get(each.quantity), wanted.get(each.place)
        if spec is not None and right is not None and each.value is not None:
            yield Number(spec.name, named | each.condition, spec.function((each.value, right)))
    if wanted:
        for agreement in asked.agreements:
            value = agreement.function(values, reference)
            if value == value:
                yield Number(agreement.name, named, value)
    yield Number(FAILURE_RATE, named, _FAILURE_RATE.function(values))


def _absolute_difference(both: tuple[float, float]) -> float:
    return abs(both[0] - both[1])


def _share_of_failures(values: Sequence[Value]) -> float:
    return sum(each.failure is not None for each in values) / len(values)


def _error(quantity: Quantity) -> MetricSpec:
    return MetricSpec(
        name=error_metric(quantity.name),
        unit=quantity.unit,
        better="lower",
        summary=f"absolute error of the {quantity.summary}",
        function=_absolute_difference,
        of="properties",
        decimals=quantity.decimals,
        tolerance=0.25,
    )


def _agreement(agreement: Agreement) -> MetricSpec:
    return MetricSpec(
        name=agreement.name,
        unit=agreement.unit,
        better=agreement.better,
        summary=agreement.summary,
        function=lambda both: agreement.function(*both),
        of="properties",
        mean="geometric" if agreement.compared == "ratio" else "arithmetic",
        compared=agreement.compared,
        decimals=agreement.decimals,
        tolerance=0.25 if agreement.compared == "ratio" else 0.1,
    )


_FAILURE_RATE = MetricSpec(
    name=FAILURE_RATE,
    unit="1",
    better="lower",
    summary="share of the values of a property that could not be computed, or in reports that are "
    "those of an unstable crystal",
    function=_share_of_failures,
    of="properties",
    mean="arithmetic",
    compared="difference",
    decimals=2,
)
