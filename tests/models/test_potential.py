"""Potentials: reference energies, derivatives and files."""

import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from ase import Atoms
from safetensors.torch import load_file, save, save_file

from tlbench.base.errors import InputError, TlbenchError
from tlbench.data.frames import Frames
from tlbench.graphs import Graph, graph_of
from tlbench.md.checkpoint import save_arrays
from tlbench.models.backbones.schnet import SchNetConfig
from tlbench.models.contract import prediction
from tlbench.models.contract.prediction import isolated, molecule, random_potential, rattled
from tlbench.models.potential import (
    Potential,
    build_potential,
    in_precision,
    load_potential,
    set_tensors,
    tensors_of,
)

CUTOFF = 4.0
CONFIG = SchNetConfig(cutoff=CUTOFF, hidden_channels=8, n_filters=8, n_interactions=2)
SILICON, GERMANIUM = 14, 32


@pytest.fixture
def potential() -> Potential:
    """Return a small SchNet in double precision, with reference energies of four elements."""
    made = random_potential(CONFIG, torch.float64)
    made.name = "schnet"
    made.reference_energy[SILICON], made.reference_energy[GERMANIUM] = -5.0, -3.0
    made.reference_energy[[*prediction.OTHERS]] = torch.tensor([-7.0, -9.0], dtype=torch.float64)
    return made


def graph(*structures: Atoms) -> Graph:
    return graph_of(Frames.unlabelled(structures), CUTOFF)


def test_energy_is_unknown_before_the_reference_energies_are_fitted(potential: Potential) -> None:
    batch = graph(rattled(CUTOFF), isolated())
    fitted = potential(batch)
    potential.reference_energy[GERMANIUM] = torch.nan
    unfitted = potential(batch)
    assert torch.isnan(unfitted.energy[0])
    assert unfitted.energy[1] == fitted.energy[1]
    assert torch.equal(unfitted.forces, fitted.forces)
    assert torch.isnan(random_potential(CONFIG, torch.float64)(batch).energy).all()


def test_reference_energies_are_added_per_atom(potential: Potential) -> None:
    batch = graph(rattled(CUTOFF), molecule(CUTOFF), isolated())
    energies = potential.backbone(batch).detach()
    found = potential(batch)
    # 3 Si, 3 Ge, Mo and W; 2 Si and 2 Ge; Si.
    constants = torch.tensor([-40.0, -16.0, -5.0], dtype=torch.float64)
    sums = torch.stack([part.sum() for part in energies.split([8, 4, 1])])
    torch.testing.assert_close(found.energy, sums + constants, rtol=1e-14, atol=0)
    potential.reference_energy[SILICON] += 0.25
    shifted = potential(batch)
    shift = 0.25 * torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(shifted.energy - found.energy, shift, rtol=1e-12, atol=0)
    assert torch.equal(shifted.forces, found.forces)


def test_energy_keeps_double_precision_of_the_references() -> None:
    single = random_potential(CONFIG, torch.float32)
    single.reference_energy[SILICON] = -1000.000000001
    frames = Frames.unlabelled([isolated()])
    found = single(graph_of(frames, CUTOFF, dtype=torch.float32))
    assert found.energy.dtype == torch.float64
    assert found.forces.dtype == torch.float32
    own = single.backbone(graph_of(frames, CUTOFF, dtype=torch.float32)).detach().double()
    assert float(found.energy - own) == pytest.approx(-1000.000000001, rel=0, abs=1e-12)


def test_stress_is_the_same_alone_and_in_a_batch(potential: Potential) -> None:
    crystals = [rattled(CUTOFF), prediction.small_cell(CUTOFF)]
    batched = potential(graph(*crystals), stress=True).stress
    alone = torch.cat([potential(graph(atoms), stress=True).stress for atoms in crystals])
    assert batched.shape == (2, 3, 3)
    torch.testing.assert_close(batched, alone, rtol=0, atol=1e-12 * float(alone.abs().max()))
    torch.testing.assert_close(batched, batched.mT, rtol=0, atol=1e-12 * float(alone.abs().max()))
    assert potential(graph(*crystals)).stress is None


@pytest.mark.parametrize("pbc", [False, (True, True, False)])
def test_stress_needs_a_periodic_cell(potential: Potential, pbc: Any) -> None:
    film = rattled(CUTOFF)
    film.pbc = pbc
    with pytest.raises(InputError, match="not periodic"):
        potential(graph(rattled(CUTOFF), film), stress=True)


def test_derivatives_are_there_where_torch_records_no_gradients(potential: Potential) -> None:
    batch = graph(rattled(CUTOFF))
    expected = potential(batch, stress=True)
    with torch.no_grad():
        found = potential(batch, stress=True)
    assert float(expected.forces.abs().max()) > 1e-3
    assert torch.equal(found.forces, expected.forces)
    assert torch.equal(found.stress, expected.stress)


def test_frozen_weights_change_nothing(potential: Potential) -> None:
    batches = [graph(rattled(CUTOFF)), graph(isolated())]
    expected = [potential(batch) for batch in batches]
    potential.requires_grad_(False)
    for batch, before in zip(batches, expected, strict=True):
        found = potential(batch)
        assert torch.equal(found.energy, before.energy)
        assert torch.equal(found.forces, before.forces)


def test_only_training_keeps_the_graph_of_the_derivatives(potential: Potential) -> None:
    batch = graph(rattled(CUTOFF))
    found = potential(batch, stress=True)
    assert not any(t.requires_grad for t in (found.energy, found.forces, found.stress))
    assert not batch.positions.requires_grad
    trained = potential(batch, stress=True, training=True)
    assert all(t.requires_grad for t in (trained.energy, trained.forces, trained.stress))
    assert torch.equal(trained.forces, found.forces)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_saved_potential_is_the_same_when_loaded(tmp_path: Path, dtype: torch.dtype) -> None:
    saved = build_potential("schnet", CONFIG.model_dump(), dtype)
    saved.reference_energy[SILICON] = -1.0 / 3.0
    saved.save(tmp_path / "potential.safetensors")
    state = torch.get_rng_state()
    loaded = load_potential(tmp_path / "potential.safetensors")
    assert torch.equal(torch.get_rng_state(), state)
    assert (loaded.name, loaded.dtype, loaded.backbone.config) == ("schnet", dtype, CONFIG)
    before, after = saved.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    for name in before:
        assert torch.equal(before[name].nan_to_num(7), after[name].nan_to_num(7)), name
        assert before[name].dtype == after[name].dtype
    batch = graph_of(Frames.unlabelled([isolated()]), CUTOFF, dtype=dtype)
    assert torch.equal(loaded(batch).energy, saved(batch).energy)


@pytest.mark.parametrize("name", ["schnet", "dimenetpp"])
def test_the_default_precision_does_not_matter(tmp_path: Path, name: str) -> None:
    # Constants that are computed, not saved, once were rounded to torch's default precision.
    torch.set_default_dtype(torch.float64)
    try:
        saved = build_potential(name, {"cutoff": CUTOFF}, torch.float32)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    saved.save(tmp_path / "potential.safetensors")
    loaded = load_potential(tmp_path / "potential.safetensors")
    batch = graph_of(Frames.unlabelled([rattled(CUTOFF)]), CUTOFF, dtype=torch.float32)
    assert torch.equal(loaded.backbone(batch), saved.backbone(batch))


def one_sentence(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text
    assert text.endswith(".")
    return text


@pytest.mark.parametrize("content", [None, b"", b"garbage", b"\x00" * 64, b"\xff" * 4096])
def test_a_file_that_is_no_potential_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "potential.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"potential\.safetensors: ") as error:
        load_potential(path)
    one_sentence(error.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load_potential(tmp_path)
    assert str(tmp_path) in one_sentence(error.value)


def zipped(name: str) -> bytes:
    """Return a zip archive of one file called ``name``."""
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr(name, "content")
    return file.getvalue()


IN_A_JOB = "a potential is a .safetensors file, such as potential.safetensors in the folder of a"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.safetensors", None, "there is no such file"),
        ("empty.safetensors", b"", "is an empty file"),
        ("notes.txt", "Ge, trained on 10 structures, Å\n".encode(), "but a text file"),
        ("ge.xyz", b"2\n\nGe 0 0 0\nGe 1 1 1\n", "but a text file"),
        ("data.zip", zipped("notes.txt"), "but a zip archive"),
        ("potential.safetensors", zipped("notes.txt"), "but a zip archive"),
        ("weights.zip", zipped("net/data.pkl"), "a checkpoint of another program"),
        (
            "mace.model",
            b"PK\x03\x04archive",
            "a checkpoint of another program; such files are pick",
        ),
        ("net.dat", b"PK\x03\x04archive/data.pkl", "a checkpoint of another program"),
        ("best.pth", b"\x80\x02\x8a\nl\xfc", "a checkpoint of another program"),
        ("noise.safetensors", b"\xff" * 9000, "is not a potential of tlbench ("),
    ],
)
def test_what_is_no_potential_is_told_what_one_is(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as error:
        load_potential(str(path))
    text = one_sentence(error.value)
    assert text.startswith(f"{path}: ")
    assert message in text
    assert IN_A_JOB in text


def test_the_state_of_a_simulation_is_called_what_it_is(tmp_path):
    save_arrays(tmp_path / "simulation.npz", {"positions": np.zeros((2, 3))})
    with pytest.raises(InputError, match=r"but a file of numpy arrays \(\.npz\)") as error:
        load_potential(tmp_path / "simulation.npz")
    assert "pickle" not in one_sentence(error.value)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "potential.safetensors")
    code = "import sys; from tlbench import load_potential; load_potential(sys.argv[1])"
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "potential.safetensors")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "InputError" in ran.stderr
    assert "is not a regular file; a potential is" in ran.stderr
    with pytest.raises(InputError, match="is a folder without a potential"):
        load_potential(tmp_path)


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_is_not_a_name_names_no_file(path):
    with pytest.raises(InputError, match="names no file") as error:
        load_potential(path)
    assert IN_A_JOB in one_sentence(error.value)


def test_a_name_that_no_file_can_have_is_one_sentence():
    with pytest.raises(InputError, match=r"cannot be read \(File name too long\)\.$"):
        load_potential("a" * 5000)


@pytest.mark.parametrize("path", [None, b"potential.safetensors", 5])
def test_what_is_not_a_path_is_a_mistake_of_type(path):
    with pytest.raises(TypeError, match=r"should be a str or a Path, but is .*\.$"):
        load_potential(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage that is no header",
        b"\xff" * 64,
        (2).to_bytes(8, "little") + b"[]",
        save({"weights": torch.zeros(2)}),
        save({"weights": torch.zeros(2)}, metadata={"format": "pt"}),
    ],
)
def test_of_a_folder_only_potentials_are_named(potential, tmp_path, content):
    (tmp_path / "cut.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="is a folder without a potential"):
        load_potential(tmp_path)
    potential.save(tmp_path / "whole.safetensors")
    with pytest.raises(InputError, match=r"the potential in it is .*whole\.safetensors\.$"):
        load_potential(tmp_path)


def test_a_checkpoint_of_pytorch_is_not_opened(tmp_path):
    """It may run anything."""
    torch.save({"weights": torch.zeros(2)}, tmp_path / "weights")
    with pytest.raises(InputError, match="not read"):
        load_potential(tmp_path / "weights")


def test_of_a_folder_the_potential_in_it_is_named(potential, tmp_path):
    potential.save(tmp_path / "potential.safetensors")
    with pytest.raises(InputError) as error:
        load_potential(str(tmp_path))
    assert one_sentence(error.value) == (
        f"{tmp_path}: is a folder; the potential in it is {tmp_path / 'potential.safetensors'}."
    )
    potential.save(str(tmp_path / "another.safetensors"))
    with pytest.raises(InputError, match=r"another\.safetensors, potential\.safetensors\.$"):
        load_potential(tmp_path)


@pytest.mark.parametrize(
    ("file", "what", "command"),
    [("run.json", "the folder of a run", "models "), ("store.json", "a store", "store ls --jobs'")],
)
def test_of_a_run_and_of_a_store_the_way_to_the_models_is_said(tmp_path, file, what, command):
    (tmp_path / file).write_text("{}")
    with pytest.raises(InputError, match=f"is {what}; 'tlbench {command}.* lists"):
        load_potential(tmp_path)


@pytest.mark.parametrize("device", ["tpu", "cuda:99"])
def test_a_device_that_cannot_be_used_is_not_the_fault_of_the_file(tmp_path, device):
    build_potential("schnet", CONFIG.model_dump()).save(tmp_path / "potential.safetensors")
    with pytest.raises(InputError, match=f"^The device '{device}' cannot be used here"):
        load_potential(tmp_path / "potential.safetensors", device)


def rewritten(potential: Potential, path: Path, **changes: Any) -> Path:
    """Save ``potential`` with other values in its description."""
    description = {
        "format": "1",
        "backbone": "schnet",
        "config": CONFIG.model_dump_json(),
        "dtype": "float64",
    }
    potential.save(path)
    description.update(changes)
    save_file(load_file(path), path, metadata={"tlbench": json.dumps(description)})
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "999"}, "another version"),
        ({"dtype": "float65"}, "not a potential"),
        ({"dtype": "Tensor"}, "not a potential"),
        ({"dtype": 64}, "not a potential"),
        ({"config": "{"}, "not a potential"),
        ({"config": "[]"}, "backbone 'schnet'"),
        ({"config": 5}, "not a potential"),
        ({"config": '{"cutof": 4.0}'}, "unknown key 'cutof'; did you mean 'cutoff'"),
        ({"config": '{"cutoff": -1.0}'}, r"greater than or equal to 0\.1"),
        ({"config": '{"cutoff": 1e-300}'}, r"greater than or equal to 0\.1"),
        ({"config": "{}"}, "weights do not fit"),
        ({"backbone": "dimenetpp", "config": "{}"}, "weights do not fit"),
        ({"backbone": "schnett"}, "did you mean 'schnet'"),
    ],
)
def test_a_wrong_description_is_refused(
    potential: Potential, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = rewritten(potential, tmp_path / "potential.safetensors", **changes)
    with pytest.raises(TlbenchError, match=message) as error:
        load_potential(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"tlbench": "5"}, {"tlbench": "{}"}])
def test_weights_of_something_else_are_refused(
    potential: Potential, tmp_path: Path, metadata: dict[str, str] | None
) -> None:
    path = tmp_path / "potential.safetensors"
    potential.save(path)
    save_file(load_file(path), path, metadata=metadata)
    with pytest.raises(InputError, match="not a potential of tlbench") as error:
        load_potential(path)
    one_sentence(error.value)


def test_another_precision_is_as_exact_as_one_built_in_it():
    single = random_potential(CONFIG, torch.float32)
    single.name = "schnet"
    double = in_precision(single, torch.float64)
    assert double.dtype == torch.float64
    assert double.reference_energy.dtype == torch.float64
    # Weights are those of the original; constants that are not saved have all their digits.
    rebuilt = build_potential("schnet", CONFIG.model_dump(), torch.float64)
    set_tensors(rebuilt, tensors_of(single))
    graph = graph_of(Frames.unlabelled([rattled(CUTOFF)]), CUTOFF)
    assert torch.equal(double(graph).forces, rebuilt(graph).forces)
    assert in_precision(single, torch.float32) is single
