"""Frames are separated without losing any, odd headers are read or refused, faults have lines."""

import gzip
import pickle

import ase.io
import numpy as np
import pytest
import tiny
from ase import Atoms
from ase.db import connect

from tlbench.base.errors import InputError
from tlbench.data.readers.extxyz import images
from tlbench.data.readers.xyz_frames import frame_texts

CELL = "4 0 0 1 4 0 0 0 5"
FRAME = "2\n{header} Properties=species:S:1:pos:R:3 energy=-1.0\nSi 0 0 0\nSi 1 1 1\n"


def written(tmp_path, text, name="data.extxyz"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def atoms_of(path):
    return [atoms for _, atoms in images(path)]


@pytest.mark.parametrize("separator", ["\n", "\n\n  \n", ""])
def test_blank_lines_between_frames_lose_nothing(tmp_path, separator):
    frame = FRAME.format(header=f'Lattice="{CELL}"')
    found = atoms_of(written(tmp_path, separator + separator.join([frame] * 4) + separator))
    assert len(found) == 4
    assert {len(atoms) for atoms in found} == {2}


def test_frames_are_those_that_ase_reads(tmp_path):
    path = tmp_path / "data.extxyz"
    ase.io.write(path, tiny.crystals("Ge", 3).to_ase(), format="extxyz")
    for ours, theirs in zip(atoms_of(path), ase.io.read(path, ":"), strict=True):
        assert ours == theirs
        assert ours.calc.results.keys() == theirs.calc.results.keys()
        for name, value in theirs.calc.results.items():
            np.testing.assert_array_equal(ours.calc.results[name], value)


@pytest.mark.parametrize("key", ["lattice", "LATTICE", "cell", "Cell", "lattice_vectors"])
def test_a_cell_under_another_name_is_the_cell(tmp_path, key):
    (atoms,) = atoms_of(written(tmp_path, FRAME.format(header=f'{key}="{CELL}"')))
    assert atoms.cell.tolist() == [[4, 0, 0], [1, 4, 0], [0, 0, 5]]
    assert atoms.pbc.all()


def test_a_cell_as_ase_writes_an_array_has_its_vectors_in_rows(tmp_path):
    header = 'cell="_JSON [[4, 0, 0], [1, 4, 0], [0, 0, 5]]"'
    (atoms,) = atoms_of(written(tmp_path, FRAME.format(header=header)))
    assert atoms.cell.tolist() == [[4, 0, 0], [1, 4, 0], [0, 0, 5]]


@pytest.mark.parametrize(
    ("pbc", "expected"),
    [
        ('PBC="0 0 0"', [False] * 3), ('Pbc="T T F"', [True, True, False]),
        ("pbc=FFF", [False] * 3),
        ("pbc=F", [False] * 3), ("pbc=[T, F, T]", [True, False, True]), ('pbc="1 1 0"', [1, 1, 0]),
        ("periodic=true", [True] * 3), ('boundary="f f f"', [False] * 3),
        ('pbc="t t t"', [True] * 3),
    ],
)  # fmt: skip
def test_periodicity_is_read_whatever_its_spelling(tmp_path, pbc, expected):
    (atoms,) = atoms_of(written(tmp_path, FRAME.format(header=f'Lattice="{CELL}" {pbc}')))
    assert atoms.pbc.tolist() == expected


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ('cell="4 4 5"', "line 2: cell is not nine numbers"),
        ("box=cubic", "line 2: box is not nine numbers"),
        ('Lattice="4 4 5"', "line 2: .* cannot be read: Lattice is not nine numbers"),
        ('h_matrix="4 0 0 0 4 0 0 0 4"', "line 2: h_matrix may be its cell"),
        ('simulation_cell="4 0 0 0 4 0 0 0 4"', "line 2: simulation_cell may be its cell"),
        ('Lattice="4 0 0 0 4 0 0 0 4" boundary="p p f"', "line 2: boundary is not understood"),
        ('Lattice="nan 0 0 0 4 0 0 0 4"', "line 2: Lattice has numbers that are not finite"),
        ('Lattice="1e300 0 0 0 4 0 0 0 4"', "line 2: Lattice has numbers that are not finite"),
        ('PBC="p p f"', "line 2: PBC is not understood"),
        ('pbc="T T"', "line 2: pbc is not understood"),
        ('pbc="T T T"', "line 2: pbc says that it is periodic, but there is no Lattice"),
    ],
)
def test_a_cell_that_is_not_understood_is_refused(tmp_path, header, complaint):
    with pytest.raises(InputError, match=complaint):
        atoms_of(written(tmp_path, FRAME.format(header=header)))


def test_columns_that_no_line_has_take_no_memory(tmp_path):
    text = FRAME.format(header="").replace("pos:R:3", "pos:R:3:forces:R:999999999")
    with pytest.raises(InputError, match="line 2: Properties announces 1000000003 columns"):
        atoms_of(written(tmp_path, text))


def test_properties_in_lower_case_are_read(tmp_path):
    text = FRAME.format(header="").replace("Properties", "properties")
    (atoms,) = atoms_of(written(tmp_path, text))
    assert atoms.symbols.get_chemical_formula() == "Si2"


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda t: t[: t.rindex("2\n")] + t[t.rindex("2\n") + 2 :], "line 9: expected a number of"),
        (lambda t: t.replace("Si 1 1 1\n", "", 1), r"line 4: has 1 columns|line 5: expected a"),
        (lambda t: t + "3\n\nSi 0 0 0\n", "line 13: announces 3 atoms, but the file ends after 1"),
        (lambda t: t + "1000000000\n\nSi 0 0 0\n", "line 13: expected|line 13: announces"),
        (lambda t: t.replace("Si 1 1 1", "Si1 1 1 1", 1), "line 4: 'Si1' is not the symbol"),
        (lambda t: t.replace("Si 1 1 1", "14 1 1 1", 1), "line 4: '14' is not the symbol"),
        (lambda t: t.replace("Si 1 1 1", "Si 1 1", 1), "line 4: has 3 columns, but Properties"),
        (lambda t: t.replace("1 1 1", "1 1.0D+00 1", 1), "line 4: '1.0D.00' in the column pos1"),
        (lambda t: t.replace("Si 1 1 1", "", 1), "line 4: is blank, but should be atom 2 of 2"),
        (lambda t: t.replace("pos:R:3", "pos:R", 1), "line 2: Properties='species:S:1:pos:R'"),
        (lambda t: t.replace("pos:R:3", "pos:Q:3", 1), "line 2: Properties='species.* understood"),
        (lambda t: t.replace(":pos:R:3", "", 1), "line 2: Properties='species:S:1' is not"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_line(tmp_path, spoil, complaint):
    text = FRAME.format(header=f'Lattice="{CELL}"') * 3
    with pytest.raises(InputError, match=complaint):
        atoms_of(written(tmp_path, spoil(text)))


def test_a_byte_that_is_not_utf_8_is_named_with_its_line(tmp_path):
    text = FRAME.format(header="").encode() * 2 + "2\nby=José\n".encode("latin-1")
    with pytest.raises(InputError, match="line 10: the byte 0xe9 is not UTF-8"):
        atoms_of(written(tmp_path, text))
    (atoms, _) = atoms_of(written(tmp_path, FRAME.format(header="by=José") * 2))
    assert atoms.info["by"] == "José"


def trajectory(path):
    ase.io.write(path, Atoms("Si"), format="traj")


def database(path):
    connect(path, type="db").write(Atoms("Si"))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: p.write_bytes(gzip.compress(b"1\n\nSi 0 0 0\n")), "gzip; run `gunzip odd`"),
        (lambda p: p.write_text("1\n\nSi 0 0 0\n", "utf-16"), "UTF-16; run `iconv"),
        (lambda p: p.write_text(" vasp.6.3.2 27Jun22\n"), "OUTCAR of VASP; .*convert -n : odd"),
        (lambda p: p.write_text('<?xml version="1.0"?>\n<modeling>\n'), r"vasprun\.xml of VASP"),
        (lambda p: p.write_text('{"1": {"numbers": [14]}}'), "is JSON"),
        (lambda p: p.write_text("BEGIN_CFG\n Size\n"), "is a file of MLIP"),
        (lambda p: p.write_bytes(pickle.dumps([1])), "is a pickle"),
        (lambda p: p.write_bytes(b"1\n\0\n"), "is a binary file"),
        (lambda p: np.save(p.open("wb"), np.zeros(3)), "is an array of numpy"),
        (trajectory, "is a trajectory of ase"),
        (database, "is a database"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_file_of_another_kind_is_recognised(tmp_path, make, said):
    make(tmp_path / "odd")
    with pytest.raises(InputError, match=said):
        list(frame_texts(tmp_path / "odd"))
