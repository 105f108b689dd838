"""Whether training had converged: the last step from one budget to a larger one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tlbench.metrics.statistics.ratio import Ratio, Table, paired_ratio, verdict

CONVERGED = 0.03
"""An error that falls by less than this share from one budget to the next has converged."""

RESOLVED = 0.10
"""The interval of that change excludes a fall by more than this share, or nothing is decided."""

RULE = (
    "Converged: from the second largest to the largest budget the error, a geometric mean over "
    f"pairs, falls by less than {100 * CONVERGED:g} % or rises, and the interval of the change "
    f"excludes a fall by more than {100 * RESOLVED:g} %; where it does not, that is unresolved."
)
"""The rule in one sentence, as tables print it."""

State = Literal["converged", "worse", "not converged", "unresolved"]
"""Of an arm at one size; "worse" if it is converged and its error rises with 95 % confidence."""


@dataclass(frozen=True)
class Convergence:
    """How much the error of an arm at one size still changed with more training.

    Attributes
    ----------
    ratio
        Error at the largest budget over that at the second largest, pair by pair, with its
        interval; see `RULE`.
    budgets
        The two budgets in updates, ascending.
    """

    ratio: Ratio
    budgets: tuple[int, int]

    @property
    def is_converged(self) -> bool:
        """Whether the error falls by less than `CONVERGED`, or rises, and that is resolved."""
        return self.state in ("converged", "worse")

    @property
    def state(self) -> State:
        """What the ratio shows, in words."""
        if self.ratio.value <= 1 - CONVERGED:
            return "not converged"
        if self.ratio.interval is None or self.ratio.interval.low < 1 - RESOLVED:
            return "unresolved"
        return "worse" if verdict(self.ratio) == "loss" else "converged"


def convergence(errors: Mapping[int, Table]) -> Convergence | None:
    """Return how the error of an arm at one size changed from its second largest budget on.

    Parameters
    ----------
    errors
        Budget in updates → pair → positive error.

    Returns
    -------
    Convergence or None
        None with fewer than two budgets, or without a pair that has both. It is then not known
        whether training had converged.

    Raises
    ------
    ValueError
        If an error is not positive.
    """
    if len(errors) < 2:
        return None
    earlier, last = sorted(errors)[-2:]
    ratio = paired_ratio(errors[last], errors[earlier])
    return Convergence(ratio, (earlier, last)) if ratio else None
