"""What jobs will cost, predicted from what finished jobs have cost on the same device."""

from tlbench.engine.estimates.estimate import Basis, Estimate, Prediction, estimate
from tlbench.engine.estimates.finished import finished_in

__all__ = ["Basis", "Estimate", "Prediction", "estimate", "finished_in"]
