"""What is said of a ratio, and what is not."""

import numpy as np
import pytest

from tlbench.metrics.statistics import (
    Interval,
    Ratio,
    negative_transfer,
    paired_ratio,
    verdict,
)


@pytest.mark.parametrize(
    ("ratio", "said", "flag"),
    [
        (Ratio(0.5, 8, Interval(0.4, 0.9)), "gain", ""),
        (Ratio(2.0, 8, Interval(1.1, 3.0)), "loss", "significant"),
        (Ratio(0.9, 8, Interval(0.7, 1.2)), "undecided", ""),
        (Ratio(1.1, 8, Interval(0.9, 1.2)), "undecided", "seen"),
        (Ratio(0.9, 8, Interval(0.8, 1.0)), "undecided", ""),
        (Ratio(1.1, 8, Interval(1.0, 1.2)), "undecided", "seen"),
        (Ratio(0.1, 4), "too few pairs", ""),
        (Ratio(9.0, 4), "too few pairs", "seen"),
        (Ratio(1.0, 4), "too few pairs", ""),
    ],
)
def test_verdicts_and_flags(ratio, said, flag):
    assert verdict(ratio) == said
    assert negative_transfer(ratio) == flag


def test_rounding_is_not_a_finding():
    baseline = {(subset, 0): 0.1 + 0.2 for subset in range(6)}
    arm = {(subset, 0): 0.3 for subset in range(6)}
    for ratio in (paired_ratio(arm, baseline), paired_ratio(baseline, arm)):
        assert ratio.value != 1
        assert (verdict(ratio), negative_transfer(ratio)) == ("undecided", "")


def test_a_clear_effect_is_found_with_five_pairs():
    generator = np.random.default_rng(0)
    found = []
    for seed in range(100):
        levels = generator.lognormal(3, 1, 5)
        noise = generator.lognormal(0, 0.1, 5)
        baseline = {(subset, 0): level for subset, level in enumerate(levels)}
        arm = {(subset, 0): 0.7 * level for subset, level in enumerate(levels * noise)}
        found.append((verdict(paired_ratio(arm, baseline, seed)), seed))
    # Paired, the spread between subsets (a factor e) does not hide a change of 30 %.
    assert sum(said == "gain" for said, _ in found) >= 97
