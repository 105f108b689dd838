"""Fair tuning: every backbone and arm gets as many trials at each size and budget."""

from tlbench.tuning.cost import cost_of
from tlbench.tuning.ledger import best_of
from tlbench.tuning.rounds import Ended, tune
from tlbench.tuning.search import Search, Series
from tlbench.tuning.tuned_file import RESULT

__all__ = ["RESULT", "Ended", "Search", "Series", "best_of", "cost_of", "tune"]
