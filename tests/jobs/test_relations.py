"""Jobs that relate test structures to training structures and to each other."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tiny
from scipy.spatial.distance import cdist

from tlbench.data.frames import Frames
from tlbench.data.splits import Drawn
from tlbench.jobs import coverage, distance, environments, geometry
from tlbench.jobs.context import RESULT, Context
from tlbench.md.structure import count_frames
from tlbench.metrics.environments import environments as described

SETTINGS = {
    "values": 500, "environments": 100, "exact": 50, "resamples": 20, "halves": 2,
}  # fmt: skip


def context(folder, **parents):
    folder.mkdir()
    return Context(folder, parents, "cpu", lambda progress: None)


@pytest.fixture(scope="module")
def silicon(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("si"), "Si")


@pytest.fixture(scope="module")
def germanium(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("ge"), "Ge")


def prepared(folder, element):
    """Return the folders of a data set and of its environments."""
    data = folder / "data"
    data.mkdir()
    tiny.crystals(element, 9, seed=1).save(data / "train.npz")
    tiny.crystals(element, 6, seed=2).save(data / "test.npz")
    job = context(folder / "environments", data=data)
    result = environments.KIND.perform({}, job)
    (job.folder / RESULT).write_text(json.dumps(result))
    return data, job.folder


def test_parts_are_scaled_by_the_training_structures(silicon):
    data, folder = silicon
    nearest = json.loads((folder / RESULT).read_text())["nearest"]
    assert nearest == pytest.approx(2.2, abs=0.2)
    scaled = environments.read_environments(folder, "test", "scaled")
    assert len(scaled) == len(Frames.load(data / "test.npz").positions)
    assert np.allclose(np.linalg.norm(scaled, axis=1), 1, atol=1e-6)
    assert not np.allclose(scaled, environments.read_environments(folder, "test", "raw"), atol=1e-3)


def distances(tmp_path, first, second, **changes):
    parents = {
        f"{role}_{what}": folder
        for role, each in (("a", first), ("b", second))
        for what, folder in zip(("data", "environments"), each, strict=True)
    }
    whole = {"split": "train", "subset": None}
    config = {"a": whole, "b": whole, "settings": SETTINGS, **changes}
    return distance.KIND.perform(config, context(tmp_path / "out", **parents))


def test_every_distance_is_there_once(tmp_path, silicon, germanium):
    result = distances(tmp_path, silicon, germanium)
    assert (result["n_a"], result["n_b"]) == (9, 9)
    found = [(d["name"], d["form"]) for d in result["distances"]]
    assert len(found) == len(set(found)) == 16
    assert all(0 <= d["low"] <= d["value"] <= d["high"] for d in result["distances"])


def test_a_temperature_with_too_few_structures_has_no_distance(tmp_path, silicon, germanium):
    # Of the nine structures three stand as 300 K.
    at = {"share": 1.0, "seed": 0, "temperatures_k": [300.0]}
    cold = {"split": "train", "subset": at}
    assert distances(tmp_path, silicon, germanium, a=cold)["n_a"] == 3
    none = {"split": "train", "subset": {**at, "temperatures_k": [777.0]}}
    (tmp_path / "other").mkdir()
    result = distances(tmp_path / "other", silicon, germanium, a=none)
    assert result == {"n_a": 0, "n_b": 9, "distances": []}


def test_coverage_is_the_distance_to_the_nearest_environment(tmp_path, silicon, germanium):
    parents = {
        "target_data": germanium[0],
        "target_environments": germanium[1],
        "source_data": silicon[0],
        "source_environments": silicon[1],
    }
    subset = {"size": 2, "seed": 0, "temperature_k": None}
    job = context(tmp_path / "out", **parents)
    result = coverage.KIND.perform({"target": subset, "source": None}, job)
    with np.load(job.folder / coverage.COVERAGE) as found:
        target, source = found["target"], found["source"]
    test = environments.read_environments(germanium[1], "test", "raw")
    known = environments.read_environments(silicon[1], "train", "raw")
    assert np.allclose(source, cdist(test, known).min(axis=1), atol=1e-7)
    assert result["mean_target"] == pytest.approx(target.mean())
    # More structures cover no less.
    more = context(tmp_path / "more", **parents)
    coverage.KIND.perform({"target": {**subset, "size": 5}, "source": None}, more)
    with np.load(more.folder / coverage.COVERAGE) as found:
        assert (found["target"] <= target + 1e-9).all()
        assert (found["target"] < target - 1e-4).any()


def test_what_was_trained_on_is_covered(tmp_path, germanium):
    known = environments.read_environments(germanium[1], "train", "raw")
    assert coverage.nearest(known, known).max() < 1e-6


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    test, known = rng.normal(size=(50, 6)), rng.normal(size=(30, 6))
    monkeypatch.setattr(coverage, "BLOCK", 7)
    assert np.allclose(coverage.nearest(test, known), cdist(test, known).min(axis=1))


def test_geometry_adds_up_to_that_of_the_structures(tmp_path, germanium):
    job = context(tmp_path / "out", data=germanium[0])
    result = geometry.KIND.perform({}, job)
    frames = Frames.load(germanium[0] / "test.npz")
    whole = count_frames(frames, result["shell"])
    with np.load(job.folder / geometry.GEOMETRY) as found:
        assert np.array_equal(found["pairs"].sum(axis=0), whole.pairs.sum(axis=0))
        assert np.array_equal(found["angles"].sum(axis=0), whole.bonds.sum(axis=0))
        assert found["coordination"].sum() == whole.neighbours.sum()
        assert len(found["coordination"]) == len(frames.positions)


def test_forces_stay_with_their_atoms(tmp_path, silicon, germanium):
    """The subset of a set has the environments of its own atoms, in its own order."""
    side = distance.Side(split="train", subset=Drawn(size=4, seed=3))
    parents = {"a_data": silicon[0], "a_environments": silicon[1]}
    found = distance._structures("a", side, context(tmp_path / "out", **parents))
    again = described(replace(found.frames))
    assert np.allclose(found.raw, again, atol=1e-6)


def test_environments_of_two_data_sets_are_of_the_species_of_the_source(tmp_path, germanium):
    data, _ = germanium
    frames = Frames.load(data / "train.npz")
    config = {"species": ["Si", "C"], "counts_as": {"Ge": "C"}}
    job = context(tmp_path / "aware", data=data)
    environments.KIND.perform(config, job)
    found = environments.read_environments(job.folder, "train", "raw")
    blind = described(frames)
    # Of three pairs of species, the last is that of carbon alone.
    assert found.shape == (len(frames.positions), 3 * blind.shape[1])
    assert not found[:, : 2 * blind.shape[1]].any()
    assert np.allclose(found[:, 2 * blind.shape[1] :], blind, atol=1e-6)
