"""The interval covers the truth as often as it says, in simulations where the truth is known."""

import subprocess
import sys

import numpy as np
import pytest

from tlbench.metrics.statistics import bootstrap_seed
from tlbench.metrics.statistics.bootstrap import RESAMPLES, mean_interval, resamples, stretch

CHUNK = 500


def misses(draw, truth, n_pairs, n_samples=4000):
    """Return how often the interval lies wholly above, and wholly below, the truth."""
    generator = np.random.default_rng(n_pairs)
    above = below = 0
    for seed in range(n_samples // CHUNK):
        low, high = mean_interval(draw(generator, (CHUNK, n_pairs)), seed)
        above += np.count_nonzero(low > truth)
        below += np.count_nonzero(high < truth)
    return above / n_samples, below / n_samples


@pytest.mark.parametrize("n_pairs", [5, 8, 10, 20, 50])
def test_coverage_for_log_normal_ratios(n_pairs):
    truth = np.log(0.7)
    above, below = misses(lambda g, shape: g.normal(truth, 0.2, shape), truth, n_pairs)
    # Standard error 0.35 %.
    assert 0.93 <= 1 - above - below <= 0.97
    assert 0.015 <= above <= 0.035
    assert 0.015 <= below <= 0.035


@pytest.mark.parametrize("n_pairs", [5, 10, 20])
@pytest.mark.parametrize(
    "noise",
    [
        lambda g, shape: g.standard_normal(shape),
        lambda g, shape: g.laplace(size=shape),
        lambda g, shape: g.standard_t(3, size=shape),
    ],
    ids=["normal", "laplace", "t3"],
)
def test_arms_that_do_not_differ_are_said_to_in_one_comparison_of_twenty(noise, n_pairs):
    above, below = misses(noise, 0, n_pairs)
    assert 0.03 <= above + below <= 0.07


def test_it_is_too_narrow_for_skewed_ratios_as_documented():
    above, below = misses(lambda g, shape: g.exponential(size=shape), 1, 5)
    assert 0.87 <= 1 - above - below <= 0.905
    assert below > 10 * above


def test_plain_percentiles_would_not_do():
    generator = np.random.default_rng(0)
    values = generator.standard_normal((2000, 5))
    low, high = mean_interval(values, 0)
    mean = values.mean(axis=1)
    low, high = mean + (low - mean) / stretch(5), mean + (high - mean) / stretch(5)
    assert np.mean((low <= 0) & (high >= 0)) < 0.87


def test_the_stretch_by_hand():
    # t(0.975, 4) = 2.776445, z(0.975) = 1.959964.
    assert stretch(5) == pytest.approx(2.776445 / 1.959964 * np.sqrt(5 / 4), rel=1e-6)
    assert stretch(10_000) == pytest.approx(1, abs=1e-3)


def test_the_interval_is_near_to_students_for_normal_values():
    values = np.random.default_rng(1).standard_normal(20)
    values = np.concatenate([values, -values]) + 0.3
    half = 2.022691 * values.std(ddof=1) / np.sqrt(40)
    low, high = mean_interval(values, 0)
    assert low == pytest.approx(values.mean() - half, abs=0.04 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.04 * half)


def test_the_interval_leans_to_the_long_tail():
    values = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 3.0])
    low, high = mean_interval(values, 0)
    assert high - values.mean() > 1.2 * (values.mean() - low)


def test_rows_are_samples_of_their_own():
    values = np.random.default_rng(2).standard_normal((3, 4, 6))
    low, high = mean_interval(values, 5)
    for place in np.ndindex(3, 4):
        assert (low[place], high[place]) == pytest.approx(mean_interval(values[place], 5))


def test_without_variance_the_interval_is_the_mean():
    low, high = mean_interval(np.full(7, 0.3), 0)
    assert low == pytest.approx(0.3, rel=1e-12)
    assert high == pytest.approx(0.3, rel=1e-12)


def test_resamples_draw_every_unit_as_often():
    counts = resamples(6, 0)
    assert counts.shape == (RESAMPLES, 6)
    assert (counts.sum(axis=1) == 6).all()
    # Binomial(6, 1/6): mean 1, variance 5/6; neighbours covary by -1/6.
    assert counts.mean(axis=0) == pytest.approx(np.ones(6), abs=0.05)
    expected = np.eye(6) - 1 / 6
    assert np.cov(counts.T) == pytest.approx(expected, abs=0.05)
    assert (resamples(6, 0) == counts).all()
    assert (resamples(6, 1) != counts).any()


def test_the_seed_is_named_by_the_records_in_any_order():
    seed = bootstrap_seed(["b", "a", "c"])
    assert seed == bootstrap_seed(iter(["c", "b", "a"]))
    assert seed not in {bootstrap_seed(["a", "b"]), bootstrap_seed(["ab", "c"]), bootstrap_seed([])}
    resamples(2, seed)


def test_importing_statistics_is_light():
    script = (
        "import sys, tlbench.metrics.statistics as s; "
        "s.paired_ratio({(0, 0): 1.0}, {(0, 0): 2.0}); "
        "sys.exit(', '.join({'torch', 'pandas', 'scipy'} & set(sys.modules)) or 0)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("n_pairs", [2, 5, 8, 10])
def test_the_interval_is_that_of_all_resamples_one_by_one(n_pairs):
    values = np.random.default_rng(n_pairs).normal(size=(6, n_pairs))
    values[0] = 1.0
    means = values @ resamples(n_pairs, 3).T / n_pairs
    ends = np.quantile(means - values.mean(axis=1, keepdims=True), [0.025, 0.975], axis=1)
    wanted = values.mean(axis=1) + stretch(n_pairs) * ends
    assert np.array(mean_interval(values, 3)) == pytest.approx(wanted, abs=1e-14)
