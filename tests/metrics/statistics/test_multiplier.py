"""The data multiplier: exact on power laws, honest about noise, and in words."""

import numpy as np
import pytest

from tlbench.metrics.statistics import Bound, BoundInterval, Multiplier, data_multipliers

SIZES = [1, 3, 10, 30, 100, 300]


def scratch(size):
    return 100 * size**-0.4


def curves(multiplier, sizes, generator, noise):
    """Learning curves of six subsets; a subset's difficulty is shared by sizes and arms."""
    pairs = [(subset, 0) for subset in range(6)]
    level = generator.normal(0, 2 * noise, len(pairs))

    def errors(effective, share):
        logs = share * level + generator.normal(0, noise, len(pairs))
        return dict(zip(pairs, scratch(effective) * np.exp(logs), strict=True))

    baseline = {size: errors(size, 1) for size in SIZES}
    return {size: errors(multiplier * size, 0.5) for size in sizes}, baseline


def test_a_power_law_is_answered_exactly_within_the_measured_range():
    arm, baseline = curves(2.3, [1, 10, 50, 200], np.random.default_rng(0), noise=0.0)
    found = data_multipliers(arm, baseline)
    assert list(found) == [1, 10, 50, 200]
    for size in (1, 10, 50):
        assert (found[size].value, found[size].censored) == (pytest.approx(2.3), "")
    # 200 structures are worth 460, beyond the 300 that were measured.
    assert found[200] == Multiplier(1.5, ">", 6, BoundInterval(Bound(1.5, ">"), Bound(1.5, ">")))


def test_negative_transfer_at_the_smallest_size_is_censored_below():
    arm, baseline = curves(0.2, [1, 30], np.random.default_rng(0), noise=0.0)
    found = data_multipliers(arm, baseline)
    assert (found[1].value, found[1].censored, found[1].text()) == (1, "<", "< 1.0×")
    assert (found[30].value, found[30].text()) == (pytest.approx(0.2), "0.20×")


def test_the_baseline_is_worth_itself():
    _, baseline = curves(1, [], np.random.default_rng(1), noise=0.05)
    for found in data_multipliers(baseline, baseline).values():
        assert (found.value, found.censored) == (pytest.approx(1), "")


@pytest.mark.slow
def test_the_interval_covers_the_truth():
    generator = np.random.default_rng(2)
    values, covered = [], 0
    for seed in range(400):
        arm, baseline = curves(2.3, [10], generator, noise=0.1)
        found = data_multipliers(arm, baseline, seed)[10]
        values.append(found.value)
        covered += found.interval.low.value <= 2.3 <= found.interval.high.value
    assert np.median(values) == pytest.approx(2.3, rel=0.05)
    # 94.5 % expected, standard error 1.1 %.
    assert 0.92 <= covered / 400 <= 0.97


def test_sizes_without_target_data_or_without_shared_pairs_have_no_multiplier():
    baseline = {1: {(0, 0): 8.0}, 10: {(0, 0): 1.0}}
    arm = {0: {(None, 0): 2.0}, 5: {(0, 0): 2.0}, 7: {(3, 0): 2.0}}
    assert list(data_multipliers(arm, baseline)) == [5]
    assert data_multipliers(arm, {}) == {}


@pytest.mark.parametrize(
    ("multiplier", "size", "text", "worth"),
    [
        (Multiplier(2.3, "", 6, None), 10, "2.3×",
         "10 transferred structures are worth about 23 from scratch"),
        (Multiplier(4.96, ">", 6, None), 25, "> 4.9×",
         "25 transferred structures are worth > 124 from scratch"),
        (Multiplier(40 / 3, ">", 6, None), 3, "> 13×",
         "3 transferred structures are worth > 40 from scratch"),
        (Multiplier(1.0, "<", 6, None), 1, "< 1.0×",
         "1 transferred structure is worth < 1 from scratch"),
        (Multiplier(0.1, "<", 6, None), 10, "< 0.10×",
         "10 transferred structures are worth < 1 from scratch"),
        (Multiplier(7.2, "", 6, None), 1, "7.2×",
         "1 transferred structure is worth about 7 from scratch"),
        (Multiplier(123.4, "", 6, None), 10, "120×",
         "10 transferred structures are worth about 1234 from scratch"),
    ],
)  # fmt: skip
def test_in_words(multiplier, size, text, worth):
    assert multiplier.text() == text
    assert multiplier.worth(size) == worth
