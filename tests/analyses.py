"""What reports are made of, from a few records."""

import one_budget

from tlbench.report.analysis import Analysis
from tlbench.report.content import Table
from tlbench.report.sections.errors import error_table
from tlbench.results.costs import Cost
from tlbench.results.records import Record
from tlbench.results.results import Results


def record_of(strategy="scratch", value=100.0, **changes) -> Record:
    """Return a force error of a model of Ge; ``changes`` are other fields of its line in a file."""
    fields = {
        "suite": "s", "suite_version": 1, "suite_digest": "d", "source": "Si", "target": "Ge",
        "backbone": "b", "size": 10, "subset_seed": 0, "init_seed": 0, "metric": "force_mae",
        "unit": "meV/Å", "condition": {}, "job": "k",
    }  # fmt: skip
    return Record(**{**fields, "strategy": strategy, "value": value, **changes})


def cost(**changes) -> Cost:
    """Return what a model cost on a processor, but for ``changes``."""
    fields = {
        "model": "m", "device": "Some CPU, 2 cores", "threads": 1, "n_parameters": 123456,
        "updates": 1000, "updates_per_second": 5.0, "wall_seconds": 300.0, "cpu_seconds": 200.0,
        "pretraining_wall_seconds": None, "pretraining_cpu_seconds": None, "peak_memory_mib": 400,
        "force_call_seconds": 0.05,
    }  # fmt: skip
    return Cost(**{**fields, **changes})


def analysis_of(records, *metrics, **results):
    """Return the analysis of some records by ``metrics``, by default of forces."""
    return Analysis(Results(records, **results), one_budget.smoke(), metrics or ("force_mae",))


def table_of(records, metric="force_mae") -> Table:
    """Return the table of errors and ratios of a metric on all test structures."""
    analysis = analysis_of(records, metric)
    return error_table(analysis, analysis.of_metric(metric))
