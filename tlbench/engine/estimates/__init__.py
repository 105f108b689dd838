"""What jobs will cost, predicted from what finished jobs have cost on the same device."""

from tlbench.engine.estimates.estimate import Estimate, Prediction, estimate
from tlbench.engine.estimates.measured import finished_in
from tlbench.engine.estimates.model import Basis

__all__ = ["Basis", "Estimate", "Prediction", "estimate", "finished_in"]
