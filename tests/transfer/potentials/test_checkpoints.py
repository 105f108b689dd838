"""Checkpoints of SevenNet and CHGNet become potentials that predict what their package predicts."""

import contextlib
import copy
import io
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import bulk
from safetensors import safe_open

from tlbench.base.errors import TlbenchError
from tlbench.models.potential import in_precision, load_potential, tensors_of
from tlbench.transfer.potentials import POTENTIALS, checkpoints, conversion
from tlbench.transfer.potentials.checkpoints import import_checkpoint

if find_spec("sevenn") is None or find_spec("chgnet") is None:
    pytest.skip("sevenn or chgnet is not installed here", allow_module_level=True)

PACKAGES = Path(find_spec("sevenn").origin).parents[1]
L3I5 = PACKAGES / POTENTIALS.get("sevennet-l3i5").package / POTENTIALS.get("sevennet-l3i5").file
R2SCAN = next((PACKAGES / "chgnet" / "pretrained" / "r2scan").glob("*.pth.tar"))

as_the_packages_warn = pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)


def imported(tmp_path, name, path, trained_on=None):
    conversion.convert_checkpoint(name, path, tmp_path / "imported.safetensors", trained_on)
    return load_potential(tmp_path / "imported.safetensors")


def refused(tmp_path, name, path) -> str:
    """Return the refusal without the path that it begins with; nothing is written."""
    with pytest.raises(TlbenchError) as caught:
        conversion.convert_checkpoint(name, path, tmp_path / "imported.safetensors", None)
    assert not (tmp_path / "imported.safetensors").exists()
    text = str(caught.value)
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def alloy():
    atoms = bulk("SiGe", "zincblende", a=5.5, cubic=True)
    atoms.rattle(0.1, seed=1)
    return atoms


def assert_predicts_the_same(potential, calculator):
    found, expected = alloy(), alloy()
    found.calc, expected.calc = potential.calculator(), calculator
    difference = found.get_potential_energy() - expected.get_potential_energy()
    assert abs(difference) < 1e-5 * len(found)
    forces = expected.get_forces()
    scale = float(np.abs(forces).max())
    assert scale > 1e-3
    np.testing.assert_allclose(found.get_forces(), forces, rtol=0, atol=1e-4 * scale)


@pytest.mark.parametrize(
    "name",
    ["chgnet-0.3.0", "sevennet-0", pytest.param("sevennet-l3i5", marks=pytest.mark.slow)],
)
def test_a_checkpoint_of_published_weights_gives_the_published_potential(tmp_path, name):
    published = POTENTIALS.get(name)
    path = PACKAGES / published.package / published.file
    # In a child process, as the command line does it.
    import_checkpoint(published.backbone, path, tmp_path / "p.safetensors")
    found, expected = load_potential(tmp_path / "p.safetensors"), published.load()
    own, theirs = tensors_of(found), tensors_of(expected)
    known = expected.reference_energy.isfinite()
    for key, axis in found.backbone.element_parameters().items():
        # What it has not been trained on is drawn.
        rows = torch.nonzero(known).flatten()
        own[f"backbone.{key}"] = own[f"backbone.{key}"].index_select(axis, rows)
        theirs[f"backbone.{key}"] = theirs[f"backbone.{key}"].index_select(axis, rows)
    assert own.keys() == theirs.keys()
    for key, tensor in own.items():
        torch.testing.assert_close(tensor, theirs[key], rtol=0, atol=0, equal_nan=True, msg=key)


@as_the_packages_warn
def test_other_weights_of_chgnet_predict_what_the_package_predicts(tmp_path):
    from chgnet.model import CHGNet, CHGNetCalculator

    with contextlib.redirect_stdout(io.StringIO()):
        model = CHGNet.from_file(str(R2SCAN))
        calculator = CHGNetCalculator(model=model, use_device="cpu")
    potential = imported(tmp_path, "chgnet", R2SCAN)
    assert_predicts_the_same(potential, calculator)
    # Its energies were fitted without ytterbium.
    assert potential.reference_energy[[32, 70]].isfinite().tolist() == [True, False]


SEVENNET = {
    "version": "0.13.0",
    "cutoff": 4.5,
    "channel": 8,
    "lmax": 2,
    "is_parity": False,
    "num_convolution_layer": 2,
    "weight_nn_hidden_neurons": [16, 16],
    "radial_basis": {"radial_basis_name": "bessel", "bessel_basis_num": 6},
    "cutoff_function": {"cutoff_function_name": "poly_cut", "poly_cut_p_value": 5},
    "conv_denominator": [20.0, 30.0],
    "self_connection_type": "linear",
    "chemical_species": ["Ge", "Si"],
    "_type_map": {32: 0, 14: 1},
    "_number_of_species": 2,
    "shift": -4.5,
    "scale": 1.2,
}


def sevennet(path: Path, **changes) -> Path:
    """Save a network of the package with random weights, as its training does."""
    from sevenn import _const as constants
    from sevenn.model_build import build_E3_equivariant_model

    default = copy.deepcopy(constants.DEFAULT_E3_EQUIVARIANT_MODEL_CONFIG)
    config = {**default, **SEVENNET, **changes}
    torch.manual_seed(0)
    model = build_E3_equivariant_model(config)
    torch.save({"model_state_dict": model.state_dict(), "config": config, "epoch": 1}, path)
    return path


@as_the_packages_warn
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"scale": [1.2, 0.7], "shift": [-4.5, -5.0], "lmax": 1, "num_convolution_layer": 3,
         "conv_denominator": 25.0},
        {"irreps_manual": ["8x0e", "8x0e+4x1e+2x2e", "8x0e"],
         "cutoff_function": {"cutoff_function_name": "XPLOR", "cutoff_on": 4.0}},
    ],
    ids=["one scale", "scales of elements", "irreps"],
)  # fmt: skip
def test_a_model_trained_with_sevennet_predicts_what_the_package_predicts(tmp_path, changes):
    from sevenn.calculator import SevenNetCalculator

    path = sevennet(tmp_path / "checkpoint.pth", **changes)
    with contextlib.redirect_stdout(io.StringIO()):
        calculator = SevenNetCalculator(path, device="cpu")
    potential = imported(tmp_path, "sevennet", path)
    assert_predicts_the_same(potential, calculator)
    assert torch.nonzero(potential.reference_energy.isfinite()).flatten().tolist() == [14, 32]


@as_the_packages_warn
@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"is_parity": True}, "its is_parity is True"),
        ({"self_connection_type": "nequip"}, "its self_connection_type is 'nequip'"),
        ({"lmax_edge": 3}, "its lmax_edge is 3"),
        ({"_normalize_sph": False}, "its _normalize_sph is False"),
        ({"act_radial": "relu"}, "its act_radial is 'relu'"),
        ({"readout_as_fcn": True, "readout_fcn_activation": "relu",
          "readout_fcn_hidden_neurons": [8]}, "its readout_as_fcn is True"),
        ({"weight_nn_hidden_neurons": [16, 8]}, "its weight_nn_hidden_neurons is [16, 8]"),
    ],
)  # fmt: skip
def test_a_sevennet_of_another_architecture_is_refused(tmp_path, changes, setting):
    complaint = refused(tmp_path, "sevennet", sevennet(tmp_path / "c.pth", **changes))
    assert complaint.startswith(f"{setting}, but the backbone 'sevennet' has ")
    assert complaint.endswith(" alone and cannot carry its weights.")


def test_other_published_checkpoints_are_refused_where_the_backbone_has_no_such_architecture(
    tmp_path,
):
    (several,) = PACKAGES.glob("sevenn/pretrained_potentials/SevenNet_MF_0/*.pth")
    assert "several modalities" in refused(tmp_path, "sevennet", several)
    (old,) = PACKAGES.glob("chgnet/pretrained/0.2.0/*.pth.tar")
    assert "its mlp_hidden_dims is [64, 64], but" in refused(tmp_path, "chgnet", old)


def test_a_checkpoint_of_another_program_is_refused(tmp_path):
    not_one = "is not a checkpoint of {}: it lacks what states an architecture ('{}')."
    assert refused(tmp_path, "chgnet", L3I5) == not_one.format("CHGNet", "model")
    assert refused(tmp_path, "sevennet", R2SCAN) == not_one.format("SevenNet", "config")


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x02", b"PK\x03\x04" + bytes(60)])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "c.pth"
    path.write_bytes(content)
    complaint = refused(tmp_path, "sevennet", path)
    assert complaint.startswith(
        "cannot be read as a checkpoint of SevenNet: it is of another program or damaged"
    )


@as_the_packages_warn
def test_a_truncated_checkpoint_is_refused(tmp_path):
    path = sevennet(tmp_path / "c.pth")
    path.write_bytes(path.read_bytes()[:20_000])
    assert "is of another program or damaged" in refused(tmp_path, "sevennet", path)


class Runs:
    """A pickle that creates a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_checkpoint_that_would_run_code_is_refused_and_runs_none(tmp_path):
    torch.save({"config": {}, "model_state_dict": Runs(tmp_path / "trace")}, tmp_path / "c.pth")
    complaint = refused(tmp_path, "sevennet", tmp_path / "c.pth")
    assert complaint.endswith("or has more than tensors, numbers and text.")
    assert not (tmp_path / "trace").exists()


@as_the_packages_warn
def test_weights_that_do_not_fit_are_refused(tmp_path):
    path = sevennet(tmp_path / "c.pth")
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["model_state_dict"]["1_self_interaction_2.linear.weight"]
    torch.save(checkpoint, path)
    assert "its weights do not fit the architecture that it states" in refused(
        tmp_path, "sevennet", path
    )


@as_the_packages_warn
def test_a_number_of_layers_that_there_are_no_weights_of_is_refused(tmp_path):
    path = sevennet(tmp_path / "c.pth")
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["config"]["num_convolution_layer"] = 90_000
    torch.save(checkpoint, path)
    complaint = refused(tmp_path, "sevennet", path)
    assert complaint == "it states 90000 convolutions, but has the weights of 2."


def test_an_architecture_far_larger_than_its_weights_is_not_built(tmp_path):
    checkpoint = conversion._load_data(R2SCAN)["model"]
    checkpoint["model_args"]["n_conv"] = 90_000
    checkpoint["state_dict"] = {}
    torch.save({"model": checkpoint}, tmp_path / "c.pth.tar")
    complaint = refused(tmp_path, "chgnet", tmp_path / "c.pth.tar")
    assert complaint == "the architecture that it states is far larger than its weights."


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "LARGEST_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "c.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("c/data.pkl", bytes(2 << 20))
    assert (tmp_path / "c.pth").stat().st_size < 10_000
    with pytest.raises(TlbenchError, match="has more than 0 GiB when it is unpacked"):
        conversion.convert_checkpoint("sevennet", tmp_path / "c.pth", tmp_path / "p", None)


def test_what_it_was_trained_on_is_kept(tmp_path):
    potential = imported(tmp_path, "chgnet", R2SCAN, trained_on="r²SCAN relaxations")
    assert potential.trained_on == "r²SCAN relaxations"
    assert in_precision(potential, torch.float64).trained_on == "r²SCAN relaxations"
    potential.save(tmp_path / "again.safetensors")
    assert load_potential(tmp_path / "again.safetensors").trained_on == "r²SCAN relaxations"
    # Files of before say nothing of it, and neither do others now.
    potential.trained_on = None
    potential.save(tmp_path / "unknown.safetensors")
    assert load_potential(tmp_path / "unknown.safetensors").trained_on is None
    with safe_open(tmp_path / "unknown.safetensors", "np") as file:
        assert "trained_on" not in file.metadata()["tlbench"]


def test_a_killed_conversion_is_said(tmp_path, monkeypatch):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    with pytest.raises(TlbenchError, match=r"was killed \(SIGKILL\); perhaps there was not enough"):
        checkpoints.run_conversion("sevennet", "c.pth", python=str(script))
