"""The learning rate decays exponentially between its ends."""

import numpy as np
import pytest

from tlbench.training.config import TrainingConfig


def test_the_learning_rate_decays_exponentially_between_its_ends():
    config = TrainingConfig(updates=200, learning_rate=1e-3, final_learning_rate_fraction=0.01)
    rates = [config.rate(update) for update in range(200)]
    assert rates[0] == pytest.approx(1e-3, rel=1e-12)
    assert rates[-1] == pytest.approx(1e-5, rel=1e-12)
    ratios = np.divide(rates[1:], rates[:-1])
    np.testing.assert_allclose(ratios, 0.01 ** (1 / 199), rtol=1e-12)


def test_the_learning_rate_may_stay_constant():
    config = TrainingConfig(updates=10, learning_rate=2e-3, final_learning_rate_fraction=1.0)
    assert {config.rate(update) for update in range(10)} == {2e-3}


def test_a_single_update_has_the_initial_learning_rate():
    assert TrainingConfig(updates=1, learning_rate=1e-3).rate(0) == 1e-3
