"""How wrong ``tlbench plan --estimate`` is: what it would have said of a run, and what it took.

    python benchmarks/estimates.py quick runs/quick-store --learn other-store --learn third-store

The suite's own jobs are left out of what is learned from, wherever they lie; with ``--known 0.1``
the tenth of them that ended first is known, as when a run has been started. Of the others those
are learned from that had ended by then. The wall time that was measured is that from the end of
the known part to the end of the last job; pauses, in which no job ran, are subtracted and named.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from tlbench.base.schema import read_json
from tlbench.engine.estimates import Estimate, estimate, finished_in
from tlbench.engine.store.provenance import Provenance
from tlbench.engine.store.store import Store
from tlbench.jobs.base import Job
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

LEAST_PAUSE = 10.0


@dataclass(frozen=True)
class Took:
    """What a job took: its seconds, and when it started and ended."""

    wall: float
    cpu: float
    start: float
    end: float


def took(folder: Path) -> Took:
    found = read_json(folder / "provenance.json", Provenance, "the provenance of a job")
    start, cost = datetime.fromisoformat(found.started).timestamp(), found.whole()
    return Took(cost.wall_seconds, cost.cpu_seconds, start, start + found.wall_seconds)


def first_done(measured: Mapping[str, Took], share: float) -> set[str]:
    """Return the keys of the jobs that ended first."""
    order = sorted(measured, key=lambda key: measured[key].end)
    return set(order[: round(share * len(order))])


def span(some: Iterable[Took], since: float | None) -> tuple[float, list[float]]:
    """Return how long it took from ``since`` to the last end without pauses, and the pauses."""
    ordered = sorted(some, key=lambda each: each.start)
    begin = end = ordered[0].start if since is None else since
    pauses = []
    for each in ordered:
        if each.start - end > LEAST_PAUSE:
            pauses.append(each.start - end)
        end = max(end, each.end)
    return end - begin - sum(pauses), pauses


def lines(jobs: Mapping[str, Job], found: Estimate, measured: Mapping[str, Took]) -> list[str]:
    """Return a table by kind: jobs, seconds, and predicted / measured, job by job."""
    kinds = defaultdict(list)
    for key, each in found.predictions.items():
        if each.wall_seconds is not None and each.cpu_seconds is not None:
            mine = measured[key]
            pairs = (each.wall_seconds, mine.wall), (each.cpu_seconds, mine.cpu)
            kinds[jobs[key].kind].append(pairs)
            kinds["all"].append(pairs)
    rows = [
        "| kind | jobs | wall s, predicted | measured | ratio | job by job: 10 %, median, 90 % | "
        "CPU s, predicted | measured | ratio | job by job: 10 %, median, 90 % |",
        "| --- " + "| --: " * 9 + "|",
    ]
    for kind in sorted(kinds, key=lambda kind: (kind == "all", kind)):
        clocks = np.array(kinds[kind])
        cells = [kind, str(len(clocks))]
        for predicted, real in (clocks[:, 0].T, clocks[:, 1].T):
            each = (predicted + 0.01) / (real + 0.01)
            cells += [f"{predicted.sum():,.1f}", f"{real.sum():,.1f}"]
            cells += [f"{predicted.sum() / max(real.sum(), 1e-9):.2f}"]
            cells += [", ".join(f"{q:.2f}" for q in np.quantile(each, [0.1, 0.5, 0.9]))]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("suite")
    parser.add_argument("store", type=Path, help="store that has every job of the suite")
    parser.add_argument("--learn", type=Path, action="append", default=[], help="another store")
    parser.add_argument("--known", type=float, default=0.0, help="share of its own jobs known")
    parser.add_argument("--workers", type=int, default=2, help="workers that the run had")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    jobs = plan(resolve(load_suite(arguments.suite))).jobs
    own = Store(arguments.store, read_only=True)
    measured = {key: took(own.folder(key)) for key in jobs}
    done = first_done(measured, arguments.known)
    finished = {key: own.folder(key) for key in done}
    since = max(measured[key].end for key in done) if done else None
    now = since or min(each.start for each in measured.values())
    for root in arguments.learn:
        others = finished_in(Store(root, read_only=True))
        finished |= {
            key: folder
            for key, folder in others.items()
            if key not in jobs and took(folder).end <= now
        }
    found = estimate(jobs, done, finished, arguments.device)
    seconds, pauses = span((took for key, took in measured.items() if key not in done), since)
    predicted = found.wall_seconds(arguments.workers)
    said = lines(jobs, found, measured)
    bases = Counter(each.basis for each in found.predictions.values())
    said += [
        f"learned from {found.n_measured} jobs, predictions {dict(bases)}; the last took "
        f"{found.busyness:.2f} s by the clock for each second of the processor",
        f"wall time, {arguments.workers} workers: predicted {predicted:,.0f} s, measured "
        f"{seconds:,.0f} s, ratio {predicted / seconds:.2f}",
    ]
    said += [f"pause of {pause:.0f} s" for pause in pauses]
    sys.stdout.write("".join(f"{line}\n" for line in said))


if __name__ == "__main__":
    main()
