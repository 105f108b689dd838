"""How much chance alone does to a comparison."""

import numpy as np
import pytest
from pandas import DataFrame, Series
from scipy import stats
from simulated_runs import FOUR, SMOKE, alarms

from tlbench.regression.losses import FAMILIES, adjusted, student_tests

CHANGES = np.array([0.1, 0.3, 0.2, 0.25])


def mean_and_chance(places, arms, units=None, rate=False):
    """Return mean loss and p-value of each place, and of all together if there are several."""
    rows = [
        {"place": n, "group": 0, "arm": arm, "unit": unit, "loss": loss, "rate": rate}
        for n, (arm, losses) in enumerate(zip(arms, places, strict=True))
        for unit, loss in zip(units or range(len(losses)), losses, strict=True)
    ]
    of_places, whole = student_tests(DataFrame(rows).assign(condition=[()] * len(rows)))
    return [(r.value, r.chance) for r in (*of_places.itertuples(), *whole.itertuples())]


def test_one_place_alone_is_students_test():
    expected = stats.ttest_1samp(CHANGES, 0, alternative="greater").pvalue
    assert mean_and_chance([CHANGES], ["a"]) == [pytest.approx((CHANGES.mean(), expected))]


def test_places_share_their_scatter_and_its_degrees_of_freedom():
    # Variances 0.02 and 0.06 of two units each: 0.04 with two degrees of freedom.
    quiet, loud = np.array([0.2, 0.4]), np.array([0.3, 0.3 + np.sqrt(0.12)])
    alone = np.array([0.5])
    first, second, third, whole = mean_and_chance([quiet, loud, alone], ["a", "b", "c"])
    assert first[1] == pytest.approx(stats.t.sf(0.3 / np.sqrt(0.04 / 2), 2))
    assert third[1] == pytest.approx(stats.t.sf(0.5 / 0.2, 2))
    # What scatters more than the others on the whole is tested by itself.
    assert second[1] == pytest.approx(stats.t.sf(loud.mean() / np.sqrt(0.03), 1))
    mean = (0.3 + loud.mean() + 0.5) / 3
    error = 0.2 * (2 / np.sqrt(2) + 1) / 3
    assert whole[1] == pytest.approx(stats.t.sf(mean / error, 2))


def test_sizes_of_one_arm_add_no_degrees_of_freedom():
    places = [CHANGES, CHANGES + 0.01]
    apart, together = mean_and_chance(places, [0, 1])[-1], mean_and_chance(places, [0, 0])[-1]
    assert together[0] == apart[0]
    assert together[1] == pytest.approx(stats.t.sf(stats.t.isf(apart[1], 6), 3))


def test_models_of_one_unit_count_once():
    (found,) = mean_and_chance([[0.1, 0.3, 0.5, 0.7]], ["a"], units=[0, 0, 1, 2])
    expected = stats.ttest_1samp([0.2, 0.5, 0.7], 0, alternative="greater").pvalue
    assert found == pytest.approx((1.4 / 3, expected))


def test_the_same_loss_everywhere_is_certain():
    losses = np.log([1.2, 1.2])
    assert [chance for _, chance in mean_and_chance([losses, losses], ["a", "b"])] == [0, 0, 0]


@pytest.mark.parametrize(
    ("places", "rate"),
    [([[0.125, 0.125]], True), ([[0.3], [0.1]], False)],
    ids=["rates that do not scatter", "single models"],
)
def test_where_no_scatter_can_be_seen_the_noise_is_unknown(places, rate):
    found = mean_and_chance(places, range(len(places)), rate=rate)
    assert np.isnan([chance for _, chance in found]).all()
    assert found[-1][0] == pytest.approx(np.mean(places))


@pytest.mark.parametrize("losses", [np.zeros(3), -CHANGES])
def test_what_did_not_get_worse_is_no_loss(losses):
    assert mean_and_chance([losses], ["a"])[0][1] == 1


def test_what_is_unknown_is_left_out_of_the_correction():
    found = adjusted(Series({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005, "e": np.nan}))
    expected = {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02, "e": np.nan}
    assert (found / FAMILIES).to_dict() == pytest.approx(expected, nan_ok=True)
    assert adjusted(Series([0.6, 0.7])).tolist() == [1.0, 1.0]
    assert adjusted(Series([np.nan, np.nan])).isna().all()


# What benchmarks/README.md states of tlbench check, with fewer repetitions.


@pytest.mark.parametrize(
    ("pairs", "shares", "uneven"),
    [(SMOKE, (0.15, 0.35), False), (SMOKE, (0.15, 0.35), True), (FOUR, (0.3, 0.65), False)],
)
def test_chance_alone_seldom_raises_an_alarm(pairs, shares, uneven):
    # Without a tolerance; 5 % of 150 checks are 7.5, and 17 or more have a chance of 0.2 %.
    rate, _ = alarms(pairs, 0.1, shares=shares, uneven=uneven, tolerance=0.0, n=150)
    assert rate * 150 < 17


def test_a_uniform_loss_of_20_per_cent_is_caught_with_two_pairs():
    _, named = alarms(SMOKE, scatter=0.03, loss=1.2, shares=(0.15, 0.35), n=60)
    assert named > 0.9


def test_more_init_seeds_see_through_more_noise():
    _, few = alarms(SMOKE, scatter=0.1, loss=1.2, shares=(0.15, 0.35), n=60)
    _, many = alarms(FOUR, scatter=0.1, loss=1.2, shares=(0.3, 0.65), n=60)
    assert few < 0.65
    assert many > 0.9
