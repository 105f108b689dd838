"""The learning rate and the weights of the loss change exponentially between their ends."""

import numpy as np
import pytest
from pydantic import ValidationError

from tlbench.base.formats import lasting
from tlbench.training.config import LossWeights, TrainingConfig


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


def test_the_weights_of_the_loss_change_exponentially_between_their_ends():
    first, last = LossWeights(energy=0.1, forces=1.0), LossWeights(energy=100.0, forces=1.0)
    config = TrainingConfig(updates=201, loss=first, final_loss=last)
    assert config.weights(0) == first
    found = [config.weights(update) for update in range(201)]
    np.testing.assert_allclose(
        [each.energy for each in found], np.geomspace(0.1, 100.0, 201), rtol=1e-12
    )
    assert {(each.forces, each.stress) for each in found} == {(1.0, 0.0)}
    # As the rate does: from one update to the next, both change by one factor each.
    rates = [config.rate(update) for update in range(201)]
    slope = np.diff(np.log([each.energy for each in found])) / np.diff(np.log(rates))
    np.testing.assert_allclose(slope, np.log(1000) / np.log(0.01), rtol=1e-9)


def test_without_final_weights_they_stay_and_no_digest_changes():
    config = TrainingConfig(updates=10, loss=LossWeights(energy=2.0))
    assert {config.weights(update) for update in range(10)} == {config.loss}
    assert "final_loss" not in lasting(config)


@pytest.mark.parametrize("part", ["energy", "forces", "stress"])
@pytest.mark.parametrize("ends", [(0.0, 1.0), (1.0, 0.0)])
def test_a_weight_cannot_grow_from_nothing_nor_vanish(part, ends):
    first, last = (LossWeights(**{"energy": 1.0, "forces": 1.0, part: end}) for end in ends)
    with pytest.raises(ValidationError, match=f"the weight of {part} changes exponentially"):
        TrainingConfig(updates=10, loss=first, final_loss=last)
