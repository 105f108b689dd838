"""The runner: order, failures as values, reuse, and workers that die."""

import json
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from tlbench.engine.runner import MAX_DEATHS, run_jobs
from tlbench.engine.store import Store
from tlbench.engine.worker import LOG, PROGRESS
from tlbench.errors import InputError
from tlbench.jobs import base
from tlbench.jobs.base import Job


@dataclass(frozen=True)
class FakeKind:
    """A kind of job whose work is a function of this test."""

    run: object
    version: int = 1
    uses_device: bool = False

    def load(self):
        return self.run


@pytest.fixture
def ran(monkeypatch, _kind_exists_for_keys):
    """Jobs of kind "sum" add their number to their parents' results; returns who ran."""
    names = []

    def work(config, context):
        names.append(config["name"])
        if config.get("fails"):
            raise InputError("this job\nfails on purpose")
        if config.get("crashes"):
            raise ZeroDivisionError("a bug")
        parents = [json.loads((p / "result.json").read_text()) for p in context.parents.values()]
        return {"sum": config["n"] + sum(p["sum"] for p in parents)}

    monkeypatch.setitem(base.KINDS, "sum", FakeKind(work))
    return names


@contextmanager
def one_thread():
    with ThreadPoolExecutor(1) as pool:
        yield pool


def add(name, n, *parents, **extra):
    roles = {f"p{i}": parent.key for i, parent in enumerate(parents)}
    return Job("sum", {"name": name, "n": n, **extra}, roles, label=name)


def graph(*jobs):
    return {job.key: job for job in jobs}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_parents_run_before_children_and_each_job_once(ran, store):
    a = add("a", 1)
    b, c = add("b", 10, a), add("c", 100, a)
    d = add("d", 1000, b, c)
    report = run_jobs(graph(a, b, c, d), store, one_thread, "cpu")
    assert report.complete
    assert sorted(ran) == ["a", "b", "c", "d"]
    assert ran.index("a") < min(ran.index("b"), ran.index("c")) < ran.index("d")
    assert store.result(d.key) == {"sum": 1112}


def test_what_is_in_the_store_is_not_done_again_and_needs_no_executor(ran, store):
    jobs = graph(add("a", 1), add("b", 2))
    run_jobs(jobs, store, one_thread, "cpu")

    def never():
        raise AssertionError("there was nothing to do")

    report = run_jobs(jobs, store, never, "cpu")
    assert set(report.status.values()) == {"cached"}
    assert len(ran) == 2


def test_a_failure_is_a_value_and_only_descendants_are_skipped(ran, store):
    bad = add("bad", 1, fails=True)
    child, grandchild = add("child", 2, bad), None
    grandchild = add("grandchild", 3, child)
    other = add("other", 4)
    report = run_jobs(graph(bad, child, grandchild, other), store, one_thread, "cpu")
    status = [report.status[j.key] for j in (bad, child, grandchild, other)]
    assert status == ["failed", "skipped", "skipped", "done"]
    assert report.errors == {bad.key: "this job fails on purpose"}
    assert not report.complete


def test_a_bug_is_reported_with_its_type_and_the_log_has_the_traceback(ran, store):
    job = add("bug", 1, crashes=True)
    report = run_jobs(graph(job), store, one_thread, "cpu")
    assert report.errors[job.key] == "ZeroDivisionError: a bug"
    log = (store.working_folder(job.key) / LOG).read_text()
    assert "Traceback" in log
    assert "a bug" in log


def test_a_failed_job_is_tried_again_in_the_next_run(ran, store, monkeypatch):
    job = add("flaky", 5, crashes=True)
    run_jobs(graph(job), store, one_thread, "cpu")
    monkeypatch.setitem(base.KINDS, "sum", FakeKind(lambda config, context: {"sum": 5}))
    assert run_jobs(graph(job), store, one_thread, "cpu").complete


def test_a_damaged_job_is_reported_and_done_again(ran, store):
    a = add("a", 1)
    b = add("b", 2, a)
    run_jobs(graph(a, b), store, one_thread, "cpu")
    (store.folder(a.key) / "result.json").write_text('{"sum": 7}')
    report = run_jobs(graph(a, b), store, one_thread, "cpu")
    assert report.set_aside == [a.key]
    assert report.status == {a.key: "done", b.key: "cached"}
    assert store.result(a.key) == {"sum": 1}


def test_a_job_that_another_runner_finished_meanwhile_is_not_done_twice(ran, store):
    job = add("a", 1)

    @contextmanager
    def overtaken():
        # Between planning and starting, somebody else does the job.
        run_jobs(graph(job), store, one_thread, "cpu")
        with one_thread() as pool:
            yield pool

    report = run_jobs(graph(job), store, overtaken, "cpu")
    assert report.status[job.key] == "cached"
    assert ran == ["a"]


class DyingPool(Executor):
    """Starts a job, then loses the worker, as if it had been killed."""

    def __init__(self, store):
        self.store = store

    def submit(self, function, job, *arguments):
        (self.store.begin(job) / PROGRESS).write_text("{}")
        future = Future()
        future.set_exception(BrokenProcessPool("killed"))
        return future


@contextmanager
def dying(store, deaths):
    deaths.append(1)
    yield DyingPool(store)


def test_a_job_that_keeps_killing_its_worker_is_given_up(ran, store):
    deaths = []
    job = add("a", 1)
    child = add("b", 1, job)
    report = run_jobs(graph(job, child), store, partial(dying, store, deaths), "cpu")
    assert len(deaths) >= MAX_DEATHS
    assert report.status == {job.key: "failed", child.key: "skipped"}
    assert "died 3 times" in report.errors[job.key]


def test_a_job_survives_the_death_of_a_worker(ran, store):
    job = add("a", 1)
    deaths = []

    @contextmanager
    def dies_once():
        if deaths:
            with one_thread() as pool:
                yield pool
        else:
            with dying(store, deaths) as pool:
                yield pool

    assert run_jobs(graph(job), store, dies_once, "cpu").complete
    assert ran == ["a"]


def test_jobs_with_the_same_work_have_the_same_key_whatever_they_are_called():
    assert add("a", 1).key == Job("sum", {"n": 1, "name": "a"}, label="other").key
    assert add("a", 1).key != add("a", 2).key
    assert add("a", 1).key != add("a", 1, add("parent", 0)).key


@pytest.fixture(autouse=True)
def _kind_exists_for_keys(monkeypatch):
    monkeypatch.setitem(base.KINDS, "sum", FakeKind(None))


def test_what_most_jobs_wait_for_goes_first(ran, store):
    """A job that becomes ready late, but that others wait for, overtakes those that are ready."""
    slow, quick = add("slow data", 1), add("quick data", 2)
    leaves = [add(f"leaf {n}", n, quick) for n in range(6)]
    pretrain = add("pretrain", 3, slow)
    children = [add(f"child {n}", n, pretrain) for n in range(4)]
    jobs = graph(quick, *leaves, slow, pretrain, *children)
    report = run_jobs(jobs, store, one_thread, "cpu", at_once=2)
    assert report.complete
    assert sorted(ran) == sorted(job.label for job in jobs.values())
    assert ran.index("pretrain") <= 4
    # Handing over everything at once leaves it behind whatever was ready before.
    assert {"quick data", "slow data"} == set(ran[:2])
