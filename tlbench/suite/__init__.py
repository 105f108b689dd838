"""What a benchmark suite is, and how one is read."""

from tlbench.suite.loading import load_suite, suite_folder, suite_names
from tlbench.suite.model import Suite
from tlbench.suite.simulations import Simulations
from tlbench.suite.transfers import DataChoice, Matrix, SourcePart, Transfer

__all__ = [
    "DataChoice",
    "Matrix",
    "Simulations",
    "SourcePart",
    "Suite",
    "Transfer",
    "load_suite",
    "suite_folder",
    "suite_names",
]
