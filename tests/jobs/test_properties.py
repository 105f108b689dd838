"""The job that computes a property: with a reference potential, a model, and what it refuses."""

import json

import pytest
import tiny

from tlbench.base.errors import InputError
from tlbench.jobs.context import MODEL, Context
from tlbench.jobs.properties import CURVES, KIND, Curves
from tlbench.properties import PROPERTIES
from tlbench.properties.spec import Computed, Curve, Property, Quantity, Settings, Value

OF_GE = {"property": "lattice", "prototype": "diamond", "elements": ["Ge"]}
REFERENCE = {
    "kind": "stillinger-weber",
    "lattice_constant": 5.0,
    "repeats": [1, 1, 1],
    "crystal": True,
}


@pytest.fixture
def context(tmp_path):
    """Return a job whose model has random weights, and the steps that it has reported."""
    (tmp_path / "model").mkdir()
    potential = tiny.potential("schnet")
    potential.reference_energy[32] = 0.0
    potential.save(tmp_path / "model" / MODEL)
    steps = []
    found = Context(tmp_path, {"model": tmp_path / "model"}, "cpu", steps.append)
    return found, steps


def test_the_reference_potential_gives_the_values_of_theory(context):
    job, steps = context
    settings = {"settings": {"phases": ["sc"]}, "reference": REFERENCE}
    found = KIND.perform(OF_GE | settings, job)["values"]
    first = found[0]
    assert (first["quantity"], first["condition"]) == (
        "lattice_constant", {"phase": "diamond", "axis": "a"},
    )  # fmt: skip
    # The lattice constant that reference dynamics start from does not matter.
    assert first["value"] == pytest.approx(5.653621, abs=2e-6)
    assert [(step.done, step.total) for step in steps] == [(1, 2), (2, 2)]
    assert json.loads((job.folder / CURVES).read_text()) == {"format": 1, "curves": []}


def test_a_model_gives_a_value_or_a_failure_each(context):
    found = KIND.perform(OF_GE, context[0])["values"]
    assert len(found) == 6 + 4
    for value in found:
        assert (value["value"] is None) != (value["failure"] is None)


def test_the_same_job_gives_the_same_bytes(context):
    settings = OF_GE | {"settings": {"phases": ["fcc"]}}
    assert KIND.perform(settings, context[0]) == KIND.perform(settings, context[0])


def made_up(*values, curves=()):
    return Property(
        name="made-up", summary="", literature="", settings=Settings,
        quantities=(Quantity("hardness", "GPa", "hardness"),),
        compute=lambda subject, settings, report: Computed([*values], [*curves]),
    )  # fmt: skip


def perform(asked, context, monkeypatch):
    monkeypatch.setitem(PROPERTIES._entries, "made-up", asked)
    return KIND.perform(OF_GE | {"property": "made-up"}, context)


def test_curves_are_kept_beside_the_result(context, monkeypatch):
    curve = Curve(name="c", x_label="V (Å³)", y_label="E (eV)", x=[1.0, 2.0], y=[3.0, 4.0])
    value = Value(quantity="hardness", value=1.0)
    perform(made_up(value, curves=[curve]), context[0], monkeypatch)
    written = (context[0].folder / CURVES).read_bytes()
    assert Curves.model_validate_json(written).curves == [curve]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([Value(quantity="softness", value=1.0)], "'softness', which is not among its quantities"),
        ([Value(quantity="hardness", value=1.0)] * 2, "a value is given twice"),
        ([], "makes no sense"),
    ],
)
def test_a_property_that_breaks_its_word_is_named(values, problem, context, monkeypatch):
    with pytest.raises(InputError, match=problem):
        perform(made_up(*values), context[0], monkeypatch)


def test_settings_that_a_property_does_not_have_are_refused(context):
    with pytest.raises(InputError, match=r"settings of lattice.*'phase'"):
        KIND.perform(OF_GE | {"settings": {"phase": ["fcc"]}}, context[0])
