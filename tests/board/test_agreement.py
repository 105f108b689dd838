"""What counts as a difference between published numbers and those that are measured again."""

from types import SimpleNamespace

import numpy as np
import pytest

from tlbench.board.checks.agreement import compare
from tlbench.metrics import METRICS
from tlbench.metrics.spec import Errors, FrameErrors

PUBLISHED = Errors(np.array([0.1, -0.1000001]), np.full((2, 3), 0.05), np.array([1, 1]))


def compared(folder, energy, metrics=("energy_mae", "energy_bias")):
    """Return what comparing says of energy errors that are published as `PUBLISHED`."""
    sums = FrameErrors.of(PUBLISHED)
    published = SimpleNamespace(
        energy=sums.energy, force_abs=sums.force_abs, force_square=sums.force_square
    )
    again = Errors(np.array(energy), PUBLISHED.forces, PUBLISHED.n_atoms)
    np.savez(folder / "errors.npz", energy=energy, forces=again.forces, n_atoms=again.n_atoms)
    names = ("energy_mae", "energy_bias")
    records = [
        SimpleNamespace(metric=n, condition={}, value=METRICS.get(n).function(PUBLISHED))
        for n in names
    ]
    model = SimpleNamespace(records=records, where=SimpleNamespace(label=lambda: "m"), job="a" * 64)
    found = [
        {"metric": n, "condition": {}, "value": METRICS.get(n).function(again)} for n in metrics
    ]
    return compare(model, published, found, folder / "errors.npz", same_weights=True)


def test_rounding_is_no_difference_where_errors_cancel(tmp_path):
    # The bias is -5e-5 meV/atom in one, and 5e-5 in the other.
    assert compared(tmp_path, [0.1000001, -0.1]).largest < 1e-5


def test_other_errors_are_a_difference_though_their_bias_is_the_same(tmp_path):
    assert compared(tmp_path, [0.2, -0.2000001]).largest == pytest.approx(0.5, rel=1e-3)


def test_a_bias_that_is_not_measured_again_is_no_agreement(tmp_path):
    assert compared(tmp_path, PUBLISHED.energy, ["energy_mae"]).largest is None
