"""Costs that are predicted from costs that were measured."""

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tlbench.data.cards import load_card
from tlbench.engine.estimates import Estimate, Prediction, estimate, finished_in
from tlbench.engine.estimates import finished as reading
from tlbench.engine.store.store import Store
from tlbench.engine.work.devices import device_name
from tlbench.jobs.base import Job
from tlbench.md.protocol import Protocol
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

ATOMS = 64
VALIDATION = 33
NETWORK = {"name": "network", "config": {"cutoff": 4.0, "width": 8}}
OTHER = {"name": "other", "config": {"cutoff": 4.0}}


def dataset(repeats: int = 2) -> Job:
    recipe = load_card("sw-si").recipe()
    recipe["origin"]["repeats"] = [repeats] * 3
    recipe["origin"]["validation"] = {"trajectories": 1, "frames": 3}
    assert len(recipe["origin"]["temperatures_k"]) * 3 == VALIDATION
    return Job("dataset", recipe)


def training(updates: int, size: int = 10, backbone: Any = NETWORK, **config: Any) -> Job:
    settings = {"updates": updates, "batch_size": 5, "validation_points": 4}
    whole = {"backbone": backbone, "training": settings, "subset": {"size": size, "seed": 0}}
    whole |= {"strategy": "scratch", "elements": {"target": "Si"}, "init_seed": 0, **config}
    return Job("train", whole, {"data": dataset().key})


def atoms_of(updates: int, size: int) -> float:
    """Return for how many atoms a training asks forces, a call counted as 100 more."""
    evaluated = (size + 4 * VALIDATION) * ATOMS
    return 2.7 * updates * (min(size, 5) * ATOMS + 100) + evaluated


def simulation(replicas: int, backbone: Any = NETWORK) -> tuple[Job, Job, Job]:
    """Return simulations of 500 steps of 64 atoms each, the model, and what they start from."""
    start = {"kind": "stillinger-weber", "repeats": [2, 2, 2]}
    protocol = Protocol(temperature_k=1200, time_ps=1, equilibration_ps=0, replicas=replicas)
    written = protocol.model_dump(mode="json")
    reference = Job("reference", {"protocol": written, "element": "Si", "start": start})
    model = training(1, backbone=backbone)
    parents = {"model": model.key, "reference": reference.key}
    return Job("simulate", {"protocol": written}, parents), model, reference


def keep(root: Path, job: Job, wall: float, result: Any = None, **provenance: Any) -> None:
    """Put a job into a store as if it had been done in so many seconds."""
    folder = Store(root).folder(job.key)
    folder.mkdir()
    known = {"wall_seconds": wall, "cpu_seconds": wall / 2, "device": "cpu", "threads": 1}
    known |= {"python": "3.11", "packages": {}, "git_commit": None, "git_dirty": None}
    known |= {"started": "2026-11-28", "device_name": device_name("cpu"), **provenance}
    (folder / "job.json").write_text(job.canonical())
    (folder / "provenance.json").write_text(json.dumps(known))
    (folder / "result.json").write_text(json.dumps(result or {}))


def predicted(root: Path, *jobs: Job, device: str = "cpu") -> Estimate:
    Store(root)
    by_key = {job.key: job for job in jobs}
    finished = finished_in(Store(root, read_only=True))
    return estimate(by_key, finished.keys() & by_key.keys(), finished, device)


def seconds_of(root: Path, *others: Job) -> float:
    """Return the predicted seconds of the first job; the others are its parents."""
    job, *parents = others
    found = predicted(root, *parents, job).predictions[job.key]
    assert found.wall_seconds is not None
    assert found.cpu_seconds == pytest.approx(found.wall_seconds / 2, rel=1e-6)
    return found.wall_seconds


def test_costs_in_proportion_to_the_amount_of_work_are_predicted_exactly(tmp_path):
    for updates, size in [(50, 1), (200, 1), (100, 3), (50, 10), (400, 10)]:
        keep(tmp_path, training(updates, size), 1e-4 * atoms_of(updates, size))
    for updates, size in [(1000, 10), (300, 2), (10, 100)]:
        found = seconds_of(tmp_path, training(updates, size), dataset())
        assert found == pytest.approx(1e-4 * atoms_of(updates, size))


def test_jobs_that_are_about_as_large_count(tmp_path):
    """Short trainings also start up, so that they take longer for each of their updates."""
    for seed in range(9):
        keep(tmp_path, training(20, init_seed=seed), 5.0)
        keep(tmp_path, training(2000, init_seed=seed), 100.0)
    assert seconds_of(tmp_path, training(20, init_seed=9), dataset()) == pytest.approx(5.0)
    assert seconds_of(tmp_path, training(2000, init_seed=9), dataset()) == pytest.approx(100.0)


def test_a_job_that_was_held_up_changes_nothing(tmp_path):
    for seed in range(9):
        keep(tmp_path, training(100, init_seed=seed), 900.0 if seed == 4 else 10.0)
    assert seconds_of(tmp_path, training(100, init_seed=9), dataset()) == pytest.approx(10)


def test_simulations_cost_in_proportion_to_steps_and_replicas(tmp_path):
    simulated, _, reference = simulation(5)
    keep(tmp_path, reference, 1.0)
    keep(tmp_path, simulated, 500 * (5 * ATOMS + 100) * 1e-4)
    found = seconds_of(tmp_path, *simulation(1), dataset())
    assert found == pytest.approx(500 * (ATOMS + 100) * 1e-4)


def test_a_training_that_was_resumed_counts_as_a_whole(tmp_path):
    keep(tmp_path, training(100), 5.0, updates=100.0, updates_of_attempt=25.0)
    assert seconds_of(tmp_path, training(100, init_seed=1), dataset()) == pytest.approx(20.0)


def test_another_backbone_costs_in_proportion_to_its_force_call(tmp_path):
    keep(tmp_path, training(100), 10.0)
    job = training(100, backbone=OTHER)
    assert predicted(tmp_path, dataset(), job).predictions[job.key].basis == "unknown"
    for backbone, call in ((NETWORK, 0.02), (OTHER, 0.05)):
        keep(tmp_path, Job("speed", {"backbone": backbone}), 1.0, force_call_seconds=call)
    assert seconds_of(tmp_path, job, dataset()) == pytest.approx(25.0)
    assert predicted(tmp_path, dataset(), job).predictions[job.key].basis == "others"


def test_a_force_call_that_was_timed_here_counts_although_another_device_has_timed_it_since(
    tmp_path,
):
    keep(tmp_path, training(100), 10.0)
    for backbone, call in ((NETWORK, 0.02), (OTHER, 0.05)):
        since = {"device_name": "another", "force_call_seconds": 1.0}
        since["force_calls_elsewhere"] = {device_name("cpu"): call}
        keep(tmp_path, Job("speed", {"backbone": backbone}), 1.0, **since)
    job = training(100, backbone=OTHER)
    assert seconds_of(tmp_path, job, dataset()) == pytest.approx(25.0)


def test_what_nothing_is_known_of_is_said_to_be_unknown(tmp_path):
    keep(tmp_path, training(100), 10.0)
    wider = {"name": "network", "config": {"cutoff": 4.0, "width": 64}}
    todo = [dataset(), training(100, backbone=wider), *simulation(2)]
    found = predicted(tmp_path, *todo)
    unknown = {found.jobs[k].kind for k, p in found.predictions.items() if p.basis == "unknown"}
    assert unknown == {"dataset", "train", "simulate", "reference"}
    # The model of the simulation is known, as the network is the same.
    assert found.seconds().keys() == {simulation(2)[1].key}


def test_costs_of_another_device_are_not_used(tmp_path):
    keep(tmp_path, training(100), 10.0, device_name="another processor")
    job = training(200)
    found = predicted(tmp_path, dataset(), job)
    assert found.seconds() == {}
    assert found.elsewhere == {"another processor": 1}


def test_hours_of_an_accelerator_are_told_from_those_of_the_processor(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_here", lambda: None)
    keep(tmp_path, training(100), 36.0, device="cuda", device_name="an accelerator")
    keep(tmp_path, training(100, init_seed=1), 3600.0)
    keep(tmp_path, Job("compare", {"temperature_k": 300}), 8.0)
    todo = [dataset(), training(100, init_seed=2), Job("compare", {"temperature_k": 600})]
    found = predicted(tmp_path, *todo, device="cuda")
    assert found.accelerator == "an accelerator"
    assert found.gpu_seconds() == pytest.approx(36.0)
    assert found.cpu_seconds() == pytest.approx(4.0)


def card(frames: int) -> Job:
    part = {"frames": frames}
    origin = {"kind": "files", "reader": "extxyz", "split": dict.fromkeys(PARTS, part)}
    return Job("dataset", {"elements": ["Ge"], "origin": origin})


PARTS = ("train", "validation", "test")


def test_atoms_of_data_read_from_files_are_counted_when_they_are_read(tmp_path):
    def measuring(data: Job, backbone: Mapping[str, Any] = NETWORK) -> Job:
        model = training(1, backbone=backbone)
        keys = {"model": model.key, "data": data.key}
        return Job("evaluate", {"split": "test", "metrics": [], "by": []}, keys)

    first, second = card(20), card(30)
    parents = first, second, training(1)
    job = measuring(second)
    keep(tmp_path, measuring(dataset()), 4.0)
    assert predicted(tmp_path, dataset(), *parents, job).predictions[job.key].basis == "unknown"
    counts = {"n_frames": dict.fromkeys(PARTS, 20), "n_atoms": dict.fromkeys(PARTS, 20 * 50)}
    keep(tmp_path, first, 1.0, counts)
    origin = dataset().config["origin"]
    tested = (
        len(origin["temperatures_k"]) * origin["test"]["trajectories"] * origin["test"]["frames"]
    )
    # Not read yet: as large as the other.
    found = seconds_of(tmp_path, job, dataset(), *parents)
    assert found == pytest.approx(4.0 * 30 * 50 / (tested * ATOMS))
    counts = {"n_frames": dict.fromkeys(PARTS, 30), "n_atoms": dict.fromkeys(PARTS, 30 * 12)}
    keep(tmp_path, second, 1.0, counts)
    found = seconds_of(tmp_path, job, dataset(), *parents)
    assert found == pytest.approx(4.0 * 30 * 12 / (tested * ATOMS))


def test_what_cannot_be_read_is_passed_over(tmp_path):
    for seed, provenance in enumerate(["{", "[]", "{}", '{"wall_seconds": "long"}']):
        keep(tmp_path, training(100, init_seed=seed), 99.0)
        folder = Store(tmp_path).folder(training(100, init_seed=seed).key)
        (folder / "provenance.json").write_text(provenance)
    strange = Job("compare", {})
    keep(tmp_path, strange, 1.0)
    (Store(tmp_path).folder(strange.key) / "job.json").write_text('{"kind": "of the future"}')
    keep(tmp_path, training(100, init_seed=7), 10.0)
    found = predicted(tmp_path, dataset(), training(100, init_seed=8))
    assert list(found.seconds().values()) == pytest.approx([10.0])
    assert found.n_measured == 1


def test_of_a_large_store_only_a_part_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[estimate.__module__], "MOST_READ", 12)
    done = [Job("compare", {"temperature_k": t}) for t in range(60)]
    for job in done:
        keep(tmp_path, job, 3.0)
    mine, new = done[:30], Job("compare", {"temperature_k": -1})
    found = predicted(tmp_path, *mine, new)
    assert found.n_measured == 24
    assert found.seconds() == {new.key: pytest.approx(3.0)}


def job_after(name: str, *parents: Job) -> Job:
    return Job("compare", {"name": name}, {str(n): job.key for n, job in enumerate(parents)})


def wall_seconds(
    jobs: Sequence[Job], seconds: Mapping[str, float], workers: int, done: Collection[str] = ()
) -> float:
    """Return how long some jobs take that are predicted to take so long each."""
    known = {key: Prediction("alike", 1, s, s) for key, s in seconds.items() if key not in done}
    return Estimate({job.key: job for job in jobs}, done, "", None, known).wall_seconds(workers)


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_a_chain_takes_its_sum(workers):
    chain = [job_after("0")]
    for n in range(1, 6):
        chain.append(job_after(str(n), chain[-1]))
    seconds = {job.key: float(n + 1) for n, job in enumerate(chain)}
    assert wall_seconds(chain, seconds, workers) == 21.0
    # The first two are done.
    assert wall_seconds(chain, seconds, workers, {job.key for job in chain[:2]}) == 18.0


@pytest.mark.parametrize(("workers", "rounds"), [(1, 12), (2, 6), (5, 3), (12, 1), (100, 1)])
def test_a_fan_takes_as_many_rounds_as_it_needs(workers, rounds):
    first = job_after("first")
    fan = [job_after(f"leaf {n}", first) for n in range(12)]
    last = job_after("last", *fan)
    seconds = {job.key: 3.0 for job in fan} | {first.key: 10.0, last.key: 1.0}
    assert wall_seconds([first, *fan, last], seconds, workers) == 11.0 + 3.0 * rounds


def test_a_run_that_was_begun_predicts_its_rest(smoke, tmp_path):
    """A real store: half of a suite is predicted from the other half, and all of it at once."""
    jobs = plan(resolve(load_suite("smoke"))).jobs
    finished = finished_in(Store(smoke.copy_store(tmp_path / "store"), read_only=True))
    assert finished.keys() == jobs.keys()
    done = set(list(jobs)[::2])
    found = estimate(jobs, done, finished, "cpu")
    assert found.predictions.keys() == jobs.keys() - done
    assert {each.basis for each in found.predictions.values()} == {"alike"}
    assert all(seconds >= 0 for seconds in found.seconds().values())
    assert 0.1 < found.wall_seconds(2) < 10 * smoke.seconds
