"""How long the models of a run are trained, and what cannot be concluded from one such budget."""

from tlbench.suite import Suite

AT_THIS_BUDGET = "at this budget"
"""What every sentence on errors says: others may hold at another number of updates."""


def updates_text(suite: Suite) -> str:
    """Return the length of training, as ``400 updates``."""
    updates = suite.training.updates
    return f"{updates:,} update{'s' if updates != 1 else ''}"


def budget_label(suite: Suite) -> str:
    """Return in a few words what the errors of a suite measure."""
    return f"{updates_text(suite)}: speed of learning, not shown to be converged"


def budget_note(suite: Suite, tuned: bool = False) -> str:
    """Return how models were trained, and what that leaves open.

    A suite has one budget, so none of its runs can show that training has converged.

    Parameters
    ----------
    tuned
        Whether some arms have learning rates of their own.
    """
    training, source = suite.training, suite.pretraining
    rate = f"a learning rate of {training.learning_rate:g}" + (" unless tuned" if tuned else "")
    return (
        f"Target models had {updates_text(suite)} at {rate}, source models {source.updates:,} at "
        f"{source.learning_rate:g}. Errors are those at this budget and are not shown to be "
        "converged: where an arm has the lower error, it may only have learnt faster, and with "
        "longer training or another learning rate ratios and ranks may change, also to the other "
        "side of 1."
    )
