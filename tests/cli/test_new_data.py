"""``tlbench data new`` on files that people have, as they would type it."""

import zipfile

import ase.io
import pytest
from formats import alloys, write_vasprun

from tlbench.data.cards import load_card

BLOCK = """begin
lattice 4.0 0.0 0.0
lattice 0.0 4.0 0.0
lattice 0.0 0.0 4.0
atom 0.0 0.0 0.0 Si 0.0 0.0 0.1 0.0 -0.5
atom 1.9 0.0 {x} Si 0.0 0.0 -0.1 0.0 0.5
energy -3.5{x}
charge 0.0
end
"""


def test_a_vasprun_becomes_a_card_that_is_validated(printed, tmp_path):
    write_vasprun(tmp_path / "vasprun.xml", alloys(20)[::2])
    said = printed("data", "new", "vasprun.xml", "--out", "mow.yaml")
    assert "format: vasp-xml" in said
    assert "mow.yaml: written" in said
    assert load_card(tmp_path / "mow.yaml").origin.options["format"] == "vasp-xml"
    described = printed("data", "describe", "vasprun.xml")
    assert "split: 8 train, 1 validation, 1 test" in described


def test_a_member_of_an_archive_is_described(printed, tmp_path, monkeypatch):
    monkeypatch.setenv("TLBENCH_DATA", str(tmp_path / "cache"))
    ase.io.write(tmp_path / "mow.traj", alloys())
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "mow.traj", "set/mow.traj")
    (tmp_path / "mow.traj").unlink()
    said = printed("data", "describe", "all.zip/set/mow.traj")
    assert "mow: Mo, W of mow.traj" in said
    assert "split: 3 train, 1 validation, 1 test" in said


def test_units_of_runner_are_asked_for(refused, printed, tmp_path):
    (tmp_path / "input.data").write_text("".join(BLOCK.format(x=n) for n in range(6)))
    said = refused("data", "new", "input.data")
    assert "do not state their units; state them with tlbench data new input.data --units h" in said
    assert "did you mean 'hartree'?" in refused(
        "data", "new", "input.data", "--units", "hartre,bohr"
    )
    assert "write it as ENERGY,LENGTH" in refused("data", "new", "input.data", "--units", "metal")
    printed("data", "new", "input.data", "--units", "eV,angstrom")
    options = load_card(tmp_path / "input.yaml").origin.options
    assert options == {"energy_unit": "eV", "length_unit": "angstrom"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["mow.traj", "--format", "traaj"], "Unknown format 'traaj'; did you mean 'traj'?"),
        (
            ["mow.tarj"],
            "mow.tarj: cannot be read (there is no such file); did you mean 'mow.traj'?",
        ),
        (["mow.traj", "--format", "vasp-out"], "mow.traj: cannot be read as OUTCAR of VASP"),
        (["notes"], "notes: its format is not recognised"),
        (
            ["all.zip/set/mow.tarj"],
            "all.zip: has no member 'set/mow.tarj'; did you mean 'set/mow.t",
        ),
        (["folder"], "folder: has no frames: none of its files"),
    ],
)
def test_mistakes_are_one_sentence(refused, tmp_path, arguments, complaint):
    ase.io.write(tmp_path / "mow.traj", alloys())
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "mow.traj", "set/mow.traj")
    (tmp_path / "notes").write_text("Dear reader,\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes").write_text("Dear reader,\n")
    assert complaint in refused("data", "new", *arguments)
    assert not list(tmp_path.glob("*.yaml"))
