"""A card for a file that somebody brings: what is guessed, and that it can be run."""

from dataclasses import replace

import ase.io
import numpy as np
import pytest
import tiny
import yaml
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.units import GPa

from tlbench.base.errors import InputError
from tlbench.data.cards import Card, load_card
from tlbench.data.frames import Frames
from tlbench.data.guess import guess_card
from tlbench.data.readers.extxyz import READER


def write(path, frames: Frames):
    ase.io.write(path, frames.to_ase(), format="extxyz")
    return path


def card_of(path, **arguments) -> tuple[Card, str]:
    guess = guess_card(path, **arguments)
    file = path.with_suffix(".yaml")
    file.write_text(guess.text)
    return load_card(str(file)), "\n".join(guess.said)


def drifting(n_frames: int) -> Frames:
    """Return one trajectory: every frame is the one before, moved a little."""
    images = [tiny.crystals("Si", 1).to_ase()[0]]
    generator = np.random.default_rng(0)
    for _ in range(n_frames - 1):
        atoms = images[-1].copy()
        atoms.positions += generator.normal(0, 0.01, atoms.positions.shape)
        images.append(atoms)
    frames = Frames.unlabelled(images)
    return replace(frames, energy=np.linspace(-30, -29, n_frames))


def test_the_card_of_a_plain_file_can_be_read_at_once(tmp_path):
    frames = tiny.crystals("Ge", 30)
    card, said = card_of(write(tmp_path / "My Ge.extxyz", frames))
    assert card.name == "my-ge"
    assert card.elements == ["Ge"]
    assert [card.n_frames(s) for s in ("train", "validation", "test")] == [24, 3, 3]
    places = {"My Ge.extxyz": tmp_path / "My Ge.extxyz"}
    parts = card.read(places)
    assert sum(len(part) for part in parts.values()) == 30
    for sentence in (
        "energies: key 'energy'", "forces: key 'forces'",
        "stress: key 'stress', in 30 of 30 frames",
        "temperature: key 'temperature_k'", "elements: Ge", "24 train, 3 validation, 3 test",
        "drawn at random",
    ):  # fmt: skip
        assert sentence in said


def test_unusual_keys_are_found(tmp_path):
    images = []
    for atoms in tiny.crystals("Si", 5).to_ase():
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        bare.info |= {"pbe_energy": atoms.get_potential_energy(), "T": 300.0, "index": 7}
        bare.arrays["pbe_force"] = atoms.get_forces()
        bare.arrays["velocity"] = np.zeros((8, 3))
        images.append(bare)
    alone = Atoms("Si", cell=[9, 9, 9], pbc=True)
    alone.info["pbe_energy"] = -0.1
    path = tmp_path / "si.extxyz"
    ase.io.write(path, [alone, *images], format="extxyz")
    card, said = card_of(path)
    options = card.origin.reader_options()
    assert (options.energy_key, options.forces_key) == ("pbe_energy", "pbe_force")
    assert options.temperature_key == "T"
    assert "stress: none" in said
    assert "isolated atoms: 1 left out" in said
    assert card.n_frames("train") == 3


def test_energies_that_are_no_labels_are_passed_over(tmp_path):
    images = []
    for number, atoms in enumerate(tiny.crystals("Si", 40).to_ase()):
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        bare.info |= {
            "kinetic_energy": 1.0, "energy_per_atom": -4.0, "gap_energy": -31.0 - 0.1 * number,
            "tot_energy": -32.0, "other_energy": -0.1 * number,
            "name": f"snapshot {number}", "temperature": 300.0 + number,
        }  # fmt: skip
        bare.arrays["gap_force"] = atoms.get_forces()
        images.append(bare)
    path = tmp_path / "si.extxyz"
    ase.io.write(path, images, format="extxyz")
    card, said = card_of(path)
    options = card.origin.reader_options()
    # One prefix for both, rather than the first of the alphabet for each.
    assert (options.energy_key, options.forces_key) == ("gap_energy", "gap_force")
    assert "energies: key 'gap_energy' (not 'tot_energy', 'other_energy')" in said
    assert "group: unknown, because 'name' has 40 different values" in said
    assert "temperature: unknown, because 'temperature' has 40 different values" in said
    parts = card.read({"si.extxyz": path})
    assert set(parts["train"].group) == {""}
    assert np.isnan(parts["train"].temperature_k).all()


def test_a_trajectory_is_divided_in_time(tmp_path):
    card, said = card_of(write(tmp_path / "run.extxyz", drifting(40)))
    assert card.origin.split.order == "last"
    assert "the last of the file, which is one trajectory" in said


def strained(n_frames: int) -> Frames:
    """Return perfect crystals, each of another strain: no force acts in them."""
    images = []
    for number in range(n_frames):
        atoms = bulk("Si", cubic=True)
        atoms.set_cell(atoms.cell * (1 + 0.01 * number), scale_atoms=True)
        images.append(atoms)
    return replace(Frames.unlabelled(images), energy=-30 + 0.1 * np.arange(n_frames))


def test_a_file_sorted_by_kind_is_not_divided_at_its_end(tmp_path):
    """Else the test part would be perfect crystals alone, with a force error of 0."""
    frames = Frames.concatenate([tiny.crystals("Si", 20), strained(20)])
    unknown = replace(frames, group=np.full(40, ""), temperature_k=np.full(40, np.nan))
    card, said = card_of(write(tmp_path / "kinds.extxyz", unknown))
    assert card.origin.split.order == "random"
    assert "drawn at random, because the file is not one trajectory" in said
    parts = card.read({"kinds.extxyz": tmp_path / "kinds.extxyz"})
    assert all(np.abs(part.forces).max() > 0.01 for part in parts.values())


def test_a_trajectory_among_other_frames_is_named(tmp_path):
    """Frames drawn from it have neighbours among training structures."""
    frames = Frames.concatenate([drifting(40), strained(20)])
    unknown = replace(frames, group=np.full(60, ""), temperature_k=np.full(60, np.nan))
    card, said = card_of(write(tmp_path / "mixed.extxyz", unknown))
    assert card.origin.split.order == "random"
    assert "40 of 60 frames are in trajectories, and neighbouring frames of one are nearly" in said


def test_several_trajectories_are_each_divided_at_their_end(tmp_path):
    hot = drifting(30)
    wider = replace(hot, cell=hot.cell * 1.2, positions=hot.positions * 1.2)
    frames = Frames.concatenate([hot, wider])
    frames = replace(frames, energy=-30 + 0.01 * np.arange(60))
    path = write(tmp_path / "two.extxyz", frames)
    card, said = card_of(path)
    assert card.origin.split.order == "blocks"
    assert "of each block" in said
    parts = card.read({"two.extxyz": path})
    found = {name: sorted(np.rint(100 * (part.energy + 30))) for name, part in parts.items()}
    assert found["test"] == [27, 28, 29, 57, 58, 59]
    assert found["validation"] == [24, 25, 26, 54, 55, 56]


def of_compositions(counts: dict[str, int]) -> Frames:
    """Return as many rattled cells of each formula, in random order, with made-up energies."""
    generator = np.random.default_rng(0)
    images = []
    for formula, count in counts.items():
        for _ in range(count):
            atoms = bulk("Mo", cubic=True) * (2, 2, 2)
            atoms = atoms[: len(Atoms(formula))]
            atoms.symbols[:] = Atoms(formula).symbols
            atoms.rattle(0.1, rng=generator)
            images.append(atoms)
    frames = Frames.unlabelled(images)
    frames = replace(
        frames,
        energy=-10.0 * frames.n_atoms + generator.normal(size=len(frames)),
        forces=generator.normal(size=frames.positions.shape),
    )
    return frames.select(generator.permutation(len(frames)))


def test_compositions_of_an_alloy_are_not_divided(tmp_path):
    names = [f"Mo{16 - n}W{n}" for n in range(1, 16) if n % 2]
    frames = of_compositions({**dict.fromkeys(names, 5), "Mo2": 7, "W2": 6})
    path = write(tmp_path / "mow.extxyz", frames)
    card, said = card_of(path)
    assert card.origin.split.order == "compositions"
    assert "validation and test: compositions that no other part has" in said
    parts = card.read({"mow.extxyz": path})
    found = [set(part.composition) for part in parts.values()]
    assert sum(map(len, found)) == len(set.union(*found)) == 10
    assert sum(map(len, parts.values())) == len(frames)
    assert all(3 <= len(parts[part]) <= 10 for part in ("validation", "test"))


@pytest.mark.parametrize(
    "counts",
    [
        # Every composition is a third.
        {"Mo2": 20, "W2": 20, "MoW": 20},
        # Frames of one composition do not determine the energies of two elements.
        {"Mo2": 3, "W2": 3, "MoW": 34},
        # Two compositions are not three parts.
        {"Mo2": 20, "W2": 20},
        # Nothing would be known of the element that is held back.
        {"Mo2": 30, "W2": 4, "Ta2": 4},
    ],
)
def test_frames_are_drawn_singly_where_whole_compositions_do_not_fit(tmp_path, counts):
    card, _ = card_of(write(tmp_path / "mow.extxyz", of_compositions(counts)))
    assert card.origin.split.order == "random"


def test_files_named_train_validation_and_test_are_kept_apart(tmp_path):
    path = write(tmp_path / "ge_train.extxyz", tiny.crystals("Ge", 12))
    write(tmp_path / "ge_test.extxyz", tiny.crystals("Ge", 5, seed=3))
    card, said = card_of(path)
    assert [card.n_frames(s) for s in ("train", "validation", "test")] == [11, 1, 5]
    assert "5 test (from ge_test.extxyz); validation: " in said
    write(tmp_path / "ge_valid.extxyz", tiny.crystals("Ge", 4, seed=4))
    card, said = card_of(path)
    assert [card.n_frames(s) for s in ("train", "validation", "test")] == [12, 4, 5]
    assert card.origin.split.validation.files == ["ge_valid.extxyz"]
    assert "4 validation (from ge_valid.extxyz), 5 test (from ge_test.extxyz)" in said


def test_a_file_of_test_structures_is_kept_apart(tmp_path):
    path = write(tmp_path / "si.extxyz", tiny.crystals("Si", 20))
    test = write(tmp_path / "held.extxyz", tiny.crystals("Si", 6, seed=5))
    card, said = card_of(path, test=test)
    assert card.origin.split.test.files == ["held.extxyz"]
    assert [card.n_frames(s) for s in ("train", "validation", "test")] == [18, 2, 6]
    assert "6 test (from held.extxyz)" in said


def test_what_cannot_be_guessed_is_refused(tmp_path):
    path = tmp_path / "si.extxyz"
    ase.io.write(path, [Atoms("Si2", positions=[[0, 0, 0], [2, 0, 0]])] * 4, format="extxyz")
    with pytest.raises(InputError, match="no key looks like energies; its keys are"):
        guess_card(path)
    with pytest.raises(InputError, match="2 structures are too few to be divided"):
        guess_card(write(tmp_path / "few.extxyz", tiny.crystals("Si", 2)))
    with pytest.raises(InputError, match="1 structure is too few to be divided"):
        guess_card(write(tmp_path / "one.extxyz", tiny.crystals("Si", 1)))


def test_the_card_is_plain_yaml(tmp_path):
    text = guess_card(write(tmp_path / "si.extxyz", tiny.crystals("Si", 5))).text
    assert yaml.safe_load(text)["origin"]["kind"] == "files"
    assert "&" not in text
    assert str(tmp_path) not in text


def copper(n_frames: int = 20) -> list[Atoms]:
    """Return strained, rattled copper of different volumes, with energies and forces of EMT."""
    generator = np.random.default_rng(1)
    images = []
    for _ in range(n_frames):
        atoms = bulk("Cu", cubic=True)
        strain = np.eye(3) + generator.normal(0, 0.02, (3, 3)) + 0.03 * np.eye(3)
        atoms.set_cell(atoms.cell @ strain, scale_atoms=True)
        atoms.rattle(0.05, rng=generator)
        atoms.calc = EMT()
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        bare.info["energy"] = atoms.get_potential_energy()
        bare.arrays["forces"] = atoms.get_forces()
        bare.info["tensor"] = atoms.get_stress(voigt=False)
        images.append(bare)
    return images


@pytest.mark.parametrize(
    ("unit", "size"),
    [("eV/angstrom^3", 1.0), ("GPa", GPa), ("kbar", 0.1 * GPa), ("bar", 1e-4 * GPa)],
)
@pytest.mark.parametrize("sign", ["tension", "compression"])
def test_unit_and_sign_of_stress_follow_from_energies(tmp_path, unit, size, sign):
    path = tmp_path / "cu.extxyz"
    images = copper()
    expected = np.array([atoms.info["tensor"] for atoms in images]) / GPa
    for atoms in images:
        factor = (1 if sign == "tension" else -1) / size
        atoms.info["Stress"] = (factor * atoms.info.pop("tensor")).ravel()
    ase.io.write(path, images, format="extxyz")
    card, said = card_of(path)
    options = card.origin.reader_options()
    assert (options.stress_unit, options.stress_sign) == (unit, sign)
    assert f"positive in {sign}, as the energies of strained frames require" in said
    np.testing.assert_allclose(READER.read(path, options).stress, expected, atol=1e-5)


def test_a_virial_fixes_the_unit_of_stress_and_is_dropped_where_it_contradicts(tmp_path):
    path = tmp_path / "cu.extxyz"
    images = copper(6)
    for atoms in images:
        tensor = atoms.info.pop("tensor")
        atoms.info["REF_stress"], atoms.info["REF_virial"] = (
            tensor / GPa,
            -tensor * atoms.cell.volume,
        )
        atoms.info["REF_energy"] = atoms.info.pop("energy")
        atoms.arrays["REF_forces"] = atoms.arrays.pop("forces")
    ase.io.write(path, images, format="extxyz")
    card, said = card_of(path)
    assert card.origin.reader_options().stress_unit == "GPa"
    assert card.origin.reader_options().virial_key == "REF_virial"
    assert "as the virial has it" in said
    images[0].info["REF_virial"] = images[0].info["REF_virial"] * 1.2
    ase.io.write(path, images, format="extxyz")
    card, said = card_of(path)
    assert card.origin.reader_options().virial_key is None
    assert (
        "'REF_virial' is not used, because it differs from 'REF_stress' times the volume by" in said
    )


def test_stresses_that_are_placeholders_are_not_used(tmp_path):
    path = tmp_path / "cu.extxyz"
    images = copper(6)
    for atoms in images:
        atoms.info["stress"] = 0 * atoms.info.pop("tensor")
    ase.io.write(path, images, format="extxyz")
    card, said = card_of(path)
    assert card.origin.reader_options().stress_key is None
    assert "'stress' is not used, because it is 0 in all frames, though forces are not" in said


def test_frames_without_labels_are_counted_and_left_out(tmp_path):
    images = copper(12)
    del images[7].info["energy"]
    path = tmp_path / "cu.extxyz"
    ase.io.write(path, images, format="extxyz")
    card, said = card_of(path)
    assert "1 of 12 frames has no energy or no forces (frame 7)" in said
    assert card.origin.options["unlabelled"] == "leave-out"
    assert sum(card.n_frames(s) for s in ("train", "validation", "test")) == 11


def test_two_naming_schemes_in_one_file_are_refused(tmp_path):
    images = copper(10)
    for atoms in images[6:]:
        atoms.info["REF_energy"] = atoms.info.pop("energy")
        atoms.arrays["REF_forces"] = atoms.arrays.pop("forces")
    path = tmp_path / "cu.extxyz"
    ase.io.write(path, images, format="extxyz")
    with pytest.raises(InputError, match="4 of 10 frames have 'REF_energy' and 'REF_forces', 6"):
        guess_card(path)


@pytest.mark.parametrize(("scale", "used"), [(1 / GPa, False), (1.0, True)])
def test_a_stress_whose_unit_nothing_confirms_is_used_only_if_its_size_is_usual(
    tmp_path, scale, used
):
    """At one volume energies do not decide: 1 GPa taken for eV/Å³ would be 160 GPa."""
    frames = tiny.crystals("Ge", 12)
    frames = replace(frames, stress=np.broadcast_to(2.0 * np.eye(3), frames.stress.shape))
    images = frames.to_ase()
    for atoms in images:
        atoms.calc.results["stress"] = atoms.calc.results["stress"] * scale
    path = tmp_path / "ge.extxyz"
    ase.io.write(path, images, format="extxyz")
    card, said = card_of(path)
    assert (card.origin.reader_options().stress_key == "stress") == used
    assert ("which nothing here confirms" in said) == used
    assert ("nothing here confirms its unit, and half of it would be above 320 GPa" in said) != used


def test_keys_are_those_of_all_files_of_a_card(tmp_path):
    path = write(tmp_path / "ge_TRAIN.extxyz", tiny.crystals("Ge", 12))
    test = write(tmp_path / "ge_TEST.extxyz", tiny.crystals("Ge", 6, seed=3))
    lines = test.read_text().splitlines(keepends=True)
    test.write_text("".join(lines).replace(" energy=", " energie=", 1))
    card, said = card_of(path)
    assert card.n_frames("test") == 5
    assert "1 of 18 frames has no energy or no forces (ge_TEST.extxyz frame 0)" in said
    test.write_text("".join(lines).replace(":forces:", ":REF_forces:").replace(" ene", " REF_ene"))
    with pytest.raises(
        InputError, match=r"6 of 18 frames have 'REF_energy'|12 of 18 frames have 'e"
    ):
        guess_card(path)
