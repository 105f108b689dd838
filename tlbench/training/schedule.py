"""How far an update steps: a pure function of its number, so no checkpoint holds it."""


def learning_rate(update: int, updates: int, initial: float, final_fraction: float) -> float:
    """Return the learning rate of update 0 … ``updates`` − 1, decaying exponentially.

    It is ``initial`` at the first update and ``final_fraction`` of it at the last.
    """
    progress = update / max(updates - 1, 1)
    return float(initial * final_fraction**progress)
