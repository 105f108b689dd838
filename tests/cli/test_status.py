"""``tlbench status`` and ``tlbench log``: of runs that go on, ended, failed, and were killed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow


def start(*arguments):
    command = [sys.executable, "-m", "tlbench", "run", "smoke", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def status(command, out):
    found = command("status", out, "--json")
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def test_a_run_can_be_followed_killed_and_seen_to_be_dead(tmp_path, command):
    out, store = tmp_path / "out", tmp_path / "store"
    # Long enough to be looked at on a machine that is busy with other tests.
    run = start("--out", out, "--store", store, "--set", "budgets=[10, 400]")
    try:
        deadline = time.monotonic() + 60
        while True:
            found = status(command, out) if (out / "run.json").exists() else None
            # The first jobs to be done may be like none of the others.
            if found and found["left_seconds"] is not None and found["running"]:
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert found["alive"]
        assert sum(found["jobs"].values()) == 62
        assert found["jobs"]["finished"] >= found["done_by_this_run"] > 0
        assert found["left_seconds"] > 0
        assert {"label", "done", "total"} <= found["running"][0].keys()
        while not re.search(r"jobs? done in .*; about .* left", command("status", out).stdout):
            assert time.monotonic() < deadline
        assert f"smoke: running (process {run.pid} on " in command("status", out).stdout
        # Nobody else may write to the folder meanwhile.
        second = command("run", "smoke", "--out", out, "--store", store)
        assert second.returncode == 2
        assert "Another run is writing to" in second.stderr
    finally:
        run.kill()
        run.wait()
    found = status(command, out)
    assert not found["alive"]
    assert "the same command continues from here" in command("status", out).stdout

    run = start("--out", out, "--store", store)
    deadline = time.monotonic() + 60
    while not (found := status(command, out))["alive"] or found["done_by_this_run"] < 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(run.pid, signal.SIGTERM)
    assert run.wait(60) == 130
    found = status(command, out)
    assert (found["alive"], found["last"]) == (False, "run-stopped")
    assert "smoke: stopped (" in command("status", out).stdout


def test_a_run_that_ended_and_the_logs_of_its_jobs(smoke, command):
    said = command("status", smoke.out).stdout
    assert "smoke: ended" in said
    assert "62 jobs: 62 finished" in said
    found = status(command, smoke.out)
    assert (found["done_by_this_run"], found["failed"]) == (62, [])
    log = command("log", smoke.out, "pretrain schnet on Si, seed 0, 60 updates")
    assert "finished: pretrain schnet on Si, seed 0, 60 updates" in log.stdout
    events = command("log", smoke.out, "pretrain schnet on Si, seed 0, 60 updates", "--json").stdout
    kinds = [json.loads(line)["event"] for line in events.splitlines()]
    assert kinds == ["started", "finished"]
    several = command("log", smoke.out, "schnet")
    assert several.returncode == 2
    assert "jobs are called 'schnet'" in several.stderr
    none = command("log", smoke.out, "nothing")
    assert (none.returncode, len(none.stderr.splitlines())) == (2, 1)


def test_a_job_that_failed_is_shown_with_the_end_of_its_log(smoke, tmp_path, command, process):
    store, out = tmp_path / "store", tmp_path / "out"
    smoke.copy_store(store)
    entries = map(json.loads, (smoke.out / "provenance.jsonl").read_text().splitlines()[1:])
    key = next(
        e["job"] for e in entries if e["label"] == "test pretrain schnet on Si, seed 0, 60 updates"
    )
    shutil.rmtree(store / key)
    limit = ("--memory-limit", "0.03")
    run = process("run", "smoke", "--out", out, "--store", store, *limit)
    assert run.returncode == 1
    assert "Failed: test pretrain schnet on Si, seed 0" in run.stdout
    found = status(command, out)
    # Other jobs that are measured again may need more, too.
    failed = {each["job"]: each["error"] for each in found["failed"]}
    assert found["jobs"]["failed"] >= 1
    assert "too much memory" in failed[key]
    said = command("status", out).stdout
    assert "Failed: test pretrain schnet on Si, seed 0" in said
    assert "killed: it took too much memory" in said


@pytest.mark.parametrize("text", ["", "[]", '{"store": 1}'])
def test_what_is_no_run_is_refused(tmp_path, command, text):
    (tmp_path / "run.json").write_text(text)
    for folder in (tmp_path, tmp_path / "none"):
        refused = command("status", folder)
        assert refused.returncode == 2
        assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.json", {"suite": 3}),
        ("run.json", {"shard": ["a", 1]}),
        ("run.json", {"shard": [9, 3]}),
        ("run.json", {"plan": "none-000000000000.jsonl.gz"}),
        ("events.jsonl", {"event": "failed", "key": [], "elapsed": "abc"}),
        ("events.jsonl", {"event": "finished", "seconds": float("nan"), "elapsed": float("inf")}),
    ],
)
def test_odd_files_of_a_run_end_in_no_traceback(smoke, tmp_path, command, name, text):
    shutil.copy(smoke.out / "run.json", tmp_path)
    shutil.copy(smoke.out / "events.jsonl", tmp_path)
    path = tmp_path / name
    if name == "run.json":
        path.write_text(json.dumps({**json.loads(path.read_text()), **text}))
    else:
        path.write_text(path.read_text() + json.dumps(text) + "\n")
    found = command("status", tmp_path, "--json")
    assert found.returncode == (2 if name == "run.json" else 0)
    assert "Traceback" not in found.stderr
    assert len(found.stderr.splitlines()) == (1 if name == "run.json" else 0)
    if found.stdout:
        json.loads(found.stdout, parse_constant=lambda constant: pytest.fail(constant))
