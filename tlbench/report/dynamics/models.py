"""Simulations with the errors of their models, arm by arm."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from tlbench.metrics import HEADLINE
from tlbench.metrics.dynamics import (
    adf_error_of,
    partial_adf_errors,
    partial_rdf_errors,
    rdf_error_beyond_core_of,
)
from tlbench.metrics.statistics import (
    MeanTime,
    Pair,
    Rate,
    clustered_rate,
    geometric_mean,
    kaplan_meier,
    mean_survival_time,
)
from tlbench.metrics.structure import (
    rdf_error_beyond_core,
    scale_without_core,
    shares_of_pairs,
)
from tlbench.report.rows import strategies_of
from tlbench.report.wording import BASELINE
from tlbench.results.dynamics import Dynamics, ModelRun
from tlbench.results.records import Record
from tlbench.study.model_key import Place
from tlbench.study.plan import PRETRAIN

FORCE, RDF, ADF = "force MAE", "RDF error", "ADF error"
"""What a model's forces and its structure are measured by; the scale of RDF is without the core."""

WRONG_COORDINATION, WRONG_RDF = 0.05, 0.25
"""A structure is wrong if it is off by more: of coordination a share, and an RDF error, which a
liquid 500 K too hot exceeds."""

WRONG, ABOVE, AT_FLOOR, UNKNOWN = "wrong", "above the floor", "within the floor", "not known"
"""What a structure can be."""


@dataclass(frozen=True)
class Model:
    """The simulations of one model, and its errors by name where they are known."""

    run: ModelRun
    errors: Mapping[str, float]

    @property
    def n_replicas(self) -> int:
        """Number of replicas."""
        return len(self.run.survival_ps)

    @property
    def rate(self) -> float:
        """Share of replicas that are stable."""
        return self.run.n_stable / self.n_replicas


Arm = dict[Pair, Model]
"""The models of one arm at one place."""


def arms_of(dynamics: Dynamics, records: list[Record]) -> dict[Place, Arm]:
    """Return all models with their errors, by place: backbone, size, temperature, baseline first.

    Arms without target data come last. The force error is that of the records over the whole
    test set. Errors of structure are those of a model's stable replicas; without one they are
    missing, as is what is exactly zero: it has no logarithm.
    """
    forces = {
        (r.model.place, r.model.pair): r.value
        for r in records
        if r.metric == HEADLINE and not r.condition and r.model.strategy != PRETRAIN
    }
    found: dict[Place, Arm] = {}
    for run in dynamics.models:
        place, pair = run.model.place, run.model.pair
        errors = {FORCE: forces.get((place, pair)), **_structure_errors(dynamics, run)}
        known = {name: value for name, value in errors.items() if value}
        found.setdefault(place, {})[pair] = Model(run, known)
    order = strategies_in(dynamics, records)

    def position(place: Place) -> tuple[str, float, float, int]:
        size, at = place.size or math.inf, place.train_temperature_k or 0
        return place.backbone, size, at, order.index(place.strategy)

    return {place: found[place] for place in sorted(found, key=position)}


def _structure_errors(dynamics: Dynamics, run: ModelRun) -> dict[str, float | None]:
    if run.structure is None:
        return {}
    found = dynamics.reference.comparison(run.survival_ps, run.criterion, run.structure, run.msd)
    errors = {RDF: rdf_error_beyond_core_of(found), ADF: adf_error_of(found)}
    by_pair = partial_rdf_errors(found, rdf_error_beyond_core)
    errors |= {of_pair(RDF, pair): error for pair, error in by_pair.items()}
    errors |= {of_pair(ADF, symbol): error for symbol, error in partial_adf_errors(found).items()}
    # Atoms that have flown apart form no angles.
    return {name: error if math.isfinite(error) else None for name, error in errors.items()}


def of_pair(name: str, pair: str) -> str:
    """Return what the error of one pair of elements, or of the angles at one, is called."""
    return f"{name}, {pair}"


def strategies_in(dynamics: Dynamics, records: Iterable[Record]) -> list[str]:
    """Return the arms of records and simulations in one order, so that colours agree."""
    simulated = [run.model.strategy for run in dynamics.models]
    names = dict.fromkeys([*strategies_of(records), *simulated])
    return sorted(names, key=lambda name: name != BASELINE)


def floors(dynamics: Dynamics) -> dict[str, float]:
    """Return the errors that no model should be expected to be below, where they are known."""
    reference = dynamics.reference
    known = {RDF: reference.rdf_floor, ADF: reference.adf_floor}
    partial, of_pairs = reference.partial_floors or {}, reference.structure.partial_rdf or {}
    scaled = {
        pair: partial[pair] * scale_without_core(g)
        for pair, g in of_pairs.items()
        if pair in partial
    }
    if scaled:
        shares = shares_of_pairs(reference.composition or {})
        weights = [shares[pair] for pair in scaled]
        known[RDF] = float(np.average([*scaled.values()], weights=weights))
    elif reference.rdf_floor is not None:
        known[RDF] = reference.rdf_floor * scale_without_core(reference.structure.rdf)
    for name, floor in partial.items():
        is_pair = name in of_pairs
        known[of_pair(RDF if is_pair else ADF, name)] = scaled[name] if is_pair else floor
    return {name: floor for name, floor in known.items() if floor is not None}


def floors_for(dynamics: Dynamics, models: Iterable[Model]) -> dict[str, float]:
    """Return the floors that hold for models of which fewer replicas are stable.

    The squared error of an average over n replicas beside one over R that equals it is as
    1/n + 1/R; the floor is that of two averages over R.
    """
    n_stable = [model.run.n_stable for model in models if model.run.structure]
    replicas = dynamics.reference.replicas
    factor = 1.0
    if replicas and n_stable:
        factor = max(1.0, math.sqrt((replicas / np.mean(n_stable) + 1) / 2))
    return {name: floor * factor for name, floor in floors(dynamics).items()}


def structure_of(dynamics: Dynamics, model: Model) -> str:
    """Return how the structure of a model's stable replicas compares with the reference's.

    What no criterion stops may have lost its structure all the same: a crystal that keeps its
    lattice but a third of its neighbours, for instance.
    """
    found, wanted = model.run.structure, dynamics.reference.structure
    if found is None:
        return UNKNOWN
    floor = floors_for(dynamics, [model])
    above = any(model.errors.get(name, 0) > floor.get(name, 0) for name in (RDF, ADF))
    if not above:
        return AT_FLOOR
    missing = abs(found.coordination - wanted.coordination)
    lost = missing > WRONG_COORDINATION * wanted.coordination
    return WRONG if lost or model.errors.get(RDF, 0) > WRONG_RDF else ABOVE


def structures_in(dynamics: Dynamics, arm: Arm) -> Counter[str]:
    """Return how many models of an arm have which kind of structure, the worst first."""
    found = Counter(structure_of(dynamics, model) for model in arm.values())
    return Counter({kind: found[kind] for kind in (WRONG, ABOVE, AT_FLOOR, UNKNOWN) if found[kind]})


def structure_text(kinds: Counter[str]) -> str:
    """Return what the structures of an arm are, as ``wrong`` or ``2 wrong, 1 above the floor``."""
    if len(kinds) == 1:
        return next(iter(kinds))
    return ", ".join(f"{n} {kind}" for kind, n in kinds.items())


def mean_coordination(arm: Arm) -> float | None:
    """Return the mean number of neighbours over models; None if none is known."""
    found = [m.run.structure.coordination for m in arm.values() if m.run.structure]
    return float(np.mean(found)) if found else None


def mean_text(arm: Arm, name: str) -> str:
    """Return the mean of an error over models, and how many they are if some lack it."""
    mean, n_known = mean_error(arm, name), len(errors_in(arm, name))
    if mean is None:
        return "–"
    return error_text(mean) + (f" ({n_known} of {len(arm)})" if n_known < len(arm) else "")


def error_text(error: float) -> str:
    """Return an error of structure with the digits that mean something."""
    return f"{error:.3f}" if error >= 0.01 else f"{error:.2g}"


def errors_in(arm: Arm, name: str) -> dict[Pair, float]:
    """Return one error of all models that have it."""
    return {pair: model.errors[name] for pair, model in arm.items() if name in model.errors}


def mean_error(arm: Arm, name: str) -> float | None:
    """Return the geometric mean of an error over the models that have it; None if none has."""
    values = list(errors_in(arm, name).values())
    return geometric_mean(values) if values else None


def rates_in(arm: Arm) -> dict[Pair, float]:
    """Return the share of stable replicas of each model."""
    return {pair: model.rate for pair, model in arm.items()}


def rate_of(arm: Arm) -> Rate:
    """Return the share of stable replicas of an arm, clustered by model."""
    models = arm.values()
    return clustered_rate([m.run.n_stable for m in models], [m.n_replicas for m in models])


def survival_time(arm: Arm, length_ps: float) -> MeanTime:
    """Return the restricted mean survival time up to the length of the simulations, ps."""
    runs = [model.run for model in arm.values()]
    # Whole timesteps may end a little early.
    ends = [max(run.survival_ps) for run in runs if run.n_stable]
    curves = [kaplan_meier(run.survival_ps, [bool(name) for name in run.criterion]) for run in runs]
    return mean_survival_time(curves, min([length_ps, *ends]))


def mean_displacement(curve: list[float]) -> float:
    """Return the mean-square displacement averaged over the second half of a simulation, Å²."""
    return float(np.mean(curve[len(curve) // 2 :]))


def baseline_of(place: Place, arms: Mapping[Place, Arm]) -> Arm:
    """Return the models from scratch that an arm is compared with; none for the baseline itself.

    An arm without target data is compared with the smallest training set, after as many updates as
    any.
    """
    if place.strategy == BASELINE:
        return {}
    if place.size:
        return arms.get(place.scratch, {})
    others = [p for p in arms if place.scratch == p.replace(size=0, updates=None)]
    most = max((p.updates or 0 for p in others), default=0)
    longest = [p for p in others if (p.updates or 0) == most]
    return arms[min(longest, key=lambda p: p.size)] if longest else {}
