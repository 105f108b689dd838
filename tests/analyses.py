"""What reports are made of, from a few records."""

from tlbench.report.analysis import Analysis
from tlbench.report.content import Table
from tlbench.report.sections.errors import error_table
from tlbench.results.results import Results
from tlbench.study.loading import load_suite


def analysis_of(records, *metrics, **results):
    """Return the analysis of some records by ``metrics``, by default of forces."""
    return Analysis(Results(records, **results), load_suite("smoke"), metrics or ("force_mae",))


def table_of(records, metric="force_mae") -> Table:
    """Return the table of errors and ratios of a metric on all test structures."""
    analysis = analysis_of(records, metric)
    return error_table(analysis, analysis.of_metric(metric))
