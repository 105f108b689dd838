"""What jobs will cost, predicted from what finished jobs have cost on the same device."""

from tlbench.estimates.estimate import Estimate, Prediction, estimate
from tlbench.estimates.measured import finished_in
from tlbench.estimates.model import Basis

__all__ = ["Basis", "Estimate", "Prediction", "estimate", "finished_in"]
