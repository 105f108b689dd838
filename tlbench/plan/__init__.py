"""From a suite to its jobs: a pure function."""

from tlbench.plan.base import PRETRAIN, Cell, Covered, Plan, dataset_job
from tlbench.plan.model_key import Flat, ModelKey, Place, TrainingSet, Transfer
from tlbench.plan.training import plan

__all__ = [
    "PRETRAIN",
    "Cell",
    "Covered",
    "Flat",
    "ModelKey",
    "Place",
    "Plan",
    "TrainingSet",
    "Transfer",
    "dataset_job",
    "plan",
]
