"""Extended XYZ: what ase writes is read back, keys and units can be chosen, faults are named."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import tiny
from ase import Atoms
from ase.units import Bohr, Hartree, kcal, mol

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.data.readers import READERS

READER = READERS.get("extxyz")


def read(path: Path, **options: Any) -> Frames:
    return READER.read(path, READER.options.model_validate(options))


def write(folder: Path, images: list[Atoms]) -> Path:
    path = folder / "data.extxyz"
    ase.io.write(path, images, format="extxyz")
    return path


def plain(energy: float = -1.5, **info: Any) -> Atoms:
    """Return two atoms whose labels stand under names that ase does not know."""
    atoms = Atoms("Si2", positions=[[0, 0, 0], [1, 1, 1]], cell=[4, 4, 5], pbc=True)
    atoms.info |= {"REF_energy": energy, **info}
    atoms.arrays["REF_forces"] = np.array([[0.1, 0.0, -0.2], [-0.1, 0.0, 0.2]])
    return atoms


OWN_KEYS = {"energy_key": "REF_energy", "forces_key": "REF_forces"}


def test_frames_written_by_ase_come_back(tmp_path):
    frames = tiny.crystals("Ge", 4)
    found = read(write(tmp_path, frames.to_ase()))
    for field in fields(Frames):
        if field.name == "trajectory":
            continue
        expected, got = getattr(frames, field.name), getattr(found, field.name)
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)
        else:
            np.testing.assert_array_equal(got, expected)


def test_labels_may_have_any_key(tmp_path):
    path = write(tmp_path, [plain(T=450.0, kind="bulk"), plain(energy=-2.0)])
    found = read(path, **OWN_KEYS, temperature_key="T", group_key="kind")
    assert found.energy.tolist() == [-1.5, -2.0]
    assert found.forces[0].tolist() == [0.1, 0.0, -0.2]
    assert found.temperature_k[0] == 450.0
    assert np.isnan(found.temperature_k[1])
    assert found.group.tolist() == ["bulk", ""]


def test_a_temperature_that_is_no_number_is_unknown(tmp_path):
    found = read(write(tmp_path, [plain(temperature_k="warm")]), **OWN_KEYS)
    assert np.isnan(found.temperature_k).all()


def test_other_units_are_converted(tmp_path):
    path = write(tmp_path, [plain()])
    found = read(path, **OWN_KEYS, energy_unit="hartree", force_unit="hartree/bohr")
    assert found.energy[0] == pytest.approx(-1.5 * Hartree, rel=1e-6)
    assert found.forces[0, 0] == pytest.approx(0.1 * Hartree / Bohr, rel=1e-6)
    found = read(path, **OWN_KEYS, energy_unit="kcal/mol", force_unit="kcal/mol/angstrom")
    assert found.energy[0] == pytest.approx(-1.5 * kcal / mol, rel=1e-6)
    assert found.forces[0, 0] == pytest.approx(0.1 * kcal / mol, rel=1e-6)


def test_a_virial_is_minus_stress_times_volume(tmp_path):
    virial = np.array([[1.0, 0.2, 0.3], [0.2, 2.0, 0.4], [0.3, 0.4, 3.0]])
    path = write(tmp_path, [plain(my_virial=virial)])
    found = read(path, **OWN_KEYS, virial_key="my_virial")
    np.testing.assert_allclose(found.stress[0], -virial / 80.0 * 160.2176634, rtol=1e-6)


def test_a_stress_of_six_numbers_is_in_the_order_of_voigt(tmp_path):
    path = write(tmp_path, [plain(my_stress=np.arange(1.0, 7.0))])
    stress = read(path, **OWN_KEYS, stress_key="my_stress").stress[0] / 160.2176634
    np.testing.assert_allclose(stress, [[1, 6, 5], [6, 2, 4], [5, 4, 3]], rtol=1e-6)


def test_a_missing_stress_is_unknown(tmp_path):
    found = read(write(tmp_path, [plain()]), **OWN_KEYS)
    assert np.isnan(found.stress).all()


def test_isolated_atoms_are_left_out_unless_they_are_wanted(tmp_path):
    alone = Atoms("Si", positions=[[0, 0, 0]], cell=[9, 9, 9], pbc=True)
    alone.info["REF_energy"] = -0.7
    alone.arrays["REF_forces"] = np.zeros((1, 3))
    path = write(tmp_path, [alone, plain()])
    assert read(path, **OWN_KEYS).n_atoms.tolist() == [2]
    assert read(path, **OWN_KEYS, isolated_atoms="keep").n_atoms.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda atoms: atoms.info.pop("REF_energy"), r"no energy \(key 'REF_energy'; its keys"),
        (lambda atoms: atoms.arrays.pop("REF_forces"), r"no forces \(key 'REF_forces'"),
        (lambda atoms: atoms.info.update(REF_energy=np.nan), "energy is not finite"),
        (lambda atoms: atoms.info.update(REF_energy="low"), "is not a number: 'low'"),
        (lambda atoms: atoms.info.update(tau=np.ones(2)), r"stress has shape \(2,\)"),
        (lambda atoms: atoms.set_atomic_numbers([14, 0]), "atoms of no element"),
    ],
    ids=["energy", "forces", "nan", "word", "stress", "element"],
)
def test_a_faulty_frame_is_named(tmp_path, spoil, complaint):
    faulty = plain()
    spoil(faulty)
    path = write(tmp_path, [plain(), faulty])
    with pytest.raises(InputError, match=rf"data\.extxyz: frame 1: .*{complaint}"):
        read(path, **OWN_KEYS, stress_key="tau")


@pytest.mark.parametrize("text", ["", "2\nfirst\nSi 0 0 0\n", "many\n\n", "\x00\x01", "1\n"])
def test_what_is_no_extxyz_is_refused(tmp_path, text):
    path = tmp_path / "data.extxyz"
    path.write_text(text)
    with pytest.raises(InputError, match=r"data\.extxyz: "):
        read(path)


def test_a_truncated_file_is_refused(tmp_path):
    path = write(tmp_path, [plain(), plain()])
    path.write_text(path.read_text()[:-40])
    with pytest.raises(InputError, match=r"data\.extxyz: line 8: has 5 columns, but Properties"):
        read(path, **OWN_KEYS)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.extxyz: cannot be read"):
        read(tmp_path / "none.extxyz")


def test_a_crystal_of_one_atom_is_not_an_isolated_atom(tmp_path):
    def one(edge, pbc):
        atoms = Atoms("Cu", cell=[edge] * 3, pbc=pbc)
        atoms.info["REF_energy"] = -3.7
        atoms.arrays["REF_forces"] = np.zeros((1, 3))
        return atoms

    path = write(tmp_path, [one(2.4, True), one(2.4, False), one(12.0, True), plain()])
    assert read(path, **OWN_KEYS).cell[:, 0, 0].tolist() == [2.4, 4.0]
    # A flat cell is a mistake, which `data validate` names.
    flat = one(2.4, True)
    flat.set_cell([[1, 0, 0], [1, 0, 0], [1, 0, 0]])
    assert len(read(write(tmp_path, [flat, plain()]), **OWN_KEYS)) == 2


@pytest.mark.parametrize("option", ["stress_key", "virial_key", "temperature_key", "group_key",
                                    "phase_key", "energy_key"])  # fmt: skip
def test_a_key_that_no_frame_has_is_refused_with_near_names(tmp_path, option):
    atoms = plain(config_type="bulk")
    path = write(tmp_path, [atoms, atoms])
    options = READER.options.model_validate(OWN_KEYS | {option: "REF_energie"})
    with pytest.raises(InputError, match=rf"'REF_energie'.*{option}.*did you mean 'REF_energy'"):
        READER.check({"data.extxyz": path}, options)
    # What a card leaves to the default may be missing, and what one of two files has is there.
    READER.check({"data.extxyz": path}, READER.options.model_validate(OWN_KEYS))
    (tmp_path / "other").mkdir()
    other = write(tmp_path / "other", [plain(REF_energie=1.0)])
    READER.check({"data.extxyz": path, "other.extxyz": other}, options)


def test_frames_without_labels_can_be_left_out(tmp_path):
    bare = plain()
    del bare.arrays["REF_forces"]
    path = write(tmp_path, [plain(), bare, plain(energy=-2.0)])
    with pytest.raises(InputError, match="frame 1: has no forces"):
        read(path, **OWN_KEYS)
    assert read(path, **OWN_KEYS, unlabelled="leave-out").energy.tolist() == [-1.5, -2.0]


@pytest.mark.parametrize(
    ("unit", "size"), [("GPa", 1.0), ("kbar", 0.1), ("bar", 1e-4), ("eV/angstrom^3", 160.2176634)]
)
def test_stress_has_a_unit_and_a_sign(tmp_path, unit, size):
    path = write(tmp_path, [plain(my_stress=np.arange(1.0, 7.0))])
    for sign, factor in (("tension", 1), ("compression", -1)):
        found = read(path, **OWN_KEYS, stress_key="my_stress", stress_unit=unit, stress_sign=sign)
        assert found.stress[0, 1, 2] == pytest.approx(factor * 4 * size, rel=1e-6)


def test_a_virial_that_contradicts_the_stress_is_refused(tmp_path):
    stress = np.array([1.0, 2.0, 3.0, 0.0, 0.0, 0.1])
    right = plain(my_stress=stress, my_virial=-stress * 80)
    assert np.isfinite(
        read(
            write(tmp_path, [right]), **OWN_KEYS, stress_key="my_stress", virial_key="my_virial"
        ).stress
    ).all()
    wrong = plain(my_stress=stress, my_virial=stress * 80)
    with pytest.raises(InputError, match=r"its virial .* contradict each other"):
        read(write(tmp_path, [wrong]), **OWN_KEYS, stress_key="my_stress", virial_key="my_virial")
