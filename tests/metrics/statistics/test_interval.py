"""The interval covers the truth as often as it says, in simulations where the truth is known."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp
from simulated_coverage import SAMPLES, agree, table_in

from tlbench.metrics.statistics import interval
from tlbench.metrics.statistics.interval import mean_interval, p_value, standard_error

N_PAIRS = [3, 5, 8, 10, 20]
TABLE = table_in(interval.__doc__, "log ratios   ")
DISTRIBUTIONS = {
    "normal": (lambda g, shape: g.standard_normal(shape), 0),
    "uniform": (lambda g, shape: g.uniform(-1, 1, shape), 0),
    "Laplace": (lambda g, shape: g.laplace(size=shape), 0),
    "Student's t, 3 d.o.f.": (lambda g, shape: g.standard_t(3, size=shape), 0),
    "1 in 10 ten times wider": (
        lambda g, shape: g.standard_normal(shape) * np.where(g.random(shape) < 0.1, 10, 1),
        0,
    ),
    "exponential": (lambda g, shape: g.exponential(size=shape), 1),
    "lognormal, σ = 1": (lambda g, shape: g.lognormal(size=shape), np.exp(0.5)),
}


def test_every_line_of_the_table_is_simulated():
    assert TABLE.keys() == DISTRIBUTIONS.keys()


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_coverage_is_as_documented(name):
    draw, truth = DISTRIBUTIONS[name]
    for n_pairs, documented in zip(N_PAIRS, TABLE[name], strict=True):
        low, high = mean_interval(draw(np.random.default_rng(n_pairs), (SAMPLES, n_pairs)))
        assert agree(np.mean((low <= truth) & (truth <= high)), documented), n_pairs


def test_normal_log_ratios_are_missed_as_often_on_either_side():
    low, high = mean_interval(np.random.default_rng(0).standard_normal((SAMPLES, 3)))
    # 2.5 % each, standard error 0.11 %.
    assert np.mean(low > 0) == pytest.approx(0.025, abs=0.0045)
    assert np.mean(high < 0) == pytest.approx(0.025, abs=0.0045)


def test_skewed_log_ratios_are_missed_on_one_side():
    low, high = mean_interval(np.random.default_rng(0).exponential(size=(SAMPLES, 5)))
    assert np.mean(high < 1) > 10 * np.mean(low > 1)


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=12))
def test_interval_and_p_are_those_of_scipy(logs):
    values = np.array(logs)
    if np.ptp(values) < 1e-6 or abs(values.mean()) < 1e-6:
        return
    expected = ttest_1samp(values, 0)
    ends = expected.confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((ends.low, ends.high), rel=1e-9, abs=1e-9)
    p = p_value(values.mean(), float(standard_error(values)), len(values) - 1)
    assert p == pytest.approx(expected.pvalue, rel=1e-9)
    assert (p < 0.05) == (ends.low > 0 or ends.high < 0)


def test_p_without_scatter():
    assert p_value(0.0, 0.0, 4) == 1
    assert p_value(0.3, 0.0, 4) == 0
    assert p_value(1e-12, 1e-13, 4) == 1


def test_rows_are_samples_of_their_own():
    values = np.random.default_rng(2).standard_normal((3, 4, 6))
    low, high = mean_interval(values)
    for place in np.ndindex(3, 4):
        assert (low[place], high[place]) == pytest.approx(mean_interval(values[place]))


def test_without_variance_the_interval_is_the_mean():
    low, high = mean_interval(np.full(7, 0.3))
    assert low == high == pytest.approx(0.3, rel=1e-12)


def test_importing_statistics_is_light():
    script = (
        "import sys, tlbench.metrics.statistics as s; "
        "s.paired_ratio({(0, 0): 1.0}, {(0, 0): 2.0}); "
        "sys.exit(', '.join({'torch', 'pandas', 'scipy'} & set(sys.modules)) or 0)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")
