"""How much chance alone does to a comparison."""

import numpy as np
import pytest
from scipy import stats
from simulated_runs import FOUR, SMOKE, alarms

from tlbench.regression.noise import group_losses, holm

CHANGES = np.array([0.1, 0.3, 0.2, 0.25])


def test_one_place_alone_is_students_test():
    group = group_losses([CHANGES], ["a"])
    expected = stats.ttest_1samp(CHANGES, 0, alternative="greater").pvalue
    assert group.places[0].p_value == pytest.approx(expected)
    assert group.whole.p_value == pytest.approx(expected)
    assert group.places[0].value == pytest.approx(CHANGES.mean())


def test_places_share_their_scatter_and_its_degrees_of_freedom():
    # Variances 0.02 and 0.06 of two units each: 0.04 with two degrees of freedom.
    quiet, loud = np.array([0.2, 0.4]), np.array([0.3, 0.3 + np.sqrt(0.12)])
    single = np.array([0.5])
    group = group_losses([quiet, loud, single], ["a", "b", "c"])
    assert group.places[0].p_value == pytest.approx(stats.t.sf(0.3 / np.sqrt(0.04 / 2), 2))
    assert group.places[2].p_value == pytest.approx(stats.t.sf(0.5 / 0.2, 2))
    # What scatters more than the others on the whole is judged by itself.
    assert group.places[1].p_value == pytest.approx(stats.t.sf(loud.mean() / np.sqrt(0.03), 1))
    mean = (0.3 + loud.mean() + 0.5) / 3
    error = 0.2 * (2 / np.sqrt(2) + 1) / 3
    assert group.whole.p_value == pytest.approx(stats.t.sf(mean / error, 2))


def test_sizes_of_one_arm_add_no_degrees_of_freedom():
    places = [CHANGES, CHANGES + 0.01]
    apart, together = group_losses(places, ["a", "b"]), group_losses(places, ["a", "a"])
    assert together.whole.value == apart.whole.value
    statistic = stats.t.isf(apart.whole.p_value, 6)
    assert together.whole.p_value == pytest.approx(stats.t.sf(statistic, 3))


def test_the_same_loss_everywhere_is_certain():
    losses = np.array([np.log(1.2), np.log(1.2)])
    group = group_losses([losses, losses], ["a", "b"])
    assert group.whole.p_value == 0
    assert [loss.p_value for loss in group.places] == [0, 0]


def test_rates_that_do_not_scatter_tell_nothing_of_noise():
    losses = np.array([0.125, 0.125])
    assert group_losses([losses], ["a"], discrete=True).whole.p_value is None
    assert group_losses([losses], ["a"]).whole.p_value == 0


def test_single_models_tell_nothing_of_noise():
    group = group_losses([np.array([0.3]), np.array([0.1])], ["a", "b"])
    assert group.whole.p_value is None
    assert group.whole.value == pytest.approx(0.2)


def test_what_did_not_get_worse_is_no_loss():
    assert group_losses([np.zeros(3)], ["a"]).whole.p_value == 1
    assert group_losses([-CHANGES], ["a"]).whole.p_value == 1


def test_holm_is_that_of_the_textbook():
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}


# What the docstring of tlbench.regression.noise states, with fewer repetitions.


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
