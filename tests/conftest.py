"""Fixtures shared by the whole suite: the smoke suite is run once and looked at by many tests."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import command_line
import pytest
import torch
from hypothesis import settings

# As in a worker: sums split over several threads round differently from run to run.
torch.set_num_threads(1)

# readline, which pytest imports, sets the width of a terminal for child processes.
os.environ.pop("COLUMNS", None)
os.unsetenv("COLUMNS")

# Examples have no time limit, because machines are busy; in CI they are always the same.
# `make test-long` asks for the profile with many, which are new every time.
settings.register_profile("few", deadline=None, max_examples=25, derandomize="CI" in os.environ)
settings.register_profile("many", deadline=None, max_examples=500, derandomize=False)
settings.load_profile("few")


TESTS = Path(__file__).parent
FIRST = [TESTS / name for name in ("e2e", "faults", "devices", "tuning")]
"""Tests of minutes, which should not be what is left for one process at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not any(folder in item.path.parents for folder in FIRST))


@pytest.fixture(autouse=True)
def _subnormal_numbers_are_kept() -> None:
    """As in a new process, whatever jobs were done in this one."""
    torch.set_flush_denormal(False)


@dataclass(frozen=True)
class SmokeRun:
    """An undisturbed ``tlbench run smoke``."""

    out: Path
    store: Path
    stdout: str
    seconds: float
    processor_seconds: float

    @property
    def records(self) -> bytes:
        return (self.out / "records.jsonl").read_bytes()

    def copy_store(self, to: Path) -> Path:
        """Copy the store as this run left it, without what other tests have put into it."""
        lines = (self.out / "provenance.jsonl").read_text().splitlines()[1:]
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


@pytest.fixture(scope="session")
def process() -> Callable[..., command_line.Finished]:
    """Return the command line in a process of its own, as a function of its arguments."""
    return command_line.in_a_process


@pytest.fixture(scope="session")
def command() -> Callable[..., command_line.Finished]:
    """Return the command line within this process, as a function of its arguments."""
    return command_line.in_this_process


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that fills a folder once for all processes that run tests."""

    def folder(name: str, fill: Callable[[Path], None]) -> Path:
        own = tmp_path_factory.getbasetemp()
        made = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / f"shared-{name}"
        complete = made.with_suffix(".complete")
        with made.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not complete.exists():
                shutil.rmtree(made, ignore_errors=True)
                made.mkdir()
                fill(made)
                complete.touch()
        return made

    return folder


def run_smoke(folder: Path) -> None:
    started, processor = time.monotonic(), command_line.processor_seconds()
    where = ("--out", folder / "out", "--store", folder / "store")
    finished = command_line.in_a_process("run", "smoke", *where)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    seen = {
        "stdout": finished.stdout,
        "seconds": time.monotonic() - started,
        "processor_seconds": command_line.processor_seconds() - processor,
    }
    (folder / "seen.json").write_text(json.dumps(seen))


@pytest.fixture(scope="session")
def smoke(made_once: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> SmokeRun:
    """Return a copy of a run for this process, whose tests put more into its store."""
    original = made_once("smoke", run_smoke)
    folder = tmp_path_factory.mktemp("smoke") / "run"
    shutil.copytree(original, folder)
    run = folder / "out" / "run.json"
    run.write_text(run.read_text().replace(str(original), str(folder)))
    seen = json.loads((folder / "seen.json").read_text())
    return SmokeRun(folder / "out", folder / "store", **seen)


@pytest.fixture(scope="session")
def clean_run(smoke: SmokeRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the smoke run's folder with the provenance of committed code, changed or not."""
    run = tmp_path_factory.mktemp("run") / "smoke"
    shutil.copytree(smoke.out, run)
    lines = (run / "provenance.jsonl").read_text().splitlines()[1:]
    jobs = [{**json.loads(line), "git_dirty": False} for line in lines]
    (run / "provenance.jsonl").write_text("".join(f"{json.dumps(job)}\n" for job in jobs))
    return run
