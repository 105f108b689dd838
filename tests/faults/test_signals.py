"""Signals to runner and workers, and two runners on one store."""

import json
import random
import signal
import time

import pytest
from faulty import (
    SUITE,
    alive,
    assert_kept,
    complete,
    done,
    end,
    events,
    finished,
    kill,
    session,
    start,
    wait_for,
    workers,
    write_suite,
)

from tlbench.engine.work.events import PROGRESS

pytestmark = pytest.mark.slow

ENDLESS = 10**8
"""Updates."""


def test_a_runner_that_is_told_to_stop_does_so_and_says_how_to_go_on(small, tmp_path):
    random.seed(5)
    out, store = tmp_path / "out", tmp_path / "store"
    known = finished(store)
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        run = start(small.suite, out, store)
        wait_for(lambda run=run: workers(run.pid) or run.poll() is not None, "workers")
        deadline = time.monotonic() + random.uniform(0, 3)
        wait_for(lambda run=run, d=deadline: time.monotonic() > d or run.poll() is not None, "it")
        orphans = workers(run.pid)
        struck = kill(run.pid, how)
        text = end(run)
        assert run.returncode in ((130,) if struck and orphans else (0, 130)), text
        if run.returncode == 130:
            assert "Interrupted. Finished jobs are kept" in text
            assert events(out)[-1]["event"] == "run-stopped"
            assert not (out / "records.jsonl").exists()
        wait_for(lambda o=orphans: not any(map(alive, o)), "workers to end", 30)
        assert_kept(known, finished(store))
        known = finished(store)
    text = complete(small.suite, out, store)
    left = len(small.jobs) - len(known)
    assert f"{left} jobs run, {len(known)} already in the store" in text
    assert_kept(known, finished(store))
    assert finished(store).keys() == small.jobs.keys()
    assert max(done(out).values()) == 1
    assert (out / "records.jsonl").read_bytes() == small.records


def in_the_middle(store):
    """Return what two jobs or more that train have reported."""
    found = []
    for path in store.glob(f".working/*/{PROGRESS}"):
        try:
            progress = json.loads(path.read_text())
        except (OSError, ValueError):
            return False
        # Data sets are sampled beside the trainings.
        if progress["total"] == ENDLESS:
            found.append(progress["done"])
    return sum(done > 0 for done in found) >= 2


@pytest.mark.parametrize("verb", ["run", "tune"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_outlives_a_command_that_is_ended_in_the_middle_of_training(verb, how, tmp_path):
    endless = {**SUITE["pretraining"], "updates": ENDLESS}
    both = dict.fromkeys(("pretraining", "training"), endless)
    suite = write_suite(tmp_path / "endless.yaml", **both)
    out, store = tmp_path / "out", tmp_path / "store"
    command = start(suite, out, store, "--workers", 2, verb=verb)
    try:
        wait_for(lambda: in_the_middle(store) or command.poll() is not None, "two jobs that train")
        assert len(session(command.pid)) >= 3
        assert kill(command.pid, how)
        text = end(command)
        wait_for(lambda: not session(command.pid), "all processes to end", 5)
    finally:
        for pid in session(command.pid):
            kill(pid)
    if how == signal.SIGKILL:
        return
    assert command.returncode == 130, text
    assert "Interrupted." in text
    logs = [path.read_text() for path in store.glob(".working/*/log.txt")]
    assert len(logs) == 2
    assert all("interrupted: the command that ran it was stopped" in log for log in logs)


def test_workers_that_are_told_to_stop_are_replaced(small, tmp_path):
    out, store = tmp_path / "out", tmp_path / "store"
    run = start(small.suite, out, store, "--tries", 10)
    for jobs in (0, 2):
        wait_for(lambda n=jobs: len(finished(store)) >= n and workers(run.pid), "jobs")
        for pid in workers(run.pid):
            kill(pid, signal.SIGTERM)
    text = end(run)
    assert run.returncode == 0, text
    assert "its process was ended by SIGTERM" in text
    assert done(out).keys() == small.jobs.keys()
    assert set(done(out).values()) == {1}
    assert (out / "records.jsonl").read_bytes() == small.records


def test_two_runners_at_once_do_each_job_once(small, tmp_path):
    store = tmp_path / "store"
    outs = [tmp_path / name for name in ("a", "b")]
    runs = [start(small.suite, out, store, "--workers", 1) for out in outs]
    counted = 0
    for run, out in zip(runs, outs, strict=True):
        text = end(run)
        assert run.returncode == 0, text
        counted += int(text.split(" jobs run,")[0].rsplit(maxsplit=1)[-1])
        assert (out / "records.jsonl").read_bytes() == small.records
    assert counted == len(small.jobs)
    assert done(*outs).keys() == small.jobs.keys()
    assert set(done(*outs).values()) == {1}
    assert not list((store / ".damaged").glob("*"))
