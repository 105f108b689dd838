"""Who does the jobs of a run that others work on."""

import json

import pytest
from lock_holders import held, stop

from tlbench.base.errors import InputError
from tlbench.engine.run.run_log import LOCK, RunLog
from tlbench.engine.run.status import Status, follow, status_of
from tlbench.engine.store.plans import write_plan
from tlbench.engine.store.store import Store
from tlbench.jobs.base import Job

JOB = Job("dataset", {"n": 1}, label="made for the test")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def log(tmp_path, store):
    """Return the log of a run of one job, which goes on."""
    plan = write_plan(store, "mine", {JOB.key: JOB}).name
    about = {"suite": "mine", "store": str(store.root), "plan": plan, "shard": None, "jobs": 1}
    (tmp_path / "out").mkdir()
    with RunLog(tmp_path / "out", about) as log:
        yield log


def test_who_does_a_job_that_was_left_to_another(tmp_path, store, log):
    store.begin(JOB)
    run = follow(str(tmp_path / "out"))
    with held(store.root / ".locks" / f"{JOB.key}.lock") as pid:
        log("submitted", JOB)
        assert status_of(run).states == {JOB.key: "running"}
        # It may be a process of this run.
        assert status_of(run).elsewhere == {}
        log("elsewhere", JOB, by="whoever that was")
        found = status_of(run).elsewhere[JOB.key]
        assert found.startswith(f"process {pid} on ")
    assert status_of(run).elsewhere == {}
    assert status_of(run).states == {JOB.key: "waiting"}


def test_a_process_that_is_stopped_is_named_whoever_started_it(tmp_path, store, log):
    store.begin(JOB)
    log("submitted", JOB)
    with held(store.root / ".locks" / f"{JOB.key}.lock") as pid:
        stop(pid)
        found = status_of(follow(str(tmp_path / "out")))
        assert f"process {pid} on " in found.elsewhere[JOB.key]
        assert "which is stopped" in found.elsewhere[JOB.key]


def test_what_an_earlier_process_did_is_not_of_this_run(tmp_path, log):
    log("submitted", JOB)
    log("finished", JOB, seconds=1.0)
    assert status_of(follow(str(tmp_path / "out"))).done == [JOB.key]
    # So far the new process has the folder, and has written nothing but what it is.
    path = tmp_path / "out" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": 1}))
    found = status_of(follow(str(tmp_path / "out")))
    assert (found.ending, found.done, found.seconds) == ("run-started", [], 0.0)


def test_what_was_done_before_is_not_of_a_process_that_holds_the_folder_alone(tmp_path, log):
    log("finished", JOB, seconds=1.0)
    log.__exit__(None, None, None)
    assert status_of(follow(str(tmp_path / "out"))).done == [JOB.key]
    # It has written nothing at all so far: run.json names the process before it.
    with held(tmp_path / "out" / LOCK):
        found = status_of(follow(str(tmp_path / "out")))
    assert (found.alive, found.ending, found.done) == (True, "run-started", [])


def test_the_rest_takes_as_long_at_the_pace_of_what_has_been_done():
    states = {"a": "finished", "b": "finished", "c": "running", "d": "waiting", "e": "skipped"}
    found = Status(True, "run-started", "", states, {}, {}, {}, ["a", "b"], 60.0)
    # Predicted 2 + 4 s took 60 s; then 5 s take 50.
    predicted = {"a": 2.0, "b": 4.0, "c": 5.0, "e": 100.0}
    assert found.left_seconds(predicted) == pytest.approx(50)
    # Nothing is known of a job that is like none that was done.
    assert found.unpredicted(predicted) == 1
    assert found.left_seconds({"c": 5.0}) is None
    # All that is left is like nothing that was done: not "0 s".
    assert found.left_seconds({"a": 2.0, "b": 4.0}) is None


def test_what_is_done_of_a_running_job_counts():
    progress = {"b": {"first": 100, "done": 400, "total": 1000}}
    states = {"a": "finished", "b": "running", "c": "waiting"}
    found = Status(True, "run-started", "", states, progress, {}, {}, ["a"], 90.0)
    # 60 + 30 s were done in 90 s, and 60 + 10 s are left.
    predicted = {"a": 60.0, "b": 100.0, "c": 10.0}
    assert found.left_seconds(predicted) == pytest.approx(70)
    assert found.unpredicted(predicted) == 0


def test_a_second_run_in_the_folder_is_told_who_has_it(tmp_path, log):
    with pytest.raises(InputError, match=r"Another run is writing to .*\(process \d+ on .* since"):
        RunLog(tmp_path / "out", {})


def test_a_run_states_the_format_of_its_description(tmp_path, log):
    path = tmp_path / "out" / "run.json"
    about = json.loads(path.read_text())
    assert about["format"] == 1
    path.write_text(json.dumps({**about, "format": 2}))
    with pytest.raises(InputError, match="newer version of tlbench"):
        follow(str(tmp_path / "out"))
