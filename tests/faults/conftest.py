"""Runs that nothing disturbed, and file systems of their own."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import faulty
import pytest

from tlbench.metrics.distances.quantities import PACKAGES


@dataclass(frozen=True)
class Undisturbed:
    """A finished run and its store."""

    suite: Path
    out: Path
    store: Path
    jobs: faulty.Jobs

    @property
    def records(self) -> bytes:
        return (self.out / "records.jsonl").read_bytes()


def undisturbed(made_once: Callable[..., Path], name: str, **changes: object) -> Undisturbed:
    def run(folder: Path) -> None:
        suite = faulty.write_suite(folder / "faults.yaml", **changes)
        faulty.complete(suite, folder / "out", folder / "store")

    folder = made_once(name, run)
    store = folder / "store"
    return Undisturbed(folder / "faults.yaml", folder / "out", store, faulty.finished(store))


@pytest.fixture(scope="session", autouse=True)
def _hangups_end_processes() -> Iterator[None]:
    """Let SIGHUP end what tests start, also where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="session")
def small(made_once: Callable[..., Path]) -> Undisturbed:
    """Return a run of data sets, training and tests."""
    return undisturbed(made_once, "small")


@pytest.fixture(scope="session")
def every(made_once: Callable[..., Path]) -> Undisturbed:
    """Return a run with every kind of job that the installed packages can do."""
    from importlib.util import find_spec

    changes: dict[str, object] = {"dynamics": faulty.DYNAMICS}
    if all(map(find_spec, PACKAGES)):
        changes["distances"] = faulty.DISTANCES
    return undisturbed(made_once, "every", **changes)


@dataclass(frozen=True)
class Disk:
    """A file system in memory."""

    folder: Path

    def become(self, options: str) -> None:
        """Mount it again, with other options."""
        subprocess.run(["mount", "-o", f"remount,{options}", self.folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Disk]]:
    """Return a function that mounts a small disk; skip where that is not allowed."""
    mounted: list[Path] = []

    def mount(options: str) -> Disk:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            tried = subprocess.run(command, capture_output=True, text=True)
        except OSError as error:
            pytest.skip(f"no file system can be mounted: {error}")
        if tried.returncode:
            reason = tried.stderr.strip() or f"exit code {tried.returncode}"
            pytest.skip(f"no file system can be mounted as user {os.getuid()}: {reason}")
        mounted.append(folder)
        return Disk(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)
