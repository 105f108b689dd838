"""Which numbers got worse, beyond tolerance and noise."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tlbench.metrics import METRICS
from tlbench.metrics.spec import Floats, MetricSpec
from tlbench.metrics.statistics import Pair
from tlbench.regression.judged import Judged, Scope
from tlbench.regression.noise import FAMILIES, Loss, group_losses, holm
from tlbench.regression.pairing import Pairing
from tlbench.regression.places import Place

Losses = Mapping[Pair, float]
"""Pair → how much worse the value became."""


@dataclass(frozen=True)
class Verdicts:
    """What became of every backbone and every place, and what to know of how it was judged."""

    judged: list[Judged]
    remarks: list[str]

    @property
    def worse(self) -> list[Judged]:
        """What became worse."""
        return [each for each in self.judged if each.worse]


def judge(pairing: Pairing, tolerances: Mapping[str, float]) -> Verdicts:
    """Judge a run, the first of ``pairing``, by the baseline, the second.

    Parameters
    ----------
    tolerances
        Metric → what may be lost, instead of its own tolerance.

    Raises
    ------
    UnknownNameError
        If a metric is not known.
    """
    groups: dict[tuple[Hashable, ...], list[Place]] = defaultdict(list)
    for place in pairing.shared:
        groups[place.group].append(place)
    found: list[Judged] = []
    alone: dict[str, None] = {}
    for members in groups.values():
        spec = METRICS.get(members[0].metric)
        spec = replace(spec, tolerance=tolerances.get(spec.name, spec.tolerance))
        losses = {place: losses_of(pairing.shared[place], spec) for place in members}
        several = len({init for each in losses.values() for _, init in each}) > 1
        if not several:
            alone[members[0].backbone] = None
        found += _of_group(losses, spec, several)
    judged = [*_adjusted(found, Scope.BACKBONE), *_adjusted(found, Scope.PLACE)]
    return Verdicts(judged, _remarks(judged, list(alone)))


def losses_of(values: Mapping[Pair, tuple[float, float]], spec: MetricSpec) -> dict[Pair, float]:
    """Return by how much each value is worse: a log ratio or a difference, above 0 if worse.

    It is infinite where a value that has no logarithm changed.

    Parameters
    ----------
    values
        Pair → (value of the run, value of the baseline).
    """
    sign = 1 if spec.better == "lower" else -1
    return {pair: sign * _change(*both, spec) for pair, both in values.items()}


def units_of(losses: Losses, several_init_seeds: bool) -> Floats:
    """Return the losses of what is independent: init seeds where there are several, else pairs."""
    units: dict[object, list[float]] = defaultdict(list)
    for pair, loss in losses.items():
        units[pair[1] if several_init_seeds else pair].append(loss)
    return np.array([np.mean(each) for each in units.values()])


def _change(value: float, before: float, spec: MetricSpec) -> float:
    if spec.compared == "difference" or value == before:
        return value - before
    if value > 0 and before > 0:
        return math.log(value / before)
    return math.copysign(math.inf, value - before)


def _of_group(losses: Mapping[Place, Losses], spec: MetricSpec, several: bool) -> list[Judged]:
    """Judge the places of one backbone, metric and condition; chances are not adjusted yet."""
    finite = {p: each for p, each in losses.items() if all(map(math.isfinite, each.values()))}
    found = []
    for place, each in losses.items():
        if place not in finite:
            loss = Loss(max(each.values()), len(each), None)
            found.append(Judged(Scope.PLACE, place, 1, spec, loss, None))
    if not finite:
        return found
    units = [units_of(each, several) for each in finite.values()]
    arms = [(p.source, p.source_part, p.target, p.strategy) if several else p for p in finite]
    group = group_losses(units, arms, discrete=spec.compared == "difference")
    for place, loss in zip(finite, group.places, strict=True):
        found.append(Judged(Scope.PLACE, place, 1, spec, loss, loss.p_value))
    if not place.condition and len(finite) > 1:
        whole = group.whole
        found.append(Judged(Scope.BACKBONE, place, len(finite), spec, whole, whole.p_value))
    return found


def _adjusted(found: Iterable[Judged], scope: Scope) -> list[Judged]:
    """Return those of one scope, with chances adjusted for their number."""
    family = [each for each in found if each.scope is scope]
    known = {n: each.chance for n, each in enumerate(family) if each.chance is not None}
    adjusted = {n: min(1.0, FAMILIES * chance) for n, chance in holm(known).items()}
    return [replace(each, chance=adjusted.get(n)) for n, each in enumerate(family)]


def _remarks(judged: Sequence[Judged], alone: Sequence[str]) -> list[str]:
    found = []
    if alone:
        found.append(
            f"All models of {_and(alone)} have one init seed, so the noise is that of the choice "
            "of structures alone; a change that draws other initial weights can pass for a loss."
        )
    unknown = dict.fromkeys(
        f"{each.backbone} ({each.spec.name})"
        for each in judged
        if each.chance is None and math.isfinite(each.loss.value)
    )
    if unknown:
        found.append(
            f"The noise of {_and(list(unknown))} cannot be estimated from so few models, so the "
            "tolerance alone decides there."
        )
    return found


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
