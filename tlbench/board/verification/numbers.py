"""Whether published numbers follow from the errors and simulations that are published with them."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from tlbench.board.reading import Entry
from tlbench.board.verification.models import Model
from tlbench.board.verification.simulations import of_simulations
from tlbench.metrics import METRICS
from tlbench.metrics.conditions import key_of
from tlbench.results.frame_errors import ModelErrors, Recomputed, TestSet, recompute
from tlbench.study.plan import PRETRAIN
from tlbench.transfer import arm

RELATIVE = 1e-6
"""Agreement of recomputed errors: forces are stored in single precision, sums to nine digits."""


def check_numbers(
    entry: Entry, models: list[Model], tested: list[TestSet], measured: list[ModelErrors]
) -> Iterator[str]:
    """Yield what is wrong with the numbers of a submission.

    Parameters
    ----------
    tested, measured
        Test structures, and the errors on them.
    """
    known = {errors.job: errors for errors in measured}
    tests = {each.data: each for each in tested}
    names = {each.job: entry.name_of(each) for each in entry.about.data}
    runs = {r.job: r for r in entry.results.dynamics.models} if entry.results.dynamics else {}
    left_out = {
        each.job: entry.cards[each.recipe].origin.elements_left_out()
        for each in entry.about.data
        if each.recipe in entry.cards
    }
    cache: dict[str, Recomputed] = {}
    for model in models:
        if model.where.simulated:
            try:
                wanted = of_simulations(entry, runs[model.job])
            except ValueError as error:
                yield f"{model.where.label()}: nothing follows from its simulations; {error}."
                continue
            yield from _compare(model, wanted)
            continue
        errors = known.get(model.job)
        if errors is None:
            yield f"{model.where.label()}: there are no errors on test structures of it."
            continue
        if errors.data not in tests or names.get(errors.data) != model.where.model.target:
            yield f"{model.where.label()}: its errors are not on the test set of its target."
            continue
        trained = _has_energies(model.where.model.strategy)
        if trained and lacks_energies(errors, tests[errors.data], left_out.get(errors.data, [])):
            yield f"{model.where.label()}: its energy errors are missing."
        if model.job not in cache:
            by = entry.suite.by if errors.weights == "last" else []
            try:
                cache[model.job] = recompute(
                    errors, tests[errors.data], entry.suite.error_metrics, by
                )
            except ValueError as error:
                yield f"{model.where.label()}: {error}."
                continue
        yield from _compare(model, cache[model.job])


def _has_energies(strategy: str) -> bool:
    """Return whether a model of this arm is fitted to energies, which zero-shot models are not."""
    return strategy == PRETRAIN or arm(strategy).trains


def lacks_energies(errors: ModelErrors, tests: TestSet, left_out: Sequence[str]) -> bool:
    """Return whether energies are missing of structures all of whose elements were trained on.

    The few structures that a model is trained on may lack an element by chance. Then no structure
    that contains it has an energy, but others do.

    Parameters
    ----------
    left_out
        Elements that no training structure of the data set contains.
    """
    unknown = np.array([each is None for each in errors.energy or [None] * len(tests.n_atoms)])
    counts = tests.element_counts
    if len(unknown) != len(tests.n_atoms):
        # Nothing can be recomputed, which is said of it.
        return False
    new = [name for name in counts if unknown[counts[name] > 0].all()]
    if unknown.all():
        new = [name for name in new if name in left_out]
    explained = np.any([counts[name] > 0 for name in new] or [np.zeros_like(unknown)], axis=0)
    return bool((unknown & ~explained).any())


def _compare(model: Model, wanted: Recomputed) -> Iterator[str]:
    seen = set()
    for r in model.records:
        key = (r.metric, key_of(r.condition))
        name = f"{model.where.label()}: {r.metric}{_condition(r.condition)}"
        if key in seen:
            yield f"{name} is given twice."
        seen.add(key)
        value = wanted.get(key)
        if value is None:
            yield f"{name} is {r.value:g}, but does not follow from what is published with it."
        elif not _agree(r.metric, r.value, value):
            yield f"{name} is given as {r.value!r}, but recomputed it is {value!r}."
        if r.metric in METRICS and r.unit != METRICS.get(r.metric).unit:
            yield f"{name} is given in {r.unit!r} instead of {METRICS.get(r.metric).unit!r}."
    for metric, condition in sorted(wanted.keys() - seen, key=str):
        yield f"{model.where.label()}: {metric}{_condition(dict(condition))} is missing."


def _agree(metric: str, given: float, recomputed: float) -> bool:
    absolute = METRICS.get(metric).published_precision if metric in METRICS else 0
    return math.isclose(given, recomputed, rel_tol=RELATIVE, abs_tol=absolute)


def _condition(condition: dict[str, float | str]) -> str:
    if not condition:
        return ""
    return " at " + ", ".join(f"{name} = {value}" for name, value in condition.items())
