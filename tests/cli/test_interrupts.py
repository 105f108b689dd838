"""Ctrl-C at any moment: every verb ends quietly with exit code 130, and logs say what happened."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import ase.io
import pytest
from ase.build import bulk

from tlbench.engine.events import EVENTS, LOG

pytestmark = pytest.mark.slow

READY = """
import os, sys
import tlbench.__main__

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "tlbench.cli":
            os.write(2, b"ready\\n")

sys.meta_path.insert(0, Finder)
tlbench.__main__.main()
"""
"""The command line, which says when its first import begins; Python's own start is not ours."""


def start(*arguments, ready=READY):
    """Start the command line in a terminal of its own, and wait for its first module."""
    process = subprocess.Popen(
        [sys.executable, "-c", ready, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr.readline() == "ready\n"
    return process


def interrupt(process):
    """Press Ctrl-C: every process of the terminal gets it."""
    os.killpg(process.pid, signal.SIGINT)
    return process.communicate(timeout=60)


VERBS = [
    "run smoke --store store --out out",
    "tune smoke --store store --out tune",
    "md stillinger-weber:Si si.xyz --temperature 300 --time 50 --out md",
    "plan smoke --store store",
    "job 00000000 --store store",
    "status out",
    "log out schnet",
    "ls suites",
    "show dataset sw-si",
    "new backbone mine",
    "check out --baseline out",
    "check-backbone schnet",
    "compare out out",
    "baseline out --out baseline",
    "data describe sw-si --store store",
    "store ls --store store",
    "board verify out",
]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.split()[0])
def test_an_early_interrupt_is_quiet(verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ase.io.write("si.xyz", bulk("Si", cubic=True))
    moments, interrupted = random.Random(verb), 0
    for longest in (0, 0.1, 0.5, 1.5):
        process = start(*verb.split())
        time.sleep(moments.uniform(0, longest))
        said, complaint = interrupt(process)
        # Nothing but the sentence of a verb that had ended when it was interrupted.
        assert complaint == "" or complaint.startswith("tlbench: ")
        assert complaint.count("\n") <= 1
        assert "Traceback" not in said
        # At its very end, Python itself dies of the signal.
        interrupted += process.returncode in (130, -signal.SIGINT)
        assert process.returncode in (0, 1, 2, 130, -signal.SIGINT)
    assert interrupted


def test_an_interrupt_that_is_ignored_stays_ignored():
    ignoring = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {READY}"
    process = start("ls", "suites", ready=ignoring)
    said, _ = interrupt(process)
    assert process.returncode == 0
    assert "smoke" in said


def job_logs(store):
    folders = [p for p in (store / ".working").iterdir() if (p / EVENTS).exists()]
    last = [json.loads((p / EVENTS).read_text().splitlines()[-1])["event"] for p in folders]
    return last, "".join((p / LOG).read_text() for p in folders)


def wait_for_jobs(process, store):
    deadline = time.monotonic() + 60
    while not list(store.glob(f".working/*/{EVENTS}")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_logs_of_an_interrupted_run_say_so(tmp_path, command):
    out, store = tmp_path / "out", tmp_path / "store"
    endless = ("--set", "pretraining.updates=1000000")
    run = start("run", "smoke", "--store", store, "--out", out, "--workers", 1, *endless)
    wait_for_jobs(run, store)
    assert "Interrupted." in interrupt(run)[0]
    assert run.returncode == 130
    events, said = job_logs(store)
    assert events == ["interrupted"]
    assert "interrupted: the command that ran it was stopped" in said
    assert "killed" not in said
    assert "run-stopped: interrupted" in (out / LOG).read_text()
    assert "stopped (interrupted)" in command("status", out).stdout
    key = next(store.glob(f".working/*/{EVENTS}")).parent.name
    shown = command("log", out, key)
    assert "interrupted: the command that ran it was stopped" in shown.stdout


def test_the_log_of_an_interrupted_job_says_so(tmp_path, command):
    store = tmp_path / "store"
    command("plan", "smoke", "--save", "--store", store)
    planned = command("plan", "smoke", "--store", store, "--keys").stdout
    job = start("job", planned.split()[1], "--store", store)
    wait_for_jobs(job, store)
    said, complaint = interrupt(job)
    assert (job.returncode, said, complaint) == (130, "", "")
    events, said = job_logs(store)
    assert events == ["interrupted"]
    assert "killed" not in said
