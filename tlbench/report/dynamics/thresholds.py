"""Stability as a function of the threshold: which share stays within it, and for how long."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from tlbench.jobs.extremes import Extremes
from tlbench.metrics.statistics import Rate, clustered_rate
from tlbench.report.analysis import arm_cells
from tlbench.report.content import Lines, lines_of
from tlbench.report.dynamics.models import RDF, Arm, Model, mean_text
from tlbench.report.wording import interval_text
from tlbench.results.dynamics import Dynamics
from tlbench.study.model_key import Place

XY = tuple[list[float], list[float]]


@dataclass(frozen=True)
class Scale:
    """A quantity of which the worst value of every replica is known.

    Attributes
    ----------
    field
        Its name in `Extremes`.
    title, unit
        What it is called.
    thresholds
        The strictest first.
    """

    field: str
    title: str
    unit: str
    thresholds: tuple[float, ...]

    @property
    def sign(self) -> int:
        """1 where the largest value is the worst, else -1."""
        return 1 if self.thresholds[0] < self.thresholds[-1] else -1

    def text(self, threshold: float) -> str:
        """Return a threshold as the title of a column."""
        return f"{'≤' if self.sign > 0 else '≥'} {threshold:g}{self.unit and ' ' + self.unit}"


SCALES = (
    Scale("structure", "RDF error of a window of time", "", (0.1, 0.2, 0.3, 0.5, 1.0)),
    Scale("temperature", "Temperature over the thermostat's", "", (1.5, 2.0, 3.0, 5.0)),
    Scale("closest_pair", "Closest pair over covalent radii", "", (0.8, 0.7, 0.6, 0.5)),
    Scale("force", "Largest force", "eV/Å", (10.0, 20.0, 50.0, 100.0)),
    Scale("energy", "Energy beyond the reference's", "eV/atom", (0.02, 0.05, 0.1, 0.25, 0.5)),
)


def worst(found: Extremes, scale: Scale) -> list[float]:
    """Return the worst value of each replica, ∞ times the sign for one that was stopped."""
    values = getattr(found, scale.field)
    ends = zip(values, found.lasted, strict=True)
    return [of[-1] if lasted else scale.sign * np.inf for of, lasted in ends]


def within(found: Extremes, scale: Scale, threshold: float) -> int:
    """Return how many replicas were simulated to the end within a threshold."""
    return sum(scale.sign * value <= scale.sign * threshold for value in worst(found, scale))


def times_within(found: Extremes, scale: Scale, threshold: float) -> list[float]:
    """Return for how long each replica was within a threshold, ps.

    Extremes are known at some times only, so it is the last of these at which it still was.
    """
    times = [0.0, *found.times_ps]
    return [
        times[sum(scale.sign * value <= scale.sign * threshold for value in values)]
        for values in getattr(found, scale.field)
    ]


def share_within(models: Iterable[Model], scale: Scale, threshold: float) -> Rate | None:
    """Return the share of replicas that stay within a threshold, clustered by model."""
    known = extremes_in(models, scale)
    if not known:
        return None
    counts = [within(found, scale, threshold) for found in known]
    return clustered_rate(counts, [len(found.lasted) for found in known])


def extremes_in(models: Iterable[Model], scale: Scale) -> list[Extremes]:
    """Return the extremes of the models of which a quantity is known."""
    found = (model.run.extremes for model in models)
    return [each for each in found if each and getattr(each, scale.field) is not None]


def telling_scales(arms: Mapping[Place, Arm]) -> list[Scale]:
    """Return the scales on which some replica is beyond the strictest threshold."""
    return [
        scale
        for scale in SCALES
        if any(
            (share := share_within(arm.values(), scale, scale.thresholds[0])) and share.value < 1
            for arm in arms.values()
        )
    ]


def share_curve(models: list[Model], scale: Scale) -> XY | None:
    """Return thresholds, the strictest first, and the share of replicas within them."""
    values = [value for found in extremes_in(models, scale) for value in worst(found, scale)]
    if not values:
        return None
    finite = sorted((value for value in values if np.isfinite(value)), key=lambda v: scale.sign * v)
    ends = [scale.thresholds[0], *finite, scale.thresholds[-1]]
    x = sorted(ends, key=lambda v: scale.sign * v)
    return x, [sum(scale.sign * v <= scale.sign * at for v in values) / len(values) for at in x]


def thresholds_table(dynamics: Dynamics, arms: Mapping[Place, Arm], scale: Scale) -> Lines:
    """Return a line per arm, a column per threshold, with the reference's own run in the last."""
    rows = []
    for place, cells in arm_cells(arms).items():
        models = list(arms[place].values())
        known = extremes_in(models, scale)
        found = {}
        for threshold in scale.thresholds:
            share = share_within(models, scale, threshold)
            text = "–"
            if share is not None:
                times = [t for each in known for t in times_within(each, scale, threshold)]
                text = f"{share.value:.2f} {interval_text(share)}, {np.mean(times):.3g} ps"
            found[scale.text(threshold)] = text
        rows.append(cells | found | {RDF: mean_text(arms[place], RDF)})
    own = dynamics.reference.extremes
    if own is not None and getattr(own, scale.field) is not None:
        shares = {
            scale.text(threshold): f"{within(own, scale, threshold) / len(own.lasted):.2f}, "
            f"{np.mean(times_within(own, scale, threshold)):.3g} ps"
            for threshold in scale.thresholds
        }
        rows.append({"backbone": "reference", **shares})
    return lines_of(rows)
