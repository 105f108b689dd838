"""What is published of properties: errors where both sides are known, and how many failed."""

from types import SimpleNamespace

import pytest

from tlbench.base.errors import InputError, TlbenchError
from tlbench.metrics import METRICS, has_logarithm
from tlbench.properties import PROPERTIES, check_packages
from tlbench.properties.metrics import FAILURE_RATE, numbers_of, property_metrics
from tlbench.properties.spec import (
    Agreement,
    Computed,
    Property,
    Quantity,
    Settings,
    Value,
)


def made_up(name: str = "hardness", quantity: str = "indentation") -> Property[Settings]:
    return Property(
        name=name,
        summary="how hard it is",
        literature="none",
        settings=Settings,
        quantities=(
            Quantity(quantity, "GPa", "hardness"),
            Quantity(f"number_of_{quantity}", "1", "number of indentations", compared=False),
        ),
        compute=lambda subject, settings, report: Computed([]),
        agreements=(
            Agreement(
                f"{name}_share",
                "1",
                "share of the values that the reference has",
                "higher",
                lambda values, reference: len(reference) / len(values),
            ),
        ),
    )


def value(number: float | None, **condition: float | str) -> Value:
    failure = "it broke" if number is None else None
    return Value(quantity="indentation", condition=condition, value=number, failure=failure)


def test_errors_are_absolute_differences_under_the_conditions_of_both() -> None:
    values = [value(3.0, face="111"), value(5.0, face="100"), value(None, face="110")]
    values.append(Value(quantity="number_of_indentation", value=2.0))
    reference = [value(4.5, face="111"), value(None, face="100"), value(7.0, face="110")]
    found = [*numbers_of(made_up(), values, reference)]
    assert found == [
        ("indentation_error", {"property": "hardness", "face": "111"}, 1.5),
        ("hardness_share", {"property": "hardness"}, 0.75),
        # The face that has no reference is no failure; the one that broke is.
        (FAILURE_RATE, {"property": "hardness"}, 0.25),
    ]


def test_without_a_reference_only_failures_are_published() -> None:
    found = [*numbers_of(made_up(), [value(3.0), value(None, face="110")], [])]
    assert found == [(FAILURE_RATE, {"property": "hardness"}, 0.5)]


def test_every_quantity_that_is_compared_has_a_metric() -> None:
    for name in PROPERTIES.names():
        for quantity in PROPERTIES.get(name).quantities:
            error = f"{quantity.name}_error"
            assert (error in METRICS) == quantity.compared
            if quantity.compared:
                spec = METRICS.get(error)
                assert (spec.of, spec.unit, spec.better) == ("properties", quantity.unit, "lower")
                # Compared as other errors are, by ratios.
                assert has_logarithm(error)
    assert not has_logarithm(FAILURE_RATE)
    # The share of phases in order may be 0; an error of frequencies is compared by its ratio.
    assert not has_logarithm("phase_order")
    assert has_logarithm("phonon_dos_error")


def test_two_properties_cannot_define_one_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROPERTIES._entries, "a", made_up("a"))
    assert "indentation_error" in property_metrics()
    monkeypatch.setitem(PROPERTIES._entries, "b", made_up("b"))
    with pytest.raises(TlbenchError, match="'b' defines 'indentation_error', which another"):
        property_metrics()


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = SimpleNamespace(packages=("json", "no_such_package"))
    monkeypatch.setitem(PROPERTIES._entries, "a", needs)
    with pytest.raises(InputError, match=r"'a' needs the package 'no_such_package'.*tlbench\[prop"):
        check_packages(["a"])
    check_packages(["lattice"])
