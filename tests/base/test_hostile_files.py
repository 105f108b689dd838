"""Files from strangers: what cannot be true costs nothing and is refused in one sentence."""

import gzip
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from tlbench.base.errors import InputError
from tlbench.base.schema import read_yaml
from tlbench.cli import main
from tlbench.data.readers.xyz_frames import frame_texts
from tlbench.md.inputs import read_structure
from tlbench.models.backbones import BACKBONES
from tlbench.models.potential import build_potential, load_potential, tensors_of

pytestmark = pytest.mark.timeout(60)

ATOM = "Si 0 0 0 0 0 0\n"
COLUMNS = "1\nProperties=species:S:1:pos:R:3:a:R:{} energy=1\n" + ATOM
CELL = '1\nLattice="{0} 0 0 0 {0} 0 0 0 {0}" pbc="T T T"\nSi 0 0 0\n'
XYZ = {
    "atoms": ("1000000000\nenergy=1\n" + ATOM, "expected a number of atoms"),
    "many atoms": ("999999999\nenergy=1\n" + ATOM, "the file ends after 1"),
    "columns": (COLUMNS.format("1000000000"), "columns"),
    "plus": (COLUMNS.format("+900000000"), "which is not a number"),
    "underscores": (COLUMNS.format("9_0000_0000"), "which is not a number"),
    "negative": (COLUMNS.format("-5"), "which is not a number"),
    "pairs": ("1\n" + "a=1 " * 1_000_000 + "\nSi 0 0 0\n", "is longer than 256 KiB"),
    "line": (" " * 1_000_000, "is longer than 256 KiB"),
    "huge cell": (CELL.format("5e300"), "Lattice has numbers"),
    "zip": (b"PK\x03\x04" + bytes(99), "is a zip archive"),
    "latin": ("1\nname=\xe9\nSi 0 0 0\n".encode("latin1"), "is not UTF-8"),
}


@pytest.mark.parametrize(("content", "said"), XYZ.values(), ids=XYZ.keys())
def test_structures(tmp_path, content, said):
    path = tmp_path / "data.xyz"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for read in (
        lambda: [text.atoms() for text in frame_texts(path)],
        lambda: read_structure(path),
    ):
        with pytest.raises(InputError, match=said) as error:
            read()
        assert "\n" not in str(error.value)


def test_a_cell_of_another_format_that_is_not_of_this_world(tmp_path):
    path = tmp_path / "POSCAR"
    path.write_text("Si\n1e300\n5 0 0\n0 5 0\n0 0 5\nSi\n1\nDirect\n0 0 0\n")
    with pytest.raises(InputError, match="has a cell vector of 5e"):
        read_structure(path)


@pytest.mark.parametrize("name", ["a.xyz.gz", "POSCAR.gz", "a.xyz.bz2", "a.cif.xz"])
def test_what_a_compressed_structure_becomes_is_not_found_out(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(b"1000000000\n\n" + ATOM.encode()))
    with pytest.raises(InputError, match="is compressed; unpack it first"):
        read_structure(tmp_path / name)


def potential(path: Path, backbone: str = "schnet", change=None, config=None, raw=None) -> Path:
    """Write a potential of which something is changed."""
    torch.manual_seed(0)
    built = build_potential(backbone, {"cutoff": 4.0})
    tensors = {name: tensor.clone() for name, tensor in tensors_of(built).items()}
    if change is not None:
        change(tensors)
    settings = {**built.backbone.config.model_dump(mode="json"), **(config or {})}
    described = {
        "format": "1",
        "backbone": backbone,
        "config": json.dumps(settings) if raw is None else raw,
        "dtype": "float32",
    }
    path.write_bytes(save(tensors, metadata={"tlbench": json.dumps(described)}))
    return path


WIDTHS = [
    (backbone, name)
    for backbone in ("schnet", "dimenetpp", "equivariant", "nequip", "visnet")
    for name, field in BACKBONES.get(backbone).model_fields.items()
    if name.startswith(("n_", "hidden", "out_", "channels", "basis")) and field.annotation is int
]


@pytest.mark.parametrize("count", [10**6, 10**30], ids=["1e6", "1e30"])
@pytest.mark.parametrize(("backbone", "name"), WIDTHS)
def test_counts_of_a_potential_that_its_weights_cannot_fill(tmp_path, backbone, name, count):
    path = potential(tmp_path / "a.safetensors", backbone, config={name: count})
    with pytest.raises(InputError) as error:
        load_potential(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def fill(name: str, value: float):
    def change(tensors):
        found = next(key for key in sorted(tensors) if key.startswith(name))
        tensors[found].view(-1)[-1] = value

    return change


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"change": fill("backbone", float("nan"))}, "are not all finite"),
        ({"change": fill("backbone", float("inf"))}, "are not all finite"),
        ({"change": fill("reference_energy", float("inf"))}, "are not all finite"),
        ({"raw": "[" * 200_000}, "its description is damaged"),
        ({"raw": '{"a":' * 200_000}, "its description is damaged"),
        ({"raw": "9" * 100_000}, "its description is damaged"),
        ({"config": {"cutoff": 1e9}}, "less than or equal to 50"),
    ],
)
def test_potentials(tmp_path, changes, said):
    path = potential(tmp_path / "a.safetensors", **changes)
    with pytest.raises(InputError, match=said) as error:
        load_potential(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("backbone", sorted({backbone for backbone, _ in WIDTHS}))
def test_honest_potentials_are_read(tmp_path, backbone):
    loaded = load_potential(potential(tmp_path / "a.safetensors", backbone))
    assert loaded.name == backbone


def test_no_pipe_is_waited_for_and_no_device_read_for_ever(tmp_path, monkeypatch, capsys):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for name in ("pipe.yaml", "zero.yaml"):
        with pytest.raises(InputError, match="not a regular file"):
            read_yaml(tmp_path / name)
        arguments = ["store", "import", str(tmp_path / name), "--store", str(tmp_path / "store")]
        monkeypatch.setattr("sys.argv", ["tlbench", *arguments])
        with pytest.raises(SystemExit):
            main()
        assert "is not a regular file" in capsys.readouterr().err
