"""``tlbench job`` and ``--shard``: a suite done piece by piece ends in the same records."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from tlbench.engine.store.plans import plan_files, read_plan
from tlbench.engine.store.store import Store

pytestmark = pytest.mark.slow


def keys_to_do(command, store):
    said = command("plan", "smoke", "--store", store, "--keys").stdout
    return [line.split()[1] for line in said.splitlines()]


@pytest.fixture
def nearly(smoke, tmp_path, command):
    """Return a copy of the smoke store without two jobs that nothing waits for, and their keys."""
    store = tmp_path / "store"
    smoke.copy_store(store)
    measured = [
        json.loads(line)
        for line in (smoke.out / "provenance.jsonl").read_text().splitlines()[1:]
        if '"evaluate"' in line
    ]
    missing = [entry["job"] for entry in measured[-2:]]
    for key in missing:
        shutil.rmtree(store / key)
    return store, missing


def test_jobs_done_one_by_one_end_in_the_same_records(smoke, nearly, tmp_path, command):
    store, missing = nearly
    assert sorted(keys_to_do(command, store)) == sorted(missing)
    first = command("job", missing[0], "--store", store)
    assert first.returncode == 0, first.stderr
    assert "done in" in first.stdout
    assert keys_to_do(command, store) == [missing[1]]
    again = command("job", missing[0], "--store", store)
    assert "in the store already" in again.stdout
    assert command("job", missing[1][:10], "--store", store).returncode == 0
    run = command("run", "smoke", "--store", store, "--out", tmp_path / "out")
    assert "0 jobs run, 62 already in the store" in run.stdout
    assert (tmp_path / "out" / "records.jsonl").read_bytes() == smoke.records


def test_shards_do_their_parts_and_the_records_come_with_the_rest(smoke, nearly, tmp_path, command):
    store, _ = nearly
    done = []
    for number in (1, 2):
        shard = ("--shard", f"{number}/2", "--out", tmp_path / f"part-{number}")
        run = command("run", "smoke", "--store", store, "--workers", 1, *shard)
        assert run.returncode == 0, run.stderr
        assert f"part {number} of 2" in run.stdout
        assert not (tmp_path / f"part-{number}" / "records.jsonl").exists()
        done.append(int(run.stdout.split(" jobs run,")[0].split()[-1]))
    assert sum(done) == 2
    status = command("status", tmp_path / "part-1")
    assert "smoke, part 1 of 2: ended" in status.stdout
    run = command("run", "smoke", "--store", store, "--out", tmp_path / "out")
    assert "0 jobs run, 62 already in the store" in run.stdout
    assert (tmp_path / "out" / "records.jsonl").read_bytes() == smoke.records


@pytest.fixture(scope="module")
def planned(tmp_path_factory, command):
    """Return a store that has a plan and no jobs."""
    store = tmp_path_factory.mktemp("planned") / "store"
    assert command("plan", "smoke", "--save", "--store", store).returncode == 0
    return store


def test_a_job_needs_its_parents_and_says_which(planned, command):
    last = keys_to_do(command, planned)[-1]
    refused = command("job", last, "--store", planned)
    assert refused.returncode == 2
    assert "is not in the store; do that first: tlbench job" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_job_that_exceeds_its_limit_fails_by_itself(tmp_path, command):
    store = tmp_path / "store"
    command("plan", "smoke", "--save", "--store", store)
    key = keys_to_do(command, store)[0]
    failed = command("job", key, "--store", store, "--memory-limit", "0.03")
    assert failed.returncode == 1
    assert "it took too much memory" in failed.stdout
    assert command("job", key, "--store", store).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("job", "abc"), "at least 8 characters"),
        (("job", "0" * 64), "No plan in the store"),
        (("run", "smoke", "--shard", "3/2"), "but is 3/2."),
        (("run", "smoke", "--shard", "half"), "--shard should be I/N, with I from 1 to N"),
        (
            ("run", "smoke", "--time-limit", "soon"),
            "--time-limit should be like 600, 90m or 4h, but is soon.",
        ),
        (("run", "smoke", "--time-limit", "0"), "--time-limit should be like"),
        (
            ("run", "smoke", "--memory-limit", "-1"),
            "--memory-limit should be more than 0 GiB, but is -1.",
        ),
        (("run", "smoke", "--executor", "dask"), "Unknown executor 'dask'; known: local, parsl"),
        (("run", "smoke", "--executor", "parsl"), "--executor parsl needs --parsl-config FILE"),
        (("run", "smoke", "--parsl-config", "x.py"), "--parsl-config is for --executor parsl only"),
        (("run", "smoke", "--python", "mace"), "--python should be NAME=PATH, e.g. mace="),
        (("run", "smoke", "--python", "mace=x"), "no backbone of this suite runs"),
        (("run", "smoke", "--python", "schnet=/no/python"), "cannot be started"),
        (("run", "smoke", "--python", "schnet=/bin/true"), "is not a Python that tlbench"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(arguments, said, planned, tmp_path, command):
    out = ("--out", tmp_path / "out") if arguments[0] == "run" else ()
    refused = command(*arguments, "--store", planned, *out)
    assert refused.returncode == 2, refused.stdout
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not [p for p in planned.iterdir() if len(p.name) == 64]


def python(folder, text):
    """Write a program that stands for another interpreter."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo 'No module named tlbench' >&2; exit 1", "has no tlbench; install it there"),
        (
            """echo '{"tlbench": "0.0.1", "code": "", "python": "3.11"}'""",
            "has tlbench 0.0.1, but this is tlbench",
        ),
        ("echo '[]'", "is not a Python that tlbench"),
    ],
)
def test_an_interpreter_without_the_same_tlbench_is_refused(text, said, tmp_path, command):
    other = python(tmp_path, text)
    arguments = ("--store", tmp_path / "store", "--out", tmp_path / "out")
    refused = command("run", "smoke", "--python", f"schnet={other}", *arguments)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_an_interpreter_with_other_source_files_is_refused(tmp_path, command):
    from tlbench.engine.work.interpreters import describe

    other = python(tmp_path, f"echo '{json.dumps({**describe(), 'code': '0' * 64})}'")
    arguments = ("--store", tmp_path / "store", "--out", tmp_path / "out")
    refused = command("run", "smoke", "--python", f"schnet={other}", *arguments)
    assert refused.returncode == 2
    assert "its source files differ" in refused.stderr


def test_waiting_for_another_process_does_not_count(smoke, tmp_path, command):
    """A job that somebody else does is neither ended nor blamed by who waits for it."""
    store = tmp_path / "store"
    smoke.copy_store(store)
    entries = map(json.loads, (smoke.out / "provenance.jsonl").read_text().splitlines()[1:])
    key = next(
        e["job"] for e in entries if e["label"] == "test pretrain schnet on Si, seed 0, 60 updates"
    )
    shutil.rmtree(store / key)
    with Store(store).lock(key):
        arguments = ("job", key, "--store", str(store), "--time-limit", "30")
        waiting = subprocess.Popen(
            [sys.executable, "-m", "tlbench", *arguments], stdout=subprocess.PIPE, text=True
        )
        said = waiting.stdout.readline()
        assert said.startswith(f"Waiting for process {os.getpid()} on ")
        time.sleep(30.5)
        assert waiting.poll() is None
    said, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, said
    assert "done in" in said
    assert "killed" not in (store / key / "log.txt").read_text()


def test_the_current_folder_is_no_part_of_another_interpreter(tmp_path, command):
    (tmp_path / "numpy.py").write_text("raise SystemExit('shadow')\n")
    store = tmp_path / "store"
    command("plan", "smoke", "--save", "--store", store)
    (plan,) = plan_files(Store(store))
    key = next(job.key for job in read_plan(plan).values() if job.label == "speed of schnet")
    arguments = ("job", key, "--store", str(store), f"--python=schnet={sys.executable}")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tlbench", *arguments],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
