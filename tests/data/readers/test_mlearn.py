"""The mlearn files: units, signs and properties, checked against physics and the publication."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from real_data import MLEARN, needs_mlearn

from tlbench.base.errors import InputError
from tlbench.data.cards import load_card
from tlbench.data.frames import Frames
from tlbench.data.readers import READERS
from tlbench.graphs import graph_of

READER = READERS.get("mlearn")
OPTIONS = READER.options.model_validate({"bragg_peak": [4, 4, 0]})
GPA_PER_EV_PER_CUBIC_ANGSTROM = 160.2176634

ENTRY = {
    "structure": {
        "lattice": {"matrix": [[4.0, 0.0, 0.0], [0.5, 5.0, 0.0], [0.0, 0.0, 6.0]]},
        "sites": [
            {"species": [{"element": "Ge", "occu": 1}], "xyz": [0.1, 0.2, 0.3]},
            {"species": [{"element": "Ge", "occu": 1}], "xyz": [1.5, 2.5, 3.0]},
        ],
    },
    "outputs": {
        "energy": -9.25,
        "forces": [[0.1, -0.2, 0.3], [-0.1, 0.2, -0.3]],
        "virial_stress": [10, 20, 30, 1, 2, 3],
    },
    "num_atoms": 2,
    "element": "Ge",
    "group": "AIMD-NVT",
    "tag": "train",
    "description": "Snapshot 3 of 9 of AIMD NVT simulation for normal structure at 605 K",
}


def write(folder: Path, *entries: object) -> Path:
    path = folder / "training.json"
    path.write_text(json.dumps(list(entries)))
    return path


def changed(**changes: object) -> dict[str, object]:
    return {**ENTRY, **changes}


def outputs(**changes: object) -> dict[str, object]:
    return changed(outputs={**ENTRY["outputs"], **changes})


def test_an_entry_is_read_in_our_units(tmp_path):
    frames = READER.read(write(tmp_path, ENTRY), OPTIONS)
    assert frames.atomic_numbers.tolist() == [32, 32]
    assert frames.positions.tolist() == [[0.1, 0.2, 0.3], [1.5, 2.5, 3.0]]
    assert frames.forces.tolist() == ENTRY["outputs"]["forces"]
    assert frames.cell[0].tolist() == ENTRY["structure"]["lattice"]["matrix"]
    assert frames.pbc.all()
    assert frames.energy.tolist() == [-9.25]
    # kbar in the order xx yy zz xy xz yz, positive in compression.
    expected = -np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]])
    np.testing.assert_allclose(frames.stress[0], expected)
    assert frames.temperature_k.tolist() == [605.0]
    assert frames.group.tolist() == ["AIMD-NVT"]


def test_only_bulk_dynamics_have_a_temperature(tmp_path):
    vacancy = changed(
        group="Vacancy", description="Snapshot 7 of 40 of Vacancy AIMD NVT simulation at 300 K"
    )
    strained = changed(group="Elastic", description="Ge 2x2x2 cell, mode 0, strain -0.06")
    frames = READER.read(write(tmp_path, vacancy, strained), OPTIONS)
    assert np.isnan(frames.temperature_k).all()
    assert frames.phase[1] == "crystal"


def test_a_missing_stress_is_unknown(tmp_path):
    frames = READER.read(write(tmp_path, outputs(virial_stress=None)), OPTIONS)
    assert np.isnan(frames.stress).all()


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        (outputs(forces=None), "has no forces"),
        (outputs(energy=None), "has no energy"),
        (outputs(forces=[[0.1, 0.2, 0.3]]), r"forces have shape \(1, 3\) instead of \(2, 3\)"),
        (outputs(forces=[[0.1, 0.2, None], [0, 0, 0]]), "forces are not all numbers"),
        (outputs(energy="much"), "is not an mlearn structure"),
        (outputs(virial_stress=[1, 2]), "is not an mlearn structure"),
        (changed(structure={"sites": []}), r"positions have shape \(0,\)"),
        (changed(structure={}), "is not an mlearn structure"),
        ("a word", "is not an mlearn structure"),
        (None, "is not an mlearn structure"),
    ],
)
def test_a_faulty_frame_is_named(tmp_path, entry, complaint):
    path = write(tmp_path, ENTRY, entry)
    with pytest.raises(InputError, match=rf"training\.json: frame 1: .*{complaint}"):
        READER.read(path, OPTIONS)


@pytest.mark.parametrize("text", ['[{"structure": {"latt', "[" * 100_000, "", "\x00", "{}", "[]"])
def test_what_is_no_whole_file_is_refused(tmp_path, text):
    path = tmp_path / "training.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"training\.json: .*\.$"):
        READER.read(path, OPTIONS)


# --- the real files ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> dict[str, Frames]:
    parts = {}
    for element in ("Si", "Ge", "Li", "Mo"):
        options = load_card(f"mlearn-{element.lower()}").origin.reader_options()
        for part in ("training", "test"):
            path = MLEARN / element / f"{part}.json"
            parts[element, part] = READER.read(path, options)
    return parts


@needs_mlearn
def test_the_counts_are_those_of_the_publication(real):
    counts = {key: len(frames) for key, frames in real.items()}
    assert counts == {
        ("Si", "training"): 214, ("Si", "test"): 25, ("Ge", "training"): 228, ("Ge", "test"): 25,
        ("Li", "training"): 241, ("Li", "test"): 29, ("Mo", "training"): 194, ("Mo", "test"): 23,
    }  # fmt: skip
    groups = Counter(real["Ge", "training"].group.tolist())
    assert groups == {"AIMD-NVT": 90, "Elastic": 55, "Surface": 11, "Vacancy": 72}


@needs_mlearn
@pytest.mark.parametrize(
    ("element", "rms"), [("Si", 0.874), ("Ge", 0.658), ("Li", 0.257), ("Mo", 1.570)]
)
def test_the_forces_have_the_known_size(real, element, rms):
    forces = real[element, "training"].forces
    assert np.sqrt(np.square(forces).mean()) == pytest.approx(rms, abs=5e-4)


@needs_mlearn
@pytest.mark.parametrize(
    ("element", "crystal", "liquid"),
    [
        ("Si", [300, 843, 1518], [2530, 3374]),
        ("Ge", [300, 605], [1089, 1816, 2422]),
        ("Li", [300, 408], [680, 907]),
        ("Mo", [300, 3000], [6000]),
    ],
)
def test_every_temperature_has_one_phase(real, element, crystal, liquid):
    frames = Frames.concatenate([real[element, "training"], real[element, "test"]])
    bulk = frames.group == "AIMD-NVT"
    found = set(zip(frames.temperature_k[bulk], frames.phase[bulk], strict=True))
    assert found == {(t, "crystal") for t in crystal} | {(t, "liquid") for t in liquid}


@needs_mlearn
@pytest.mark.parametrize("element", ["Si", "Ge"])
def test_the_energy_agrees_with_the_phase(real, element):
    """Whatever the descriptions say: liquid frames have a higher energy than any hot crystal.

    The gap is the latent heat, of the order of 0.4 eV per atom.
    """
    frames = real[element, "training"]
    moving = np.isin(frames.group, ["AIMD-NVT", "Vacancy"])
    energy = frames.energy / frames.n_atoms
    crystal = energy[moving & (frames.phase == "crystal")]
    liquid = energy[moving & (frames.phase == "liquid")]
    assert liquid.min() - crystal.max() > 0.2


@needs_mlearn
def test_descriptions_of_vacancy_frames_contradict_their_structures():
    """The reason why vacancy frames have no temperature."""
    entries = json.loads((MLEARN / "Si" / "training.json").read_text())
    frames = READER.read(MLEARN / "Si" / "training.json", OPTIONS)
    found = Counter(
        (entry["description"].rpartition(" at ")[2], phase)
        for entry, phase in zip(entries, frames.phase.tolist(), strict=True)
        if entry["group"] == "Vacancy"
    )
    assert found["300 K", "liquid"] > 9 * found["300 K", "crystal"]
    assert found["3374 K", "crystal"] > 9 * found["3374 K", "liquid"]


@needs_mlearn
@pytest.mark.parametrize("element", ["Si", "Ge", "Mo"])
def test_a_shear_is_answered_by_a_stress_in_its_own_plane(real, element):
    """Pure shears of a cubic crystal: the stress of the sheared plane alone, along the strain."""
    frames = real[element, "training"]
    seen = set()
    for i in np.flatnonzero(frames.group == "Elastic"):
        cell = frames.cell[i]
        off = cell - np.diag(np.diag(cell))
        if np.count_nonzero(np.abs(off) > 1e-6) != 1:
            continue
        row, column = (int(axis[0]) for axis in np.nonzero(np.abs(off) > 1e-6))
        strain = off[row, column] / cell[row, row]
        if not 0 < abs(strain) < 0.05:
            continue
        shear = frames.stress[i][[0, 0, 1], [1, 2, 2]]
        plane = {(0, 1): 0, (0, 2): 1, (1, 2): 2}[min(row, column), max(row, column)]
        assert np.abs(np.delete(shear, plane)).max() < 0.1 * abs(shear[plane])
        # C44 is of the order of 100 GPa.
        assert 20 < shear[plane] / strain < 200
        seen.add(plane)
    assert seen == {0, 1, 2}


@needs_mlearn
@pytest.mark.parametrize("element", ["Si", "Ge", "Li", "Mo"])
def test_the_shear_stress_of_dynamics_follows_the_virial(real, element):
    """The virial of a pair potential fitted to the forces: each component goes with its own."""
    every = real[element, "training"]
    frames = every.select(np.flatnonzero(every.group == "AIMD-NVT"))
    rows, columns = [0, 0, 1], [1, 2, 2]
    predicted = pair_stress(frames)[:, rows, columns]
    together = np.corrcoef(predicted.T, frames.stress[:, rows, columns].T)[:3, 3:]
    # Pairs alone do not make a silicon crystal, so they follow it only roughly.
    assert np.diag(together).min() > 0.5
    assert np.abs(together - np.diag(np.diag(together))).max() < 0.4


def pair_stress(frames: Frames) -> np.ndarray:
    """Return the stress of a pair potential fitted to the forces, GPa, shape (frames, 3, 3)."""
    cutoff = 5.0
    edges = graph_of(frames, cutoff)
    vectors = edges.edge_vectors().numpy()
    distance = np.linalg.norm(vectors, axis=1)
    centre = edges.edge_index[0].numpy()
    # Gaussians that fade out at the cutoff: the pull of a neighbour on the centre.
    at = np.linspace(1.5, cutoff, 16)
    fade = 0.5 * (1 + np.cos(np.pi * distance / cutoff))
    basis = np.exp(-(((distance[:, None] - at) / 0.25) ** 2)) * fade[:, None]
    unit = vectors / distance[:, None]
    design = np.zeros((len(frames.forces), 3, len(at)))
    np.add.at(design, centre, unit[:, :, None] * basis[:, None, :])
    design = design.reshape(-1, len(at))
    normal = design.T @ design + 1e-6 * np.eye(len(at))
    weights = np.linalg.solve(normal, design.T @ frames.forces.ravel())
    pull = (basis @ weights)[:, None, None] * vectors[:, :, None] * unit[:, None, :]
    stress = np.zeros((len(frames), 3, 3))
    np.add.at(stress, np.repeat(np.arange(len(frames)), frames.n_atoms)[centre], 0.5 * pull)
    volume = np.abs(np.linalg.det(frames.cell))
    # A pull inwards is tension.
    return stress / volume[:, None, None] * GPA_PER_EV_PER_CUBIC_ANGSTROM


@needs_mlearn
def test_the_stress_of_surfaces_is_unknown(real):
    frames = real["Ge", "training"]
    unknown = np.isnan(frames.stress).any(axis=(1, 2))
    assert (unknown == (frames.group == "Surface")).all()


@needs_mlearn
@pytest.mark.parametrize("element", ["Si", "Ge"])
def test_the_stress_is_the_slope_of_the_energy(real, element):
    """Strains along x: dE/dL = stress times area, so that sign and unit are right."""
    frames = real[element, "training"]
    # Uniaxial strains along x alone, so that the energy is a function of one length.
    lengths = np.linalg.norm(frames.cell, axis=2)
    straight = [
        i
        for i in np.flatnonzero(frames.group == "Elastic")
        if np.allclose(frames.cell[i], np.diag(np.diag(frames.cell[i])))
        and np.isclose(lengths[i, 1], lengths[i, 2])
        and not np.isclose(lengths[i, 0], lengths[i, 1], rtol=1e-4)
    ]
    assert len(straight) >= 4
    order = sorted(straight, key=lambda i: lengths[i, 0])
    energy, x = frames.energy[order], lengths[order, 0]
    slope = np.gradient(energy, x)[1:-1]
    area = lengths[order, 1] * lengths[order, 2]
    stress = frames.stress[order, 0, 0] / GPA_PER_EV_PER_CUBIC_ANGSTROM
    expected = (stress * area)[1:-1]
    assert np.corrcoef(slope, expected)[0, 1] > 0.98
    assert np.polyfit(expected, slope, 1)[0] == pytest.approx(1.0, abs=0.1)
