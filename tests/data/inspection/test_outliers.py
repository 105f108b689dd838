"""Exploded frames and second energy references are named; hot, rare and broken ones are not."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT
from tiny import crystals

from tlbench.data.frames import Frames
from tlbench.data.inspection.collection import from_parts
from tlbench.data.inspection.copies import shapes_of
from tlbench.data.inspection.energies import check_energies
from tlbench.data.inspection.finding import merge
from tlbench.data.inspection.forces import check_large_forces
from tlbench.data.inspection.validation import validate_collection


def labelled(atoms):
    """Return a copper structure with the labels of effective medium theory."""
    atoms.calc = EMT()
    return replace(
        Frames.unlabelled([atoms]),
        energy=np.array([atoms.get_potential_energy()]),
        forces=atoms.get_forces(),
    )


def crystal(seed, rattle=0.1, strain=1.0, vacancy=False, repeats=2):
    atoms = bulk("Cu", cubic=True, a=3.6 * strain) * repeats
    if vacancy:
        del atoms[0]
    atoms.rattle(rattle, seed=seed)
    return labelled(atoms)


def slab(seed):
    atoms = fcc111("Cu", (2, 2, 4), vacuum=8.0, periodic=True)
    atoms.rattle(0.1, seed=seed)
    return labelled(atoms)


def dimer(distance):
    return labelled(Atoms("Cu2", [[0, 0, 0], [distance, 0, 0]], cell=[12] * 3, pbc=True))


@pytest.fixture(scope="module")
def kinds():
    return {
        "md": [crystal(n) for n in range(24)],
        "hot": [crystal(n, rattle=0.25) for n in range(12)],
        "strained": [crystal(0, rattle=0.0, strain=s) for s in np.linspace(0.9, 1.15, 16)],
        "vacancies": [crystal(n, vacancy=True) for n in range(12)],
        "slabs": [slab(n) for n in range(12)],
        "dimers": [dimer(d) for d in np.linspace(1.8, 4.5, 16)],
        "atom": [labelled(Atoms("Cu", cell=[12] * 3, pbc=True))],
    }


@pytest.fixture(scope="module")
def broad(kinds):
    return Frames.concatenate([frame for frames in kinds.values() for frame in frames])


def found(check, frames):
    shapes = [shapes_of(frames)] if check is check_energies else []
    return list(check(from_parts({"train": frames}), *shapes))


def changed(frames, name, where, value):
    values = getattr(frames, name).copy()
    values[where] += value
    return replace(frames, **{name: values})


def test_legitimate_breadth_is_none(broad):
    assert found(check_energies, broad) == []
    assert found(check_large_forces, broad) == []


@pytest.mark.parametrize("rare", ["hot", "strained", "slabs", "dimers", "atom"])
def test_a_rare_kind_of_structure_is_none(kinds, rare):
    """Among calm dynamics a single dimer, atom or compressed crystal differs for a reason."""
    for one in kinds[rare]:
        frames = Frames.concatenate([*kinds["md"], one])
        assert found(check_energies, frames) == []
        assert found(check_large_forces, frames) == []


def test_relaxed_structures_with_a_few_of_hot_dynamics(kinds):
    relaxed = [crystal(n, rattle=0.001) for n in range(60)]
    frames = Frames.concatenate([*relaxed, *kinds["hot"][:4], dimer(1.7)])
    largest = np.abs(frames.forces).max(axis=1)
    assert largest.max() > 1000 * np.median(largest)
    assert found(check_large_forces, frames) == []
    assert found(check_energies, frames) == []


def test_an_exploded_frame_is_named_with_its_numbers(broad):
    exploded = changed(broad, "energy", 9, 500.0)
    exploded = changed(exploded, "forces", exploded.atom_start[9] + np.arange(2), [[9e4], [-9e4]])
    (force,) = found(check_large_forces, exploded)
    assert (force.severity, force.check, force.frame) == ("warning", "large-force", "train frame 9")
    size = np.linalg.norm(exploded.forces, axis=1).max()
    assert f"Largest force {size:,.0f} eV/Å" in force.message
    assert "times the median frame's" in force.message
    (energy,) = found(check_energies, exploded)
    assert (energy.check, energy.frame) == ("energy-outlier", "train frame 9")
    assert f"Energy per atom {energy.values[0]:.2f} eV above" in energy.message
    assert energy.values[0] == pytest.approx(500 / 32, abs=0.05)


def test_the_other_checks_do_not_suffer_from_an_exploded_frame():
    frames = crystals("Ge", 40)
    frames = changed(frames, "energy", 7, 4e4)
    frames = changed(frames, "forces", (slice(56, 58), 0), [9e4, -9e4])
    seen = validate_collection(from_parts({"train": frames}))
    assert {(f.check, f.frame) for f in seen.each} == {
        ("large-force", "train frame 7"),
        ("energy-outlier", "train frame 7"),
    }
    assert seen.notes == ()


def test_a_large_force_needs_no_other_frame_of_its_composition():
    frames = Frames.concatenate([crystals("Ge", 12), crystals("Si", 1)])
    frames = changed(frames, "forces", ([96, 97], 0), [300, -300])
    (force,) = found(check_large_forces, frames)
    assert force.frame == "train frame 12"


WHICH = ("every other", "first half", "slabs and dimers", "three")


def moved_frames(which, n):
    start = 24 + 12 + 16 + 12
    return {
        "every other": np.arange(n) % 2 == 1,
        "first half": np.arange(n) < n // 2,
        "slabs and dimers": np.isin(np.arange(n), np.arange(start + 6, start + 20)),
        "three": np.isin(np.arange(n), [3, 52, 60]),
    }[which]


def references(frames):
    """Return which frames are said to have another reference, and how far it is off."""
    findings = found(check_energies, frames)
    assert {finding.check for finding in findings} == {"energy-reference"}
    (one,) = merge(findings)
    gap = float(one.message.split(" eV ")[0].rpartition(" ")[2].replace(",", ""))
    names = [f"train frame {i}" for i in range(len(frames))]
    return np.isin(names, [f.frame for f in findings]), gap


@pytest.mark.parametrize("offset", [40.0, -2000.0])
@pytest.mark.parametrize("which", WHICH)
def test_a_second_energy_reference_is_found(broad, offset, which):
    moved = moved_frames(which, len(broad))
    named, gap = references(replace(broad, energy=broad.energy + offset * moved * broad.n_atoms))
    assert (named == moved).all() or (named == ~moved).all()
    assert gap == pytest.approx(abs(offset), rel=0.1)


@pytest.mark.parametrize("offset", [0.5, -1.0, 5.0])
@pytest.mark.parametrize("which", ["every other", "three"])
def test_a_smaller_one_is_found_among_frames_of_the_same_structure(broad, offset, which):
    moved = moved_frames(which, len(broad))
    named, gap = references(replace(broad, energy=broad.energy + offset * moved * broad.n_atoms))
    assert gap == pytest.approx(abs(offset), abs=0.1)
    # Crystals, vacancies and slabs are alike; dimers are all different.
    assert named.sum() >= (20 if which == "every other" else 3)
    assert which == "every other" or (named == moved).all()


def test_another_reference_of_a_structure_that_no_other_frame_has_may_be_physical(broad):
    """Between crystals and dimers there is any difference that solids have."""
    crystals_only = np.arange(len(broad)) < len(broad) // 2
    moved = replace(broad, energy=broad.energy + 5.0 * crystals_only * broad.n_atoms)
    assert found(check_energies, moved) == []


def test_a_small_energy_outlier_is_found_among_frames_of_the_same_structure(broad):
    (energy,) = found(check_energies, changed(broad, "energy", 9, 0.4 * 32))
    assert (energy.check, energy.frame) == ("energy-outlier", "train frame 9")
    assert energy.values[0] == pytest.approx(0.4, abs=0.05)


def test_another_phase_may_have_another_energy(kinds):
    """Body-centred cubic tungsten lies 0.5 eV/atom below close-packed: no second reference."""
    cell = bulk("Cu", "bcc", a=2.87, cubic=True) * (3, 3, 2)
    other = []
    for seed in range(12):
        atoms = cell.copy()
        atoms.rattle(0.1, seed=seed)
        other.append(labelled(atoms))
    frames = Frames.concatenate([*kinds["md"], *other])
    assert found(check_energies, frames) == []
    second = np.arange(len(frames)) >= 24
    shifted = replace(frames, energy=frames.energy - 0.5 * second * frames.n_atoms)
    assert found(check_energies, shifted) == []
    # Alone among the others, such a frame is rare and no outlier.
    assert found(check_energies, shifted.select(range(25))) == []


def test_two_references_do_not_hide_an_exploded_frame(broad):
    moved = np.arange(len(broad)) % 3 == 0
    frames = replace(broad, energy=broad.energy + 12.0 * moved * broad.n_atoms)
    findings = found(check_energies, changed(frames, "energy", 10, 32 * 55.0))
    alone = [finding for finding in findings if finding.check == "energy-outlier"]
    assert [finding.frame for finding in alone] == ["train frame 10"]
    assert sum(f.check == "energy-reference" for f in findings) >= 15


def test_few_frames_say_nothing():
    frames = crystals("Ge", 9)
    assert found(check_energies, changed(frames, "energy", 3, 1e5)) == []
    assert found(check_energies, frames.select([])) == []
