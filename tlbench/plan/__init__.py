"""From a suite to its jobs: a pure function."""

from tlbench.plan.base import PRETRAIN, Cell, Covered, Plan, dataset_job
from tlbench.plan.training import plan

__all__ = ["PRETRAIN", "Cell", "Covered", "Plan", "dataset_job", "plan"]
