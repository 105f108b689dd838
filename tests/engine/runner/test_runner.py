"""The runner: order, failures as values, reuse, and workers that die."""

import json
from contextlib import contextmanager

from fake_jobs import HERE, FakeKind, Here, add, graph, one_thread, within

from tlbench.engine.run.runner import run_jobs
from tlbench.engine.work.attempts import Limits
from tlbench.engine.work.events import LOG
from tlbench.jobs import base
from tlbench.jobs.base import Job


def test_parents_run_before_children_and_each_job_once(ran, store):
    a = add("a", 1)
    b, c = add("b", 10, a), add("c", 100, a)
    d = add("d", 1000, b, c)
    report = run_jobs(graph(a, b, c, d), store, HERE)
    assert report.complete
    assert sorted(ran) == ["a", "b", "c", "d"]
    assert ran.index("a") < min(ran.index("b"), ran.index("c")) < ran.index("d")
    assert json.loads(store.read(d.key, "result.json")) == {"sum": 1112}


def test_what_is_in_the_store_is_not_done_again_and_needs_no_executor(ran, store):
    jobs = graph(add("a", 1), add("b", 2))
    run_jobs(jobs, store, HERE)

    def never():
        raise AssertionError("there was nothing to do")

    report = run_jobs(jobs, store, within(never))
    assert set(report.status.values()) == {"cached"}
    assert len(ran) == 2


def test_a_failure_is_a_value_and_only_descendants_are_skipped(ran, store):
    bad = add("bad", 1, fails=True)
    child, grandchild = add("child", 2, bad), None
    grandchild = add("grandchild", 3, child)
    other = add("other", 4)
    report = run_jobs(graph(bad, child, grandchild, other), store, HERE)
    status = [report.status[j.key] for j in (bad, child, grandchild, other)]
    assert status == ["failed", "skipped", "skipped", "done"]
    assert report.errors == {bad.key: "this job fails on purpose"}
    assert not report.complete


def test_a_bug_is_reported_with_its_type_and_the_log_has_the_traceback(ran, store):
    job = add("bug", 1, crashes=True)
    report = run_jobs(graph(job), store, HERE)
    assert report.errors[job.key] == "ZeroDivisionError: a bug"
    log = (store.working_folder(job.key) / LOG).read_text()
    assert "Traceback" in log
    assert "a bug" in log


def test_a_failed_job_is_tried_again_in_the_next_run(ran, store, monkeypatch):
    job = add("flaky", 5, crashes=True)
    run_jobs(graph(job), store, HERE)
    monkeypatch.setitem(base.KINDS, "sum", FakeKind(lambda config, context: {"sum": 5}))
    assert run_jobs(graph(job), store, HERE).complete


def test_a_damaged_job_is_reported_and_done_again(ran, store):
    a = add("a", 1)
    b = add("b", 2, a)
    run_jobs(graph(a, b), store, HERE)
    (store.folder(a.key) / "result.json").write_text('{"sum": 7}')
    report = run_jobs(graph(a, b), store, HERE)
    assert report.set_aside == [a.key]
    assert report.status == {a.key: "done", b.key: "cached"}
    assert json.loads(store.read(a.key, "result.json")) == {"sum": 1}


def test_the_display_is_told_at_the_start_and_at_the_end_and_not_for_every_job(ran, store):
    seen = []
    jobs = graph(*(add(f"{n}", n) for n in range(30)))
    run_jobs(jobs, store, within(one_thread, 1), lambda r: seen.append(r.count("done")))
    assert seen[0] == 0
    assert seen[-1] == len(jobs)
    assert len(seen) < len(jobs)


def test_a_job_that_another_runner_finished_meanwhile_is_not_done_twice(ran, store):
    job = add("a", 1)

    @contextmanager
    def overtaken():
        # Between planning and starting, somebody else does the job.
        run_jobs(graph(job), store, HERE)
        with one_thread() as pool:
            yield pool

    report = run_jobs(graph(job), store, within(overtaken))
    assert report.status[job.key] == "cached"
    assert ran == ["a"]


def test_what_happens_is_told(ran, store):
    good, bad = add("good", 1), add("bad", 2, fails=True)
    child = add("child", 3, bad)
    told = []
    run_jobs(
        graph(good, bad, child),
        store,
        HERE,
        on_event=lambda event, job, **fields: told.append((event, job.label, fields)),
    )
    events = [(event, label) for event, label, _ in told]
    assert events.index(("submitted", "good")) < events.index(("finished", "good"))
    (finished,) = (fields for event, _, fields in told if event == "finished")
    assert finished["reused"] is False
    assert finished["seconds"] >= 0
    (failed,) = (fields for event, _, fields in told if event == "failed")
    assert failed == {"error": "this job fails on purpose", "skipped": 1, "diverged": False}


def test_what_was_measured_of_another_device_is_measured_again(ran, store, monkeypatch):
    """As speeds: what is finished beside it would else be said to be as fast as another device."""
    timed = Job("timed", {}, label="timed")
    measured = []

    def measure(config, context):
        measured.append(1)
        context.measured["force_call_seconds"] = float(len(measured))
        return {}

    kind = FakeKind(measure, measures_device=True)
    monkeypatch.setitem(base.KINDS, "timed", kind)
    run_jobs(graph(timed), store, HERE)

    def run(number, device):
        for module in ("work.cost", "work.worker"):
            monkeypatch.setattr(f"tlbench.engine.{module}.device_name", lambda which: device)
        report = run_jobs(graph(timed, add("a", number)), store, HERE)
        return report.status[timed.key], store.provenance(timed.key).device_name

    here = store.provenance(timed.key).device_name
    assert run(1, here) == ("cached", here)
    assert run(2, "another") == ("done", "another")
    assert run(3, "another") == ("cached", "another")
    # What was measured here is kept beside it: a store may be shared.
    assert run(4, here) == ("cached", "another")
    assert run(5, "a third") == ("done", "a third")
    assert len(measured) == 3
    provenance = store.provenance(timed.key)
    assert provenance.force_calls_elsewhere == {here: 1.0, "another": 2.0}
    assert provenance.force_calls() == {here: 1.0, "another": 2.0, "a third": 3.0}
    # Nothing else is done, so nothing else is asked.
    assert run(5, "a fourth") == ("cached", "a third")
    assert not list((store.root / ".removed").iterdir())

    def out_of_memory(config, context):
        raise MemoryError

    monkeypatch.setitem(base.KINDS, "timed", FakeKind(out_of_memory, measures_device=True))
    assert run(6, "a fourth") == ("failed", "a third")
    assert store.provenance(timed.key).force_calls() == provenance.force_calls()


def test_a_job_whose_training_diverged_is_told_from_others_that_fail(ran, store):
    told = {}
    run_jobs(
        graph(add("bad", 1, fails=True), add("wild", 2, diverges=True)),
        store,
        HERE,
        on_event=lambda event, job, **fields: told.update({job.label: fields.get("diverged")}),
    )
    assert told == {"bad": False, "wild": True}


def test_a_task_says_in_what_the_job_is_done(ran, store):
    tasks = []

    class Asking(Here):
        def submit(self, function, task):
            tasks.append(task)
            return super().submit(function, task)

    @contextmanager
    def asking():
        with Asking(1) as pool:
            yield pool

    plain = add("plain", 1)
    special = Job("sum", {"name": "special", "n": 2}, label="special", environment="mace")
    other = Job("sum", {"name": "other", "n": 2}, label="other", environment="schnet")
    pythons, limits = {"mace": "/opt/mace/bin/python"}, Limits(60, 2000)
    jobs = graph(plain, special, other)
    run_jobs(jobs, store, within(asking, pythons=pythons, limits=limits))
    found = {task.job.label: (task.python, task.environment) for task in tasks}
    assert found["special"] == ("/opt/mace/bin/python", "mace")
    assert found["plain"] == found["other"] == (None, None)
    assert {task.limits for task in tasks} == {limits}
    assert store.provenance(special.key).environment == "mace"
    assert store.provenance(plain.key).environment is None


def test_jobs_with_the_same_work_have_the_same_key_whatever_they_are_called():
    assert add("a", 1).key == Job("sum", {"n": 1, "name": "a"}, label="other").key
    assert add("a", 1).key != add("a", 2).key
    assert add("a", 1).key != add("a", 1, add("parent", 0)).key


def test_what_most_jobs_wait_for_goes_first(ran, store):
    """A job that becomes ready late, but that others wait for, overtakes those that are ready."""
    slow, quick = add("slow data", 1), add("quick data", 2)
    leaves = [add(f"leaf {n}", n, quick) for n in range(6)]
    pretrain = add("pretrain", 3, slow)
    children = [add(f"child {n}", n, pretrain) for n in range(4)]
    jobs = graph(quick, *leaves, slow, pretrain, *children)
    report = run_jobs(jobs, store, within(one_thread, 1))
    assert report.complete
    assert sorted(ran) == sorted(job.label for job in jobs.values())
    assert ran.index("pretrain") <= 4
    # Handing over everything at once leaves it behind whatever was ready before.
    assert {"quick data", "slow data"} == set(ran[:2])
