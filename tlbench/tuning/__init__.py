"""Fair tuning: every backbone and arm gets as many trials, of the suite's own budget."""

from tlbench.tuning.ledger import best_of
from tlbench.tuning.rounds import RESULT, Ended, tune
from tlbench.tuning.search import Search, Series

__all__ = ["RESULT", "Ended", "Search", "Series", "best_of", "tune"]
