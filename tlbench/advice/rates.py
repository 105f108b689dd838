"""The learning rate of every start, and of scratch: the best of as many trials for each.

What is right for training from scratch need not be for fine-tuning, nor what suits one architecture
for another: with one learning rate for all, a comparison is also of what it suits. A trial trains
the first pair of the comparison, at its largest size and budget, with each of `RATES`, and then
with one beside the best of them (`next_rate`). That of the lowest error on validation structures is
the learning rate of all models of the start. Test structures are not read, and the model of the
best trial is one that the comparison needs anyway.

Scratch is tried first, and models are pretrained on data sets with its rate: they are trained from
random weights, too. As they have more updates, for which lower rates suit, it is at most the
highest of `RATES`.
"""

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tlbench.advice.plan import suite_text
from tlbench.advice.question import SUITE, write_into
from tlbench.advice.site import Site
from tlbench.base.schema import digest, read_yaml
from tlbench.engine.run.runner import run_jobs
from tlbench.engine.store.store import State, Store
from tlbench.jobs import train
from tlbench.jobs.base import Job
from tlbench.report.wording import BASELINE, listed
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.plan import PRETRAIN, Plan
from tlbench.study.shards import with_ancestors
from tlbench.study.study import resolve
from tlbench.study.suite import Suite
from tlbench.study.tuned import Tuned, TunedGroup, TunedSettings
from tlbench.transfer import arm

RATES = (1e-3, 3e-4, 3e-3)
"""Learning rates that are tried; the first is that of suites. With 100 updates on germanium, the
best rates that `tlbench tune` found for scratch and fine-tuning of three architectures (the suite
``universal-cpu``) are all within a factor of 2 of one of them."""

LOWEST, HIGHEST = 1e-4, 1e-2
"""Learning rates that are tried last where the lowest or the highest of the others was best."""

BETWEEN = 5e-4, 2e-3
"""Those that are tried last where the middle one was, on the side of the next best."""

N_TRIALS = len(RATES) + 1


StartKey = tuple[str, str, str | None]
"""Backbone, strategy and source of a start; the source of scratch is None."""


@dataclass(frozen=True)
class Trial:
    """The first pair of starts at one learning rate.

    Attributes
    ----------
    jobs
        Its jobs and all that they need.
    trained
        Start → key of the job that trains its model.
    """

    rate: float
    jobs: Mapping[str, Job]
    trained: Mapping[StartKey, str]


Errors = dict[float, float | None]
"""Learning rate → error on validation structures; None where training failed."""


def next_rate(errors: Errors) -> float:
    """Return the learning rate that a start is tried with last; the lowest where all failed."""
    lower, middle, higher = (
        math.inf if (error := errors[rate]) is None else error for rate in sorted(RATES)
    )
    if lower <= min(middle, higher):
        return LOWEST
    if higher < middle:
        return HIGHEST
    return BETWEEN[higher < lower]


def trial_of(suite: Suite, rate: float, starts: Container[StartKey] | None = None) -> Trial:
    """Return the trial of a comparison that is not tuned at a learning rate, of some starts."""
    changes = {
        "sizes": suite.sizes[-1:],
        "subset_seeds": suite.subset_seeds[:1],
        "init_seeds": suite.init_seeds[:1],
        "training": suite.training.model_copy(update={"learning_rate": rate}),
    }
    whole = plan(resolve(suite.model_copy(update=changes)))
    trained = {}
    for cell in whole.cells:
        model = cell.model
        if model.strategy == PRETRAIN or model.updates != suite.training.updates:
            continue
        source = model.source if arm(model.strategy).needs_source else None
        start = model.backbone, model.strategy, source
        if starts is None or start in starts:
            trained[start] = cell.trained
    jobs = with_ancestors(whole.jobs, trained.values())
    for key in trained.values():
        jobs[key] = replace(jobs[key], label=f"trial at {rate:g}, {jobs[key].label}")
    return Trial(rate, jobs, trained)


def tune_comparison(out: Path, site: Site) -> Suite:
    """Run the trials of the comparison in a folder, and return it with the rates that are best.

    Its suite is written to the folder again. A start all of whose trials failed keeps its rate.

    Raises
    ------
    TlbenchError
        If the folder cannot be written to, or jobs can be done no more.
    """
    suite = load_suite(out / SUITE)
    tried = listed(f"{rate:g}" for rate in sorted(RATES))
    site.say(
        f"Choosing learning rates: each start is tried with {tried}, then with one beside the best."
    )
    value, _ = read_yaml(out / SUITE)
    starts = trial_of(suite, RATES[0]).trained
    found = _tried(suite, [start for start in starts if start[1] == BASELINE], site)
    for errors in list(found.values()):
        if (best := _best(errors)) is not None:
            rate = min(best, max(RATES))
            changed = suite.pretraining.model_copy(update={"learning_rate": rate})
            suite = suite.model_copy(update={"pretraining": changed})
            value["pretraining"] = value["pretraining"] | {"learning_rate": rate}
    found |= _tried(suite, [start for start in starts if start not in found], site)
    tuned = _tuned(suite, found)
    if tuned is None:
        return suite
    write_into(out / SUITE, suite_text(value | {"tuned": tuned.model_dump(mode="json")}))
    return load_suite(out / SUITE)


def _tried(suite: Suite, starts: Sequence[StartKey], site: Site) -> dict[StartKey, Errors]:
    """Try some starts with each of `RATES`, and with one beside the best; return their errors."""
    found = _errors(suite, [trial_of(suite, rate, starts) for rate in RATES], site)
    last: dict[float, list[StartKey]] = {}
    for start, errors in found.items():
        last.setdefault(next_rate(errors), []).append(start)
    beside = _errors(suite, [trial_of(suite, *each) for each in last.items()], site)
    return {start: errors | beside[start] for start, errors in found.items()}


def _best(errors: Errors) -> float | None:
    """Return the learning rate of the lowest error; None if all trials failed."""
    known = {rate: error for rate, error in errors.items() if error is not None}
    return min(known, key=lambda rate: known[rate]) if known else None


def _errors(suite: Suite, trials: Sequence[Trial], site: Site) -> dict[StartKey, Errors]:
    """Run trials that are not done; return what came of them."""
    jobs = {key: job for each in trials for key, job in each.jobs.items()}
    shown = Plan(resolve(suite), jobs=jobs)
    run_jobs(
        jobs,
        site.store,
        site.resources,
        lambda report: site.on_change(shown, site.store, report),
        site.on_event,
    )
    found: dict[StartKey, Errors] = {}
    for each in trials:
        for start, key in each.trained.items():
            found.setdefault(start, {})[each.rate] = _validation_error(site.store, key)
    return found


def _tuned(suite: Suite, found: Mapping[StartKey, Errors]) -> Tuned | None:
    """Return the settings of the best trial of every start; None if all trials failed."""
    arms: dict[str, dict[str, list[TunedGroup]]] = {}
    every = []
    for (backbone, strategy, source), errors in found.items():
        every.append([backbone, strategy, source, [*errors.items()]])
        best = _best(errors)
        if best is None:
            continue
        failed = sum(error is None for error in errors.values())
        group = TunedGroup(
            sizes=None,
            updates=None,
            source=source,
            size=suite.sizes[-1],
            settings=TunedSettings(
                learning_rate=best,
                final_learning_rate_fraction=suite.training.final_learning_rate_fraction,
            ),
            trials=len(errors),
            pruned=failed,
            validation_force_mae=errors[best],
            default_validation_force_mae=errors[RATES[0]],
        )
        arms.setdefault(backbone, {}).setdefault(strategy, []).append(group)
    if not arms:
        return None
    return Tuned(
        suite=suite.name,
        suite_digest=resolve(suite).digest,
        study=digest(every),
        pairs=1,
        arms=arms,
    )


def _validation_error(store: Store, key: str) -> float | None:
    """Return the error of a model that was trained; None if training failed or it has none."""
    if store.state(key) is not State.FINISHED:
        return None
    error = store.result(key, train.Result).validation_force_mae
    return error if error is not None and math.isfinite(error) else None


def chosen_rates(tuned: Tuned | None) -> dict[str, float]:
    """Return the name of each start, or that of scratch → its learning rate; empty if not tuned."""
    groups = tuned.groups() if tuned else ()
    return {
        group.source or BASELINE: group.settings.learning_rate
        for _, strategy, group in groups
        if strategy == BASELINE or group.source
    }


def rate_sentences(rates: Mapping[str, float], pretraining: float | None = None) -> Iterator[str]:
    """Yield which learning rates were chosen, and of which starts another may be better still.

    Parameters
    ----------
    pretraining
        The one of models that were pretrained on data sets.
    """
    if not rates:
        return
    starts: dict[float, list[str]] = {}
    for name, rate in rates.items():
        starts.setdefault(rate, []).append(name)
    named = listed(f"{rate:g} ({listed(starts[rate])})" for rate in sorted(starts))
    yield (
        f"Learning rates are the best of {N_TRIALS} for each start, by the error on validation "
        f"structures in one training each: {named}."
        + ("" if pretraining is None else f" Pretraining had {pretraining:g}.")
    )
    for end, most, more in ((HIGHEST, "highest", "higher"), (LOWEST, "lowest", "lower")):
        if end in starts:
            yield (
                f"That of {listed(starts[end])} is the {most} that was tried: with a {more} one "
                "the error may be smaller."
            )
