"""Folders of DeePMD-kit, written by dpdata."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from formats import alloys, assert_same, frames_of

from tlbench.base.errors import InputError
from tlbench.data.readers import READERS

dpdata = pytest.importorskip("dpdata")
READER = READERS.get("deepmd")
OPTIONS = READER.options()


def write(folder: Path, images, format_="deepmd/npy") -> Path:
    systems = [dpdata.LabeledSystem(atoms, fmt="ase/structure") for atoms in images]
    dpdata.MultiSystems(*systems).to(format_, str(folder), comp_prec=np.float64)
    return folder


def sorted_by_energy(frames):
    return frames.select(np.argsort(-frames.energy))


@pytest.mark.parametrize("format_", ["deepmd/npy", "deepmd/npy/mixed"])
def test_systems_of_two_compositions_come_back(tmp_path, format_):
    folder = write(tmp_path / "data", alloys(), format_)
    found = sorted_by_energy(READER.read(folder, OPTIONS))
    assert_same(found, sorted_by_energy(frames_of(alloys())))
    if format_ == "deepmd/npy":
        assert set(found.group) == {"Mo2W2", "Mo3W1"}


def test_one_system_is_read_as_well(tmp_path):
    folder = write(tmp_path / "data", alloys()) / "Mo2W2"
    assert READER.read(folder, OPTIONS).energy.tolist() == [-40.0, -42.0, -44.0]


def test_arrays_of_objects_are_not_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    folder = write(tmp_path / "data", alloys()) / "Mo2W2"
    array = np.array([0, 0, 0], dtype=object)
    np.save(folder / "set.000" / "energy.npy", array, allow_pickle=True)
    whole = (folder / "set.000" / "energy.npy").read_bytes()
    start = whole.index(b"\n") + 1
    (folder / "set.000" / "energy.npy").write_bytes(whole[:start] + pickle.dumps(Evil()))
    with pytest.raises(InputError, match=r"energy\.npy: is not an array of numbers"):
        READER.read(folder, OPTIONS)


def test_what_is_missing_or_cut_is_named(tmp_path):
    folder = write(tmp_path / "data", alloys()) / "Mo2W2"
    coordinates = folder / "set.000" / "coord.npy"
    coordinates.write_bytes(coordinates.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"coord\.npy: is not an array of numbers"):
        READER.read(folder, OPTIONS)
    np.save(coordinates, np.zeros((3, 7)))
    with pytest.raises(InputError, match=r"Mo2W2: cannot be read by dpdata"):
        READER.read(folder, OPTIONS)
    (folder / "set.000" / "force.npy").unlink()
    with pytest.raises(InputError, match=r"has no force\.npy"):
        READER.read(folder, OPTIONS)
    (folder / "type_map.raw").unlink()
    with pytest.raises(InputError, match=r"has no type_map\.raw, which says what its elements"):
        READER.read(folder, OPTIONS)
    with pytest.raises(InputError, match=r"has no frames, since no folder in it has a file type"):
        READER.read(folder / "set.000", OPTIONS)
