"""The learning rate of every start, and of scratch: the best of as many trials for each.

What is right for training from scratch need not be for fine-tuning, nor what suits one architecture
for another: with one learning rate for all, a comparison is also of what it suits. A trial trains
the first pair of the comparison, at its largest size and budget, with one of `RATES`. That of the
lowest error on validation structures is the learning rate of all models of the start. Test
structures are not read, and the model of the best trial is one that the comparison needs anyway.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Trial:
    """The first pair of every start at one learning rate.

    Attributes
    ----------
    jobs
        Its jobs and all that they need.
    trained
        Backbone, strategy and source (None for scratch) → key of the job that trains the model.
    """

    rate: float
    jobs: Mapping[str, Job]
    trained: Mapping[tuple[str, str, str | None], str]


def trials_of(suite: Suite) -> list[Trial]:
    """Return the trials of a comparison that is not tuned."""
    return [_trial(suite, rate) for rate in RATES]


def _trial(suite: Suite, rate: float) -> Trial:
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
        trained[model.backbone, model.strategy, source] = cell.trained
    return Trial(rate, with_ancestors(whole.jobs, trained.values()), trained)


def tune_comparison(out: Path, site: Site) -> Suite:
    """Run the trials of the comparison in a folder, and return it with the rates that are best.

    Its suite is written to the folder again. A start all of whose trials failed keeps its rate.

    Raises
    ------
    TlbenchError
        If the folder cannot be written to, or jobs can be done no more.
    """
    suite = load_suite(out / SUITE)
    trials = trials_of(suite)
    site.say(f"Choosing learning rates: each start is tried with {rates_text(RATES)}.")
    jobs = {key: job for each in trials for key, job in each.jobs.items()}
    shown = Plan(resolve(suite), jobs=jobs)
    run_jobs(
        jobs,
        site.store,
        site.resources,
        lambda report: site.on_change(shown, site.store, report),
        site.on_event,
    )
    tuned = _tuned(suite, trials, site.store)
    if tuned is None:
        return suite
    value, _ = read_yaml(out / SUITE)
    write_into(out / SUITE, suite_text(value | {"tuned": tuned.model_dump(mode="json")}))
    return load_suite(out / SUITE)


def _tuned(suite: Suite, trials: list[Trial], store: Store) -> Tuned | None:
    """Return the settings of the best trial of every start; None if all trials failed."""
    arms: dict[str, dict[str, list[TunedGroup]]] = {}
    every = []
    for backbone, strategy, source in trials[0].trained:
        errors = {
            each.rate: _validation_error(store, each.trained[backbone, strategy, source])
            for each in trials
        }
        every.append([backbone, strategy, source, [*errors.items()]])
        known = {rate: error for rate, error in errors.items() if error is not None}
        if not known:
            continue
        best = min(known, key=lambda rate: known[rate])
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
            pruned=len(errors) - len(known),
            validation_force_mae=known[best],
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


def rates_text(rates: Iterable[float]) -> str:
    """Return learning rates in words, ascending."""
    return listed(f"{rate:g}" for rate in sorted(rates))


def rate_sentences(rates: Mapping[str, float]) -> Iterator[str]:
    """Yield which learning rates were chosen, and of which starts another may be better still."""
    if not rates:
        return
    starts: dict[float, list[str]] = {}
    for name, rate in rates.items():
        starts.setdefault(rate, []).append(name)
    named = listed(f"{rate:g} ({listed(starts[rate])})" for rate in sorted(starts))
    yield (
        f"Learning rates are the best of {rates_text(RATES)} by the error on validation "
        f"structures, in one training each: {named}."
    )
    for end, most, more in ((max(RATES), "highest", "higher"), (min(RATES), "lowest", "lower")):
        if end in starts:
            yield (
                f"That of {listed(starts[end])} is the {most} that was tried: with a {more} one "
                "the error may be smaller."
            )
