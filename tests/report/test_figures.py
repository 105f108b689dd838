"""Axes on which values can be read."""

import numpy as np
import pytest

from tlbench.report.figures import log_axis


@pytest.mark.parametrize("factor", [1 + 1e-15, 1 + 1e-7, 1.0, 1.02, 1.5, 4.0, 1e5])
def test_a_logarithmic_axis_has_a_few_ticks_within_its_range(factor: float) -> None:
    axis = log_axis([0.1187, 0.1187 * factor])
    assert 1 <= len(axis["tickvals"]) < 50
    low, high = axis["range"]
    assert low < np.log10(0.1187) <= np.log10(0.1187 * factor) < high
