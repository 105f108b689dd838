"""Which errors of properties follow the force error of the same models.

This is asked of the values that tables show. Of many values some would seem to follow by chance, so
p values are adjusted by Holm's method.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tlbench.base.phrases import counted, listed
from tlbench.metrics import HEADLINE
from tlbench.metrics.conditions import ConditionKey, key_of
from tlbench.metrics.statistics import Pair
from tlbench.metrics.statistics.hypotheses import holm
from tlbench.metrics.statistics.ratio import in_order, model_of
from tlbench.report.analysis import Analysis
from tlbench.report.claims import LEVEL
from tlbench.report.content import Lines, lines_of
from tlbench.report.properties.correlation import Correlation, correlation, without_arms
from tlbench.report.properties.values import ShownValue, has_error
from tlbench.report.wording import AT_THIS_BUDGET
from tlbench.study.model_key import Place, Transfer

Errors = Mapping[Place, Mapping[Pair, float]]
"""Arm → the error of each pair's model."""


@dataclass(frozen=True)
class Following:
    """How the error of a value goes with the force error of the same models.

    Attributes
    ----------
    points
        Arm and pair → force error and error of the value.
    overall
        Over all models.
    within
        Of what is left of both without the means of arms: do, of models of one arm that differ in
        their seeds, those with the lower force error have the lower error?
    p, p_within
        Their p values, adjusted for the number of values.
    """

    shown: ShownValue
    transfer: Transfer
    points: Mapping[tuple[Place, Pair], tuple[float, float]]
    overall: Correlation
    within: Correlation | None
    p: float | None = None
    p_within: float | None = None


def following(analysis: Analysis, shown: Iterable[ShownValue]) -> list[Following]:
    """Return how the error of each of some values goes with the force error, by transfer.

    Errors are taken from records: rows lack those that are exactly 0, which have no logarithm.
    """
    arms = {row.arm for row in analysis.rows}
    measured: dict[tuple[Transfer, str, ConditionKey], dict[Place, dict[Pair, float]]] = {}
    for record in analysis.results.records:
        model = record.model
        if model.place in arms:
            key = model.transfer, record.metric, key_of(record.condition)
            measured.setdefault(key, {}).setdefault(model.place, {})[model.pair] = record.value
    shown = [each for each in shown if has_error(each)]
    found: list[Following] = []
    for transfer in analysis.transfers:
        forces = measured.get((transfer, HEADLINE, ()), {})
        some = [
            each
            for value in shown
            if (errors := measured.get((transfer, value.metric, value.tested)))
            and (each := _of_value(value, transfer, forces, errors)) is not None
        ]
        overall = holm({n: p for n, each in enumerate(some) if (p := each.overall.p) is not None})
        within = holm(
            {
                n: each.within.p
                for n, each in enumerate(some)
                if each.within is not None and each.within.p is not None
            }
        )
        found += [
            replace(each, p=overall.get(n), p_within=within.get(n)) for n, each in enumerate(some)
        ]
    return found


def _of_value(
    shown: ShownValue, transfer: Transfer, forces: Errors, errors: Errors
) -> Following | None:
    arms = [arm for arm in forces if arm in errors]
    pairs = in_order({pair for arm in arms for pair in forces[arm]})
    # A model without a subset is one of each pair with its init seed.
    if any(pair[0] is not None for pair in pairs):
        pairs = [pair for pair in pairs if pair[0] is not None]
    x, y, share = (np.full((len(arms), len(pairs)), np.nan) for _ in range(3))
    for row, arm in enumerate(arms):
        models = [model_of(forces[arm], pair) for pair in pairs]
        # Earlier versions measured a published potential as it is once for each init seed.
        is_one = arm.size == 0 and len(set(forces[arm].values())) == 1
        for column, model in enumerate(models):
            if model is not None and model in errors[arm]:
                x[row, column], y[row, column] = forces[arm][model], errors[arm][model]
                share[row, column] = 1 / (len(models) if is_one else models.count(model))
    overall = correlation(x, y, share=share)
    if overall is None:
        return None
    points = {
        (arm, pair): (value, errors[arm][pair])
        for arm in arms
        for pair, value in forces[arm].items()
        if pair in errors[arm]
    }
    # Models without target data are the same in several pairs, so their scatter counts too often.
    trained = np.array([arm.size > 0 for arm in arms])
    known = np.isfinite(x) & np.isfinite(y) & trained[:, None]
    x, y = (without_arms(np.where(known, each, np.nan)) for each in (x, y))
    return Following(shown, transfer, points, overall, correlation(x, y))


def following_table(found: Iterable[Following], has_several: bool) -> Lines:
    """Return a line per value."""
    return lines_of(
        ({"transfer": each.transfer.label()} if has_several else {})
        | {
            "error of": each.shown.label,
            "all models": _text(each.overall, each.p),
            "within arm and N": _text(each.within, each.p_within),
            "models": str(each.overall.n_models),
        }
        for each in found
    )


def _text(found: Correlation | None, p: float | None) -> str:
    if found is None:
        return "–"
    if found.interval is None or p is None:
        return f"{found.rho:+.2f}"
    low, high = found.interval
    star = "*" if p < LEVEL else ""
    return f"{found.rho:+.2f}{star} [{low:+.2f}, {high:+.2f}]"


def following_findings(found: Sequence[Following], has_several: bool) -> Iterator[str]:
    """Say which errors follow the force error, and of which it cannot be said."""
    for transfer in dict.fromkeys(each.transfer for each in found):
        some = [each for each in found if each.transfer == transfer]
        where = f"{transfer.label()}: " if has_several else ""
        known = [each for each in some if each.p is not None]
        n_arms, n_pairs = (max(getattr(e.overall, n) for e in some) for n in ("n_arms", "n_pairs"))
        of = f"{counted(n_arms, 'arm')} and {counted(n_pairs, 'pair')}"
        if not known:
            yield (
                f"{where}Whether errors of properties follow the force error is not concluded from "
                f"{of}."
            )
            continue
        follow = [e for e in known if (e.p or 0) < LEVEL and e.overall.rho > 0]
        against = [e for e in known if (e.p or 0) < LEVEL and e.overall.rho < 0]
        rest = [e for e in known if e not in follow and e not in against]
        alone = [e for e in rest if e.overall.is_resolved]
        others = [e for e in rest if e not in alone]
        head = f"{where}Over all models ({of}), {AT_THIS_BUDGET}, "
        allowing = f"beyond chance, allowing for {counted(len(known), 'value')}"
        if follow:
            yield f"{head}these errors follow the force error {allowing}: {_named(follow)}."
        if against:
            yield (
                f"{head}these errors are larger where the force error is lower, {allowing}: "
                f"{_named(against)}."
            )
        if alone:
            yield (
                f"{head}the 95 % interval of the rank correlation leaves out 0 for these, but "
                f"not {allowing}: {_named(alone)}."
            )
        if others:
            yield (
                f"{head}these errors cannot be said to follow the force error: "
                f"{listed(e.shown.label for e in others)}."
            )
        within = [e for e in some if e.p_within is not None]
        if within:
            resolved = [e for e in within if (e.p_within or 0) < LEVEL]
            yield f"{where}Among models of one arm and N, which differ in their seeds alone, " + (
                f"these errors go with the force error: {_named_within(resolved)}."
                if resolved
                else "no error of a property can be said to go with the force error."
            )


def _named(some: Iterable[Following]) -> str:
    return listed(f"{each.shown.label} ({each.overall.rho:+.2f})" for each in some)


def _named_within(some: Iterable[Following]) -> str:
    return listed(f"{e.shown.label} ({e.within.rho:+.2f})" for e in some if e.within is not None)
