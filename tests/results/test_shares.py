"""What test structures add to an error, and which of them are taken to be independent."""

import numpy as np
import pytest

from tlbench.metrics import METRICS
from tlbench.results.frame_errors import ModelErrors, TestSet, recompute
from tlbench.results.shares import independent_groups, shares_of

METRIC_NAMES = ["force_mae", "force_rmse", "energy_mae"]
RNG = np.random.default_rng(3)


def structures(n=12, **changes):
    kinds = {
        "n_atoms": [8 + k % 3 for k in range(n)],
        "temperature": [300.0 + 100 * (k // 2) for k in range(n)],
        "phases": ["crystal"] * n,
        "groups": [""] * n,
    }
    return TestSet(data="d" * 64, element="Ge", **{**kinds, **changes})


def errors(n=12, **changes):
    forces = RNG.lognormal(0, 1, n)
    found = {
        "energy": RNG.normal(0, 1, n).tolist(),
        "force_abs": forces.tolist(),
        "force_square": (forces**2 / 3).tolist(),
    }
    return ModelErrors(job="e" * 64, data="d" * 64, **{**found, **changes})


def groups(tests):
    return independent_groups(tests).numbers.tolist()


@pytest.mark.parametrize("marks", [{}, {"copy": [0, 3], "without forces": [3]}])
def test_the_shares_of_all_groups_add_up_to_the_published_error(marks):
    tests, measured = structures(marks=marks), errors()
    found = shares_of([measured], [tests], METRIC_NAMES)
    published = recompute(measured, tests, METRIC_NAMES, [])
    assert {metric for _, metric in found} == {"force_mae", "energy_mae"}
    for (_, metric), shares in found.items():
        assert len(shares) == 6
        assert shares.sum() == pytest.approx(published[metric, ()], rel=1e-12)


def test_a_group_has_the_shares_of_its_structures():
    tests, measured = structures(marks={"copy": [1]}), errors()
    forces, n_atoms = np.array(measured.force_abs), np.array(tests.n_atoms)
    free = np.delete(np.arange(12), 1)
    (shares,) = shares_of([measured], [tests], ["force_mae"]).values()
    scale = 1000 / (3 * n_atoms[free].sum())
    assert shares[0] == pytest.approx(scale * forces[0])
    assert shares[5] == pytest.approx(scale * (forces[10] + forces[11]))


def test_structures_of_one_kind_phase_and_temperature_count_as_one():
    assert groups(structures()) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    melted = ["crystal", "liquid"] * 6
    assert groups(structures(phases=melted)) == list(range(12))
    kinds = ["bulk"] * 11 + ["vacancy"]
    assert groups(structures(groups=kinds)) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6]


def test_where_groups_are_few_structures_count_one_by_one():
    assert groups(structures(temperature=[None] * 12)) == list(range(12))
    four = [float(300 + 100 * (k % 4)) for k in range(12)]
    assert groups(structures(temperature=four)) == list(range(12))
    assert groups(structures(temperature=[*four[:11], 9000.0])) == [*([0, 1, 2, 3] * 3)[:11], 4]


def test_marked_structures_make_no_group():
    found = independent_groups(structures(marks={"copy": [0, 1, 2]}))
    assert found.members.tolist() == list(range(3, 12))
    assert found.numbers.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_too_few_structures_are_no_sample():
    assert shares_of([errors(4)], [structures(4)], METRIC_NAMES) == {}
    assert len(shares_of([errors(5)], [structures(5)], METRIC_NAMES)) == 2


def test_errors_that_have_no_logarithm_have_no_shares():
    some = [errors(energy=None, force_abs=[0.0] * 12, force_square=[0.0] * 12)]
    assert shares_of(some, [structures()], METRIC_NAMES) == {}


def test_errors_on_unknown_structures_and_by_unknown_metrics_are_left_out():
    other = structures().model_copy(update={"data": "a" * 64})
    assert shares_of([errors()], [other], METRIC_NAMES) == {}
    assert "lost_metric" not in METRICS
    assert shares_of([errors()], [structures()], ["lost_metric"]) == {}


def test_structures_without_a_label_are_in_no_group():
    """Or they would pass for a sample of what was measured on a few."""
    stress = [None if k in (0, 3, 8) else 1.0 + k for k in range(12)]
    tests, measured = structures(), errors(stress_abs=stress)
    (shares,) = shares_of([measured], [tests], ["stress_mae"]).values()
    assert len(shares) == 6
    assert shares.tolist() == pytest.approx(np.array([2, 3 + 0, 5 + 6, 7 + 8, 10, 11 + 12]) / 54)
    few = errors(stress_abs=[1.0] * 4 + [None] * 8)
    assert shares_of([few], [tests], ["stress_mae"]) == {}
