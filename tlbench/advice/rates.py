"""The learning rate of every start, and of scratch: the best of as many trials for each.

What is right for training from scratch need not be for fine-tuning, nor what suits one architecture
for another: with one learning rate for all, a comparison is also of what it suits. A trial trains
the first pair of the comparison, at its largest size and budget, with each of `RATES`, and then
with one beside the best of them (`next_rate`). That of the lowest error on validation structures is
the learning rate of all models of the start. Test structures are not read, and the model of the
best trial is one that the comparison needs anyway.

Scratch is tried before starts from data sets, on which models are pretrained with its rate: they
are trained from random weights, too. It is at most the highest of `RATES`, because pretraining is
long, and one that diverges loses a pair. Pretraining is not tuned itself.
"""

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tlbench.advice.plan import suite_text
from tlbench.advice.question import SUITE, write_into
from tlbench.advice.run_context import RunContext
from tlbench.base.phrases import counted, listed
from tlbench.base.schema import digest, read_yaml
from tlbench.engine.run.runner import run_jobs
from tlbench.engine.store.store import State, Store
from tlbench.jobs import train
from tlbench.jobs.base import Job
from tlbench.report.wording import BASELINE
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.plan import PRETRAIN, Plan
from tlbench.study.shards import with_ancestors
from tlbench.study.study import Study, resolve
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
    return BETWEEN[1] if higher < lower else BETWEEN[0]


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


def tune_comparison(out: Path, context: RunContext) -> Suite:
    """Run the trials of the comparison in a folder, and return it with the rates that are best.

    Its suite is written to the folder again. A start keeps its rate if all of its trials diverged,
    or one failed otherwise.

    Raises
    ------
    TlbenchError
        If the folder cannot be written to, or jobs can be done no more.
    """
    suite = load_suite(out / SUITE)
    tried = listed(f"{rate:g}" for rate in sorted(RATES))
    context.say(
        f"Choosing learning rates: each start is tried with {tried}, then with one beside the best."
    )
    value, _ = read_yaml(out / SUITE)
    study = resolve(suite)
    pretrained = {ends.source_name for ends in study.ends if ends.data is not None}
    starts = trial_of(suite, RATES[0]).trained
    found = _tried(suite, [start for start in starts if start[2] not in pretrained], context)
    scratch = [_best(errors) for start, errors in found.items() if start[1] == BASELINE]
    for best in filter(None, scratch):
        rate = min(best, max(RATES))
        changed = suite.pretraining.model_copy(update={"learning_rate": rate})
        suite = suite.model_copy(update={"pretraining": changed})
        value["pretraining"] = value["pretraining"] | {"learning_rate": rate}
    found |= _tried(suite, [start for start in starts if start[2] in pretrained], context)
    tuned = _tuned(suite, found)
    if tuned is None:
        return suite
    write_into(out / SUITE, suite_text(value | {"tuned": tuned.model_dump(mode="json")}))
    return load_suite(out / SUITE)


def _tried(suite: Suite, starts: Sequence[StartKey], context: RunContext) -> dict[StartKey, Errors]:
    """Try some starts with each of `RATES`, and with one beside the best; return their errors.

    Those of which a trial failed otherwise than by diverging are not among them.
    """
    found = _errors(suite, [trial_of(suite, rate, starts) for rate in RATES], context)
    last: dict[float, list[StartKey]] = {}
    for start, errors in found.items():
        last.setdefault(next_rate(errors), []).append(start)
    beside = _errors(suite, [trial_of(suite, *each) for each in last.items()], context)
    return {start: found[start] | errors for start, errors in beside.items()}


def _best(errors: Errors) -> float | None:
    """Return the learning rate of the lowest error; None if all trials failed."""
    known = {rate: error for rate, error in errors.items() if error is not None}
    return min(known, key=lambda rate: known[rate]) if known else None


def _errors(suite: Suite, trials: Sequence[Trial], context: RunContext) -> dict[StartKey, Errors]:
    """Run trials that are not done; return the results of the starts that lack none of them."""
    jobs = {key: job for each in trials for key, job in each.jobs.items()}
    shown = Plan(resolve(suite), jobs=jobs)
    diverged: set[str] = set()

    def tell(event: str, job: Job, **fields: Any) -> None:
        if event == "failed" and fields.get("diverged"):
            diverged.add(job.key)
        context.on_event(event, job, **fields)

    run_jobs(
        jobs,
        context.store,
        context.resources,
        lambda report: context.on_change(shown, context.store, report),
        tell,
    )
    found: dict[StartKey, Errors] = {}
    failed: set[StartKey] = set()
    for each in trials:
        for start, key in each.trained.items():
            if context.store.state(key) is State.FINISHED:
                found.setdefault(start, {})[each.rate] = _validation_error(context.store, key)
            elif key in diverged:
                found.setdefault(start, {})[each.rate] = None
            else:
                failed.add(start)
    return {start: errors for start, errors in found.items() if start not in failed}


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
    """Return the error of a model that was trained; None if it is none to compare with."""
    error = store.result(key, train.Result).validation_force_mae
    return error if error is not None and 0 < error < math.inf else None


@dataclass(frozen=True)
class Choice:
    """Learning rates of a comparison, chosen by trials.

    Attributes
    ----------
    rates
        Name of a start, or that of scratch → its learning rate.
    kept
        Names of starts whose trials failed, which have the ``rate`` of the suite.
    size, updates, n_validation
        Training structures, updates and validation structures of a trial.
    pretraining
        Learning rate of models that were pretrained on data sets; None without these.
    """

    rates: Mapping[str, float]
    kept: tuple[str, ...]
    rate: float
    size: int
    updates: int
    n_validation: int
    pretraining: float | None

    @classmethod
    def of(cls, study: Study) -> "Choice | None":
        """Return what was chosen for a study of one target; None if nothing was."""
        suite = study.suite
        if suite.tuned is None:
            return None
        rates = {
            group.source or BASELINE: group.settings.learning_rate
            for _, strategy, group in suite.tuned.groups()
            if strategy == BASELINE or group.source
        }
        has_data = any(ends.data is not None for ends in study.ends)
        names = dict.fromkeys([BASELINE, *(ends.source_name for ends in study.ends)])
        size = suite.sizes[-1]
        return cls(
            rates=rates,
            kept=tuple(name for name in names if name not in rates),
            rate=suite.training.learning_rate,
            size=size,
            updates=suite.training.updates,
            n_validation=min(size, study.ends[0].target.n_frames("validation")),
            pretraining=suite.pretraining.learning_rate if has_data else None,
        )

    def is_at_an_end(self, name: str) -> bool:
        """Return whether the rate of a start is the lowest or the highest that was tried."""
        return self.rates.get(name) in (LOWEST, HIGHEST)

    def sentences(self) -> Iterator[str]:
        """Yield how rates were chosen, and of which starts another may be better still."""
        starts: dict[float, list[str]] = {}
        for name, rate in self.rates.items():
            starts.setdefault(rate, []).append(name)
        named = listed(f"{rate:g} ({listed(starts[rate])})" for rate in sorted(starts))
        yield (
            f"Each start has the best of {N_TRIALS} learning rates, by the error on "
            f"{counted(self.n_validation, 'validation structure')} after one training with "
            f"{counted(self.size, 'structure')} and {counted(self.updates, 'update')}: {named}. "
            "Intervals do not allow for this choice."
        )
        for end, most, more in ((HIGHEST, "highest", "higher"), (LOWEST, "lowest", "lower")):
            if end in starts:
                yield (
                    f"That of {listed(starts[end])} is the {most} that was tried: with a {more} "
                    "one the error may be smaller."
                )
        if self.kept:
            yield (
                f"Trials of {listed(self.kept)} failed; what is compared has a learning rate of "
                f"{self.rate:g}, which need not suit it."
            )
        if self.pretraining is not None:
            yield f"Models were pretrained with {self.pretraining:g}, which was not tuned."
