"""Earlier versions of suites, of one budget, as they were published."""

from tlbench.study.loading import load_suite
from tlbench.study.suite import Suite

SMOKE = {"version": "1", "budgets": "null", "training.updates": "20", "sizes": "[1, 4]"}
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
