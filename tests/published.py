"""What the published runs have measured, for tests of the pages that state it."""

import importlib.util
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

from tlbench.board.reading import read_submission
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.outcomes import BEST
from tlbench.report.properties.section import properties
from tlbench.report.rows import ratio_between

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RESULTS = ROOT / "leaderboard" / "results"

INTERVAL = r"-?\d\.\d\d \[[^\]]*\]"


def script(name):
    """Return a module of the manual, whose folder is not a package."""
    spec = importlib.util.spec_from_file_location(f"manual_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def runs_of(suite):
    """Return the folders of the published runs of a suite, the earliest first."""
    return sorted((RESULTS / suite).iterdir())


def analysis_of(folder, *metrics):
    """Return a run as its report shows it."""
    entry = read_submission(folder)
    measured = replace(entry.results, errors=entry.errors(), tests=entry.tests())
    return Analysis(measured, entry.suite, metrics)


def correlations(folder):
    """Return the rank correlations of force errors with those of properties in a run."""
    entry = read_submission(folder)
    analysis = Analysis(entry.results, entry.suite, ("force_mae",))
    (section,) = properties(analysis)
    (table,) = (each for each in section.tables if "within arm and N" in each.lines[0])
    return {re.sub(r"[+*]", "", cell) for line in table.lines[1:] for cell in line}


LONGEST = "si-ge-dft-cpu/2026-11-30-two-cores"
OTHER_RATE = f"{LONGEST}-rate-0.001"
"""The runs with 10 germanium structures until errors rise, at 3e-3, and at 1e-3."""


@cache
def rows(folder, metric, tested=()):
    """Return (source, network, arm, N, updates) → row; from scratch has no source."""
    found = {}
    analysis = analysis_of(folder, metric)
    for row in analysis.every_row:
        place = row.place
        if row.metric == metric and row.tested == tested:
            source = "" if place.strategy.startswith("scratch") else row.transfer.source
            updates = place.updates or (row.trained and analysis.suite.training.updates) or None
            found[source, place.backbone, place.strategy, place.size, updates] = row
    return found


def arm_of_ten(found, arm, updates):
    """Return the row of DimeNet++ with 10 structures, from silicon unless it is from scratch."""
    return found["" if arm.startswith("scratch") else "Si", "dimenetpp", arm, 10, updates]


def longest_ratios():
    """Return the ratios of force errors from silicon to those from scratch in these two runs.

    After 1,600 updates, with each at the better of both rates, and of the best weights after 6,400.
    """
    last, best = (rows(RESULTS / LONGEST, "force_mae", tested) for tested in ((), BEST))
    slower = rows(RESULTS / OTHER_RATE, "force_mae")
    ours, scratch = (arm_of_ten(last, arm, 1600) for arm in ("finetune", "scratch"))
    better = ratio_between(arm_of_ten(slower, "finetune", 1600), scratch)
    return ours.ratio, better, arm_of_ten(best, "finetune", 6400).ratio
