"""Speed of everything around the physics: planning, recognising finished work, one job's rest."""

import json
import os
from itertools import count

import numpy as np
import pytest
from steps import crystals

from tlbench.data.cards import load_card
from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS
from tlbench.engine.executors import local
from tlbench.engine.run.runner import Resources, run_jobs
from tlbench.engine.store.store import State, Store
from tlbench.engine.work.attempts import Task
from tlbench.engine.work.cost import Stopwatch
from tlbench.engine.work.supervisor import execute
from tlbench.jobs.base import KINDS
from tlbench.jobs.evaluate import ERRORS
from tlbench.run import run_suite
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.plan import dataset_job
from tlbench.study.study import resolve

SEEDS = 208
JOBS = 9988
"""What si-ge-sw with so many seeds needs."""

ERRORS_ALONE = [("distances", "null")]
WEIGHTS = bytes(20_000)
N_TESTED = 110


@pytest.fixture(scope="module")
def large_suite():
    seeds = json.dumps(list(range(SEEDS)))
    return load_suite("si-ge-sw", [*ERRORS_ALONE, ("subset_seeds", seeds), ("init_seeds", seeds)])


def fill(store, planned):
    """Put every job of a plan into ``store``, with a result of the usual form but no work."""
    suite = planned.suite
    conditions = [{}, *({"temperature_k": float(t)} for t in range(300, 3301, 300))]
    metrics = [
        {"metric": name, "value": 1.0, "condition": condition}
        for name in suite.metrics
        for condition in conditions
    ]
    results = {
        "dataset": {name: dict.fromkeys(SPLITS, N_TESTED) for name in ("n_frames", "n_atoms")},
        "train": {"n_parameters": 1000},
        "speed": {"n_parameters": 1000},
        "evaluate": {"metrics": metrics},
    }
    provenance = Stopwatch().provenance("cpu")
    frames = {
        planned.data[card.digest()]: Frames.unlabelled(crystals(N_TESTED, *card.elements))
        for card in planned.study.cards
    }
    errors = {
        "energy": np.zeros(N_TESTED),
        "forces": np.zeros((64 * N_TESTED, 3), np.float32),
        "n_atoms": np.full(N_TESTED, 64),
    }
    with pytest.MonkeyPatch.context() as patch:
        # Ten thousand jobs brought to the disk one by one would take minutes.
        patch.setattr(os, "fsync", lambda descriptor: None)
        for job in planned.jobs.values():
            folder = store.begin(job)
            (folder / "log.txt").write_text("done\n")
            for name in ("artefact", *KINDS[job.kind].outputs_of(job.config)):
                if name == ERRORS:
                    np.savez(folder / name, **errors)
                elif job.kind == "dataset" and name.endswith(".npz"):
                    frames[job.key].save(folder / name)
                else:
                    (folder / name).write_bytes(WEIGHTS)
            store.commit(job, results[job.kind], provenance)


def planned_of(suite):
    """Return the plan of a suite."""
    return plan(resolve(suite))


def no_executor():
    raise AssertionError("there was nothing to do")


@pytest.mark.benchmark(group="plan of 10,000 jobs")
def test_planning_ten_thousand_jobs(benchmark, large_suite):
    benchmark.extra_info["target_s"] = 2.0
    planned = benchmark.pedantic(planned_of, (large_suite,), rounds=3, warmup_rounds=1)
    assert len(planned.jobs) == JOBS


@pytest.mark.benchmark(group="recognising 10,000 finished jobs")
def test_recognising_ten_thousand_finished_jobs(benchmark, large_suite, tmp_path):
    benchmark.extra_info["target_s"] = 5.0
    planned, store = plan(resolve(large_suite)), Store(tmp_path)
    fill(store, planned)
    arguments = (planned.jobs, store, Resources(device="cpu", executor=(no_executor, 1)))
    report = benchmark.pedantic(run_jobs, arguments, rounds=3)
    assert report.count("cached") == JOBS


@pytest.mark.benchmark(group="rerun of si-ge-sw with nothing to do, report included")
def test_rerun_with_nothing_to_do(benchmark, tmp_path):
    benchmark.extra_info["target_s"] = 5.0
    suite = load_suite("si-ge-sw", ERRORS_ALONE)
    fill(Store(tmp_path / "store"), plan(resolve(suite)))
    arguments = (suite, tmp_path / "out", tmp_path / "store")
    run = benchmark.pedantic(run_suite, arguments, {"resources": Resources(device="cpu")}, rounds=3)
    assert run.report.count("cached") == len(run.plan.jobs)
    assert run.records


@pytest.mark.benchmark(group="a job that labels 8-atom cells, after another, in a running worker")
def test_overhead_of_a_job(benchmark, tmp_path):
    benchmark.extra_info["target_s"] = 0.05
    job = dataset_job(load_card("sw-si-8"))
    numbers = count()

    def one_more():
        # The same work counts as new in another store.
        store = Store(tmp_path / str(next(numbers)))
        outcome = pool.submit(execute, Task(job, str(store.root), "cpu")).result()
        return store, outcome

    with local([None]) as pool:
        # The first job of a worker also imports torch.
        one_more()
        store, outcome = benchmark.pedantic(one_more, rounds=50, warmup_rounds=2)
    assert outcome.error is None
    assert store.state(job.key) is State.FINISHED
