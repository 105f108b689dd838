"""A run beside one that is stopped, and then killed: it says for whom it waits, and goes on."""

import json
import os
import signal

import pytest
from faulty import alive, end, start, wait_for, workers
from lock_holders import stop

from tlbench.engine.store.store import FORMAT, Store

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("locks", ["flock", "markers"])
def test_a_run_beside_a_stopped_one(small, tmp_path, locks, command):
    opened = Store(tmp_path / "store")
    store = opened.root
    (store / "store.json").write_text(json.dumps({"format": FORMAT, "locks": locks}))
    first = start(small.suite, tmp_path / "first", store, "--workers", 1)
    try:
        wait_for(opened.begun, "the first job")
        (worker,) = workers(first.pid)
        stop(worker)
        stop(first.pid)
        second = start(small.suite, tmp_path / "second", store, "--workers", 1)
        line = next(line for line in second.stdout if line.startswith("Waiting for"))
        assert f"done by process {worker} on " in line
        assert "which is stopped (kill -CONT" in line
        said = command("status", tmp_path / "second").stdout
        assert f"done by process {worker} on " in said
        listed = json.loads(command("status", tmp_path / "second", "--json").stdout)
        assert listed["elsewhere"][0]["by"] in line
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    wait_for(lambda: not alive(worker), "the first worker to end")
    text = end(second)
    assert second.returncode == 0, text
    assert (tmp_path / "second" / "records.jsonl").read_bytes() == small.records
    assert not opened.begun()
