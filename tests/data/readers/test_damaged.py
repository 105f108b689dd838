"""Damaged files of every format are refused in one sentence, whatever bytes were changed."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import ase.io
import numpy as np
import pytest
from formats import alloys, write_dump, write_fitsnap, write_vasprun
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tlbench.base.errors import InputError
from tlbench.data.archives import unpack
from tlbench.data.readers import READERS
from tlbench.data.readers.recognition import format_of

UNITS = {"energy_unit": "eV", "length_unit": "angstrom"}


def runner(path: Path) -> None:
    lines = []
    for atoms in alloys(2):
        lines += ["begin", *("lattice " + " ".join(f"{x:.6f}" for x in row) for row in atoms.cell)]
        for symbol, place in zip(atoms.get_chemical_symbols(), atoms.positions, strict=True):
            lines.append(f"atom {' '.join(f'{x:.6f}' for x in place)} {symbol} 0 0 0.1 0.2 0.3")
        lines += ["energy -1.5", "charge 0", "end"]
    path.write_text("\n".join(lines) + "\n")


def fitsnap(path: Path) -> None:
    folder = write_fitsnap(path.parent / "JSON", alloys(1))
    (folder / "Bulk" / "frame_0.json").rename(path)


WRITERS: dict[str, Callable[[Path], object]] = {
    "traj": lambda path: ase.io.write(path, alloys(2), format="traj"),
    "json": lambda path: ase.io.write(path, alloys(2), format="json"),
    "db": lambda path: ase.io.write(path, alloys(2), format="db"),
    "vasp-xml": lambda path: write_vasprun(path, alloys(4)[::2]),
    "lammps-dump-text": lambda path: write_dump(path, alloys(2)),
    "runner": runner,
    "fitsnap": fitsnap,
}

damage = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=0, max_size=4)),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("name", WRITERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=damage, kept=st.floats(0.2, 1.5))
def test_a_damaged_file(tmp_path, name, changes, kept):
    whole = tmp_path / f"whole.{name}"
    if not whole.exists():
        WRITERS[name](whole)
    content = bytearray(whole.read_bytes())
    for place, put in changes:
        at = int(place * len(content))
        content[at : at + len(put)] = put
    path = tmp_path / f"damaged.{name}"
    path.write_bytes(content[: int(kept * len(content))])
    reader = READERS.get(name if name in READERS else "ase")
    chosen = {"runner": UNITS, "fitsnap": {}}.get(name, {"format": name})
    with suppress(InputError):
        format_of(path)
    try:
        frames = reader.read(path, reader.options.model_validate(chosen))
    except InputError:
        return
    assert np.isfinite(frames.forces).all()
    assert {p.name for p in tmp_path.iterdir()} <= {path.name, whole.name, "JSON"}


@pytest.mark.parametrize("name", ["data.zip", "data.tar.gz", "data.tar"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=damage, kept=st.floats(0.2, 1.5))
def test_a_damaged_archive(tmp_path, name, changes, kept):
    whole = tmp_path / f"whole.{name}"
    if not whole.exists():
        (tmp_path / "set").mkdir()
        (tmp_path / "set" / "numbers").write_bytes(bytes(range(256)) * 20)
        kinds = {"data.zip": "zip", "data.tar.gz": "gztar", "data.tar": "tar"}
        made = shutil.make_archive(str(tmp_path / "made"), kinds[name], tmp_path, "set")
        Path(made).rename(whole)
    content = bytearray(whole.read_bytes())
    for place, put in changes:
        at = int(place * len(content))
        content[at : at + len(put)] = put
    path = tmp_path / name
    path.write_bytes(content[: int(kept * len(content))])
    out = tmp_path / "out"
    with suppress(InputError):
        unpack(path, "set/numbers", out, limit=10_000)
    assert not out.exists() or out.stat().st_size <= 10_000
