"""Frames survive a file, a selection and a concatenation, and wrong ones are refused."""

import io
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.units import GPa
from hypothesis import given
from hypothesis import strategies as st
from structures import diamond, liquid, skewed

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames

NAMES = [f.name for f in fields(Frames)]


def labelled() -> Frames:
    """Return four structures of different sizes, every array filled with distinct values."""
    atom = Atoms("Ge", positions=[(1.0, 2.0, 3.0)])
    bare = Frames.concatenate(
        [
            diamond(rattle=0.1),
            skewed("Ge", n_atoms=3),
            Frames.unlabelled([atom]),
            liquid(n_atoms=5),
        ]
    )
    draw = np.random.default_rng(0).standard_normal
    stress = draw((4, 3, 3))
    stress = stress + stress.transpose(0, 2, 1)
    stress[2] = np.nan
    return replace(
        bare,
        forces=draw(bare.forces.shape),
        energy=draw(4),
        stress=stress,
        temperature_k=np.array([300.0, 1200.0, np.nan, 600.0]),
        phase=np.array(["crystal", "liquid", "", "crystal"]),
        group=np.array(["", "bulk", "a surface", "bulk"]),
        trajectory=np.array([3, 1, 1, 0]),
    )


FRAMES = labelled()


def assert_same(found: Frames, expected: Frames) -> None:
    for name in NAMES:
        left, right = getattr(found, name), getattr(expected, name)
        np.testing.assert_array_equal(left, right, err_msg=name, strict=True)


# --- files -----------------------------------------------------------------------------------


def test_a_file_gives_back_the_frames(tmp_path):
    path = tmp_path / "frames.npz"
    FRAMES.save(path)
    assert_same(Frames.load(path), FRAMES)


def test_the_same_frames_give_the_same_bytes(tmp_path, monkeypatch):
    FRAMES.save(tmp_path / "first.npz")
    later = time.time() + 1e6
    monkeypatch.setattr(time, "time", lambda: later)
    column_major = replace(
        FRAMES,
        positions=np.asfortranarray(FRAMES.positions),
        cell=np.asfortranarray(FRAMES.cell),
        energy=np.repeat(FRAMES.energy, 2)[::2],
    )
    column_major.save(tmp_path / "second.npz")
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


def test_other_frames_give_other_bytes(tmp_path):
    FRAMES.save(tmp_path / "first.npz")
    for name in NAMES:
        if name == "n_atoms":
            continue
        array = getattr(FRAMES, name).copy()
        flat = array.reshape(-1)
        if name in ("phase", "group"):
            flat[-1] = "else"
        else:
            flat[0] = not flat[0] if name == "pbc" else flat[0] + 1
        replace(FRAMES, **{name: array}).save(tmp_path / "other.npz")
        assert (tmp_path / "first.npz").read_bytes() != (tmp_path / "other.npz").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_digest_follows_every_array(name):
    array = getattr(FRAMES, name)
    if name == "n_atoms":
        changed = FRAMES.select([1, 0, 2, 3])
    elif array.dtype.kind == "U":
        changed = replace(FRAMES, **{name: np.array(["other", *array[1:]])})
    else:
        changed = replace(FRAMES, **{name: ~array if name == "pbc" else array + 1})
    assert changed.digest() != FRAMES.digest()


def test_the_digest_is_that_of_the_numbers(tmp_path):
    FRAMES.save(tmp_path / "a.npz")
    again = Frames.load(tmp_path / "a.npz")
    wide = replace(again, phase=again.phase.astype("U99"), cell=np.asfortranarray(again.cell))
    assert wide.digest() == again.digest() == FRAMES.digest()


def saved(folder: Path, frames: Frames) -> bytes:
    path = folder / "frames.npz"
    frames.save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def contents(tmp_path_factory) -> bytes:
    return saved(tmp_path_factory.mktemp("frames"), FRAMES)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "frames.npz"


@given(data=st.data())
def test_a_flipped_bit_is_noticed_or_harmless(contents, damaged, data):
    place = data.draw(st.integers(0, len(contents) - 1))
    changed = bytearray(contents)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    damaged.write_bytes(changed)
    try:
        found = Frames.load(damaged)
    except InputError as error:
        assert str(damaged) in str(error)  # noqa: PT017
    else:
        assert_same(found, FRAMES)


@given(data=st.data())
def test_a_file_cut_short_is_refused(contents, damaged, data):
    damaged.write_bytes(contents[: data.draw(st.integers(0, len(contents) - 1))])
    with pytest.raises(InputError, match=r"frames\.npz: is not a tlbench frames file"):
        Frames.load(damaged)


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


ARRAYS = {name: getattr(FRAMES, name) for name in NAMES}
OTHER_FILES = {
    "text": b"not an archive",
    "one array": npy(np.zeros(3)),
    "an archive of something else": npz(weights=np.zeros(3)),
    "a missing array": npz(**{k: v for k, v in ARRAYS.items() if k != "cell"}),
    "an array of the wrong shape": npz(**{**ARRAYS, "positions": np.zeros((2, 3))}),
    "a pickle": npz(**{**ARRAYS, "energy": np.array([None] * 4)}),
    "text for numbers": npz(**{**ARRAYS, "n_atoms": np.array(["8", "3", "1", "5"])}),
}


@pytest.mark.parametrize("content", OTHER_FILES.values(), ids=OTHER_FILES)
def test_a_file_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "frames.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"frames\.npz: is not a tlbench frames file"):
        Frames.load(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(InputError, match="is not a tlbench frames file"):
            Frames.load(path)


# --- selecting and joining -----------------------------------------------------------------


@given(st.lists(st.integers(0, 3), max_size=6))
def test_a_selection_is_its_structures_one_after_the_other(indices):
    found = FRAMES.select(indices)
    assert len(found) == len(indices)
    stop = FRAMES.n_atoms.cumsum()
    start = stop - FRAMES.n_atoms
    assert found.atom_start.shape == (len(indices),)
    for row, (index, first) in enumerate(zip(indices, found.atom_start, strict=True)):
        for name in ("atomic_numbers", "positions", "forces"):
            expected = getattr(FRAMES, name)[start[index] : stop[index]]
            here = getattr(found, name)[first : first + found.n_atoms[row]]
            np.testing.assert_array_equal(here, expected, strict=True)
        for name in (
            "n_atoms",
            "cell",
            "pbc",
            "energy",
            "stress",
            "temperature_k",
            "phase",
            "group",
            "trajectory",
        ):
            np.testing.assert_array_equal(
                getattr(found, name)[row], getattr(FRAMES, name)[index], strict=True
            )


def test_a_concatenation_undoes_a_selection():
    parts = [FRAMES.select([index]) for index in range(4)]
    assert [len(part) for part in parts] == [1, 1, 1, 1]
    assert_same(Frames.concatenate(parts), FRAMES)


def test_elements_are_those_that_occur():
    assert FRAMES.elements() == [14, 32]
    assert FRAMES.select([0, 3]).elements() == [14]


@pytest.mark.parametrize("name", NAMES)
def test_an_array_of_the_wrong_shape_is_refused(name):
    right = getattr(FRAMES, name)
    wrong = right[:-1] if name != "n_atoms" else np.append(right, 2)
    with pytest.raises(InputError, match=r"has shape .*, but should have"):
        replace(FRAMES, **{name: wrong})
    with pytest.raises(InputError, match=r"has shape .*, but should have"):
        replace(FRAMES, **{name: right[..., None]})


def test_the_message_names_the_array_and_both_shapes():
    expected = r"positions has shape \(16, 3\), but should have \(17, 3\)"
    with pytest.raises(InputError, match=expected):
        replace(FRAMES, positions=FRAMES.positions[:-1])


# --- ase --------------------------------------------------------------------------------------


def test_atoms_of_ase_carry_the_labels():
    images = FRAMES.to_ase()
    assert [len(atoms) for atoms in images] == [8, 3, 1, 5]
    for index, atoms in enumerate(images):
        alone = FRAMES.select([index])
        np.testing.assert_array_equal(atoms.numbers, alone.atomic_numbers)
        np.testing.assert_array_equal(atoms.positions, alone.positions)
        np.testing.assert_array_equal(np.asarray(atoms.cell), alone.cell[0])
        np.testing.assert_array_equal(atoms.pbc, alone.pbc[0])
        assert atoms.get_potential_energy() == alone.energy[0]
        np.testing.assert_array_equal(atoms.get_forces(), alone.forces)
        known = {"phase": alone.phase[0], "config_type": alone.group[0]}
        known["temperature_k"] = alone.temperature_k[0]
        assert atoms.info == {k: v for k, v in known.items() if v == v and v != ""}
        if index == 2:
            assert "stress" not in atoms.calc.results
        else:
            found = atoms.get_stress(voigt=False) / GPa
            # ase and tlbench take the electron's charge from different CODATA tables.
            assert found == pytest.approx(alone.stress[0], rel=1e-7)


def test_unlabelled_takes_the_structure_and_nothing_else():
    found = Frames.unlabelled(FRAMES.to_ase())
    for name in ("atomic_numbers", "positions", "n_atoms", "cell", "pbc"):
        np.testing.assert_array_equal(getattr(found, name), getattr(FRAMES, name), strict=True)
    assert not found.forces.any()
    assert not found.energy.any()
    assert np.isnan(found.stress).all()
    assert np.isnan(found.temperature_k).all()
    assert len(set(found.trajectory.tolist())) == 4
