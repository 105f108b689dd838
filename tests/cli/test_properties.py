"""``tlbench properties``, as a user runs it."""

import json
import re
from pathlib import Path

import pytest
import tiny

from tlbench.training.loss import fit_reference_energy

CALCULATORS = """
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

emt = EMT
shared = EMT()
number = 3


class Periodic(LennardJones):
    def calculate(self, atoms=None, *arguments, **options):
        if not atoms.pbc.any():
            raise ValueError("a cell is needed")
        super().calculate(atoms, *arguments, **options)


class Small(LennardJones):
    def calculate(self, atoms=None, *arguments, **options):
        if len(atoms) > 8:
            raise MemoryError("too many atoms")
        super().calculate(atoms, *arguments, **options)


def periodic():
    return Periodic(sigma=2.3, rc=6.0)


def small():
    return Small(sigma=2.3, rc=6.0)


class NoForces(LennardJones):
    implemented_properties = ["energy"]


def falls_apart():
    return LennardJones(epsilon=-0.1, sigma=2.3, rc=6.0)
"""


@pytest.fixture
def calculators(monkeypatch, tmp_path: Path) -> str:
    """Put a module of calculators into the folder that commands run in."""
    name = f"calculators_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(CALCULATORS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


@pytest.fixture
def model(tmp_path: Path) -> Path:
    made = tiny.potential("schnet")
    fit_reference_energy(made, tiny.labelled(tiny.crystals("Ge", 2), made))
    made.save(tmp_path / "ge.safetensors")
    return tmp_path / "ge.safetensors"


def value(said: str, quantity: str, of: str) -> str:
    return re.search(rf"^{quantity} +{of} +(.*?) *$", said, re.MULTILINE)[1]


def test_values_are_printed_and_written_with_figures(printed, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = printed(
        "properties", "stillinger-weber:Ge", "--prototype", "diamond", "--element", "Ge",
        "--only", "dimer,surface", "--out", "out",
    )  # fmt: skip
    assert value(said, "dimer_depth", "Ge-Ge") == "1.930  eV"
    assert re.fullmatch(r"1\.[0-9]{3}  J/m²", value(said, "surface_energy", "111 relaxed"))
    assert max(map(len, said.splitlines())) <= 80
    assert re.search(r"^dimer: [0-9.]+ s$", said, re.MULTILINE)
    found = json.loads((tmp_path / "out" / "properties.json").read_text())
    assert found["potential"] == "stillinger-weber:Ge"
    assert [*found["properties"]] == ["dimer", "surface"]
    dimer = found["properties"]["dimer"]
    depth = next(each for each in dimer["values"] if each["quantity"] == "dimer_depth")
    assert depth["value"] == pytest.approx(1.93, abs=1e-3)
    page = (tmp_path / "out" / "dimer.html").read_text()
    assert "energy (eV)" in page
    assert "Energy of two atoms of diamond Ge, stillinger-weber:Ge" in page
    assert "plotly.min.js" in page
    assert (tmp_path / "out" / "plotly.min.js").exists()
    assert len(dimer["curves"][0]["x"]) > 100


def test_settings_change_what_is_computed(printed, tmp_path) -> None:
    for spacing in ("0.02", "0.1"):
        printed(
            "properties", "stillinger-weber:Ge", "--element", "Ge", "--only", "dimer", "--set",
            f"dimer.spacing={spacing}", "--set", "dimer.shortest=1.5", "--out", f"out{spacing}",
        )  # fmt: skip
    fine, coarse = (
        json.loads((tmp_path / f"out{each}" / "properties.json").read_text())["properties"]["dimer"]
        for each in ("0.02", "0.1")
    )
    assert coarse["settings"] == {"shortest": 1.5, "spacing": 0.1}
    assert coarse["curves"][0]["x"][0] == 1.5
    assert 4 * len(coarse["curves"][0]["x"]) < len(fine["curves"][0]["x"])


def test_the_settings_of_a_property_are_shown(printed) -> None:
    said = printed("show", "property", "dimer")
    assert "shortest distance, Å" in said
    assert "dimer_depth: " in said


def test_a_model_and_the_crystal_of_the_element_in_nature(printed, model, monkeypatch) -> None:
    said = printed("properties", model, "--element", "Ge", "--only", "dimer")
    assert value(said, "dimer_disagreement", "Ge-Ge") == "0.000"


def test_calculators_of_ase_are_potentials(printed, calculators) -> None:
    for name in ("emt", "shared"):
        said = printed(
            "properties", f"{calculators}:{name}", "--element", "Cu", "--only", "surface"
        )
        assert "does not say how far it reaches; 6 Å is taken" in said
        # Close-packed surfaces cost least.
        energies = [float(value(said, "surface_energy", f"{p} relaxed")[:5]) for p in (111, 100)]
        assert 0 < energies[0] < energies[1]


def test_what_fails_is_listed_with_what_happened(printed, calculators) -> None:
    said = printed(
        "properties", f"{calculators}:falls_apart", "--element", "Cu", "--only", "vacancy,dimer",
        "--cutoff", 6,
    )  # fmt: skip
    assert "reaches" not in said
    assert re.search(r"^vacancy: [0-9.]+ s, 2 values failed$", said, re.MULTILINE)
    assert re.fullmatch(
        "failed  the cell (ran away|collapsed)", value(said, "vacancy_formation_energy", "ideal")
    )
    assert value(said, "dimer_depth", "Cu-Cu") == "failed  the curve has no minimum"


def test_values_of_an_unstable_crystal_are_listed_as_failures(
    printed, monkeypatch, tmp_path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = printed(
        "properties", "stillinger-weber:Si", "--element", "Si", "--prototype", "fcc",
        "--only", "elastic", "--out", "out",
    )  # fmt: skip
    assert re.search(r"^elastic: [0-9.]+ s, 6 values failed$", said, re.MULTILINE)
    assert value(said, "elastic_constant", "C12").startswith("730.81  GPa: failed, C11 - C12")
    assert max(map(len, said.splitlines())) <= 80
    elastic = json.loads((tmp_path / "out" / "properties.json").read_text())["properties"][
        "elastic"
    ]
    assert elastic["unstable"] == ["C11 - C12 = -38.8 GPa, the crystal is unstable"]
    assert elastic["values"][0]["value"] == pytest.approx(692.0, abs=0.1)


def test_what_makes_no_sense_for_a_compound_is_left_out_unless_asked_for(
    printed, refused, calculators, monkeypatch, tmp_path
) -> None:
    from tlbench.properties import PROPERTIES

    monkeypatch.setattr(PROPERTIES, "names", lambda: ["dimer", "vacancy"])
    alloy = (
        "properties", f"{calculators}:emt", "--element", "Cu", "--element", "Au",
        "--prototype", "b2",
    )  # fmt: skip
    said = printed(*alloy)
    assert "Note: The energy of a vacancy in Au and Cu depends on" in said
    assert value(said, "dimer_disagreement", "Au-Cu") == "0.000"
    printed(*alloy, "--only", "dimer", "--out", "out")
    assert json.loads((tmp_path / "out" / "properties.json").read_text())["prototype"] == (
        "cesiumchloride"
    )
    assert "depends on their chemical potentials" in refused(*alloy, "--only", "vacancy")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["stillinger-weber:Ge", "--element", "Si"], "knows Ge only, and not Si"),
        (["stillinger-weber:W", "--element", "W"], "no Stillinger–Weber parameters for 'W'"),
        (["sevenet-0", "--element", "Si"], "did you mean 'sevennet-0'?"),
        (["no.safetensors", "--element", "Si"], "there is no such file"),
        (["stillinger-weber:Si", "--element", "Sj"], "--element Sj: is not the symbol"),
        (["stillinger-weber:Si", "--element", "Ga"], "Ga has no usual crystal"),
        (
            ["stillinger-weber:Si", "--element", "Si", "--prototype", "rocksalt"],
            "'rocksalt' is of 2 elements, but there is Si",
        ),
        (
            ["stillinger-weber:Si", "--element", "Si", "--only", "dimr"],
            "Unknown property 'dimr'; did you mean 'dimer'?",
        ),
        (
            ["stillinger-weber:Si", "--element", "Si", "--set", "elastic.strin=0.01"],
            "--set: unknown key 'elastic.strin'; did you mean 'strain'?",
        ),
        (
            ["stillinger-weber:Si", "--element", "Si", "--set", "elastic.strain=-1"],
            "'elastic.strain': input should be greater than 0 (given: -1)",
        ),
        (
            ["stillinger-weber:Si", "--element", "Si", "--only", "dimer", "--set", "eos.range=1"],
            "--set eos.range: 'eos' is not a property that is computed",
        ),
        (
            ["stillinger-weber:Si", "--element", "Si", "--set", "dimer=0.1"],
            "name a setting of the property, as dimer.SETTING",
        ),
        (
            ["stillinger-weber:Si", "--element", "Si", "--set", "dimer.spacing"],
            "write it as KEY=VALUE, e.g. elastic.strain=0.001",
        ),
        (["{}:number", "--element", "Cu"], "is not a calculator of ase, but of type int"),
        (["{}:nothing", "--element", "Cu"], "has no attribute 'nothing'"),
        (["no_such_module:emt", "--element", "Cu"], "No module named 'no_such_module'"),
        (["{}:emt", "--element", "Si"], "No EMT-potential for Si"),
        (
            ["{}:periodic", "--element", "Cu", "--only", "dimer"],
            "stress of Cu2 in vacuum (ValueError: a cell is needed)",
        ),
        (
            ["{}:small", "--element", "Cu", "--only", "phonons"],
            "(MemoryError: too many atoms)",
        ),
        (
            ["{}:NoForces", "--element", "Cu", "--only", "dimer"],
            "does not compute all of energy, forces and stress",
        ),
    ],
)
def test_bad_input_is_refused_in_a_sentence(refused, calculators, arguments, complaint) -> None:
    assert complaint in refused("properties", *(each.format(calculators) for each in arguments))


def test_a_model_that_has_not_seen_the_element_is_refused(refused, model) -> None:
    said = refused("properties", model, "--element", "Si", "--only", "dimer")
    assert "has not been trained on Si" in said


def test_a_missing_package_is_named_with_its_extra(refused, monkeypatch) -> None:
    import tlbench.properties as room

    monkeypatch.setattr(room, "find_spec", lambda package: None)
    said = refused("properties", "stillinger-weber:Si", "--element", "Si", "--only", "phonons")
    assert "needs the package 'phonopy'" in said
    assert "pip install 'tlbench[properties]'" in said


def test_a_folder_that_cannot_be_written_is_refused_at_once(refused, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    said = refused(
        "properties", "stillinger-weber:Si", "--element", "Si", "--only", "dimer",
        "--out", tmp_path / "file" / "below",
    )  # fmt: skip
    assert "cannot be written" in said
