"""Whether published numbers follow from the errors and simulations that are published with them."""

import math
from collections.abc import Iterator

from tlbench.board.reading import Entry
from tlbench.board.verification.energies import Energies
from tlbench.board.verification.models import Model
from tlbench.board.verification.properties import by_model, of_property
from tlbench.board.verification.simulations import of_simulations
from tlbench.metrics import METRICS
from tlbench.metrics.conditions import key_of
from tlbench.results.frame_errors import ModelErrors, Recomputed, TestSet, recompute

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
    cards = {each.job: each.card for each in entry.about.data}
    energies = Energies.of(entry, models, tests, known)
    runs = {r.job: r for r in entry.results.dynamics.models} if entry.results.dynamics else {}
    cache: dict[str, Recomputed] = {}
    computed = by_model(entry)
    for model in models:
        if model.where.property is not None:
            line = computed.get((model.where.model, model.where.property))
            yield from _compare(model, {} if line is None else of_property(line))
            continue
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
        further = model.where.data
        named = names if further is None else cards
        if errors.data not in tests or named.get(errors.data) != (
            further or model.where.model.target
        ):
            whose = "its target" if further is None else further
            yield f"{model.where.label()}: its errors are not on the test set of {whose}."
            continue
        if energies.are_missing(model, errors):
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
