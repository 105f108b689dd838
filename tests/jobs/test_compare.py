"""What is computed of simulations: the metrics that are named, whatever is installed."""

import json

import numpy as np
import pytest

from tlbench.data.frames import Frames
from tlbench.jobs.compare import KIND
from tlbench.jobs.context import RESULT, Context
from tlbench.jobs.reference import START
from tlbench.jobs.simulate import OUTCOME
from tlbench.jobs.speed import standard_cell
from tlbench.md.structure import angles, count_frames, distances
from tlbench.metrics import METRICS, of_every_simulation
from tlbench.metrics.spec import MetricSpec


@pytest.fixture
def context(tmp_path):
    """Return two simulations that did not last, beside a reference."""
    folders = {role: tmp_path / role for role in ("simulation", "reference")}
    for folder in folders.values():
        folder.mkdir()
    structure = {"rdf": [1.0] * len(distances()), "adf": [1.0] * len(angles()), "coordination": 4}
    reference = {
        "temperature_k": 300.0,
        "time_ps": 4.0,
        "n_atoms": 64,
        "element": "Si",
        "origin": "a reference",
        "distances": distances().tolist(),
        "angles": angles().tolist(),
        "structure": structure,
        "rdf_floor": None,
        "adf_floor": None,
        "times_ps": [0.0, 4.0],
        "msd": None,
    }
    survival = {
        "survival_ps": [1.0, 3.0],
        "criterion": ["force", "force"],
        "temperature_k": [300.0, 300.0],
    }
    (folders["reference"] / RESULT).write_text(json.dumps({"run": reference}))
    (folders["simulation"] / RESULT).write_text(json.dumps(survival))
    cell = standard_cell()
    Frames.concatenate([cell, cell]).save(folders["reference"] / START)
    names = ("pairs", "bonds", "neighbours", "samples")
    counts = {f"counts.{name}": np.zeros(2) for name in names}
    np.savez(folders["simulation"] / OUTCOME, msd=np.zeros((2, 3)), **counts)
    return Context(tmp_path, folders, "cpu", lambda progress: None)


def test_a_metric_that_is_installed_changes_nothing_until_it_is_named(context, monkeypatch):
    config = {"temperature_k": 300.0, "metrics": of_every_simulation()}
    before = KIND.perform(config, context)
    assert {m["metric"]: m["value"] for m in before["metrics"]} == {
        "stability_rate": 0.0,
        "survival_time": 2.0,
    }
    spec = MetricSpec("longest", "ps", "higher", "", lambda c: c.survival_ps.max(), of="dynamics")
    monkeypatch.setattr(METRICS, "_entries", {**METRICS._entries, "longest": spec})
    assert KIND.perform(config, context) == before
    named = KIND.perform({**config, "metrics": ["longest"]}, context)
    assert [m["value"] for m in named["metrics"]] == [3.0]


def test_diffusion_of_each_stable_replica_is_recorded(context):
    n = 40
    times = np.arange(1, n + 1) * 0.1
    folders = context.parents
    result = json.loads((folders["reference"] / RESULT).read_text())["run"]
    result |= {"times_ps": times.tolist(), "msd": (3.0 * times).tolist()}
    (folders["reference"] / RESULT).write_text(json.dumps({"run": result}))
    survival = {
        "survival_ps": [4.0, 4.0, 1.0],
        "criterion": ["", "", "force"],
        "temperature_k": [300.0] * 3,
    }
    (folders["simulation"] / RESULT).write_text(json.dumps(survival))
    cell = standard_cell()
    Frames.concatenate([cell] * 3).save(folders["reference"] / START)
    frames = Frames.concatenate([cell] * 3)
    counts = count_frames(frames).arrays()
    msd = np.array([6.0 * times, 12.0 * times + 1, np.where(times < 1, times, np.nan)])
    arrays = {f"counts.{name}": value for name, value in counts.items()}
    np.savez(folders["simulation"] / OUTCOME, msd=msd, **arrays)
    found = KIND.perform({"temperature_k": 300.0, "metrics": ["diffusion_error"]}, context)
    assert found["run"]["diffusion"] == pytest.approx([1.0, 2.0])
    assert found["metrics"][0]["value"] == pytest.approx(1.5 - 0.5)
