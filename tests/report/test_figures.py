"""Axes on which values can be read."""

import numpy as np
import pytest

from tlbench.report.figures import error_axis, log_axis, panels, scatter


@pytest.mark.parametrize("factor", [1 + 1e-15, 1 + 1e-7, 1.0, 1.02, 1.5, 4.0, 1e5])
def test_a_logarithmic_axis_has_a_few_ticks_within_its_range(factor: float) -> None:
    axis = log_axis([0.1187, 0.1187 * factor])
    assert 1 <= len(axis["tickvals"]) < 50
    low, high = axis["range"]
    assert low < np.log10(0.1187) <= np.log10(0.1187 * factor) < high


def test_bars_are_within_their_axis_and_a_short_range_has_ticks():
    figure = panels([["a"]])
    bars = {"type": "data", "symmetric": False, "array": [360.0, 20.0], "arrayminus": [150.0, 90.0]}
    figure.add_trace(scatter([12, 50], [440.0, 160.0], "a", "", error_y=bars))
    error_axis(figure, "error")
    low, high = figure.layout.yaxis.range
    assert 10**low < 70.0
    assert 10**high > 800.0
    ticks = [tick for tick in log_axis([34.0, 194.0])["tickvals"] if 34 < tick < 194]
    assert len(ticks) >= 3
