"""Dynamics of data of several elements: which composition, and its distributions by pair."""

import json
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from tlbench.data.frames import Frames
from tlbench.jobs import compare, geometry, reference
from tlbench.jobs.context import RESULT, Context
from tlbench.jobs.reference import START
from tlbench.jobs.reference_run import ReferenceRun
from tlbench.jobs.simulate import COUNTS, OUTCOME
from tlbench.jobs.start import frames_near
from tlbench.md.protocol import Protocol
from tlbench.md.structure import count_frames
from tlbench.metrics import of_every_simulation
from tlbench.metrics.structure import shares_of_pairs


def nickel_aluminium(n, exchanged=0, rattle=0.08, seed=0):
    """Return B2 crystals of 16 atoms, ``exchanged`` nickel atoms of which are aluminium."""
    images = []
    for number in range(n):
        atoms = bulk("NiAl", "cesiumchloride", a=2.88).repeat(2)
        atoms.symbols[np.flatnonzero(atoms.symbols == "Ni")[:exchanged]] = "Al"
        atoms.rattle(rattle, seed=seed + number)
        images.append(atoms)
    return Frames.unlabelled(images)


def at(frames, temperature=300.0):
    n = len(frames)
    return replace(
        frames,
        temperature_k=np.full(n, temperature),
        phase=np.full(n, "crystal"),
        energy=-4.0 * frames.n_atoms + 0.001 * np.arange(n),
    )


def frames_of(*parts):
    frames = Frames.concatenate(list(parts))
    return at(frames)


@pytest.fixture
def context(tmp_path):
    folders = {name: tmp_path / name for name in ("data", "job", "simulation")}
    for folder in folders.values():
        folder.mkdir()
    nickel = Frames.unlabelled([bulk("Ni", cubic=True).repeat(2) for _ in range(9)])
    # Most frames are of nickel alone; of the alloys most are stoichiometric.
    frames_of(nickel, nickel_aluminium(3, exchanged=1), nickel_aluminium(6)).save(
        folders["data"] / "train.npz"
    )
    frames_of(nickel_aluminium(2, seed=20)).save(folders["data"] / "validation.npz")
    frames_of(nickel_aluminium(1, exchanged=2)).save(folders["data"] / "test.npz")
    parents = {"data": folders["data"]}
    return Context(folders["job"], parents, "cpu", lambda progress: None)


def made(context):
    protocol = Protocol(temperature_k=300, time_ps=2, replicas=4)
    config = {
        "protocol": protocol.model_dump(mode="json"),
        "element": "Ni–Al",
        "start": {"kind": "frames"},
    }
    result = reference.KIND.perform(config, context)
    (context.folder / RESULT).write_text(json.dumps(result))
    return ReferenceRun.model_validate_json(json.dumps(result["run"]))


def test_one_composition_is_simulated_that_of_most_elements_then_of_most_frames(context):
    frames = frames_near(context.parents["data"], 300, None)
    assert len(frames) == 8
    run = made(context)
    assert run.composition == {"Al": 8, "Ni": 8}
    assert run.origin == "8 frames of the data set"
    assert run.n_atoms == 16
    start = Frames.load(context.folder / START)
    assert [np.sum(start.atomic_numbers == z) for z in (13, 28)] == [32, 32]


def test_of_compositions_with_the_same_elements_the_larger_is_simulated(context):
    small = Frames.unlabelled([bulk("NiAl", "cesiumchloride", a=2.88) for _ in range(30)])
    frames_of(small).save(context.parents["data"] / "test.npz")
    assert set(frames_near(context.parents["data"], 300, None).n_atoms) == {16}


def test_energies_are_compared_within_the_composition(context):
    """Those of nickel and of the other alloys differ by more than frames of one do."""
    made(context)
    low, high = reference.load_expected(context.folder / reference.EXPECTED).energy
    assert high - low < 0.01


def test_the_floor_is_the_mean_of_those_of_the_pairs(context):
    run = made(context)
    assert set(run.partial_floors) == {"Al–Al", "Al–Ni", "Ni–Ni", "Al", "Ni"}
    shares = shares_of_pairs(run.composition)
    mean = sum(share * run.partial_floors[pair] for pair, share in shares.items())
    assert run.rdf_floor == pytest.approx(mean)
    assert run.adf_floor == pytest.approx((run.partial_floors["Al"] + run.partial_floors["Ni"]) / 2)


def simulated(context, frames):
    """Return what is found of four simulations whose structure is that of ``frames``."""
    folder = context.folder.parent / "simulation"
    counts = count_frames(frames, 3.2)
    np.savez(
        folder / OUTCOME,
        # One sample every 50 fs of 2 ps.
        msd=np.zeros((4, 40)),
        **{f"{COUNTS}{name}": value for name, value in counts.arrays().items()},
    )
    survival = {"survival_ps": [2.0] * 4, "criterion": [""] * 4, "temperature_k": [300.0] * 4}
    (folder / RESULT).write_text(json.dumps(survival))
    parents = {"simulation": folder, "reference": context.folder}
    config = {"temperature_k": 300.0, "metrics": of_every_simulation()}
    return compare.KIND.perform(config, replace(context, parents=parents))


def test_atoms_that_have_changed_places_are_seen_by_pair_alone(context):
    """A crystal with its atoms at random on its sites has the distribution of all atoms."""
    run = made(context)
    ordered = nickel_aluminium(4, seed=100)
    shuffled = np.concatenate(
        [np.random.default_rng(i).permutation([13] * 8 + [28] * 8) for i in range(4)]
    )
    errors = {}
    for name, frames in (
        ("ordered", ordered),
        ("shuffled", replace(ordered, atomic_numbers=shuffled)),
    ):
        result = simulated(context, frames)
        structure = result["run"]["structure"]
        errors[name] = next(m["value"] for m in result["metrics"] if m["metric"] == "rdf_error")
        errors[f"{name}, all atoms"] = (
            np.abs(np.subtract(structure["rdf"], run.structure.rdf)).sum()
            / np.abs(np.subtract(run.structure.rdf, 1)).sum()
        )
    assert errors["shuffled, all atoms"] == pytest.approx(errors["ordered, all atoms"])
    assert errors["shuffled"] > 2 * errors["ordered"]


def test_a_structure_without_its_pairs_does_not_fit(context):
    run = made(context)
    assert run.fits(run.structure, None)
    whole = run.structure.model_dump()
    for name in ("partial_rdf", "partial_adf"):
        fewer = dict(list(whole[name].items())[1:])
        assert not run.fits(run.structure.model_validate({**whole, name: fewer}), None)
        assert not run.fits(run.structure.model_validate({**whole, name: None}), None)
        short = {pair: curve[1:] for pair, curve in whole[name].items()}
        assert not run.fits(run.structure.model_validate({**whole, name: short}), None)


def test_one_element_is_written_as_before(context):
    """No key that is later is in the result, nor in what its digest is taken of."""
    nickel = Frames.unlabelled([bulk("Ni", cubic=True).repeat(2) for _ in range(4)])
    for split in ("train", "validation", "test"):
        frames_of(nickel).save(context.parents["data"] / f"{split}.npz")
    protocol = Protocol(temperature_k=300, time_ps=2, replicas=2).model_dump(mode="json")
    config = {"protocol": protocol, "element": "Ni", "start": {"kind": "frames"}}
    run = ReferenceRun.model_validate_json(
        json.dumps(reference.KIND.perform(config, context)["run"])
    )
    text = run.model_dump_json()
    assert "partial" not in text
    assert "composition" not in text


def test_test_atoms_have_the_neighbours_that_simulations_count(context):
    """Water: hydrogen atoms are not bonded to each other, whatever the reach of oxygen."""
    water = Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], cell=np.eye(3) * 12, pbc=True)
    frames_of(Frames.unlabelled([water])).save(context.parents["data"] / "test.npz")
    geometry.KIND.perform({}, context)
    with np.load(context.folder / geometry.GEOMETRY) as found:
        assert found["coordination"].tolist() == [2, 1, 1]
