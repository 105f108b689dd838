"""What jobs will cost: their amount of work, times the median rate of finished jobs like them.

    seconds = amount × median(seconds / amount)

The median is over the `NEAREST` jobs in amount of the same kind, on the same device and with the
same `Amount.rate`, such as a backbone. Where no such job has been finished, those with other
backbones are taken, each rate times the ratio of the times of a force call. Where a processor does
the work, its own seconds are counted, which leave out the time in which others had the core.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush, nsmallest
from pathlib import Path
from statistics import median
from typing import Literal

from tlbench.engine.estimates.finished import FinishedJobs, accelerator_of
from tlbench.engine.run.schedule import Schedule, Status
from tlbench.engine.work.devices import device_name
from tlbench.jobs.amount import Amount
from tlbench.jobs.base import KINDS, Job

Basis = Literal["alike", "others", "unknown"]
"""What a prediction rests on: jobs alike, those with other backbones, or nothing."""

NEAREST = 9
"""Jobs that a prediction rests on."""

MOST_READ = 3000
"""Finished jobs that are read, of the plan and of others."""

_LAST = 10
_TELLING_SECONDS = 0.5
"""Jobs that show how busy a machine is: how many, and how many seconds they take at least."""


@dataclass(frozen=True)
class Prediction:
    """What one job will cost: seconds by the clock and of the processor; None if unknown."""

    basis: Basis
    n_measured: int = 0
    wall_seconds: float | None = None
    cpu_seconds: float | None = None


@dataclass
class Estimate:
    """What is left to do of a plan.

    Attributes
    ----------
    processor, accelerator
        Names of the devices; None if jobs are not to use one, or nothing is known of it.
    predictions
        Every job that is not finished.
    busyness
        Seconds by the clock for each of the processor: the median of the jobs that were started
        last. It is 1 where each job has a core of its own, and 2 where two share one.
    n_measured
        How many finished jobs were measured on these devices.
    elsewhere
        How many were measured on which others.
    """

    jobs: Mapping[str, Job]
    done: Collection[str]
    processor: str
    accelerator: str | None
    predictions: dict[str, Prediction] = field(default_factory=dict)
    busyness: float = 1.0
    n_measured: int = 0
    elsewhere: Counter[str] = field(default_factory=Counter)

    def accelerates(self, job: Job) -> bool:
        """Return whether a job is done on the accelerator."""
        return KINDS[job.kind].uses_device and self.accelerator is not None

    def seconds(self) -> dict[str, float]:
        """Return the predicted wall seconds of the jobs of which they are known."""
        known = {key: each.wall_seconds for key, each in self.predictions.items()}
        return {key: seconds for key, seconds in known.items() if seconds is not None}

    def cpu_seconds(self) -> float:
        """Return the CPU time of all jobs that do not use an accelerator."""
        every = self.predictions.items()
        return sum(p.cpu_seconds or 0.0 for k, p in every if not self.accelerates(self.jobs[k]))

    def gpu_seconds(self) -> float:
        """Return the time for which jobs have an accelerator, one at a time."""
        return sum(s for key, s in self.seconds().items() if self.accelerates(self.jobs[key]))

    def wall_seconds(self, workers: int) -> float:
        """Return when the last job ends if a free worker always takes the next that is ready.

        Jobs are taken in the order in which the runner takes them; those of unknown cost take no
        time.
        """
        seconds = self.seconds()
        status: dict[str, Status] = dict.fromkeys(self.jobs, "waiting")
        status |= dict.fromkeys(self.done, "cached")
        schedule = Schedule(self.jobs, status)
        running: list[tuple[float, str]] = []
        now = 0.0
        while True:
            while len(running) < workers and (key := schedule.take()) is not None:
                heappush(running, (now + seconds.get(key, 0.0), key))
            if not running:
                return now
            now, key = heappop(running)
            schedule.finish(key, "done")


@dataclass(frozen=True)
class _Sample:
    """What a finished job took for each piece of its work, s; a training with all attempts."""

    amount: Amount
    wall: float
    cpu: float


def estimate(
    jobs: Mapping[str, Job], done: Collection[str], finished: Mapping[str, Path], device: str
) -> Estimate:
    """Predict what the jobs that are not ``done`` cost on ``device``, from ``finished`` ones.

    Parameters
    ----------
    jobs
        By key, parents before children.
    finished
        Folders of finished jobs by key, of this plan or of others.
    device
        "auto", "cpu" or "cuda".
    """
    known = FinishedJobs(jobs, finished)
    provenances = known.provenances(MOST_READ)
    found = Estimate(jobs, done, device_name("cpu"), accelerator_of(device, provenances.values()))
    samples: defaultdict[str, list[_Sample]] = defaultdict(list)
    speeds, paces = {}, []
    for key, provenance in provenances.items():
        job = known.job(key)
        assert job is not None
        accelerated = found.accelerates(job)
        name = found.accelerator if accelerated else found.processor
        amount, cost = known.amount(job), provenance.whole()
        if amount is not None and name in (calls := provenance.force_calls()):
            speeds[amount.rate] = calls[name]
        if provenance.device_name != name:
            found.elsewhere[provenance.device_name] += 1
            continue
        if amount is None or not amount.number:
            continue
        found.n_measured += 1
        rates = cost.wall_seconds / amount.number, cost.cpu_seconds / amount.number
        samples[job.kind].append(_Sample(amount, *rates))
        if cost.cpu_seconds >= _TELLING_SECONDS and not accelerated:
            paces.append((cost.started, cost.wall_seconds / cost.cpu_seconds))
    if paces:
        found.busyness = median([pace for _, pace in sorted(paces)[-_LAST:]])
    predicted: dict[tuple[str, Amount], Prediction] = {}
    for key, job in jobs.items():
        if key in done:
            continue
        amount = known.amount(job)
        if amount is None:
            found.predictions[key] = Prediction("unknown")
            continue
        if (job.kind, amount) not in predicted:
            busyness = None if found.accelerates(job) else found.busyness
            like = _predict(amount, samples[job.kind], speeds, busyness)
            predicted[job.kind, amount] = like
        found.predictions[key] = predicted[job.kind, amount]
    return found


def _predict(
    amount: Amount, samples: Iterable[_Sample], speeds: Mapping[str, float], busyness: float | None
) -> Prediction:
    """Predict what a job costs; ``busyness`` is None on an accelerator, which it does not share."""
    alike, others = [], []
    for each in samples:
        theirs = each.amount.rate
        if theirs == amount.rate:
            alike.append((each, 1.0))
        elif amount.rate in speeds and theirs in speeds:
            others.append((each, speeds[amount.rate] / speeds[theirs]))
        elif amount.number == each.amount.number == 1:
            # Of the kinds whose jobs take about as long whatever they are.
            others.append((each, 1.0))
    nearest = nsmallest(
        NEAREST,
        alike or others,
        lambda pair: abs(math.log(pair[0].amount.number / max(amount.number, 1))),
    )
    if not nearest:
        return Prediction("unknown")
    cpu = amount.number * median([each.cpu * scale for each, scale in nearest])
    wall = amount.number * median([each.wall * scale for each, scale in nearest])
    wall = wall if busyness is None else busyness * cpu
    return Prediction("alike" if alike else "others", len(nearest), wall, cpu)
