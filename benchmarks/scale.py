"""How planner, store and runner grow with the number of jobs, when the jobs themselves do nothing.

Run as ``python benchmarks/scale.py``: plans the smoke suite with very many seeds, runs it with jobs
that do no work, runs it again with everything finished, and writes a table to ``scale.md``. Each
size has a process of its own, so that its peak memory is its own. Times are CPU seconds of that
process, which does the jobs, too; beside them the wall time, in which the disk is waited for. Some
file systems (ext4) are slow to make files for minutes after many were deleted.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tlbench.engine.run.runner import Report, Resources, run_jobs
from tlbench.engine.store.plans import write_plan
from tlbench.engine.store.store import Store
from tlbench.engine.work.worker import attempt
from tlbench.jobs.base import KINDS, Job
from tlbench.jobs.context import Context
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

SIZES = (1_000, 10_000, 100_000)
TABLE = Path(__file__).with_name("scale.md")
_JOBS_PER_SEED = 16


@dataclass(frozen=True)
class Measured:
    """CPU and wall seconds of each step; ``memory_mib`` is the peak of the process."""

    jobs: int
    cpu: dict[str, float]
    wall: dict[str, float]
    memory_mib: float


@dataclass(frozen=True)
class Idle:
    """A kind of job that does nothing, with the code, and so the keys, of a real one."""

    module: str
    uses_device: bool = False
    measures_device: bool = False

    def outputs_of(self, config: Mapping[str, Any]) -> frozenset[str]:
        """Return the names of no files."""
        return frozenset()

    def seed_of(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the settings as they are."""
        return config

    def perform(self, config: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Do nothing."""
        return {"nothing": True}


class InProcess(Executor):
    """Does what is submitted at once, without a process of its own."""

    def submit(self, function: Any, task: Any) -> Future[Any]:  # type: ignore[override]
        """Do the job of ``task``, whatever ``function`` would do."""
        future: Future[Any] = Future()
        future.set_result(attempt(task))
        return future


@contextmanager
def in_process() -> Iterator[Executor]:
    yield InProcess()


_HERE = Resources(device="cpu", executor=(in_process, 2))


@contextmanager
def idle_kinds() -> Iterator[None]:
    """Let every job do nothing meanwhile."""
    before = dict(KINDS)
    KINDS.update({name: Idle(kind.module) for name, kind in before.items()})  # type: ignore[misc]
    try:
        yield
    finally:
        KINDS.update(before)


def planned(n: int) -> Mapping[str, Job]:
    """Return about ``n`` jobs: the smoke suite with as many seeds as that takes."""
    seeds = json.dumps(list(range(n // _JOBS_PER_SEED)))
    return plan(resolve(load_suite("smoke", [("subset_seeds", seeds)]))).jobs


def measure(n: int, folder: Path) -> Measured:
    """Plan, run and recognise about ``n`` jobs in a new store in ``folder``."""
    cpu: dict[str, float] = {}
    wall: dict[str, float] = {}

    def timed(name: str, step: Callable[[], Any]) -> Any:
        started, cpu_started = time.perf_counter(), time.process_time()
        value = step()
        wall[name] = time.perf_counter() - started
        cpu[name] = time.process_time() - cpu_started
        return value

    # Imports that the first plan and the first job would make.
    store = Store(folder / "store")
    with idle_kinds():
        run_jobs(dict([next(iter(planned(n=_JOBS_PER_SEED).items()))]), store, _HERE)
        jobs = timed("plan", lambda: planned(n))
        timed("write plan", lambda: write_plan(store, "smoke", jobs))

        def run() -> Report:
            # As the command line does it: looked at four times a second, a few jobs at once.
            return run_jobs(jobs, store, _HERE, lambda report: report.count("done"))

        done = timed("run", run)
        again = timed("recognise", run)
    if not (done.complete and again.count("cached") == len(jobs)):
        raise RuntimeError("not every job was done and recognised")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(len(jobs), cpu, wall, memory)


def table(measured: list[Measured]) -> str:
    """Return a table in Markdown: milliseconds for each job, CPU and wall."""
    steps = list(measured[0].cpu)
    lines = [
        f"| jobs | {' | '.join(steps)} | peak memory |",
        f"| --: | {' | '.join('--:' for _ in steps)} | --: |",
    ]
    for each in measured:
        cells = [
            f"{1e3 * each.cpu[s] / each.jobs:.3f} ({1e3 * each.wall[s] / each.jobs:.3f}) ms; "
            f"{each.wall[s]:.1f} s"
            for s in steps
        ]
        lines.append(f"| {each.jobs:,} | {' | '.join(cells)} | {each.memory_mib:.0f} MiB |")
    return "\n".join(lines) + "\n"


HEADER = """\
Jobs that do no work, through planner, store and runner in one process: CPU (wall) milliseconds for
each job, and the wall time of the step; store {}.
Written by `python benchmarks/scale.py`.

"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--folder", type=Path, help="where stores are made; needs 30 kB for a job")
    parser.add_argument("--where", default="on disk", help="what the folder is, for the table")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args()
    measured = []
    for n in options.sizes:
        if options.one:
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                sys.stdout.write(json.dumps(asdict(measure(n, Path(folder)))))
            return
        command = [sys.executable, __file__, "--one", "--sizes", str(n)]
        command += ["--folder", str(options.folder)] if options.folder else []
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        measured.append(Measured(**json.loads(done.stdout)))
        sys.stdout.write(table(measured[-1:]))
    options.out.write_text(HEADER.format(options.where) + table(measured))


if __name__ == "__main__":
    main()
