"""Memory that runs out and clocks that jump."""

import json
import re
from pathlib import Path

import pytest
from faulty import assert_kept, complete, done, end, events, finished, start

pytestmark = pytest.mark.slow

JUMPING = """
import datetime
import time

from tlbench.engine.work import events
from tlbench.engine.work import cost

_time = time.time


def _jump():
    return 86400.0 * (int(time.monotonic() * 20) % 7 - 3)


class Jumping(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(time.time(), tz)


# C extensions rely on the type in its own module, so it is replaced where it is used.
events.datetime = cost.datetime = Jumping
time.time = lambda: _time() + _jump()
"""


def peaks(out: Path, kind: str) -> list[float]:
    """Return the memory that jobs of a kind have taken, MiB."""
    jobs = map(json.loads, (out / "provenance.jsonl").read_text().splitlines()[1:])
    return [job["peak_memory_mib"] for job in jobs if job["kind"] == kind]


def test_jobs_beyond_their_memory_fail_and_are_done_when_they_may_have_it(small, tmp_path):
    out, store = tmp_path / "out", tmp_path / "store"
    data, training = max(peaks(small.out, "dataset")), min(peaks(small.out, "train"))
    if training - data < 50:
        pytest.skip("data sets take as much memory as training")
    run = start(small.suite, out, store, "--memory-limit", (data + training) / 2 / 1024)
    text = end(run)
    assert run.returncode == 1, text
    assert re.search(r"Failed: .*: it took too much memory: \d+ MiB, its limit is \d+ MiB", text)
    known = finished(store)
    assert {event["kind"] for event in events(out) if event["event"] == "finished"} >= {"dataset"}
    failed = [event for event in events(out) if event["event"] == "failed"]
    assert "dataset" not in {event["kind"] for event in failed}
    assert all("too much memory" in event["error"] for event in failed)
    logs = [store / ".working" / event["key"] / "log.txt" for event in failed]
    assert all("too much memory" in log.read_text() for log in logs)

    complete(small.suite, out, store)
    assert_kept(known, finished(store))
    assert set(done(out).values()) == {1}
    assert done(out).keys() == small.jobs.keys()
    assert (out / "records.jsonl").read_bytes() == small.records


@pytest.mark.parametrize("option", [("--memory-limit", 0.02), ("--time-limit", "0.2s")])
def test_limits_that_no_job_keeps_fail_what_can_be_begun_and_skip_the_rest(small, tmp_path, option):
    out, store = tmp_path / "out", tmp_path / "store"
    run = start(small.suite, out, store, *option, "--tries", 2)
    text = end(run)
    assert run.returncode == 1, text
    assert "limit" in text
    assert not finished(store)
    failed = [event for event in events(out) if event["event"] == "failed"]
    assert failed
    assert len(failed) + sum(event["skipped"] for event in failed) == len(small.jobs)


def test_a_clock_that_jumps_by_days_changes_no_record(small, tmp_path):
    path, out, store = tmp_path / "path", tmp_path / "out", tmp_path / "store"
    path.mkdir()
    (path / "sitecustomize.py").write_text(JUMPING)
    run = start(small.suite, out, store, path=path)
    text = end(run)
    assert run.returncode == 0, text
    assert (out / "records.jsonl").read_bytes() == small.records
    assert not re.search(r"in -|-\d+(\.\d+)? s\b", text)
    seen = events(out)
    times = [event["time"][:10] for event in seen]
    # It did jump, in the runner and in the processes of jobs.
    assert len(set(times)) > 1
    jobs = [json.loads(line) for line in (out / "provenance.jsonl").read_text().splitlines()[1:]]
    assert len({job["started"][:10] for job in jobs}) > 1
    assert [event["elapsed"] for event in seen] == sorted(event["elapsed"] for event in seen)
    assert all(0 <= job["wall_seconds"] < 600 for job in jobs)
    assert all(event.get("seconds") is None or event["seconds"] >= 0 for event in seen)
    # Later runs, by a clock that is right again, take the store as it is.
    assert f"{len(jobs)} already in the store" in complete(small.suite, tmp_path / "b", store)
