"""Time and memory per job do not grow with the number of jobs.

Measured is the processor's time in our own code, as the machine may be busy and its disk slow;
`benchmarks/scale.py` measures disks, too, and up to 100,000 jobs.
"""

import gc
import resource
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import scale

from tlbench.engine.run.schedule import Schedule
from tlbench.engine.store.store import Store
from tlbench.jobs.base import Job

pytestmark = pytest.mark.alone

FEW, MANY = 500, 2_000
CEILINGS_MS = {"plan": 0.5, "write plan": 0.5, "run": 5.0, "recognise": 0.3}
GROWTH = 1.6


def user_seconds() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


@pytest.fixture(scope="module")
def milliseconds():
    """Return what a job takes in each step, with few jobs and with many: the least of two runs.

    Objects that other tests left are kept from the garbage collector, whose passes over them
    would be counted as ours.
    """
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr("os.fsync", lambda descriptor: None)
        patch.setattr("time.process_time", user_seconds)
        gc.collect()
        gc.freeze()
        try:
            runs = [
                [scale.measure(n, Path(folder) / f"{n}-{again}") for n in (FEW, MANY)]
                for again in range(2)
            ]
        finally:
            gc.unfreeze()
    return {
        step: [
            min(1e3 * each.cpu[step] / each.jobs for each in same)
            for same in zip(*runs, strict=True)
        ]
        for step in CEILINGS_MS
    }


@pytest.mark.parametrize("step", CEILINGS_MS)
def test_a_job_costs_little_and_as_much_among_many_as_among_few(milliseconds, step):
    few, many = milliseconds[step]
    assert max(few, many) < CEILINGS_MS[step]
    # A fifth of the ceiling is as good as nothing, and too little to compare.
    assert many < GROWTH * few or many < CEILINGS_MS[step] / 5


def test_a_store_is_scanned_without_looking_into_jobs(tmp_path):
    store = Store(tmp_path / "store")
    keys = {Job("compare", {"n": n}).key for n in range(2_000)}
    for key in keys:
        store.folder(key).mkdir()
    for name in ("not a key", "A" * 64, "0" * 63):
        (store.root / name).mkdir()
    (store.root / ("0" * 64)).touch()
    started = user_seconds()
    assert store.finished() == keys
    assert user_seconds() - started < 2_000 * 50e-6


def test_a_plan_of_many_jobs_takes_a_few_kibibytes_for_each():
    tracemalloc.start()
    try:
        jobs = scale.planned(MANY)
        per_job = tracemalloc.get_traced_memory()[0] / len(jobs)
    finally:
        tracemalloc.stop()
    assert per_job < 16 << 10


@pytest.mark.parametrize("shape", ["chain", "star"])
def test_no_shape_of_a_graph_is_slow_to_walk(shape):
    """The deepest graph there is, and the one in which a job has the most children."""

    def seconds(n):
        jobs = [Job("compare", {"n": 0})]
        for number in range(1, n):
            parent = jobs[-1] if shape == "chain" else jobs[0]
            jobs.append(Job("distance", {"n": number}, {"data": parent.key}))
        graph = {job.key: job for job in jobs}
        status = dict.fromkeys(graph, "waiting")
        started = user_seconds()
        schedule = Schedule(graph, status)
        while (key := schedule.take()) is not None:
            schedule.finish(key, "done")
        assert set(status.values()) == {"done"}
        return user_seconds() - started

    assert seconds(20_000) < 20_000 * 50e-6
