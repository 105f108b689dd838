"""Rounds of trials, whose jobs the runner does like those of a run.

Trials are judged by their error on validation structures; test sets are never read. Pretraining is
tuned first, on source data, and its best settings serve every strategy that transfers. Trial 0 of
each series is the suite's own settings, so tuning cannot make a validation error worse.
"""

import math
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from tlbench.engine.run.run_log import log_job
from tlbench.engine.run.runner import Listener, Report, Resources, run_jobs
from tlbench.engine.store.store import Store
from tlbench.engine.work.events import EventLog
from tlbench.engine.work.interpreters import check_interpreters
from tlbench.jobs import train
from tlbench.jobs.base import Job
from tlbench.jobs.context import RESULT as JOB_RESULT
from tlbench.metrics.statistics import geometric_mean
from tlbench.study.models import plan
from tlbench.study.plan import Plan
from tlbench.study.tuned import Tuned
from tlbench.tuning.ledger import EndedTrial, note
from tlbench.tuning.proposals import proposals
from tlbench.tuning.search import Search, Series, Trial, planned
from tlbench.tuning.tuned_file import best_trial, tuned_before, write_settings

Ended = dict[Series, list[EndedTrial]]


def tune(
    search: Search,
    out: Path,
    store: Store,
    resources: Resources | None = None,
    on_change: Callable[[Plan, Store, Report], None] = lambda plan, store, report: None,
    on_event: Listener = lambda event, job, **fields: None,
    on_round: Callable[[Ended], None] = lambda ended: None,
) -> Tuned | None:
    """Run all trials that have not been run, and write the best settings to ``tuned.yaml``.

    ``out`` gets ``trials.json``, ``tuned.yaml`` and the logs of `tlbench.engine.work.events`.
    Several processes may tune the same suite at once, in the same folder or not: if they have the
    same store, they share the trials. The folder keeps other backbones and arms of the search.

    Parameters
    ----------
    resources
        How jobs are done.
    on_change
        Called often, with a plan of the jobs of this round of trials, the store and their state.
    on_event
        Called with each event of a job.
    on_round
        Called after each round with the trials of every series that have ended.

    Returns
    -------
    tuned
        What ``tuned.yaml`` holds; None if a job failed otherwise than by diverging, so that not all
        trials could be run.

    Raises
    ------
    TlbenchError
        If nothing is to be tuned, the folder is of another search or has another number of trials,
        every trial of a series diverged, or no more jobs can be run.
    """
    resources = resources or Resources()
    planned = plan(search.study)
    environments = {job.environment for job in planned.jobs.values() if job.environment}
    check_interpreters(resources.pythons, environments)
    ended: Ended = {series: [] for series in search.series()}
    failed: set[Series] = set()
    named = search.digest()
    diverged = note(out, named, networks=search.networks())
    tuned_before(out, search)
    log = EventLog(out)

    def tell(event: str, job: Job, **fields: Any) -> None:
        # Written at once: a search that is stopped here need not find out again.
        if event == "failed" and fields.get("diverged"):
            diverged.update(note(out, named, [*diverged, job.key]))
        log_job(log, event, job, **fields)
        on_event(event, job, **fields)

    executor, workers = resources.of(len(ended) * search.trials * search.pairs)
    with ExitStack() as stack:
        # Made when a job is to be done, and kept from round to round.
        pool = cache(lambda: stack.enter_context(executor()))

        def run(jobs: dict[str, Job]) -> Report:
            round_ = Plan(search.study, jobs=jobs)
            kept = replace(resources, executor=(lambda: nullcontext(pool()), workers))
            return run_jobs(
                jobs, store, kept, lambda report: on_change(round_, store, report), tell
            )

        while trials := _due(search, ended, failed):
            able = [each for each in trials if diverged.isdisjoint(each.jobs)]
            report = run({key: job for each in able for key, job in each.jobs.items()})
            for each in trials:
                done = all(report.status.get(key) in ("cached", "done") for key in each.models)
                if done or not diverged.isdisjoint(each.jobs):
                    ended[each.series].append(_ended(each, diverged, store))
                else:
                    failed.add(each.series)
            note(out, named, diverged, [trial for found in ended.values() for trial in found])
            on_round(ended)
    if any(len(found) < search.trials for found in ended.values()):
        return None
    return write_settings(out, search, ended)


def _due(search: Search, ended: Ended, failed: set[Series]) -> list[Trial]:
    """Return the next round of every series that can go on."""
    due: list[Trial] = []
    for series, found in ended.items():
        source = None
        pretraining = search.pretraining(series)
        if pretraining is not None:
            if len(ended[pretraining]) < search.trials:
                continue
            source = best_trial(pretraining, ended[pretraining]).settings
        if len(found) < search.trials and series not in failed:
            left = search.trials - len(found)
            settings = proposals(search, series, found)[:left]
            due += [
                planned(search, series, n, s, source) for n, s in enumerate(settings, len(found))
            ]
    return due


def _ended(trial: Trial, diverged: set[str], store: Store) -> EndedTrial:
    """Return the result of a trial whose models are in the store, or diverged."""
    error = math.inf
    if diverged.isdisjoint(trial.jobs):
        error = geometric_mean([_validation_error(store, key) for key in trial.models])
    return EndedTrial(
        **trial.series._asdict(),
        number=trial.number,
        settings=trial.settings,
        # A model may have trained to its end and not be finite on other structures.
        validation_force_mae=error if math.isfinite(error) else None,
    )


def _validation_error(store: Store, key: str) -> float:
    error = store.result(key, train.Result).validation_force_mae
    if error is None:
        raise store.senseless(key, JOB_RESULT, "it has no validation error")
    return error
