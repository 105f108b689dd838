"""Which measured jobs are like one that is to be done, and what they say of its cost."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import numpy as np

from tlbench.base.schema import canonical_json
from tlbench.data.frames import Floats
from tlbench.engine.estimates.fit import SHORTEST, fit_cost
from tlbench.engine.estimates.measured import Measured, Sample
from tlbench.engine.estimates.work import TRAIN, Work

Basis = Literal["alike", "settings", "backbones", "unknown"]
"""What a prediction rests on, the surest first:

- *alike*: jobs of the same kind, with the same backbone and settings;
- *settings*: the same kind and backbone with other settings, scaled by the time of a force call, or
  by the volume within the cutoff where only that differs and the time is not known;
- *backbones*: the same kind with other backbones, scaled by the time of a force call;
- *unknown*: nothing, so there is no prediction.
"""

_TELLING_SECONDS = 1.0


@dataclass(frozen=True)
class Fit:
    """What measured jobs say of others like them.

    Attributes
    ----------
    n_measured
        How many jobs it rests on.
    ratios
        Measured over fitted seconds of those that took longest; of the processor where that does
        the work, else by the clock.
    """

    basis: Basis
    n_measured: int
    ratios: Floats
    _cpu: Floats
    _wall: Floats
    _overhead: float | None

    def seconds(self, work: Work) -> tuple[float, float]:
        """Return wall and CPU seconds of ``work``."""
        row = np.array([1.0, *_collapsed(work, self._overhead)])
        return float(row @ self._wall), float(row @ self._cpu)


class CostModel:
    """Fits of measured costs, each made when it is first needed."""

    def __init__(self, measured: Measured) -> None:
        self._speeds = measured.speeds
        self._busyness = measured.busyness()
        self._groups: defaultdict[str, list[Sample]] = defaultdict(list)
        for sample in measured.samples:
            self._groups[sample.work.group].append(sample)
        self._fits: dict[tuple[str, str, str], Fit | None] = {}
        self._overheads = _overheads(self._groups[TRAIN])

    def fit(self, work: Work) -> Fit | None:
        """Return the fit to the jobs most like ``work``; None if there are none."""
        key = work.group, canonical_json(work.backbone), work.settings
        if key not in self._fits:
            self._fits[key] = self._make(work)
        return self._fits[key]

    def _make(self, work: Work) -> Fit | None:
        candidates: defaultdict[Basis, list[tuple[Sample, float]]] = defaultdict(list)
        for sample in self._groups[work.group]:
            basis, scale = self._likeness(sample.work, work)
            candidates[basis].append((sample, scale))
        best: tuple[Basis, ...] = ("alike", "settings", "backbones")
        for basis in best:
            if candidates[basis]:
                return _fitted(basis, candidates[basis], self._overhead(work), self._busyness)
        return None

    def _overhead(self, work: Work) -> float | None:
        """Return how many atoms more a call costs as much as; None to find it in the fit itself."""
        own = self._overheads.get(canonical_json(work.backbone))
        if work.backbone is None or not self._overheads or (own and work.group == TRAIN):
            return None
        return median(self._overheads.values()) if own is None else own

    def _likeness(self, sample: Work, work: Work) -> tuple[Basis, float]:
        """Return how alike they are, and how many times as dear a unit of ``sample`` is."""
        if work.backbone is None or sample.backbone is None:
            return ("alike" if sample.settings == work.settings else "settings"), 1.0
        if sample.backbone == work.backbone:
            return "alike", 1.0
        same_name = sample.backbone["name"] == work.backbone["name"]
        basis: Basis = "settings" if same_name else "backbones"
        theirs, ours = (self._speeds.get(canonical_json(w.backbone)) for w in (sample, work))
        if theirs and ours:
            return basis, theirs / ours
        scale = _cutoff_scale(sample.backbone, work.backbone) if same_name else None
        return ("unknown", 1.0) if scale is None else (basis, scale)


def _overheads(trained: list[Sample]) -> dict[str, float]:
    """Return by backbone how many atoms more a force call costs as much as.

    Trainings with batches of different sizes tell; backbones of which there are none, or whose
    calls cost nothing beyond their atoms, are left out.
    """
    by_backbone: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in trained:
        by_backbone[canonical_json(sample.work.backbone)].append(sample)
    found = {}
    for backbone, samples in by_backbone.items():
        amounts = np.array([each.work.amounts for each in samples])
        _, per_atom, per_call = fit_cost(amounts, _seconds(samples))
        if per_atom and per_call:
            found[backbone] = float(per_call / per_atom)
    return found


def _collapsed(work: Work, overhead: float | None) -> tuple[float, ...]:
    """Return the amounts of work, calls counted as atoms if it is known as how many."""
    if overhead is None:
        return work.amounts
    atoms, calls = work.amounts
    return (atoms + overhead * calls,)


def _cutoff_scale(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> float | None:
    """Return the ratio of the volumes within the cutoffs; None if more than that differs."""
    a, b = dict(theirs["config"]), dict(ours["config"])
    cutoffs = a.pop("cutoff", None), b.pop("cutoff", None)
    if a != b or not all(cutoffs):
        return None
    return float((cutoffs[0] / cutoffs[1]) ** 3)


def _seconds(samples: list[Sample]) -> Floats:
    """Return what costs are fitted to, (n_samples,).

    That is the time of the processor where it does the work: it does not count the time in which
    others had the core.
    """
    return np.array([s.wall_seconds if s.on_accelerator else s.cpu_seconds for s in samples])


def _fitted(
    basis: Basis,
    candidates: list[tuple[Sample, float]],
    overhead: float | None,
    busyness: float,
) -> Fit:
    samples = [sample for sample, _ in candidates]
    scales = np.array([scale for _, scale in candidates])
    rows = [_collapsed(sample.work, overhead) for sample in samples]
    amounts = np.array(rows).reshape(len(samples), -1) * scales[:, None]
    seconds = _seconds(samples)
    found = fit_cost(amounts, seconds)
    fitted = np.maximum(found[0] + amounts @ found[1:], SHORTEST)
    ratios = (seconds / fitted)[seconds >= _TELLING_SECONDS]
    if samples[0].on_accelerator:
        cpu = fit_cost(amounts, np.array([each.cpu_seconds for each in samples]))
        return Fit(basis, len(samples), ratios, cpu, found, overhead)
    return Fit(basis, len(samples), ratios, found, busyness * found, overhead)
