"""How long comparisons take on this machine: measured on a few short jobs, then predicted.

Measured are a force call of every backbone, and short trainings of one of them from scratch with
their errors on the test structures. From these `tlbench.engine.estimates` predicts all other jobs:
an update of another backbone takes as long as one of the measured one, times the ratio of the times
of their force calls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlbench.advice.candidates import Candidate
from tlbench.advice.plan import Scale, Target, suite_value
from tlbench.advice.rates import HIGHEST, RATES, trial_of
from tlbench.advice.run_context import RunContext
from tlbench.base.errors import InputError
from tlbench.engine.estimates import estimate
from tlbench.engine.run.runner import Report, run_jobs
from tlbench.engine.store.store import State, Store
from tlbench.jobs.base import Job
from tlbench.jobs.train import Config as TrainConfig
from tlbench.study.models import plan
from tlbench.study.plan import Plan
from tlbench.study.study import resolve
from tlbench.study.suite import Suite

PROBE = Scale(1, 40)
"""Of the training that is measured; a shorter one comes before it, in which all is loaded."""

DEAR_PROBE = Scale(1, 16)
"""Where only published potentials are compared, whose updates are dear."""

PER_JOB = 0.3
"""Seconds between one job and the next of a worker."""

_KINDS = ("dataset", "weights", "speed")


@dataclass(frozen=True)
class Calibration:
    """What was measured of some candidates, for predictions.

    Attributes
    ----------
    found
        The candidates that can be run.
    failures
        A sentence for each that cannot.
    """

    target: Target
    backbone: str
    found: Sequence[Candidate]
    failures: Sequence[str]
    context: RunContext
    measured: Mapping[str, Job]

    def seconds(self, found: Sequence[Candidate], scale: Scale) -> float:
        """Return how long a comparison takes by the clock, less what of it is done.

        Where learning rates are still to be chosen, no training counts as done: that of other
        comparisons may have other rates.

        Raises
        ------
        InputError
            If that of a job is unknown.
        """
        compared = planned(self.target, found, self.backbone, scale)
        jobs = compared.jobs
        # Which rate is tried last is not known yet.
        for rate in (*RATES, HIGHEST) if scale.chooses_rates else ():
            jobs |= trial_of(compared.suite, rate).jobs
        done = {key for key in jobs if self.context.store.state(key) is State.FINISHED}
        if scale.chooses_rates:
            done = {key for key in done if jobs[key].kind in _KINDS}
        finished = {key: self.context.store.folder(key) for key in done | self.measured.keys()}
        predicted = estimate(jobs, done, finished, self.context.resources.device)
        for key, each in predicted.predictions.items():
            if each.wall_seconds is None and not _is_copy(jobs[key]):
                raise InputError(
                    f"How long {jobs[key].label!r} takes cannot be predicted, because no job like "
                    "it was finished here; write a suite of your own for tlbench run."
                )
        workers = self.context.resources.of(len(jobs))[1]
        return predicted.wall_seconds(workers) + PER_JOB * (len(jobs) - len(done)) / workers


def _is_copy(job: Job) -> bool:
    """Return whether weights are taken as they are, in less time than lies between jobs."""
    return isinstance(job.settings, TrainConfig) and job.settings.training is None


def planned(
    target: Target,
    found: Sequence[Candidate],
    backbone: str,
    scale: Scale,
    sizes: Sequence[int] | None = None,
    pairs: int | None = None,
) -> Plan:
    """Return the jobs of a comparison; see `tlbench.advice.plan.suite_value`."""
    more = {} if pairs is None else {"pairs": pairs}
    value = suite_value(target, found, backbone, scale, sizes, **more)
    return plan(resolve(Suite.model_validate(value)))


def calibrate(
    target: Target, found: Sequence[Candidate], backbone: str, context: RunContext
) -> Calibration:
    """Measure what predictions of the time need, but for what the store has of it.

    Raises
    ------
    InputError
        If the short training failed, without which no time can be predicted.
    """
    is_own = any(each.backbone == backbone for each in found)
    probe = PROBE if is_own else DEAR_PROBE
    whole = planned(target, found, backbone, probe, target.sizes(2)[:1], 1)
    timed = backbone if is_own else found[0].backbone
    wanted = {key for key, job in whole.jobs.items() if job.kind in _KINDS}
    speeds = {cell.model.backbone: cell.speed for cell in whole.cells}
    warming = set()
    for cell in whole.cells:
        if (cell.model.strategy, cell.model.backbone) == ("scratch", timed):
            wanted |= {cell.trained, cell.job}
            if cell.model.updates != probe.updates:
                warming.add(cell.trained)
    jobs = {key: job for key, job in whole.jobs.items() if key in wanted}
    # A job in which a worker loads its libraries says little of those that follow; after an
    # interruption between the two it is done again.
    store = context.store
    timed_jobs = [key for key, job in jobs.items() if key not in warming and job.kind not in _KINDS]
    if any(store.state(key) is not State.FINISHED for key in timed_jobs):
        for key in warming:
            with store.lock(key):
                if store.state(key) is State.FINISHED:
                    store.remove(key)
    report = run_jobs(
        jobs,
        context.store,
        context.resources,
        lambda report: context.on_change(whole, context.store, report),
        context.on_event,
    )
    failed = {
        each: report.errors[speeds[each.backbone]]
        for each in found
        if speeds[each.backbone] in report.errors
    }
    left = [each for each in found if each not in failed]
    if left:
        _check_measured(jobs, context.store, report)
    return Calibration(
        target=target,
        backbone=backbone,
        found=left,
        failures=[f"{each.name} cannot be run here: {error}" for each, error in failed.items()],
        context=context,
        measured={
            key: job
            for key, job in jobs.items()
            if key not in warming and context.store.state(key) is State.FINISHED
        },
    )


def _check_measured(jobs: Mapping[str, Job], store: Store, report: Report) -> None:
    """Refuse to predict from a training, or from errors of one, that failed."""
    for key, job in jobs.items():
        if job.kind not in _KINDS and store.state(key) is not State.FINISHED:
            # What failed may be a parent, such as the data.
            reasons = [report.errors[each] for each in (key, *jobs) if each in report.errors]
            raise InputError(
                f"How long a comparison takes cannot be measured, because {job.label!r} failed: "
                f"{(reasons or ['it did not finish'])[0]}"
            )
