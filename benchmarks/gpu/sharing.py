"""How many updates per second several processes do that share one device."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import torch

from gpu.agreement import Check
from gpu.cases import network, silicon, update_of
from gpu.findings import Finding, Report
from gpu.speed import synchronise

BACKBONE = "dimenetpp"

_ROOTS = [str(path) for path in (Path(__file__).parents[1], Path(__file__).parents[2])]
"""Folders that a worker imports this package and tlbench from."""


def shared_by(n_workers: int, quick: bool) -> Check:
    """Return the measurement of ``n_workers`` processes that train at the same time."""

    def measure(report: Report) -> None:
        command = [
            sys.executable, "-m", "gpu.sharing", "--device", report.device,
            "--seconds", "0.5" if quick else "5", *["--quick"] * quick,
        ]  # fmt: skip
        paths = os.pathsep.join([*_ROOTS, *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": paths}
        with ExitStack() as files:
            errors = [files.enter_context(TemporaryFile("w+")) for _ in range(n_workers)]
            rate = _rate([_started(command, environment, said) for said in errors])
        what = f"{BACKBONE}, updates of 5 × 64 atoms by {n_workers} workers on one device, in all"
        report.add(Finding(what, rate, "per second"))

    return measure


Worker = tuple[subprocess.Popen[str], IO[str]]
"""A process, and the file of what it writes as errors."""


def _started(command: list[str], environment: dict[str, str], said: IO[str]) -> Worker:
    pipe = subprocess.PIPE
    worker = subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=said, text=True, env=environment
    )
    return worker, said


def _rate(workers: Sequence[Worker]) -> float:
    """Let workers that are ready begin at the same time; return updates per second in all."""
    try:
        for worker in workers:
            _line_of(*worker)
        for process, _ in workers:
            if process.stdin is not None:
                process.stdin.write("go\n")
                process.stdin.flush()
        return sum(float(_line_of(*worker)) for worker in workers)
    finally:
        for process, _ in workers:
            process.kill()
            process.communicate()


def _line_of(worker: subprocess.Popen[str], said: IO[str]) -> str:
    """Return the next line that a worker prints; ``said`` is what it wrote as errors."""
    line = "" if worker.stdout is None else worker.stdout.readline()
    if not line:
        code = worker.wait()
        said.seek(0)
        last = next(reversed(said.read().strip().splitlines()), "no message")
        raise RuntimeError(f"a worker ended with exit code {code}: {last}")
    return line


def work(arguments: Sequence[str] | None = None) -> None:
    """Say that the worker is ready, wait for a line, and print its updates per second."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    potential = network(BACKBONE, 4.3, torch.float32, given.quick).to(given.device)
    update = update_of(potential, silicon(5))
    for _ in range(3):
        update()
    synchronise(given.device)
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < given.seconds:
        update()
        done += 1
    synchronise(given.device)
    print(done / (time.perf_counter() - began), flush=True)  # noqa: T201


def sections(quick: bool) -> list[tuple[str, Check]]:
    """Return the measurements by their names."""
    counts = (2,) if quick else (1, 2, 4, 8)
    return [(f"{count} workers on one device", shared_by(count, quick)) for count in counts]


if __name__ == "__main__":
    work()
