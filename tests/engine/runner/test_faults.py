"""Jobs that die, are damaged, or are done by others meanwhile."""

import errno
import os
import shutil
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial

import pytest
from fake_jobs import HERE, FakeKind, add, graph, one_thread, within

from tlbench.base.errors import StoreError
from tlbench.engine.run import runner
from tlbench.engine.run.runner import ATTEMPTS, MAX_DAMAGES, run_jobs
from tlbench.engine.store import manifest
from tlbench.engine.store.store import State, Store
from tlbench.engine.work.attempts import Outcome, Task
from tlbench.engine.work.worker import attempt
from tlbench.jobs import base, sources
from tlbench.jobs.base import Job
from tlbench.jobs.sources import own_sources


def alter_unseen(path):
    """Change a file and leave its size and time of change as they were."""
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_damage_that_only_shows_when_a_parent_is_read_is_repaired_in_the_same_run(ran, store):
    a = add("a", 1)
    unused = add("unused", 1)
    run_jobs(graph(a, unused), store, HERE)
    for job in (a, unused):
        alter_unseen(store.folder(job.key) / "artefact")
    children = [add(f"child {n}", n, a) for n in range(3)]
    jobs = graph(a, unused, *children)
    report = run_jobs(jobs, store, HERE)
    assert report.complete
    assert report.set_aside == [a.key]
    assert ran == ["a", "unused", "a", "child 0", "child 1", "child 2"]
    assert (store.folder(a.key) / "artefact").read_text() == "weights"
    assert report.status[a.key] == "done"
    assert len(list((store.root / ".damaged").iterdir())) == 1


def test_a_parent_is_read_once_and_not_for_each_child(ran, store, monkeypatch):
    a = add("a", 1)
    run_jobs(graph(a), store, HERE)
    path = store.folder(a.key) / "artefact"
    read = []
    original = manifest._file_digest
    monkeypatch.setattr(
        manifest, "_file_digest", lambda path: read.append(str(path)) or original(path)
    )
    # What was written a moment ago may change again without its times telling.
    monkeypatch.setattr(manifest, "SETTLED_SECONDS", 0.0)
    children = [add(f"child {n}", n, a) for n in range(4)]
    assert run_jobs(graph(a, *children), store, HERE).complete
    assert read.count(str(path)) == 1
    # Its size and its time of change are what they were, and it is found out all the same.
    alter_unseen(path)
    more = [add(f"more {n}", n, a) for n in range(2)]
    assert run_jobs(graph(a, *more), store, HERE).set_aside == [a.key]
    assert path.read_text() == "weights"


def test_a_file_that_was_just_written_is_read_each_time(ran, store):
    """Two changes within one tick of the file system's clock cannot be told by their times."""
    a = add("a", 1)
    run_jobs(graph(a), store, HERE)
    artefact = store.folder(a.key) / "artefact"
    same = artefact.stat()
    assert store.state(a.key, thorough=True) is State.FINISHED
    with pytest.MonkeyPatch.context() as patch:
        content = artefact.read_bytes()
        artefact.write_bytes(bytes(len(content)))
        os.utime(artefact, ns=(same.st_atime_ns, same.st_mtime_ns))
        patch.setattr(manifest, "_identity", lambda found: (same.st_ino, same.st_ctime_ns))
        assert store.state(a.key, thorough=True) is State.DAMAGED


def test_a_job_whose_parent_is_not_of_the_run_needs_it_undamaged(ran, store):
    parent = add("parent", 1)
    run_jobs(graph(parent), store, HERE)
    child, other = add("child", 2, parent), add("other", 3, parent)
    assert run_jobs(graph(child), store, HERE).complete
    alter_unseen(store.folder(parent.key) / "artefact")
    report = run_jobs(graph(other), store, HERE)
    assert report.errors[other.key].endswith("set aside; do that job again first.")
    assert ran == ["parent", "child"]


def test_a_caller_that_uses_the_files_has_them_all_read(ran, store):
    a = add("a", 1)
    run_jobs(graph(a), store, HERE)
    alter_unseen(store.folder(a.key) / "artefact")
    assert run_jobs(graph(a), store, HERE).set_aside == []
    assert run_jobs(graph(a), store, HERE, thorough=True).set_aside == [a.key]
    assert (store.folder(a.key) / "artefact").read_text() == "weights"


class LatePool(Executor):
    """Brings word of a lost parent when it has been done again."""

    def __init__(self):
        self.told = False

    def submit(self, function, task):
        future = Future()
        if task.job.parents and not self.told:
            self.told = True
            future.set_result(Outcome(task.job.key, lost=tuple(task.job.parents.values())))
        else:
            future.set_result(attempt(task))
        return future


@contextmanager
def late():
    yield LatePool()


def test_a_parent_that_is_there_again_is_not_done_once_more(ran, store):
    a = add("a", 1)
    b = add("b", 2, a)
    report = run_jobs(graph(a, b), store, within(late))
    assert report.status == {a.key: "done", b.key: "done"}
    assert report.set_aside == []
    assert ran == ["a", "b"]


class DamagingPool(Executor):
    """Does jobs, on a disk that loses whatever is written to it."""

    def __init__(self, store):
        self.store = store

    def submit(self, function, task):
        future = Future()
        future.set_result(attempt(task))
        if self.store.folder(task.job.key).exists():
            alter_unseen(self.store.folder(task.job.key) / "artefact")
        return future


@contextmanager
def damaging(store):
    yield DamagingPool(store)


def test_a_parent_that_is_always_damaged_is_given_up(ran, store):
    a = add("a", 1)
    b = add("b", 2, a)
    c = add("c", 3, b)
    report = run_jobs(graph(a, b, c), store, within(partial(damaging, store)))
    assert [report.status[j.key] for j in (a, b, c)] == ["failed", "skipped", "skipped"]
    assert report.errors == {
        a.key: "Its files were damaged 3 times after it was done; check the disk."
    }
    assert ran == ["a"] * MAX_DAMAGES


class Answering(Executor):
    """Answers for the first jobs as given, then does them."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    def submit(self, function, task):
        self.asked += 1
        future = Future()
        answer = self.answers.pop(0) if self.answers else None
        future.set_result(attempt(task) if answer is None else Outcome(task.job.key, **answer))
        return future


DEAD = {"death": "its process was killed"}


def answered(*answers):
    """Return a pool and what makes it."""
    pool = Answering(*answers)

    @contextmanager
    def make():
        yield pool

    return pool, make


def test_a_job_that_keeps_killing_its_process_is_given_up(ran, store, monkeypatch):
    monkeypatch.setattr(runner, "PER_WORKER", 1)
    job = add("a", 1)
    child, other = add("b", 1, job), add("other", 2)
    pool, make = answered(*[DEAD] * ATTEMPTS)
    report = run_jobs(graph(job, child, other), store, within(make, 1))
    assert pool.asked == ATTEMPTS + 1
    assert report.status == {job.key: "failed", child.key: "skipped", other.key: "done"}
    assert report.errors[job.key] == (
        "It was tried 3 times; the last time, its process was killed."
    )


def test_how_often_is_up_to_the_caller(ran, store):
    job = add("a", 1)
    pool, make = answered(DEAD)
    report = run_jobs(graph(job), store, within(make, attempts=1))
    assert report.errors == {job.key: "It was tried once; the last time, its process was killed."}
    assert pool.asked == 1


def test_a_job_survives_the_death_of_its_process(ran, store):
    job, other = add("a", 1), add("b", 2)
    report = run_jobs(graph(job, other), store, within(answered(DEAD, None, DEAD)[1]))
    assert report.complete
    assert sorted(ran) == ["a", "b"]
    assert report.retried == [job.key, job.key]


def test_a_job_that_another_runner_is_doing_is_left_to_it(ran, store):
    """Other jobs go first, and the job is taken over when the other runner gives it up."""
    job, others = add("a", 1), [add(f"{n}", n) for n in range(3)]
    jobs = graph(job, *others)
    told, known = [], []

    def listen(event, job, **fields):
        told.append((event, job.label, fields.get("by")))
        if event == "finished" and len(ran) == 3:
            elsewhere.release()

    elsewhere = store.lock(job.key)
    with elsewhere:
        by = str(elsewhere.holder())
        report = run_jobs(
            jobs, store, within(one_thread, 1),
            lambda report: known.append(dict(report.elsewhere)), listen,
        )  # fmt: skip
    assert report.complete
    assert sorted(ran) == ["0", "1", "2", "a"]
    assert ran[-1] == "a"
    assert f"process {os.getpid()} on " in by
    # Said once, as nothing changes.
    assert [event for event in told if event[0] == "elsewhere"] == [("elsewhere", "a", by)]
    assert {job.key: by} in known
    assert known[-1] == report.elsewhere == {}


def damage(store, job):
    path = store.folder(job.key) / "result.json"
    path.write_text(path.read_text() + " ")


def test_a_damaged_job_that_another_process_works_on_is_left_to_it(ran, store):
    """Nothing waits for it in silence, and it is done again when its lock is free."""
    job, other = add("a", 1), add("b", 2)
    run_jobs(graph(job), store, HERE)
    damage(store, job)
    lock = store.lock(job.key)

    def listen(event, job, **fields):
        if event == "elsewhere":
            lock.release()

    with lock:
        report = run_jobs(graph(job, other), store, HERE, on_event=listen)
    assert report.complete
    assert sorted(ran) == ["a", "a", "b"]


def test_a_job_waits_for_who_works_on_its_damaged_parent(ran, store):
    parent = add("parent", 1)
    child = add("child", 2, parent)
    run_jobs(graph(parent), store, HERE)
    damage(store, parent)
    with store.lock(parent.key) as lock:
        outcome = attempt(Task(child, str(store.root), "cpu"))
        assert outcome.busy == str(lock.holder())
    assert attempt(Task(child, str(store.root), "cpu")).lost == (parent.key,)


def test_a_job_that_another_has_finished_meanwhile_is_a_hit(ran, store, tmp_path, monkeypatch):
    """As a job that is copied into the store is, or where locks exist in name only."""
    job, theirs = add("a", 1), Store(tmp_path / "theirs")
    run_jobs(graph(job), theirs, HERE)

    def overtaken(config, context):
        shutil.copytree(theirs.folder(job.key), store.folder(job.key))
        return {"sum": 1}

    monkeypatch.setitem(base.KINDS, "sum", FakeKind(overtaken))
    report = run_jobs(graph(job), store, HERE)
    assert report.status == {job.key: "cached"}
    assert store.provenance(job.key) == theirs.provenance(job.key)


def test_a_store_that_takes_nothing_more_ends_the_run(ran, store, monkeypatch):
    monkeypatch.setattr(runner, "PER_WORKER", 1)
    jobs = graph(*(add(f"{n}", n) for n in range(5)))
    fault = {"fault": "No space left on device"}
    with pytest.raises(StoreError, match=r"No space left on device\); 2 of 5 jobs are done"):
        run_jobs(jobs, store, within(answered(None, None, fault)[1], 1))
    assert len(store.finished()) == 2
    assert run_jobs(jobs, store, HERE).count("cached") == 2


def test_a_job_whose_files_do_not_reach_the_disk_is_not_done(ran, store, monkeypatch):
    """A quota may be told of only when files are flushed."""

    def refuse(descriptor):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(StoreError, match="Disk quota exceeded"):
        run_jobs(graph(add("a", 1)), store, HERE)
    assert not store.finished()


def test_a_job_of_other_code_is_not_done(ran, store):
    job = Job("sum", {"name": "a", "n": 1}, label="a", sources={"train": "5" * 64})
    report = run_jobs(graph(job), store, HERE)
    assert "'a' was planned with another version of the code of train" in report.errors[job.key]
    assert not ran
    assert store.finished() == set()


def test_a_job_whose_code_is_changed_while_it_is_loaded_is_not_kept(ran, store, monkeypatch):
    """It has been done, but nobody knows with what."""
    monkeypatch.setattr(sources, "_settled", set())
    job = Job("sum", {"name": "a", "n": 1}, label="a", sources={"speed": own_sources()["speed"]})
    monkeypatch.setattr(own_sources().tree, "changed", lambda path: True)
    report = run_jobs(graph(job), store, HERE)
    assert "was changed before the job 'a' had loaded it" in report.errors[job.key]
    assert store.finished() == set()


def test_a_job_that_does_not_leave_its_outputs_has_failed(ran, store, monkeypatch):
    kind = FakeKind(lambda config, context: {}, outputs=("weights.bin",))
    monkeypatch.setitem(base.KINDS, "sum", kind)
    report = run_jobs(graph(job := add("a", 1)), store, HERE)
    assert "weights.bin is missing, which the job should have left" in report.errors[job.key]
    assert store.finished() == set()


def test_a_bug_is_not_taken_for_a_store_that_cannot_be_written(store, monkeypatch):
    def broken(store, path):
        raise AttributeError("a bug")

    monkeypatch.setattr(Store, "_read_format", broken)
    with pytest.raises(AttributeError, match="a bug"):
        attempt(Task(add("a", 1), str(store.root), "cpu"))
