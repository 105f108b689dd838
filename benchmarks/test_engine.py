"""Speed of everything around the physics: planning, recognising finished work, one job's rest."""

import json
import os
from itertools import count
from typing import ClassVar

import pytest

from tlbench.engine.executors import local
from tlbench.engine.run.runner import Resources, run_jobs
from tlbench.engine.store.store import State, Store
from tlbench.engine.work.cost import Stopwatch
from tlbench.engine.work.supervisor import execute
from tlbench.jobs import kind
from tlbench.jobs.base import KINDS, Job
from tlbench.run import run_suite
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

SEEDS = 208
JOBS = 9986
"""What si-ge-sw with so many seeds needs."""

WEIGHTS = bytes(20_000)


@pytest.fixture(scope="module")
def large_suite():
    seeds = json.dumps(list(range(SEEDS)))
    return load_suite("si-ge-sw", [("subset_seeds", seeds), ("init_seeds", seeds)])


def fill(store, planned):
    """Put every job of a plan into ``store``, with a result of the usual form but no work."""
    suite = planned.suite
    conditions = [{}, *({"temperature_k": float(t)} for t in range(300, 3301, 300))]
    metrics = [
        {"metric": name, "value": 1.0, "condition": condition}
        for name in suite.metrics
        for condition in conditions
    ]
    provenance = Stopwatch().provenance("cpu")
    with pytest.MonkeyPatch.context() as patch:
        # Ten thousand jobs brought to the disk one by one would take minutes.
        patch.setattr(os, "fsync", lambda descriptor: None)
        for job in planned.jobs.values():
            folder = store.begin(job)
            (folder / "log.txt").write_text("done\n")
            for name in ("artefact", *KINDS[job.kind].outputs_of(job.config)):
                (folder / name).write_bytes(WEIGHTS)
            result = {"metrics": metrics} if job.kind == "evaluate" else {"updates": 5000}
            store.commit(job, result, provenance)


def no_executor():
    raise AssertionError("there was nothing to do")


@pytest.mark.benchmark(group="plan of 10,000 jobs")
def test_planning_ten_thousand_jobs(benchmark, large_suite):
    benchmark.extra_info["target_s"] = 2.0
    planned = benchmark.pedantic(plan, (large_suite,), rounds=3, warmup_rounds=1)
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
    suite = load_suite("si-ge-sw")
    fill(Store(tmp_path / "store"), plan(resolve(suite)))
    arguments = (suite, tmp_path / "out", tmp_path / "store")
    run = benchmark.pedantic(run_suite, arguments, {"resources": Resources(device="cpu")}, rounds=3)
    assert run.report.count("cached") == len(run.plan.jobs)
    assert run.records


class Config(kind.Config):
    """Settings of a job of kind "nothing"."""

    kind: ClassVar = "nothing"

    n: int


def nothing(config, context):
    """Do the work of a job of kind "nothing"."""
    return kind.Result.of()


NOTHING = kind.Kind(Config, kind.Result, nothing)


def know_nothing():
    """Make the kind known to a worker."""
    KINDS["nothing"] = NOTHING


@pytest.mark.benchmark(group="a job that does nothing, after another, in a running worker")
def test_overhead_of_a_job(benchmark, tmp_path, monkeypatch):
    benchmark.extra_info["target_s"] = 0.05
    monkeypatch.setitem(KINDS, "nothing", NOTHING)
    store = Store(tmp_path)
    parent = Job("nothing", {"n": 0})
    numbers = count(1)
    with local([None]) as pool:
        pool.submit(know_nothing).result()
        # The first job of a worker also imports torch.
        assert pool.submit(execute, parent, str(store.root), "cpu").result().error is None

        def one_more():
            job = Job("nothing", {"n": next(numbers)}, {"parent": parent.key})
            return pool.submit(execute, job, str(store.root), "cpu").result()

        outcome = benchmark.pedantic(one_more, rounds=50, warmup_rounds=2)
    assert outcome.error is None
    assert store.state(outcome.key) is State.FINISHED
