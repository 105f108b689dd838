"""Which values are shown of a property, and the file that has them all."""

import csv
import io
import json

from made_up_properties import C11, elastic, property_of

from tlbench.properties import PROPERTIES
from tlbench.report.properties.values import MAIN, MOST, properties_csv, shown_values


def titles(name, values):
    found = [property_of(name, [(q, c, 1.0, 2.0) for q, c in values])]
    return [each.title for each in shown_values(name, found)]


def test_the_highest_mode_at_the_first_points_is_shown():
    frequencies = [
        ("phonon_frequency", {"point": point, "branch": float(branch)})
        for point in ("Γ", "L", "X")
        for branch in (4, 5, 6)
    ]
    found = shown_values("phonons", [property_of("phonons", [(*f, 1.0, 2.0) for f in frequencies])])
    assert [each.title for each in found] == [
        "error of the DOS (THz)", "highest at Γ (THz)", "highest at L (THz)",
    ]  # fmt: skip
    assert [dict(each.condition).get("branch") for each in found] == [None, 6.0, 6.0]


def test_relaxed_surfaces_are_shown_and_those_as_cut_are_not():
    surfaces = [
        ("surface_energy", {"surface": plane, "ions": ions})
        for plane in ("100", "111")
        for ions in ("ideal", "relaxed")
    ]
    assert titles("surface", surfaces) == ["(100) (J/m²)", "(111) (J/m²)"]


def test_what_is_shown_of_shipped_properties_is_among_their_numbers():
    for name, selections in MAIN.items():
        asked = PROPERTIES.get(name)
        known = {each.name for each in (*asked.quantities, *asked.agreements)}
        assert {each.name for each in selections} <= known


def test_a_property_of_another_package_shows_its_first_values(monkeypatch):
    monkeypatch.delitem(MAIN, "elastic")
    values = [("elastic_constant", {"component": f"C{n}"}) for n in range(MOST + 2)]
    assert titles("elastic", values) == [f"elastic_constant C{n} (GPa)" for n in range(MOST)]


def test_the_file_has_every_value_error_and_failure():
    found = [elastic(150.0, "finetune", 3), elastic(None, seed=1), elastic(7.0, reference=None)]
    found.append(elastic(120.0, c44=-3.0))
    lines = [*csv.DictReader(io.StringIO(properties_csv(found)))]
    first, second, third, *unstable = lines
    assert json.loads(first["condition"]) == C11
    assert (first["value"], first["reference"], first["error"]) == ("150.0", "140.0", "10.0")
    assert (first["strategy"], first["size"], first["subset_seed"]) == ("finetune", "10", "3")
    assert (second["value"], second["error"], second["failure"]) == ("", "", "the cell collapsed")
    assert (third["reference"], third["error"], third["unit"]) == ("", "", "GPa")
    assert [each["unphysical"] for each in lines] == ["", "", "", "120.0", "50.0", "-3.0"]
    reason = "C44 = -3 GPa, the crystal is unstable"
    assert {(each["value"], each["error"], each["failure"]) for each in unstable} == {
        ("", "", reason)
    }
