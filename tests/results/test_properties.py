"""Properties of models in the files of a run, and what is published of them."""

import pytest
from made_up_properties import C11, A, property_of

from tlbench.base.errors import InputError
from tlbench.data.cards import load_card
from tlbench.properties.spec import Curve
from tlbench.results.properties import (
    CURVES_FILE,
    FILE,
    PROPERTIES_FORMAT,
    PropertyCurves,
    UnphysicalValue,
    literature_values,
    of_stable_crystal,
)
from tlbench.results.results import Results
from tlbench.results.tables import Rows


def numbers(found):
    return {number.metric: number.value for number in found.numbers()}


def test_values_of_a_card_are_what_a_model_is_compared_with():
    known = literature_values(load_card("mlearn-ge"), "lattice")
    (value,) = known.values()
    found = property_of(values=[("lattice_constant", A, value + 0.25, value)])
    (place,) = (each.place for each in found.values)
    assert known[place] == value
    assert numbers(found)["lattice_constant_error"] == pytest.approx(0.25)
    assert literature_values(load_card("mlearn-ge"), "phonons") == {}


def test_without_a_reference_there_is_no_error_and_without_a_value_none_either():
    unknown = property_of("elastic", [("elastic_constant", C11, 100.0, None)], origin=None)
    assert numbers(unknown) == {"property_failure_rate": 0.0}
    failed = property_of("elastic", [("elastic_constant", C11, None, 120.0)])
    assert numbers(failed) == {"property_failure_rate": 1.0}


def constants(c44, reference):
    values = zip(("C11", "C12", "C44"), (130.0, 50.0, c44), (140.0, 50.0, reference), strict=True)
    return property_of(
        "elastic", [("elastic_constant", {"component": n}, *both) for n, *both in values]
    )


def test_values_of_an_unstable_crystal_are_failures_with_their_numbers():
    measured = constants(-3.0, 60.0)
    found = of_stable_crystal(measured)
    assert {each.failure for each in found.values} == {"C44 = -3 GPa, the crystal is unstable"}
    assert [each.unphysical for each in found.values] == [130.0, 50.0, -3.0]
    assert [each.reference for each in found.values] == [140.0, 50.0, 60.0]
    assert numbers(found) == {"property_failure_rate": 1.0}
    # What was measured remains, and so do the numbers that follow from it.
    assert numbers(measured)["property_failure_rate"] == 0
    assert of_stable_crystal(found) is found
    assert of_stable_crystal(stable := constants(3.0, 60.0)) is stable


def test_each_negative_energy_is_a_failure_by_itself():
    ions = ({"ions": "ideal"}, {"ions": "relaxed"})
    values = [
        ("vacancy_formation_energy", each, e, 3.7)
        for each, e in zip(ions, (0.5, -0.25), strict=True)
    ]
    ideal, relaxed = of_stable_crystal(property_of("vacancy", values)).values
    assert (ideal.value, ideal.failure) == (0.5, None)
    assert relaxed.failure == "the energy is -0.25 eV, the crystal is unstable"
    assert isinstance(relaxed, UnphysicalValue)


def test_a_crystal_that_is_unstable_with_the_reference_is_compared_with_it():
    found = constants(-3.0, -4.0)
    assert of_stable_crystal(found) is found


def test_files_hold_what_was_computed_and_nothing_else(tmp_path):
    """A number that is marked as unphysical is refused in a file."""
    found = of_stable_crystal(constants(-3.0, 60.0))
    (row,) = Rows([found]).to_frame()["values"]
    assert [each["unphysical"] for each in row] == [130.0, 50.0, -3.0]
    PROPERTIES_FORMAT.write_lines(tmp_path / FILE, [found])
    with pytest.raises(InputError, match="Extra inputs are not permitted"):
        PROPERTIES_FORMAT.read_lines(tmp_path / FILE)


def test_properties_and_curves_are_read_as_they_were_written(tmp_path):
    found = property_of(values=[("lattice_constant", A, 5.5, 5.7)])
    curve = Curve(
        name="bands", condition={"branch": 1}, x_label="k", y_label="f (THz)", x=[0.0, 1.0],
        y=[0.0, 2.5], marks=[(0.0, "Γ"), (1.0, "U|K")],
    )  # fmt: skip
    curves = [
        PropertyCurves(property="phonons", target="Ge", model=model, curves=[curve])
        for model in (None, found.model)
    ]
    Results([], properties=[found], curves=curves).write(tmp_path)
    again = Results.read(tmp_path)
    assert (again.properties, again.curves) == ([found], curves)
    # The coordinates of the model are fields of the line, as in other files.
    assert '"backbone": "b"' in (tmp_path / FILE).read_text()
    Results([]).write(tmp_path)
    assert not (tmp_path / FILE).exists()
    assert not (tmp_path / CURVES_FILE).exists()


def test_a_line_that_is_cut_short_is_named(tmp_path):
    Results([], properties=[property_of(values=[("lattice_constant", A, 5.5, 5.7)])]).write(
        tmp_path
    )
    text = (tmp_path / FILE).read_text()
    (tmp_path / FILE).write_text(text[:-20])
    with pytest.raises(InputError, match=r"properties.jsonl:2: is not a property of a model"):
        Results.read(tmp_path)
