"""Errors of forces beside errors of structure.

Force errors of test atoms are sorted by the distances and angles that the atoms see, and laid
beside the deviation of the radial and angular distribution of the same model's simulations at the
same distances and angles.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tlbench.jobs.reference_run import Structure
from tlbench.metrics.statistics import (
    MIN_GROUPS,
    Association,
    Pair,
    association,
    geometric_mean,
)
from tlbench.report.content import Lines, lines_of
from tlbench.report.dynamics.models import (
    ADF,
    FORCE,
    RDF,
    Model,
    arms_of,
    baseline_of,
    error_text,
    floors,
    floors_for,
)
from tlbench.report.relations.coverage import first_cells, principal
from tlbench.results.dynamics import Dynamics
from tlbench.results.profiles import ANGLE, ANGLE_BINS, DISTANCE, DISTANCE_BINS, Profile
from tlbench.results.records import Record
from tlbench.study.model_key import Place

Floats = np.ndarray

MOST_BINS = 3
"""Bins that are named as explaining a difference of structure."""


@dataclass(frozen=True)
class Axis:
    """A kind of distribution: its error, its bins, and how it is found in structure and profile."""

    error: str
    bins: int
    width: float
    unit: str
    of_structure: str
    of_profile: str

    def bin(self, number: int) -> str:
        """Return a bin in words."""
        return f"{number * self.width:.3g}–{(number + 1) * self.width:.3g} {self.unit}"


AXES = (
    Axis(RDF, DISTANCE_BINS, DISTANCE, "Å", "rdf", "by_distance"),
    Axis(ADF, ANGLE_BINS, ANGLE, "°", "adf", "by_angle"),
)


@dataclass(frozen=True)
class Deviations:
    """One model: mean deviation from the reference, and mean force error, in each bin."""

    place: Place
    pair: Pair
    structure: Floats
    force: Floats


def deviations(
    dynamics: Dynamics, profiles: Sequence[Profile], records: list[Record], axis: Axis
) -> list[Deviations]:
    """Return the models that are both simulated, with stable replicas, and profiled."""
    known = {(p.model.place, p.model.pair): p for p in profiles}
    found = []
    for place, arm in arms_of(dynamics, records).items():
        for pair, model in arm.items():
            profile = known.get((place, pair))
            if profile is None or model.run.structure is None:
                continue
            deviation = _deviation(model.run.structure, dynamics.reference.structure, axis)
            errors = [np.nan if e is None else e for e in getattr(profile, axis.of_profile)]
            found.append(Deviations(place, pair, deviation, np.array(errors, dtype=float)))
    return found


def _deviation(structure: Structure, reference: Structure, axis: Axis) -> Floats:
    ours, wanted = (np.array(getattr(s, axis.of_structure)) for s in (structure, reference))
    return np.asarray(np.abs(ours - wanted).reshape(axis.bins, -1).mean(axis=1))


def bin_associations(found: list[Deviations], axis: Axis) -> list[tuple[int, Association, float]]:
    """Return bins with the correlation of force error and deviation, and the mean deviation.

    Models of one arm are alike, so arms are counted, not models. Bins are left out where the
    structure deviates by less than a twentieth of the largest mean deviation, and all if there are
    too few models.
    """
    if len(found) < MIN_GROUPS:
        return []
    structure = np.array([d.structure for d in found])
    force = np.array([d.force for d in found])
    mean = structure.mean(axis=0)
    resolved = (mean >= 0.05 * mean.max()) & np.isfinite(force).all(axis=0)
    arms = [d.place for d in found]
    associations = {
        number: association(force[:, number].tolist(), structure[:, number].tolist(), arms)
        for number in np.flatnonzero(resolved).tolist()
    }
    return [(number, each, float(mean[number])) for number, each in associations.items() if each]


def bins_table(found: list[Deviations], axis: Axis) -> Lines:
    """Return a line per bin, the header first."""
    return lines_of(
        {
            f"bin ({axis.unit})": axis.bin(number),
            "mean deviation": f"{mean:.3g}",
            "with force error (Spearman)": association_text(each),
        }
        for number, each, mean in bin_associations(found, axis)
    )


def association_text(found: Association) -> str:
    """Return a correlation with its interval, or with its number of points."""
    if found.interval is None:
        return f"{found.rho:+.2f} ({found.n_points} points)"
    return f"{found.rho:+.2f} [{found.interval[0]:+.2f}, {found.interval[1]:+.2f}]"


def structure_findings(dynamics: Dynamics, records: list[Record]) -> Iterator[str]:
    """Say, backbone by backbone, whether force MAE and structure go together above the floor.

    Between backbones both differ for other reasons, so models are compared within one. Below the
    floor the order of errors of structure is chance.
    """
    trained: dict[str, list[tuple[Place, Model]]] = {}
    for place, arm in arms_of(dynamics, records).items():
        if place.size:
            trained.setdefault(place.backbone, []).extend((place, model) for model in arm.values())
    for backbone, models in trained.items():
        for name in (RDF, ADF):
            known = [(p, m) for p, m in models if {name, FORCE} <= set(m.errors)]
            if not known or name not in floors(dynamics):
                continue
            above = [(p, m) for p, m in known if m.errors[name] > floors_for(dynamics, [m])[name]]
            said = f"{backbone}: the {name} of {len(above)} of {len(known)} models is above "
            said += f"that of {dynamics.reference.floor_is}"
            forces, errors = ([m.errors[each] for _, m in above] for each in (FORCE, name))
            if found := association(forces, errors, [p for p, _ in above]):
                said += "; its rank correlation with the force MAE there is "
                said += association_text(found)
            yield f"{said}."


def contradictions(
    dynamics: Dynamics, profiles: Sequence[Profile], records: list[Record]
) -> Iterator[dict[str, str]]:
    """Yield a line for each model with lower force error than from scratch but worse structure.

    The structure counts as worse where its error is larger and above what runs of the reference
    differ by. The bins are those that add most to the difference; each is listed with whether the
    force error is larger there as well.
    """
    arms = arms_of(dynamics, records)
    for axis in AXES:
        of_model = {(d.place, d.pair): d for d in deviations(dynamics, profiles, records, axis)}
        for place, arm in arms.items():
            floor = floors_for(dynamics, arm.values()).get(axis.error, 0.0)
            for pair, model in arm.items():
                other = baseline_of(place, arms).get(pair)
                ours, theirs = of_model.get((place, pair)), of_model.get((place.scratch, pair))
                if not (place.size and other and ours and theirs):
                    continue
                if not {FORCE, axis.error} <= model.errors.keys() & other.errors.keys():
                    continue
                forces, errors = (
                    [m.errors[name] for m in (other, model)] for name in (FORCE, axis.error)
                )
                if forces[1] < forces[0] and errors[1] > max(errors[0], floor):
                    added = _explained(ours, theirs, axis)
                    yield {
                        "backbone": place.backbone,
                        "arm": place.strategy,
                        "N": str(place.size),
                        "seeds": "–" if pair[0] is None else f"{pair[0]}/{pair[1]}",
                        "force MAE (meV/Å)": " → ".join(f"{force:.1f}" for force in forces),
                        "error": axis.error,
                        "of structure": " → ".join(map(error_text, errors)),
                        "bins that add most, and their force error": added,
                    }


def _explained(ours: Deviations, theirs: Deviations, axis: Axis) -> str:
    added = ours.structure - theirs.structure
    named = []
    for number in np.argsort(-added)[:MOST_BINS]:
        if added[number] <= 0:
            continue
        ratio = ours.force[number] / theirs.force[number]
        known = "unknown" if not np.isfinite(ratio) else f"× {ratio:.2f}"
        named.append(f"{axis.bin(int(number))} ({known})")
    return ", ".join(named)


def coordination_table(profiles: Sequence[Profile]) -> Lines:
    """Return a line per backbone, arm and training set, a column per number of neighbours.

    Of several parts of the source the whole counts; of several transfers there is none.
    """
    profiles = principal(profiles)
    if len({(p.model.source, p.model.target) for p in profiles}) != 1:
        return []
    counts = {n: atoms for n, (_, atoms) in profiles[0].by_coordination.items()}
    total = sum(counts.values())
    shown = sorted(n for n, atoms in counts.items() if atoms >= total / 100)
    rows = []
    for place in dict.fromkeys(p.model.place for p in profiles):
        some = [p.by_coordination for p in profiles if p.model.place == place]
        cells = {
            f"{n} ({counts[n] / total:.0%})": f"{geometric_mean([f[n][0] for f in some]):.1f}"
            for n in shown
        }
        rows.append(first_cells(place) | cells)
    return lines_of(rows)
