"""Models that MACE saved become potentials that predict what the package predicts.

They run in the environment of the package; elsewhere they are skipped.
"""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from ase.build import bulk

from tlbench.base.errors import InputError
from tlbench.models.potential import load_potential
from tlbench.transfer.potentials.conversion import convert_checkpoint

if find_spec("mace") is None:
    pytest.skip(
        "mace-torch is not installed here; it needs an environment of its own",
        allow_module_level=True,
    )

pytestmark = pytest.mark.filterwarnings("ignore")

RESIDUAL = "RealAgnosticResidualInteractionBlock"


def save_model(path, kind="ScaleShiftMACE", dtype=torch.float64, **changes):
    """Save a network with random weights as the package's training does, which has all of these."""
    from mace import modules

    # Not before the package.
    from e3nn import o3  # isort: skip

    first = modules.interaction_classes[changes.pop("first", RESIDUAL)]
    elements = changes.pop("elements", [8, 14, 32])
    if kind == "ScaleShiftMACE":
        changes = {"atomic_inter_scale": 0.8, "atomic_inter_shift": 0.3, **changes}
    settings = {
        "r_max": 4.5, "num_bessel": 6, "num_polynomial_cutoff": 6, "max_ell": 2,
        "interaction_cls": modules.interaction_classes[RESIDUAL], "interaction_cls_first": first,
        "num_interactions": 2, "num_elements": len(elements), "atomic_numbers": elements,
        "hidden_irreps": o3.Irreps(changes.pop("hidden", "4x0e+4x1o")),
        "MLP_irreps": o3.Irreps("6x0e"), "gate": torch.nn.functional.silu,
        "atomic_energies": np.arange(len(elements)) - 5.0, "avg_num_neighbors": 15.0,
        "correlation": 3, "radial_MLP": [16, 16, 16], "use_reduced_cg": False,
    }  # fmt: skip
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    torch.manual_seed(1)
    try:
        model = getattr(modules, kind)(**{**settings, **changes})
    finally:
        torch.set_default_dtype(before)
    # Forces of a network that was trained are larger.
    for parameter in model.readouts.parameters():
        parameter.data *= 10
    torch.save(model, path)
    return path


def alloy():
    atoms = bulk("SiGe", "zincblende", a=5.5, cubic=True)
    atoms.rattle(0.1, seed=1)
    return atoms


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("ScaleShiftMACE", {}),
        ("ScaleShiftMACE", {"use_reduced_cg": True, "dtype": torch.float32}),
        ("MACE", {"hidden": "4x0e", "num_interactions": 1, "elements": [14, 32]}),
        ("MACE", {"hidden": "4x0e+4x1o+4x2e", "correlation": 2, "num_interactions": 3}),
    ],
)
def test_a_model_of_mace_predicts_what_its_calculator_predicts(tmp_path, kind, changes):
    from mace.calculators import MACECalculator

    dtype = changes.pop("dtype", torch.float64)
    path = save_model(tmp_path / "trained.model", kind, dtype, **changes)
    convert_checkpoint("mace", path, tmp_path / "p.safetensors", "our own data")
    potential = load_potential(tmp_path / "p.safetensors")
    assert potential.trained_on == "our own data"
    found, expected = alloy(), alloy()
    found.calc = potential.calculator()
    expected.calc = MACECalculator(str(path), device="cpu", default_dtype="float64")
    difference = found.get_potential_energy() - expected.get_potential_energy()
    assert abs(difference) < 1e-5 * len(found)
    forces = expected.get_forces()
    largest = np.abs(forces).max()
    assert largest > 0.01
    np.testing.assert_allclose(found.get_forces(), forces, rtol=0, atol=1e-4 * largest)
    stress = expected.get_stress()
    atol = 1e-4 * np.abs(stress).max()
    np.testing.assert_allclose(found.get_stress(), stress, rtol=0, atol=atol)
    known = torch.nonzero(potential.reference_energy.isfinite()).flatten().tolist()
    assert known == changes.get("elements", [8, 14, 32])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pair_repulsion": True}, "its pair repulsion is True, but the backbone 'mace' has False"),
        ({"first": "RealAgnosticInteractionBlock"}, "its interaction is 'RealAgnosticInteraction"),
        ({"distance_transform": "Agnesi"}, "its distance transform is True"),
        ({"radial_type": "gaussian"}, "its radial basis is 'GaussianBasis'"),
        ({"heads": ["a", "b"], "atomic_energies": np.zeros((2, 3)),
          "atomic_inter_scale": [1.0, 1.0], "atomic_inter_shift": [0.0, 0.0]},
         "its number of heads is 2"),
        ({"radial_MLP": [16, 8]}, r"its radial_MLP is \[16, 8\]"),
        ({"use_last_readout_only": True}, "its weights do not fit the architecture"),
        # No setting that is compared says so: its forces do.
        ({"apply_cutoff": False}, "predicts other energies or forces than the network"),
    ],
)  # fmt: skip
def test_a_mace_of_another_architecture_is_refused(tmp_path, changes, reason):
    path = save_model(tmp_path / "trained.model", **changes)
    with pytest.raises(InputError, match=reason):
        convert_checkpoint("mace", path, tmp_path / "p.safetensors", None)
    assert not (tmp_path / "p.safetensors").exists()


def test_another_network_is_not_one_of_mace(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "c.model")
    with pytest.raises(InputError, match=r"is not a checkpoint of MACE: .*\(it is a Linear\)"):
        convert_checkpoint("mace", tmp_path / "c.model", tmp_path / "p", None)


def test_rows_of_unknown_elements_are_as_large_as_those_of_known_ones(tmp_path):
    path = save_model(tmp_path / "m.model", elements=[1, 6, 8, 14, 32], hidden="64x0e")
    convert_checkpoint("mace", path, tmp_path / "p.safetensors", None)
    table = load_potential(tmp_path / "p.safetensors").backbone.network.node_embedding.table
    assert table[[26, 79]].std().item() == pytest.approx(table[[1, 6, 8]].std().item(), rel=0.3)
