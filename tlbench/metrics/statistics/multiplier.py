"""How much target data transfer saves."""

from dataclasses import dataclass

from tlbench.metrics.statistics.censoring import BoundInterval, Censoring, two_figures
from tlbench.metrics.statistics.equivalence import EquivalentSize, equivalent_size
from tlbench.metrics.statistics.pairs import Curve


@dataclass(frozen=True)
class Multiplier:
    """How many times more target data the baseline needs for the error the arm has at one size.

    Attributes
    ----------
    value
        N_eq/N, or the end of the measured range over N where censored.
    censored
        ">" if the baseline reaches the arm's error at no measured size, "<" if it is already
        better at the smallest.
    n_pairs
        Independent pairs it is taken over.
    interval
        95 % interval, None below `MIN_PAIRS` pairs; see `equivalent_size`.
    """

    value: float
    censored: Censoring
    n_pairs: int
    interval: BoundInterval | None

    def text(self) -> str:
        """Return the multiplier with two significant figures, as ``2.3×`` or ``> 4.9×``."""
        return f"{two_figures(self.value, self.censored)}×"

    def worth(self, size: int) -> str:
        """Return in words what ``size`` structures, those of this multiplier, are worth."""
        equivalent = EquivalentSize(self.value * size, self.censored, self.n_pairs, None)
        subject = (
            "1 transferred structure is" if size == 1 else f"{size} transferred structures are"
        )
        return f"{subject} worth {equivalent.text()} from scratch"


def data_multipliers(arm: Curve, baseline: Curve, seed: int = 0) -> dict[int, Multiplier]:
    """Return the data multiplier of ``arm`` at each of its sizes.

    Parameters
    ----------
    arm, baseline
        Size → pair → positive error. The arm's sizes need not be the baseline's. Size 0
        (zero-shot) has no multiplier; see `EquivalentSize.worth`.
    seed
        Seed of the bootstrap; see `bootstrap_seed`.

    Returns
    -------
    dict
        By size, ascending; sizes at which arm and baseline share no pair are left out.
    """
    multipliers = {}
    for size in sorted(size for size in arm if size > 0):
        equivalent = equivalent_size(arm[size], baseline, seed)
        if equivalent:
            interval = equivalent.interval and equivalent.interval.divided(size)
            multipliers[size] = Multiplier(
                equivalent.value / size, equivalent.censored, equivalent.n_pairs, interval
            )
    return multipliers
