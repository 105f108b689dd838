"""Force errors beside errors of structure: planted contradictions are found and explained."""

import numpy as np
import pytest
from analyses import record_of

from tlbench.jobs.reference_run import ReferenceRun, Structure
from tlbench.md.structure import angles, distances
from tlbench.report.relations.structure import (
    AXES,
    bin_associations,
    contradictions,
    deviations,
    structure_findings,
)
from tlbench.results.dynamics import Dynamics, ModelRun
from tlbench.results.profiles import ANGLE_BINS, DISTANCE, DISTANCE_BINS, Profile

RDF_AXIS, _ = AXES
R = distances()
WANTED = 1 + 2 * np.exp(-((R - 2.4) ** 2) / 0.02)
ADF = np.exp(-(((angles() - 109.5) / 15) ** 2)).round(5)


def run(strategy, seed, bump):
    """Return simulations whose distribution is too high at 4 Å by ``bump``."""
    g = WANTED + bump * ((R > 3.9) & (R < 4.1))
    return ModelRun(
        backbone="b", strategy=strategy, size=10, subset_seed=seed, init_seed=seed,
        train_temperature_k=None, survival_ps=[1.0] * 4, criterion=[""] * 4,
        structure=Structure(rdf=g.tolist(), adf=ADF.tolist(), coordination=4.0), msd=None,
        job=f"{strategy}{seed}",
    )  # fmt: skip


def profile(strategy, seed, force, at_4):
    by_distance = [None] * 10 + [force] * (DISTANCE_BINS - 10)
    by_distance[int(4 / DISTANCE)] = by_distance[int(4 / DISTANCE) - 1] = at_4
    return Profile(
        source="Si", source_part=None, target="Ge", backbone="b", strategy=strategy, size=10,
        subset_seed=seed, init_seed=seed, train_temperature_k=None, by_distance=by_distance,
        by_angle=[force] * ANGLE_BINS, by_coordination={4: (force, 10)}, coverage=[], job="k",
    )  # fmt: skip


def record(strategy, seed, force):
    return record_of(strategy, force, subset_seed=seed, init_seed=seed, job=f"{strategy}{seed}")


def made(models):
    """Return dynamics, profiles and records of (arm, seed, force MAE, error at 4 Å, bump)."""
    reference = ReferenceRun(
        temperature_k=1200, time_ps=1, n_atoms=64, element="Ge", origin="planted",
        distances=R.tolist(), angles=angles().tolist(),
        structure=Structure(rdf=WANTED.tolist(), adf=ADF.tolist(), coordination=4.0),
        rdf_floor=0.001, adf_floor=0.001, times_ps=[1.0], msd=None, replicas=4, false_alarms=0,
    )  # fmt: skip
    runs = [run(arm, seed, bump) for arm, seed, _, _, bump in models]
    return (
        Dynamics(suite="s", reference=reference, models=runs),
        [profile(arm, seed, force, at_4) for arm, seed, force, at_4, _ in models],
        [record(arm, seed, force) for arm, seed, force, _, _ in models],
    )


def test_a_better_force_error_with_worse_structure_is_reported_with_its_bins():
    found = made([("scratch", 0, 100, 90, 0.1), ("finetune", 0, 60, 180, 0.5)])
    (said,) = contradictions(*found)
    assert said["force MAE (meV/Å)"] == "100.0 → 60.0"
    assert said["error"] == "RDF error"
    # What is worse there, too, explains it.
    explained = said["bins that add most, and their force error"].split(", ")
    assert set(explained) == {"3.8–4 Å (× 2.00)", "4–4.2 Å (× 2.00)"}


def test_better_in_both_is_no_contradiction_nor_is_what_the_floor_hides():
    both = made([("scratch", 0, 100, 90, 0.5), ("finetune", 0, 60, 60, 0.1)])
    hidden = made([("scratch", 0, 100, 90, 0.0001), ("finetune", 0, 60, 60, 0.0002)])
    assert list(contradictions(*both)) == list(contradictions(*hidden)) == []


def test_force_errors_that_go_with_a_bin_are_found_in_that_bin():
    rng = np.random.default_rng(0)
    models = [
        ("finetune", seed, 50 + 10 * rng.normal(), 40 + 20 * seed, 0.1 * (seed + 1))
        for seed in range(10)
    ]
    dynamics, profiles, records = made(models)
    found = deviations(dynamics, profiles, records, RDF_AXIS)
    bins = bin_associations(found, RDF_AXIS)
    assert [number for number, _, _ in bins] == [19, 20]
    assert all(told.rho == pytest.approx(1) for _, told, _ in bins)


def test_models_that_are_not_profiled_are_left_out():
    dynamics, _, records = made([("scratch", 0, 100, 90, 0.1)])
    assert deviations(dynamics, [], records, RDF_AXIS) == []


def test_force_and_structure_are_compared_within_a_backbone_and_above_the_floor():
    """A good and a bad backbone make a correlation between them, and none within either."""
    of_good = [("finetune", s, 50 + s, 50, 0.1 - 0.01 * s) for s in range(4)]
    floored = [("finetune", s, 60 + s, 60, 0.0001 * s) for s in range(4, 6)]
    dynamics, _, records = made([*of_good, *floored])
    bad, _, more = made([("finetune", s, 500 + s, 500, 1.0 - 0.1 * s) for s in range(4)])
    dynamics.models.extend(
        m.model_copy(update={"model": m.model.replace(backbone="c")}) for m in bad.models
    )
    records += [r.model_copy(update={"model": r.model.replace(backbone="c")}) for r in more]
    one, other = structure_findings(dynamics, records)
    assert one == (
        "b: the RDF error of 4 of 6 models is above that of another run of the reference; its rank "
        "correlation with the force MAE there is -1.00 (4 points)."
    )
    assert other.startswith("c: the RDF error of 4 of 4 models")
    assert "is -1.00 (4 points)" in other
