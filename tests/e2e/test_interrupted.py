"""Runs that are killed, interrupted or doubled end in the same bytes as an undisturbed one."""

import os
import signal
from pathlib import Path

import pytest
from faulty import alive, finished, wait_for, workers
from faulty import start as start_suite

pytestmark = pytest.mark.slow


def start(out: Path, store: Path):
    return start_suite("smoke", out, store)


def finished_jobs(store: Path) -> int:
    return len(finished(store))


def test_killed_and_interrupted_runs_resume_to_the_same_records(smoke, tmp_path):
    out, store = tmp_path / "out", tmp_path / "store"

    # A worker dies: the run goes on without help.
    run = start(out, store)
    wait_for(lambda: finished_jobs(store) >= 4, "the first jobs")
    os.kill(workers(run.pid)[0], signal.SIGKILL)
    at_death = finished_jobs(store)
    wait_for(lambda: finished_jobs(store) >= at_death + 4, "jobs after a worker's death")

    # The runner is killed: its workers do not outlive it.
    orphans = workers(run.pid)
    assert orphans
    run.kill()
    run.communicate(timeout=30)
    wait_for(lambda: not any(map(alive, orphans)), "workers to end", 10)
    survived = finished_jobs(store)
    assert 8 <= survived < 44

    # The user presses Ctrl-C.
    run = start(out, store)
    wait_for(lambda: finished_jobs(store) >= survived + 3, "jobs of the second run")
    os.kill(run.pid, signal.SIGINT)
    text, _ = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "Interrupted" in text
    assert "Traceback" not in text
    assert not out.joinpath("records.jsonl").exists()

    kept = finished_jobs(store)
    assert survived + 3 <= kept < 44
    run = start(out, store)
    text, _ = run.communicate(timeout=120)
    assert run.returncode == 0, text
    assert f"{44 - kept} jobs run, {kept} already in the store" in text
    assert (out / "records.jsonl").read_bytes() == smoke.records


def test_two_runners_on_one_store_share_the_work(smoke, tmp_path):
    store = tmp_path / "store"
    runs = [start(tmp_path / name, store) for name in ("a", "b")]
    texts = [run.communicate(timeout=240)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], texts
    done = [int(text.split(" jobs run,")[0].rsplit(maxsplit=1)[-1]) for text in texts]
    assert sum(done) == 44
    for name in ("a", "b"):
        assert (tmp_path / name / "records.jsonl").read_bytes() == smoke.records
