"""Formats are recognised by content, whatever files are called."""

import json
import time

import ase.io
import pytest
import tiny
from formats import alloys, write_dump, write_fitsnap, write_vasprun

from tlbench.base.errors import InputError, UnknownNameError
from tlbench.data.readers.recognition import format_of, named_format

RUNNER = "# a comment\n\nbegin\ncomment x\natom 0 0 0 O 0 0 0 0 0\nenergy 0\nend\n"


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda p: ase.io.write(p, alloys(), format="extxyz"), "extxyz"),
        (lambda p: ase.io.write(p, alloys(), format="traj"), "traj"),
        (lambda p: ase.io.write(p, alloys(), format="db"), "db"),
        (lambda p: ase.io.write(p, alloys(), format="json"), "json"),
        (lambda p: write_vasprun(p, alloys()[::2]), "vasp-xml"),
        (lambda p: write_dump(p, alloys()), "lammps-dump-text"),
        (lambda p: p.write_text(RUNNER), "runner"),
        (lambda p: p.write_text(json.dumps([{"structure": {}, "outputs": {}}])), "mlearn"),
        (lambda p: p.write_text('# comment\n{"Dataset": {}}'), "fitsnap"),
    ],
)
def test_files_without_an_ending(tmp_path, write, expected):
    # ase itself needs the ending of a database.
    path = tmp_path / (f"data.{expected}" if expected in ("db", "json") else "data")
    write(path)
    moved = path.rename(tmp_path / "DATA")
    assert str(format_of(moved)) == expected
    assert str(named_format(expected)) == expected


def test_folders(tmp_path):
    folder = write_fitsnap(tmp_path / "JSON", alloys())
    assert str(format_of(folder)) == "fitsnap"
    (tmp_path / "system").mkdir()
    (tmp_path / "system" / "type.raw").touch()
    assert str(format_of(tmp_path / "system")) == "deepmd"
    with pytest.raises(InputError, match="its format is not recognised"):
        format_of(tmp_path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\x80\x04 pickle", "is a pickle, which is not read"),
        (b"\x89HDF\r\n", "is an HDF5 file"),
        (b"\x1f\x8b compressed", "is compressed by gzip"),
        (b'{"a": 1}', "is JSON; name its reader in a card"),
        (b"Dear reader,\n", "its format is not recognised; if it is one of these, name it"),
        (b"", "its format is not recognised"),
    ],
)
def test_what_is_not_read_is_called_by_its_name(tmp_path, content, complaint):
    (tmp_path / "data").write_bytes(content)
    with pytest.raises(InputError, match=complaint):
        format_of(tmp_path / "data")


def test_an_unknown_format_is_named_with_a_near_one():
    with pytest.raises(UnknownNameError, match="Unknown format 'vasp-otu'; did you mean 'vasp-o"):
        named_format("vasp-otu")
    with pytest.raises(UnknownNameError, match=r"The reader 'ase' has several formats.*vasp-out"):
        named_format("ase")
    with pytest.raises(UnknownNameError, match=r"'nonsense'; known: abinit-out, aims") as raised:
        named_format("nonsense")
    assert "ase" not in str(raised.value).split("known: ")[1].split(", ")


@pytest.mark.parametrize(
    ("name", "start"),
    [
        (
            "run.castep",
            " | CCC AA SSS TTT EEE PPP |\n Welcome to Academic Release CASTEP version 1\n",
        ),
        ("run.geom", " BEGIN header\n  \n END header\n \n"),
        ("run.md", " BEGIN header\n  \n END header\n \n"),
    ],
)
def test_files_of_castep_are_not_known_by_their_name_alone(tmp_path, name, start):
    (tmp_path / name).write_text(start)
    assert str(format_of(tmp_path / name)).startswith("castep")
    (tmp_path / name).write_text("# About these data\n")
    with pytest.raises(InputError, match="its format is not recognised"):
        format_of(tmp_path / name)


@pytest.mark.parametrize("text", ["name: x\n" * 5000, "#\n" * 30_000, " \t" * 30_000, "0" * 60_000])
def test_no_text_takes_long(tmp_path, text):
    (tmp_path / "data.yaml").write_text(text)
    started = time.process_time()
    with pytest.raises(InputError):
        format_of(tmp_path / "data.yaml")
    assert time.process_time() - started < 2


def test_a_broken_xyz_is_left_to_its_reader(tmp_path):
    path = tmp_path / "si.xyz"
    ase.io.write(path, tiny.crystals("Si", 1).to_ase(), format="extxyz")
    path.write_text(f"oops\n{path.read_text()}")
    assert str(format_of(path)) == "extxyz"
