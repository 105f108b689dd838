"""What jobs will cost, from what others like them have cost."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tlbench.engine.estimates.known import Known
from tlbench.engine.estimates.measured import Measured, read_measured
from tlbench.engine.estimates.model import Basis, CostModel, Fit
from tlbench.engine.estimates.walltime import critical_seconds, wall_seconds
from tlbench.engine.estimates.work import work_of
from tlbench.jobs.base import Job

_LEAST_SAMPLES = 5


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

    ``predictions`` has every job that is not finished, and ``spread`` between which factors 80 %
    of the jobs that they rest on lie off the very fit (10th and 90th percentile of measured /
    fitted, of those of a second and longer); None if there are few.
    """

    jobs: Mapping[str, Job]
    done: Collection[str]
    measured: Measured
    predictions: dict[str, Prediction] = field(default_factory=dict)
    spread: tuple[float, float] | None = None

    def seconds(self) -> dict[str, float]:
        """Return the predicted wall seconds of the jobs of which they are known."""
        known = {key: each.wall_seconds for key, each in self.predictions.items()}
        return {key: seconds for key, seconds in known.items() if seconds is not None}

    def cpu_seconds(self) -> float:
        """Return the CPU time of all jobs that do not use an accelerator."""
        return sum(
            self.predictions[key].cpu_seconds or 0.0
            for key in self.predictions
            if not self._gpu(key)
        )

    def gpu_seconds(self) -> float:
        """Return the time for which jobs have an accelerator, one at a time."""
        return sum(seconds for key, seconds in self.seconds().items() if self._gpu(key))

    def wall_seconds(self, workers: int) -> float:
        """Return how long it takes with so many workers."""
        return wall_seconds(self.jobs, self.done, self.seconds(), workers)

    def critical_seconds(self) -> float:
        """Return how long it takes with any number of workers."""
        return critical_seconds(self.jobs, self.done, self.seconds())

    def bases(self) -> Counter[Basis]:
        """Return how many predictions rest on what."""
        return Counter(each.basis for each in self.predictions.values())

    def _gpu(self, key: str) -> bool:
        return self.measured.accelerates(self.jobs[key])


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
    known = Known(jobs, finished)
    measured = read_measured(jobs, finished, known, device)
    return predict(jobs, done, known, measured)


def predict(
    jobs: Mapping[str, Job], done: Collection[str], known: Known, measured: Measured
) -> Estimate:
    """Predict what the jobs that are not ``done`` cost, from what was measured."""
    found, model = Estimate(jobs, done, measured), CostModel(measured)
    used: dict[int, Fit] = {}
    for key, job in jobs.items():
        if key in done:
            continue
        work = work_of(job, known)
        fit = None if work is None else model.fit(work)
        if work is None or fit is None:
            found.predictions[key] = Prediction("unknown")
            continue
        used[id(fit)] = fit
        found.predictions[key] = Prediction(fit.basis, fit.n_measured, *fit.seconds(work))
    ratios = np.concatenate([fit.ratios for fit in used.values()]) if used else np.array([])
    if len(ratios) >= _LEAST_SAMPLES:
        low, high = np.quantile(ratios, [0.1, 0.9])
        found.spread = float(low), float(high)
    return found
