"""Files of RuNNer and n2p2: read as dpdata and ase write them, in the units that a card states."""

import re

import ase.io
import numpy as np
import pytest
from ase.units import Bohr, Hartree
from formats import alloys, assert_same, frames_of

from tlbench.base.errors import InputError
from tlbench.data.readers import READERS

READER = READERS.get("runner")

BLOCK = """begin
comment a molecule
atom 0.0 0.0 0.0 O 0.0 0.0 0.1 0.0 -0.5
atom 1.0 0.0 0.0 H 0.0 0.0 -0.1 0.0 0.5
energy -3.5
charge 0.0
end
"""


def read(path, energy="hartree", length="bohr"):
    options = {"energy_unit": energy, "length_unit": length}
    return READER.read(path, READER.options.model_validate(options))


def test_a_file_of_dpdata_comes_back(tmp_path):
    dpdata = pytest.importorskip("dpdata")
    images = alloys()[::2]
    whole, *others = [dpdata.LabeledSystem(atoms, fmt="ase/structure") for atoms in images]
    for system in others:
        whole.append(system)
    whole.to("n2p2", str(tmp_path / "input.data"))
    # dpdata writes six decimals.
    assert_same(read(tmp_path / "input.data"), frames_of(images), atol=1e-4, stress=False)


def test_a_file_of_ase_comes_back(tmp_path):
    from ase.io.formats import ioformats

    if "runnerdata" not in ioformats:
        pytest.skip("this version of ase does not write RuNNer's format")
    ase.io.write(tmp_path / "input.data", alloys(), format="runnerdata")
    assert_same(read(tmp_path / "input.data"), frames_of(alloys()), atol=1e-6, stress=False)


def test_units_are_those_of_the_card(tmp_path):
    (tmp_path / "input.data").write_text(BLOCK)
    ours = read(tmp_path / "input.data", "eV", "angstrom")
    assert ours.energy.tolist() == [-3.5]
    assert ours.forces.tolist() == [[0.1, 0.0, -0.5], [-0.1, 0.0, 0.5]]
    assert not ours.pbc.any()
    atomic = read(tmp_path / "input.data")
    np.testing.assert_allclose(atomic.energy, -3.5 * Hartree, rtol=1e-8)
    np.testing.assert_allclose(atomic.forces, ours.forces * Hartree / Bohr, rtol=1e-8)
    np.testing.assert_allclose(atomic.positions, ours.positions * Bohr, rtol=1e-8)


def test_units_are_never_guessed():
    with pytest.raises(ValueError, match="energy_unit"):
        READER.options.model_validate({})


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("begin\n", "", r"line 1: expected 'begin', found 'comment a"),
        ("end\n", "", "the frame that begins on line 1 has no 'end'"),
        ("energy -3.5\n", "", r"frame 0: has no energy \(line 1\)"),
        ("-0.5", "x", r"line 3: 'atom .* is not understood"),
        ("-0.5", "", r"line 3: .*not 3 numbers"),
        ("-0.5", "nan", r"line 3: .*not finite"),
        (" O ", " Xx ", r"frame 0: has atoms of 'Xx', which is not an element"),
        ("begin", "begin position(3) element", "names no column force"),
        ("energy", "enregy", "unknown key 'enregy'"),
        ("comment", "lattice 1 2 3\ncomment", "has 1 lattice vectors instead of 3 or none"),
        (BLOCK, "", "has no frames"),
    ],
)
def test_faults_are_named(tmp_path, old, new, complaint):
    assert old in BLOCK
    text = BLOCK.replace(old, new, 1)
    (tmp_path / "input.data").write_text(re.sub("comment a molecule", "comment a", text))
    if old == "begin\n":
        complaint = r"line 2: expected 'begin', found 'atom"
    with pytest.raises(InputError, match=complaint):
        read(tmp_path / "input.data")


def test_an_isolated_atom_is_left_out_unless_it_is_to_be_kept(tmp_path):
    """Its energy, several eV from those of the others, would move the reference of them all."""
    path = tmp_path / "input.data"
    atom = BLOCK.replace("atom 1.0 0.0 0.0 H 0.0 0.0 -0.1 0.0 0.5\n", "")
    crystal = atom.replace("comment", "lattice 5 0 0\nlattice 0 5 0\nlattice 0 0 5\ncomment")
    path.write_text(atom + BLOCK + crystal)
    found = read(path)
    assert found.n_atoms.tolist() == [2, 1]
    assert found.trajectory.tolist() == [1, 2]
    options = {"energy_unit": "hartree", "length_unit": "bohr", "isolated_atoms": "keep"}
    assert len(READER.read(path, READER.options.model_validate(options))) == 3
