"""Stresses of wrong unit, sign or size are found, and right ones are not complained about."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
from ase.build import bulk
from ase.calculators.emt import EMT

from tlbench.base.units import GPA
from tlbench.data.frames import Frames
from tlbench.data.inspection.collection import from_parts
from tlbench.data.inspection.stress import check_stress
from tlbench.data.work import CONVENTIONS, Convention, convention_of, stress_slope

READ = Convention("GPa", "tension")


def copper(rattle: float, n_frames: int = 24) -> Frames:
    """Return strained copper with energies, forces and stress of EMT; displacements in Å."""
    generator = np.random.default_rng(2)
    images = []
    for _ in range(n_frames):
        atoms = bulk("Cu", cubic=True).repeat((2, 2, 1))
        strain = np.eye(3) * generator.uniform(0.94, 1.02) + generator.normal(0, 0.01, (3, 3))
        atoms.set_cell(atoms.cell @ strain, scale_atoms=True)
        atoms.rattle(rattle, rng=generator)
        atoms.calc = EMT()
        images.append(atoms)
    return replace(
        Frames.unlabelled(images),
        energy=np.array([atoms.get_potential_energy() for atoms in images]),
        forces=np.concatenate([atoms.get_forces() for atoms in images]),
        stress=np.array([atoms.get_stress(voigt=False) for atoms in images]) * GPA,
    )


def found(frames: Frames) -> list[str]:
    return [finding.message for finding in check_stress(from_parts({"train": frames}))]


@pytest.mark.parametrize("rattle", [0.0, 0.03, 0.1])
def test_the_work_of_stress_explains_the_energies_of_strained_frames(rattle):
    slope = stress_slope(copper(rattle))
    assert slope.is_resolved
    if rattle < 0.1:
        assert slope.value == pytest.approx(1, abs=0.1)
    # Of hot structures only the unit is found: the work is known to the second order.
    assert convention_of(slope.value, READ) == READ


@pytest.mark.parametrize("rattle", [0.0, 0.1])
@pytest.mark.parametrize("given", CONVENTIONS[1:], ids=str)
def test_another_unit_or_sign_is_found_and_named(rattle, given):
    frames = copper(rattle)
    wrong = replace(frames, stress=frames.stress * CONVENTIONS[0].factor / given.factor)
    (said,) = found(wrong)
    assert f"if the card takes them for {CONVENTIONS[0]}, they are in {given}" in said
    assert convention_of(stress_slope(wrong).value, CONVENTIONS[0]) == given


def test_right_stresses_pass():
    assert found(copper(0.1)) == []
    assert found(tiny.crystals("Ge", 20)) == []


def test_placeholders_are_found():
    frames = copper(0.05)
    (said,) = found(replace(frames, stress=0 * frames.stress))
    assert "All stresses are 0 although forces are not" in said
    still = replace(frames, stress=0 * frames.stress, forces=0 * frames.forces)
    assert found(still) == []
    assert found(replace(frames, stress=np.nan * frames.stress)) == []


def test_impossible_sizes_are_found_where_energies_say_nothing():
    frames = tiny.crystals("Ge", 6)
    huge = np.broadcast_to(5000 * np.eye(3), frames.stress.shape)
    (said,) = found(replace(frames, stress=huge))
    assert "above 5e+03 GPa" in said


def test_a_tension_that_no_solid_bears_is_named_with_its_frame():
    frames = tiny.crystals("Ge", 6)
    stress = frames.stress.copy()
    stress[4] = 272 * np.eye(3)
    (finding,) = check_stress(from_parts({"train": replace(frames, stress=stress)}))
    assert finding.frame == "train frame 4"
    assert finding.message.startswith("A tension of 272 GPa")
    (finding,) = check_stress(from_parts({"train": replace(frames, stress=-3 * stress)}))
    assert finding.frame == "train frame 4"
    assert finding.message.startswith("A pressure of 816 GPa")
