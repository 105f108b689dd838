"""Runners of a store in processes of their own, with jobs that only sleep."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_RUN = """
import json, os, sys, time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tlbench.engine.run.runner import Resources
from tlbench.engine.run.runner import run_jobs
from tlbench.engine.store.store import Store
from tlbench.engine.work import worker
from tlbench.engine.work.worker import attempt
from tlbench.jobs import base

root, log, seconds = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])

class Sleep:
    uses_device = measures_device = False

    def outputs_of(self, config):
        return frozenset()

    def seed_of(self, config):
        return config

    def perform(self, config, context):
        with log.open("a") as file:
            file.write(f"{config['n']} {os.getpid()}\\n")
        time.sleep(seconds[config["n"]])
        return {"n": config["n"]}

base.KINDS["sleep"] = Sleep()
# Both import torch, which these jobs do not need.
worker.settle_process = lambda kind, config: None
worker.Stopwatch.provenance = lambda watch, device: {"wall_seconds": 0.0}

class Here(ThreadPoolExecutor):
    def submit(self, function, task):
        return super().submit(attempt, task)

jobs = [base.Job("sleep", {"n": n}, label=str(n)) for n in range(len(seconds))]
print("ready", flush=True)
sys.stdin.readline()
report = run_jobs(
    {job.key: job for job in jobs}, Store(root),
    Resources(device="cpu", executor=(lambda: Here(1), 9)),
    on_event=lambda event, job, **fields: print(event, job.label, fields, flush=True),
)
print(json.dumps([report.complete, report.errors]), flush=True)
"""


class Runner:
    """A process that does jobs of the given lengths; it waits to be told to begin."""

    def __init__(
        self, root: Path, seconds: list[float], environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = root.with_name("log")
        command = [sys.executable, "-c", _RUN, str(root), str(self.log), json.dumps(seconds)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, env={**os.environ, **(environment or {})}
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def begin(self) -> "Runner":
        assert self.process.stdout.readline() == "ready\n"
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self

    def read_until(self, text: str) -> str:
        """Return the first line that has a text."""
        for line in self.process.stdout:
            if text in line:
                return line
        raise AssertionError(f"the run ended without {text!r}")

    def end(self) -> str:
        """Return the rest of what it says; it has to have all jobs done."""
        said, _ = self.process.communicate(timeout=60)
        assert json.loads(said.splitlines()[-1]) == [True, {}], said
        return said

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def done(self) -> list[int]:
        """Return the number of each job as often as one has begun, by any runner."""
        return sorted(int(line.split()[0]) for line in self.log.read_text().splitlines())
