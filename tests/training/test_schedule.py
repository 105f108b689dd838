"""The learning rate decays exponentially between its ends."""

import numpy as np
import pytest

from tlbench.training.schedule import learning_rate


def test_the_learning_rate_decays_exponentially_between_its_ends():
    rates = [learning_rate(update, 200, 1e-3, 0.01) for update in range(200)]
    assert rates[0] == pytest.approx(1e-3, rel=1e-12)
    assert rates[-1] == pytest.approx(1e-5, rel=1e-12)
    ratios = np.divide(rates[1:], rates[:-1])
    np.testing.assert_allclose(ratios, 0.01 ** (1 / 199), rtol=1e-12)


def test_the_learning_rate_may_stay_constant():
    assert {learning_rate(update, 10, 2e-3, 1.0) for update in range(10)} == {2e-3}


def test_a_single_update_has_the_initial_learning_rate():
    assert learning_rate(0, 1, 1e-3, 0.01) == 1e-3
