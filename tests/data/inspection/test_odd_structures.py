"""Structures without pairs, cells or company are checked and described like any others."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from structures import diamond
from tiny import crystals

from tlbench.base.errors import InputError
from tlbench.data.cards import load_card
from tlbench.data.frames import Frames
from tlbench.data.inspection.collection import from_parts
from tlbench.data.inspection.summary import describe_parts
from tlbench.data.inspection.validation import validate_collection
from tlbench.data.work import force_slope
from tlbench.report.inspection.page import write_page

GE = crystals("Ge", 30)


def dimer(distance, periodic=True):
    cell = np.eye(3) * 15.0 * periodic
    positions = [[0, 0, 0], [distance, 0, 0]]
    return Frames.unlabelled([Atoms("Ge2", positions, cell=cell, pbc=periodic)])


ATOM = Frames.unlabelled([Atoms("Ge")])


def hot(*parts: Frames) -> Frames:
    """Return the frames with random forces that add up to zero."""
    frames = Frames.concatenate(parts)
    forces = np.random.default_rng(0).standard_normal(frames.forces.shape)
    owner = np.repeat(np.arange(len(frames)), frames.n_atoms)
    mean = np.add.reduceat(forces, frames.atom_start) / frames.n_atoms[:, None]
    return replace(frames, forces=forces - mean[owner], energy=-4.0 * frames.n_atoms)


ODD = {
    "no frames": {"train": GE.select([])},
    "an empty part": {"train": GE, "test": GE.select([])},
    "one frame": {"train": GE.select([0])},
    "isolated atoms": {"train": hot(*[ATOM] * 20)},
    "isolated atoms among crystals": {"train": Frames.concatenate([GE, *[ATOM] * 40])},
    "dimers": {"train": hot(*[dimer(2 + 0.1 * n) for n in range(20)])},
    "dimers in vacuum": {"train": hot(*[dimer(2 + 0.1 * n, False) for n in range(20)])},
    "crystals and broken dimers": {"train": hot(GE, *[dimer(2 + 0.3 * n) for n in range(20)])},
    "an atom as the test part": {"train": GE, "test": ATOM},
    "one structure over and over": {"train": GE.select([0] * 30)},
    "perfect crystals": {"train": diamond("Ge").select([0] * 20)},
    "slabs": {"train": replace(GE, pbc=np.tile([True, True, False], (30, 1)))},
    "chains": {"train": replace(GE, pbc=np.tile([True, False, False], (30, 1)))},
    "equal energies": {"train": replace(GE, energy=np.full(30, -30.0))},
}


@pytest.mark.parametrize("name", ODD)
def test_odd_structures_are_checked(name):
    parts = ODD[name]
    assert validate_collection(from_parts(parts)).n_structures == sum(map(len, parts.values()))


@pytest.mark.parametrize("name", ODD)
def test_odd_structures_are_described(name, tmp_path):
    parts = ODD[name]
    found = describe_parts(parts, cutoff=5.0)
    assert found.counts[list(parts)].to_numpy().sum() == sum(map(len, parts.values()))
    if sum(map(len, parts.values())):
        write_page(tmp_path / "page.html", load_card("sw-ge"), parts, found)
        assert "<h2>Ranges</h2>" in (tmp_path / "page.html").read_text()


def test_isolated_atoms_leave_the_comparison_of_energies_with_forces_as_it_is():
    alone = replace(ATOM, energy=np.array([-1.0])).select([0] * 40)
    assert force_slope(Frames.concatenate([GE, alone])) == force_slope(GE)
    assert force_slope(GE).value == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"cell": GE.cell * np.array([[1], [1], [0]])}, "train frame 0: .* the cell is flat"),
        ({"positions": np.full_like(GE.positions, np.nan)}, "train frame 0: The positions of 8"),
    ],
)
def test_what_cannot_be_measured_is_named(change, complaint):
    with pytest.raises(InputError, match=f"{complaint}.*tlbench data validate"):
        describe_parts({"train": replace(GE, **change)}, cutoff=5.0)
