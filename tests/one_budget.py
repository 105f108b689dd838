"""Earlier versions of suites, of one budget, as they were published."""

from tlbench.study.loading import load_suite
from tlbench.study.suite import Suite

SAMPLED = {"source": "{card: sw-si}", "target": "{card: sw-ge}"}
"""Data of suites before frames were shipped."""

_SMALL_CELL = (
    "changes: {repeats: [1, 1, 1], temperatures_k: [600, 1800], melt: null, equilibration_fs: 200, "
    "interval_fs: 100, train: {trajectories: 1, frames: 6}, "
    "validation: {trajectories: 1, frames: 2}, test: {trajectories: 1, frames: 4}}"
)
SMOKE = {
    "version": "1",
    "source": f"{{card: sw-si, {_SMALL_CELL}}}",
    "target": f"{{card: sw-ge, {_SMALL_CELL}}}",
    "budgets": "null",
    "training.updates": "20",
    "sizes": "[1, 4]",
}
"""What makes version 1 of the smoke suite of the present one."""

QUICK = {
    "budgets": "null",
    "training.updates": "100",
    "pairing": "product",
    "init_seeds": "[0]",
}
"""What makes a suite of one budget of quick, with the pairs of its version 2."""

SI_GE_DFT = {
    "version": "2",
    "strategies": "[scratch, finetune, zero-shot]",
    "subset_seeds": "[0, 1, 2, 3, 4]",
    "init_seeds": "[0, 1, 2, 3, 4]",
    "pretraining": "{updates: 20000}",
    "pretraining_budgets": "null",
    "training": "{updates: 5000}",
    "budgets": "null",
    "metrics": "[force_mae, force_rmse, energy_mae]",
}
"""What makes version 2 of si-ge-dft of the present one."""


def smoke(*settings: tuple[str, str]) -> Suite:
    """Return version 1 of the smoke suite, with more settings."""
    return load_suite("smoke", [*SMOKE.items(), *settings])
