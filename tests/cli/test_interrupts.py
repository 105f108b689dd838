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

from tlbench.board.site.build import build_site
from tlbench.engine.work.events import EVENTS, LOG

pytestmark = pytest.mark.slow

READY = """
import os, sys, time
import tlbench.__main__

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "tlbench.cli":
            os.write(2, b"ready\\n")

sys.meta_path.insert(0, Finder)
try:
    tlbench.__main__.main()
finally:
    if "ENDED" in os.environ:
        with open(os.environ["ENDED"], "w") as file:
            file.write(str(time.monotonic()))
"""
"""The command line, which says when its first import begins, and writes when it has ended.

Python's own start and end are not ours.
"""


def start(*arguments, ready=READY):
    """Start the command line in a terminal of its own, and wait for its first module."""
    process = subprocess.Popen(
        [sys.executable, "-c", ready, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background ignores Ctrl-C, and so would the child.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr.readline() == "ready\n"
    return process


def interrupt(process):
    """Press Ctrl-C: every process of the terminal gets it."""
    os.killpg(process.pid, signal.SIGINT)
    return process.communicate(timeout=60)


VERBS = [
    "board serve --port 0 --site site",
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
    "data new si.xyz",
    "data validate si.xyz",
    "data distances sw-si sw-ge --store store",
    "models out",
    "store ls --store store",
    "store gc --store store",
    "store verify --store store",
    "store export store.tar --store store",
    "store import store.tar --store store",
    "board add out",
    "board verify out",
    "board build --results results --out site",
]
LONGEST = 0.8
"""Seconds within which a verb is interrupted, in its own imports or after them."""


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(verb.split()[:2]))
def test_an_interrupted_verb_is_quiet_and_says_so_by_its_exit_code(verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENDED", str(tmp_path / "ended"))
    ase.io.write("si.xyz", bulk("Si", cubic=True))
    (tmp_path / "results").mkdir()
    moment = random.Random(verb).uniform(0, LONGEST)
    while (found := interrupted_after(moment, verb, tmp_path / "ended")) is None:
        moment /= 2
    code, said, complaint = found
    assert (code, complaint) == (130, "")
    assert "Traceback" not in said


@pytest.mark.parametrize("moment", [0, 0.02, 0.04, 0.06, 0.08])
def test_so_is_one_that_is_interrupted_before_it_begins(moment, tmp_path, monkeypatch):
    monkeypatch.setenv("ENDED", str(tmp_path / "ended"))
    assert interrupted_after(moment, "ls suites", tmp_path / "ended") == (130, "", "")


def interrupted_after(moment, verb, ended):
    """Return exit code and output of a verb; None if it had ended by itself before ``moment``."""
    ended.unlink(missing_ok=True)
    process = start(*verb.split())
    time.sleep(moment)
    sent = time.monotonic()
    said, complaint = interrupt(process)
    if ended.exists():
        by_itself = float(ended.read_text()) - sent
        # A signal takes a moment to arrive, and a verb may end in that.
        if by_itself < 0 or (process.returncode != 130 and by_itself < 0.02):
            return None
    return process.returncode, said, complaint


def test_a_site_is_shown_until_an_interrupt(tmp_path):
    (tmp_path / "results").mkdir()
    build_site(tmp_path / "results", tmp_path / "site")
    process = start("board", "serve", "--port", 0, "--site", tmp_path / "site")
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    assert interrupt(process) == ("", "")
    assert process.returncode == 130


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
