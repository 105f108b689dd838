"""Fixtures shared by the whole suite: the smoke suite is run once and looked at by many tests."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from hypothesis import settings

# As in a worker: sums split over several threads round differently from run to run.
torch.set_num_threads(1)

# readline, which pytest imports, sets the width of a terminal for child processes.
os.environ.pop("COLUMNS", None)
os.unsetenv("COLUMNS")

# Examples have no time limit, because machines are busy; in CI they are always the same.
settings.register_profile("tlbench", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("tlbench")


@dataclass(frozen=True)
class SmokeRun:
    """An undisturbed ``tlbench run smoke``."""

    out: Path
    store: Path
    stdout: str
    seconds: float

    @property
    def records(self) -> bytes:
        return (self.out / "records.jsonl").read_bytes()

    def copy_store(self, to: Path) -> Path:
        """Copy the store as this run left it, without what other tests have put into it."""
        lines = (self.out / "provenance.jsonl").read_text().splitlines()
        ours = {json.loads(line)["job"] for line in lines}
        plan = json.loads((self.out / "run.json").read_text())["plan"]

        def others(folder: str, names: list[str]) -> set[str]:
            if Path(folder) == self.store:
                return {n for n in names if not n.startswith(".") and n != "store.json"} - ours
            if Path(folder).name == ".plans":
                return set(names) - {plan}
            return set(names) if Path(folder).name in (".working", ".damaged") else set()

        shutil.copytree(self.store, to, ignore=others)
        return to


Finished = subprocess.CompletedProcess[str]


def tlbench(*arguments: object, timeout: float = 300) -> Finished:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "tlbench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


@pytest.fixture(scope="session")
def process() -> Callable[..., Finished]:
    """Return the command line in a process of its own, which takes seconds to import."""
    return tlbench


@pytest.fixture(scope="session")
def command() -> Callable[..., Finished]:
    """Return the command line within this process, as a function of its arguments."""

    def run(*arguments: object) -> Finished:
        from tlbench.cli import main

        called = ["tlbench", *map(str, arguments)]
        out, err = StringIO(), StringIO()
        with patch("sys.argv", called), redirect_stdout(out), redirect_stderr(err):
            try:
                main()
            except SystemExit as ended:
                code = ended.code or 0
        assert isinstance(code, int)
        return subprocess.CompletedProcess(called, code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> SmokeRun:
    folder = tmp_path_factory.mktemp("smoke")
    started = time.monotonic()
    finished = tlbench("run", "smoke", "--out", folder / "out", "--store", folder / "store")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return SmokeRun(folder / "out", folder / "store", finished.stdout, time.monotonic() - started)


@pytest.fixture(scope="session")
def clean_run(smoke: SmokeRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the smoke run's folder with the provenance of committed code, changed or not."""
    run = tmp_path_factory.mktemp("run") / "smoke"
    shutil.copytree(smoke.out, run)
    lines = (run / "provenance.jsonl").read_text().splitlines()
    jobs = [{**json.loads(line), "git_dirty": False} for line in lines]
    (run / "provenance.jsonl").write_text("".join(f"{json.dumps(job)}\n" for job in jobs))
    return run
