"""Labels are found by parts of their names, of one method, references first."""

import numpy as np
import pytest

from tlbench.base.errors import InputError
from tlbench.data.label_keys import LabelKeys, collect, find_keys

TENSOR = np.arange(9.0)
FORCES = np.ones((4, 3))


def found(*, frames: int = 4, vary: bool = True, **labels) -> LabelKeys:
    """Return the keys of frames that have these labels; numbers differ from frame to frame."""
    return find_keys(
        collect(
            (n, {k: v + 0.1 * n if vary and isinstance(v, float) else v for k, v in labels.items()})
            for n in range(frames)
        )
    )


@pytest.mark.parametrize(
    "names",
    [
        ("energy", "forces", "stress", "virial"),
        ("Energy", "Forces", "Stress", "Virial"),
        ("REF_energy", "REF_forces", "REF_stress", "REF_virials"),
        ("dft_energy", "dft_force", "dft_stress", "dft_virial"),
        ("DFT_energy", "DFT_forces", "DFT_stress", "DFT_virial"),
        ("energy_pbe", "force_pbe", "stress_tensor_pbe", "virials_pbe"),
        ("TotEnergy", "force", "virial_stress", "Virials"),
        ("mace_energy", "mace_forces", "mace_stress", "mace_virial"),
    ],
)
def test_labels_are_found_whatever_their_case_and_prefix(names):
    energy, forces, stress, virial = names
    keys = found(**{energy: -3.0, forces: FORCES, stress: TENSOR, virial: TENSOR})
    assert (keys.energy, keys.forces, keys.stress, keys.virial) == names


def test_a_reference_goes_before_a_bare_key_and_that_before_any_other():
    every = {
        f"{method}{kind}": value
        for method in ("", "REF_", "mace_", "dft_")
        for kind, value in (("energy", -3.0), ("forces", FORCES), ("stress", TENSOR))
    }
    assert found(**every).energy == "REF_energy"
    for gone, left in (("REF_", "dft_energy"), ("dft_", "energy"), ("", "mace_energy")):
        every = {key: v for key, v in every.items() if key not in
                 {f"{gone}energy", f"{gone}forces", f"{gone}stress"}}  # fmt: skip
        keys = found(**every)
        assert keys.energy == left
        assert {keys.forces, keys.stress} == {
            left.replace("energy", k) for k in ("forces", "stress")
        }


def test_all_labels_are_of_one_method():
    keys = found(REF_energy=-3.0, REF_forces=FORCES, energy=-2.0, forces=FORCES, stress=TENSOR)
    assert keys.stress is None
    assert "stress: none by the method of the energies; 'stress' may be of another" in str(
        keys.said
    )
    # The better name is of no use where the forces are of another method.
    keys = found(DFT_energy=-3.0, energy=-2.0, forces=FORCES)
    assert (keys.energy, keys.forces) == ("energy", "forces")


def test_frames_whose_stress_is_not_finite_do_not_count():
    labels = [{"energy": -3.0 - n, "forces": FORCES, "stress": TENSOR} for n in range(4)]
    labels[2]["stress"] = np.full((3, 3), np.nan)
    said = find_keys(collect(enumerate(labels))).said
    assert "stress: key 'stress', in 3 of 4 frames as finite numbers" in said


@pytest.mark.parametrize(
    "other",
    ["energy_fermi", "formation_energy", "energy_cutoff", "energy_corrected", "dispersion_energy",
     "kinetic_energy", "energy_per_atom", "Fermi_energy"],
)  # fmt: skip
def test_total_energies_go_before_others(other):
    assert found(**{other: 1.0, "zz_energy": -3.0, "forces": FORCES}).energy == "zz_energy"


def test_what_is_the_same_in_all_frames_is_not_an_energy():
    assert found(energy=0.0, forces=FORCES, vary=False, frames=2).energy == "energy"
    with pytest.raises(InputError, match=r"'energy', is 0\.0 in all 4 frames"):
        found(energy=0.0, forces=FORCES, vary=False)


def test_an_energy_that_is_not_a_number_is_shown():
    with pytest.raises(InputError, match="the key 'energy' looks like energies but is not a numb"):
        found(energy="3.7D+00", forces=FORCES)
    with pytest.raises(InputError, match="'forces' looks like forces but is not three numbers"):
        found(energy=1.0, forces=np.ones(4))


def test_a_free_energy_that_differs_is_mentioned():
    keys = found(energy=-3.0, free_energy=-3.1, forces=FORCES)
    assert keys.energy == "energy"
    assert "'free_energy' differs from 'energy'" in str(keys.said)
    keys = found(energy=-3.0, free_energy=-3.0, forces=FORCES)
    assert "differs" not in str(keys.said)
    assert found(free_energy=-3.0, forces=FORCES).energy == "free_energy"


@pytest.mark.parametrize(
    ("key", "value"),
    [("Config_type", "bulk"), ("CONFIG_TYPE", "bulk"), ("Group", "a"), ("gap_config_type", "a"),
     ("structure_type", "x")],
)  # fmt: skip
def test_groups_are_found(key, value):
    keys = found(energy=-3.0, forces=FORCES, **{key: value})
    assert keys.group == key
    assert f"group: key '{key}'" in keys.said


@pytest.mark.parametrize("key", ["Temperature", "temperature_K", "md_temperature", "TEMP", "T"])
def test_temperatures_are_found(key):
    assert found(energy=-3.0, forces=FORCES, **{key: 300}).temperature == key


@pytest.mark.parametrize("key", ["t", "electronic_temperature", "temperature_unit"])
def test_what_is_not_a_temperature_of_atoms_is_passed_over(key):
    assert found(energy=-3.0, forces=FORCES, **{key: 300}).temperature is None


def test_predictions_do_not_stand_in_for_references_of_another_name():
    """A complete pair of a model's predictions comes after a reference with bare forces."""
    keys = found(REF_energy=-3.0, forces=FORCES, mace_energy=-2.9, mace_forces=FORCES)
    assert (keys.energy, keys.forces) == ("REF_energy", "forces")
    assert "'REF_energy' and 'forces' may be of different methods" in str(keys.said)
    keys = found(ref_energy=-3.0, dft_forces=FORCES, energy=-2.9, forces=0 * FORCES)
    assert (keys.energy, keys.forces) == ("ref_energy", "dft_forces")


@pytest.mark.parametrize("method", ["dftb", "refined", "qmmm", "gap"])
def test_names_that_begin_like_a_reference_are_none(method):
    every = {f"{method}_energy": -2.9, f"{method}_forces": FORCES}
    assert found(energy=-3.0, forces=FORCES, **every).energy == "energy"


@pytest.mark.parametrize("other", [("Energy", "force"), ("REF_energy", "REF_forces")])
def test_two_schemes_are_refused_whatever_they_differ_by(other):
    names = [("energy", "forces")] * 12 + [other] * 12
    frames = [(n, {e: -3.0 - n, f: FORCES}) for n, (e, f) in enumerate(names)]
    with pytest.raises(InputError, match=r"12 of 24 frames have .* 12 others have"):
        find_keys(collect(frames))


def test_frames_with_predictions_alone_are_unlabelled():
    labelled = {"REF_energy": -3.0, "REF_forces": FORCES}
    predicted = {"mace_energy": -2.9, "mace_forces": FORCES}
    frames = [(n, predicted | (labelled if n else {}) | {"n": n}) for n in range(9)]
    frames = [
        (n, {k: v - 0.1 * n if "energy" in k else v for k, v in f.items()}) for n, f in frames
    ]
    keys = find_keys(collect(frames))
    assert (keys.energy, keys.unlabelled) == ("REF_energy", (0,))


def test_an_energy_of_zero_smearing_is_an_energy():
    assert found(energy_sigma_to_0=-3.0, forces=FORCES).energy == "energy_sigma_to_0"


@pytest.mark.parametrize(("key", "values"), [("name", "snap_{}"), ("config_type", "{}")])
def test_what_differs_in_every_frame_is_no_group(key, values):
    frames = [(n, {"energy": -3.0 - n, "forces": FORCES, key: values.format(n)}) for n in range(12)]
    keys = find_keys(collect(frames))
    assert keys.group is None
    assert f"'{key}' has 12 different values in 12 frames" in str(keys.said)
