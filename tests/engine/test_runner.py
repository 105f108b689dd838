"""The runner: order, failures as values, reuse, and workers that die."""

import json
import os
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from tlbench.engine.runner import MAX_DAMAGES, MAX_DEATHS, run_jobs
from tlbench.engine.store import Store
from tlbench.engine.worker import LOG, PROGRESS, Outcome
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
        (context.folder / "artefact").write_text("weights")
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


def alter_unseen(path):
    """Change a file and leave its size and time of change as they were."""
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_damage_that_only_shows_when_a_parent_is_read_is_repaired_in_the_same_run(ran, store):
    a = add("a", 1)
    unused = add("unused", 1)
    run_jobs(graph(a, unused), store, one_thread, "cpu")
    for job in (a, unused):
        alter_unseen(store.folder(job.key) / "artefact")
    children = [add(f"child {n}", n, a) for n in range(3)]
    jobs = graph(a, unused, *children)
    report = run_jobs(jobs, store, one_thread, "cpu")
    assert report.complete
    assert report.set_aside == [a.key]
    assert ran == ["a", "unused", "a", "child 0", "child 1", "child 2"]
    assert (store.folder(a.key) / "artefact").read_text() == "weights"
    assert report.status[a.key] == "done"
    assert len(list((store.root / ".damaged").iterdir())) == 1


def test_a_caller_that_uses_the_files_has_them_all_read(ran, store):
    a = add("a", 1)
    run_jobs(graph(a), store, one_thread, "cpu")
    alter_unseen(store.folder(a.key) / "artefact")
    assert run_jobs(graph(a), store, one_thread, "cpu").set_aside == []
    assert run_jobs(graph(a), store, one_thread, "cpu", thorough=True).set_aside == [a.key]
    assert (store.folder(a.key) / "artefact").read_text() == "weights"


class LatePool(Executor):
    """Brings word of a lost parent when it has been done again."""

    def __init__(self):
        self.told = False

    def submit(self, function, job, *arguments):
        future = Future()
        if job.parents and not self.told:
            self.told = True
            future.set_result(Outcome(job.key, lost=tuple(job.parents.values())))
        else:
            future.set_result(function(job, *arguments))
        return future


@contextmanager
def late():
    yield LatePool()


def test_a_parent_that_is_there_again_is_not_done_once_more(ran, store):
    a = add("a", 1)
    b = add("b", 2, a)
    report = run_jobs(graph(a, b), store, late, "cpu")
    assert report.status == {a.key: "done", b.key: "done"}
    assert report.set_aside == []
    assert ran == ["a", "b"]


class DamagingPool(Executor):
    """Does jobs, on a disk that loses whatever is written to it."""

    def __init__(self, store):
        self.store = store

    def submit(self, function, job, *arguments):
        future = Future()
        future.set_result(function(job, *arguments))
        if self.store.folder(job.key).exists():
            alter_unseen(self.store.folder(job.key) / "artefact")
        return future


@contextmanager
def damaging(store):
    yield DamagingPool(store)


def test_a_parent_that_is_always_damaged_is_given_up(ran, store):
    a = add("a", 1)
    b = add("b", 2, a)
    c = add("c", 3, b)
    report = run_jobs(graph(a, b, c), store, partial(damaging, store), "cpu")
    assert [report.status[j.key] for j in (a, b, c)] == ["failed", "skipped", "skipped"]
    assert report.errors == {
        a.key: "Its files were damaged 3 times after it was done; check the disk."
    }
    assert ran == ["a"] * MAX_DAMAGES


def test_the_display_is_told_at_the_start_and_at_the_end_and_not_for_every_job(ran, store):
    seen = []
    jobs = graph(*(add(f"{n}", n) for n in range(30)))
    run_jobs(jobs, store, one_thread, "cpu", lambda r: seen.append(r.count("done")), at_once=2)
    assert seen[0] == 0
    assert seen[-1] == len(jobs)
    assert len(seen) < len(jobs)


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
