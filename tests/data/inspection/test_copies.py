"""Copies are found whatever was done to them, and near neighbours are not taken for copies."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from structures import diamond, liquid, skewed
from tiny import crystals

from tlbench.base.units import ACCELERATION, BOLTZMANN
from tlbench.data.frames import Frames
from tlbench.data.inspection.collection import from_parts
from tlbench.data.inspection.copies import TOLERANCE, Shape, check_copies, same_shapes, shapes_of
from tlbench.data.inspection.finding import merge
from tlbench.data.inspection.geometry import Structure, structures_of

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=25)

STRUCTURES = [
    structures_of(diamond("Ge", rattle=0.1, seed=1))[0],
    structures_of(skewed(n_atoms=5, seed=2))[0],
    structures_of(liquid(n_atoms=20, seed=3))[0],
]
STRUCTURES.append(replace(STRUCTURES[2], atomic_numbers=np.repeat([14, 32], 10)))
MOLECULE = replace(STRUCTURES[2], pbc=np.zeros(3, dtype=bool))
every_structure = st.sampled_from([*STRUCTURES, MOLECULE])


def key_of(structure):
    return Shape(structure).key


def print_of(structure):
    return Shape(structure).fingerprint


def apart(first, second):
    return Shape(first).difference(Shape(second))


def same_structures(structures):
    return list(same_shapes([Shape(structure) for structure in structures]))


def disguised(structure: Structure, generator: np.random.Generator) -> Structure:
    """Turn, mirror, shift, renumber, and give the crystal another cell."""
    turn = Rotation.random(rng=generator).as_matrix() * generator.choice([-1, 1])
    cell = structure.cell
    x = structure.positions + generator.uniform(-9, 9, 3)
    if structure.pbc.all():
        x = x + generator.integers(-2, 3, (len(x), 3)) @ cell
        for i, j in generator.permutation(3)[None, :2]:
            cell = cell.copy()
            cell[i] += generator.integers(-2, 3) * cell[j]
    order = generator.permutation(len(x))
    return Structure(structure.atomic_numbers[order], x[order] @ turn, cell @ turn, structure.pbc)


def repeated(structure: Structure, n: int) -> Structure:
    shifts = np.arange(n)[:, None] * structure.cell[0]
    return Structure(
        np.tile(structure.atomic_numbers, n),
        (structure.positions[None] + shifts[:, None]).reshape(-1, 3),
        structure.cell * [[n], [1], [1]],
        structure.pbc,
    )


@FEW
@given(every_structure, SEEDS)
def test_a_disguise_changes_nothing(structure, seed):
    other = disguised(structure, np.random.default_rng(seed))
    assert key_of(other) == key_of(structure)
    assert apart(structure, other) < 1e-9
    np.testing.assert_allclose(print_of(other), print_of(structure), atol=1e-9)


@FEW
@given(st.sampled_from(STRUCTURES), st.integers(2, 3))
def test_a_supercell_is_the_same_crystal(structure, n):
    other = repeated(structure, n)
    assert key_of(other) == key_of(structure)
    assert apart(structure, other) < 1e-9
    np.testing.assert_allclose(print_of(other), print_of(structure), atol=1e-9)


@FEW
@given(every_structure, SEEDS)
def test_one_atom_moved_by_a_hundredth_of_an_angstrom_is_seen(structure, seed):
    generator = np.random.default_rng(seed)
    x = structure.positions.copy()
    step = generator.standard_normal(3)
    x[generator.integers(len(x))] += 0.01 * step / np.linalg.norm(step)
    other = replace(structure, positions=x)
    assert apart(structure, other) > TOLERANCE
    # Whatever is within the tolerance must be found by the fingerprint: it moves no faster.
    assert np.abs(print_of(other) - print_of(structure)).max() <= 0.01 + 1e-9


@FEW
@given(every_structure, SEEDS)
def test_rounding_to_a_thousandth_leaves_a_copy(structure, seed):
    other = disguised(structure, np.random.default_rng(seed))
    other = replace(other, positions=other.positions.round(3), cell=other.cell.round(6))
    assert len(same_structures([structure, other])) == 1


def test_swapped_elements_are_another_structure():
    structure = STRUCTURES[3]
    swapped = replace(structure, atomic_numbers=structure.atomic_numbers[::-1].copy())
    assert key_of(swapped) == key_of(structure)
    assert same_structures([structure, swapped]) == []


def test_two_fragments_farther_apart_are_another_structure():
    two = replace(
        MOLECULE,
        positions=np.concatenate([MOLECULE.positions, MOLECULE.positions + np.array([40.0, 0, 0])]),
        atomic_numbers=np.tile(MOLECULE.atomic_numbers, 2),
    )
    farther = two.positions.copy()
    farther[len(MOLECULE) :] += [1.0, 0, 0]
    assert same_structures([two, replace(two, positions=farther)]) == []


def test_neighbours_in_time_are_no_copies():
    # 64 germanium atoms at 300 K, every two femtoseconds.
    start = structures_of(diamond("Ge", repeats=(2, 2, 2), rattle=0.05))[0]
    speed = np.sqrt(BOLTZMANN * 300 * ACCELERATION / 72.63)
    velocity = speed * np.random.default_rng(0).standard_normal((64, 3))
    frames = [replace(start, positions=start.positions + t * velocity) for t in range(0, 20, 2)]
    assert same_structures(frames) == []


def test_crystals_of_nearly_the_same_strain_are_no_copies():
    frames = [structures_of(diamond("Ge", lattice_constant=5.65 * s))[0] for s in (1, 1.002, 1.004)]
    assert same_structures(frames) == []


def polytypes():
    """Return pairs of crystals whose nearest shells are the same."""
    a = 4.0
    cubic, wurtzite = (
        bulk("GaAs", "zincblende", a=a, cubic=True),
        bulk("GaAs", "wurtzite", a=a / 2**0.5, c=a * (4 / 3) ** 0.5, u=0.375),
    )
    yield bulk("Cu", "fcc", a=a), bulk("Cu", "hcp", a=a / 2**0.5, c=a / 2**0.5 * (8 / 3) ** 0.5)
    yield cubic, wurtzite
    diamonds = cubic.copy(), wurtzite.copy()
    for atoms in diamonds:
        atoms.symbols[:] = "Si"
    yield diamonds
    cell = bulk("Al", "fcc", a=a, cubic=True)
    cell.symbols[0] = "Ti"
    one, other = cell.repeat((1, 1, 2)), cell.repeat((1, 1, 2))
    # D0₂₂: in every other layer titanium is in the middle of the face.
    other.symbols[4:] = ["Al", "Ti", "Al", "Al"]
    yield one, other


@pytest.mark.parametrize("pair", [*polytypes()], ids=["hcp", "wurtzite", "lonsdaleite", "D0₂₂"])
def test_stacking_and_order_in_the_second_shell_are_seen(pair):
    one, other = structures_of(Frames.unlabelled(pair))
    assert key_of(one) == key_of(other)
    assert apart(one, other) > 0.1
    assert same_structures([one, other]) == []


def test_groups_hold_all_copies():
    base = structures_of(crystals("Si", 3))
    generator = np.random.default_rng(0)
    mixed = [base[0], base[1], *(disguised(base[1], generator) for _ in range(3)), base[2]]
    (group,) = same_structures(mixed)
    assert group.tolist() == [1, 2, 3, 4]


@pytest.fixture(scope="module")
def frames():
    return crystals("Ge", 8)


def turned(frames: Frames) -> Frames:
    """Return one frame as a rotated and renumbered copy, forces included."""
    turn = Rotation.from_euler("xyz", [0.3, 1.1, 2.0]).as_matrix()
    order = np.random.default_rng(0).permutation(len(frames.positions))
    return replace(
        frames,
        positions=(frames.positions @ turn)[order],
        forces=(frames.forces @ turn)[order],
        cell=frames.cell @ turn,
    )


def findings(**parts):
    collection = from_parts(parts)
    return list(check_copies(collection, shapes_of(collection.frames)))


def test_distinct_frames_pass(frames):
    assert findings(train=frames.select(range(5)), test=frames.select(range(5, 8))) == []


def test_a_turned_training_frame_in_the_test_part_is_an_error(frames):
    test = Frames.concatenate([frames.select([6]), turned(frames.select([2]))])
    (finding,) = findings(train=frames.select(range(5)), test=test)
    assert (finding.severity, finding.check, finding.frame) == ("error", "leak", "test frame 1")
    assert "train frame 2" in finding.message
    assert "energies agree" in finding.message


def test_other_labels_of_a_copy_are_told(frames):
    copy = turned(frames.select([2]))
    other = replace(copy, energy=copy.energy + 0.08)
    (finding,) = findings(train=frames.select(range(5)), validation=other)
    assert "energies differ by 10 meV/atom" in finding.message


def test_a_leak_without_forces_is_a_warning():
    # Strained by symmetry-equivalent amounts along two axes.
    crystal = diamond("Ge")
    along_x = replace(crystal, cell=crystal.cell * [1.02, 1, 1])
    along_x = replace(along_x, positions=crystal.positions * [1.02, 1, 1])
    along_z = replace(crystal, cell=crystal.cell * [1, 1, 1.02])
    along_z = replace(along_z, positions=crystal.positions * [1, 1, 1.02])
    (finding,) = findings(train=along_x, test=along_z)
    assert (finding.severity, finding.check) == ("warning", "leak")
    assert "no forces" in finding.message


def test_copies_within_a_part_are_one_warning(frames):
    (finding,) = findings(train=frames.select([0, 1, 1, 2, 1]))
    assert (finding.severity, finding.check) == ("warning", "duplicate")
    assert finding.frame == "train frame 1"
    assert "train frame 2, 4" in finding.message


def test_merged_copies_are_named_in_order_and_originals_not_out_of_their_pairs(frames):
    found = findings(train=frames.select([3, 0, 4, 1, 2, 1, 2, 2]), test=frames.select([0, 1, 3]))
    leaks, duplicates = merge(sorted(found, key=lambda each: each.severity))
    assert leaks.frame == "3 frames: test frame 0–2"
    assert leaks.message == (
        "In the test part, each is the same structure as one of the training part (energies agree)."
    )
    assert duplicates.frame == "2 frames: train frame 3–4"
    assert duplicates.message == (
        "Each of these structures is given 2 to 3 times in its part (energies agree)."
    )


def test_frames_that_no_part_uses_are_not_compared(frames):
    collection = from_parts({"train": frames.select([0, 1]), "": frames.select([1])})
    assert list(check_copies(collection, shapes_of(collection.frames))) == []
