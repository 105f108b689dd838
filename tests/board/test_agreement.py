"""What counts as a difference between published numbers and those that are measured again."""

from types import SimpleNamespace

import numpy as np
import pytest

from tlbench.board.checks.agreement import compare
from tlbench.metrics import METRICS
from tlbench.metrics.spec import Errors, FrameErrors
from tlbench.results.measured_errors import errors_of

PUBLISHED = Errors(np.array([0.1, -0.1000001]), np.full((2, 3), 0.05), np.array([1, 1]))


def compared(folder, energy, metrics=("energy_mae", "energy_bias")):
    """Return what comparing says of energy errors that are published as `PUBLISHED`."""
    published = errors_of(FrameErrors.of(PUBLISHED), "e" * 64, "d" * 64, "last")
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


ALLOY = {
    "energy": np.array([0.1, np.nan]),
    "forces": np.array([[0.1, 0.0, 0.0], [0.0, 0.2, 0.0], [0.3, 0.0, 0.0]]),
    "n_atoms": np.array([2, 1]),
    "stress": np.stack([np.eye(3), np.full((3, 3), np.nan)]),
    "elements": np.array(["Mo", "W", "W"]),
}
SWAPPED = {"elements": np.array(["W", "Mo", "W"])}


@pytest.mark.parametrize(
    ("changes", "largest"),
    [
        ({}, 0.0),
        ({"stress": 2 * ALLOY["stress"]}, 0.5),
        ({"stress": np.zeros((2, 3, 3))}, None),
        ({"stress": None}, None),
        # Of molybdenum 0.1 and 0.2 eV/Å.
        (SWAPPED, 0.5),
        ({"elements": None}, None),
        ({"energy": np.array([0.1, 0.1])}, None),
    ],
)
def test_stresses_and_errors_by_element_are_compared(changes, largest, tmp_path):
    published = errors_of(FrameErrors.of(Errors(**ALLOY)), "e" * 64, "d" * 64, "last")
    again = {name: value for name, value in (ALLOY | changes).items() if value is not None}
    np.savez(tmp_path / "errors.npz", **again)
    record = {"metric": "force_mae", "condition": {}, "value": 1000 * 0.6 / 9}
    model = SimpleNamespace(
        records=[SimpleNamespace(**record)], where=SimpleNamespace(label=lambda: "m"), job="a" * 64
    )
    found = compare(model, published, [record], tmp_path / "errors.npz", same_weights=True)
    assert found.largest == (None if largest is None else pytest.approx(largest))
