"""Speed of everything around the physics: planning, and recognising finished work."""

import pytest

from tlbench.engine.store import State, Store
from tlbench.jobs.base import Job
from tlbench.plan import plan
from tlbench.suite import load_suite


@pytest.mark.benchmark(group="plan of si-ge-sw")
def test_planning(benchmark):
    suite = load_suite("si-ge-sw")
    assert benchmark(plan, suite).jobs


@pytest.mark.benchmark(group="recognising 100 finished jobs of 100 kB")
def test_recognising_finished_jobs(benchmark, tmp_path):
    store = Store(tmp_path)
    jobs = [Job("evaluate", {"number": n}) for n in range(100)]
    for job in jobs:
        (store.begin(job) / "artefact").write_bytes(bytes(100_000))
        store.commit(job, {}, {})

    def states():
        return {store.state(job.key) for job in jobs}

    assert benchmark(states) == {State.FINISHED}
