"""Formats of ase: what it writes comes back, with our units and signs; pickles stay closed."""

import pickle
import sqlite3
from pathlib import Path
from typing import Any

import ase.io
import ase.test
import numpy as np
import pytest
from ase.db import connect
from formats import alloys, assert_same, frames_of, write_dump, write_vasprun

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.data.readers import READERS
from tlbench.data.readers.ase import FORMATS

READER = READERS.get("ase")
PACKAGED = Path(ase.test.__file__).parent / "testdata" / "vasp"


def read(path: Path, format_: str, **options: Any) -> Frames:
    return READER.read(path, READER.options.model_validate({"format": format_, **options}))


@pytest.mark.parametrize("format_", ["traj", "db", "json"])
def test_what_ase_writes_comes_back(tmp_path, format_):
    path = tmp_path / f"mo@w.{format_}"
    ase.io.write(path, alloys(), format=format_)
    assert_same(read(path, format_), frames_of(alloys()))


def test_key_value_pairs_of_a_database_are_labels(tmp_path):
    with connect(tmp_path / "mow.db") as database:
        for number, atoms in enumerate(alloys()):
            database.write(atoms, config_type=f"kind {number % 2}", temperature_k=300.0)
    found = read(tmp_path / "mow.db", "db")
    assert found.group.tolist() == ["kind 0", "kind 1", "kind 0", "kind 1", "kind 0"]
    assert found.temperature_k.tolist() == [300.0] * 5


def test_vasprun_xml_has_stress_in_tension_and_both_energies(tmp_path):
    images = alloys()[::2]
    path = write_vasprun(tmp_path / "vasprun.xml", images)
    assert_same(read(path, "vasp-xml"), frames_of(images))
    free = read(path, "vasp-xml", energy_key="free_energy").energy
    np.testing.assert_allclose(free, frames_of(images).energy - 0.01)


@pytest.mark.skipif(not PACKAGED.is_dir(), reason="this version of ase comes without test data")
def test_an_outcar_of_vasp():
    """Numbers as they are printed in the file; kB of VASP are positive in compression."""
    found = read(PACKAGED / "OUTCAR_example_1", "vasp-out")
    assert len(found) == 1
    assert found.elements() == [28]
    np.testing.assert_allclose(found.energy, -68.23102426)
    xx, yy, zz, xy, yz, zx = -0.1 * np.array(
        [-4.29429, -4.58894, -4.50342, 0.50047, -0.94049, 0.36481]
    )
    expected = [[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]]
    np.testing.assert_allclose(found.stress[0], expected, rtol=1e-6)


@pytest.mark.skipif(not PACKAGED.is_dir(), reason="this version of ase comes without test data")
def test_a_vasprun_of_vasp():
    """Numbers as they are printed in the file; kB of VASP are positive in compression."""
    found = read(PACKAGED / "vasprun_dfpt.xml", "vasp-xml")
    assert len(found) == 1
    assert found.elements() == [11, 17]
    np.testing.assert_allclose(found.energy, -6.74587304)
    np.testing.assert_allclose(found.stress[0], -3.608907525 * np.eye(3), rtol=1e-6)


def along_axes(n_frames: int = 4):
    images = []
    for atoms in alloys(n_frames):
        straight = atoms.copy()
        straight.set_cell(np.diag(atoms.cell.lengths()), scale_atoms=True)
        straight.calc = atoms.calc
        images.append(straight)
    return images


def test_a_dump_of_lammps_has_the_sum_of_the_energies_of_atoms(tmp_path):
    path = write_dump(tmp_path / "dump.lammpstrj", along_axes())
    assert_same(read(path, "lammps-dump-text"), frames_of(along_axes()), stress=False)


def test_a_dump_without_elements_or_energies_is_refused(tmp_path):
    bare = write_dump(tmp_path / "types.dump", along_axes(), "x y z fx fy fz c_pe")
    with pytest.raises(InputError, match="has types of atoms but no elements"):
        read(bare, "lammps-dump-text")
    forces = write_dump(tmp_path / "forces.dump", along_axes(), "element x y z fx fy fz")
    with pytest.raises(InputError, match=r"frame 0: has no energy \(key 'energy'"):
        read(forces, "lammps-dump-text")
    text = write_dump(tmp_path / "real.dump", along_axes()).read_text()
    (tmp_path / "real.dump").write_text(f"ITEM: UNITS\nreal\n{text}")
    with pytest.raises(InputError, match="in the units 'real' of LAMMPS; only 'metal' is read"):
        read(tmp_path / "real.dump", "lammps-dump-text")


def test_frames_without_labels_are_named_or_left_out(tmp_path):
    images = alloys()
    images[2].calc = None
    path = tmp_path / "mow.traj"
    ase.io.write(path, images)
    with pytest.raises(InputError, match="frame 2: has no forces"):
        read(path, "traj")
    found = read(path, "traj", unlabelled="leave-out")
    assert_same(found, frames_of([*alloys()[:2], *alloys()[3:]]))


def test_an_unknown_format_or_key_is_named_with_a_near_one(tmp_path):
    with pytest.raises(ValueError, match="unknown format 'vasp-otu'; did you mean 'vasp-out'"):
        READER.options.model_validate({"format": "vasp-otu"})
    path = tmp_path / "mow.traj"
    ase.io.write(path, alloys())
    options = READER.options.model_validate({"format": "traj", "energy_key": "free_energie"})
    with pytest.raises(InputError, match=r"energy_key names; did you mean 'energy'"):
        READER.check({"mow.traj": path}, options)


def test_formats_are_those_of_ase_and_none_unpickles():
    from ase.io.formats import ioformats

    # The first version of ase that is supported does not read ORCA's output.
    assert {*FORMATS} - {*ioformats} <= {"orca-output"}
    assert all(ioformats[name].can_read for name in {*FORMATS} & {*ioformats})
    assert not {"bundletrajectory", "gpw", "mysql", "postgresql"} & {*FORMATS}


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize("format_", ["traj", "db", "json", "vasp-xml", "vasp-out", "qbox"])
def test_a_pickle_is_not_opened(tmp_path, format_):
    path = tmp_path / "evil"
    path.write_bytes(b"PickleTrajectory" + pickle.dumps(Evil()))
    with pytest.raises(InputError, match=r"evil: "):
        read(path, format_)


def test_a_file_that_is_no_database_of_ase_stays_as_it_is(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="is not a database of ase"):
        read(path, "db")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["other.db"]


def test_entities_of_xml_do_not_expand_without_bound(tmp_path):
    text = write_vasprun(tmp_path / "vasprun.xml", alloys()[::2]).read_text()
    entities = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {to} "{f"&{of};" * 10}">'
        for of, to in zip("abcdefghi", "bcdefghij", strict=True)
    )
    text = text.replace("<modeling>", f"<!DOCTYPE x [{entities}]>\n<modeling>&j;", 1)
    (tmp_path / "vasprun.xml").write_text(text)
    with pytest.raises(InputError, match=r"vasprun\.xml: "):
        read(tmp_path / "vasprun.xml", "vasp-xml")


def test_compressed_and_cut_files_are_refused(tmp_path):
    path = tmp_path / "mow.traj"
    ase.io.write(path, alloys())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cannot be read as trajectory of ase after 2 frames"):
        read(path, "traj")
    path.write_bytes(b"\x1f\x8b" + whole)
    with pytest.raises(InputError, match="is compressed"):
        read(path, "traj")
