"""Tuned settings that no search has found."""

from tlbench.study.tuned import Tuned

ARM = {
    "sizes": None,
    "updates": None,
    "size": None,
    "settings": {"learning_rate": 5e-3, "final_learning_rate_fraction": 0.1},
    "trials": 2,
    "pruned": 0,
    "validation_force_mae": 90.0,
    "default_validation_force_mae": 100.0,
}


def given(suite="smoke", **arms):
    """Return tuned settings of schnet."""
    return Tuned(suite=suite, suite_digest="", study="0" * 64, pairs=1, arms={"schnet": arms})
