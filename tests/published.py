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
"""The run with 10 germanium structures until errors rise, at a rate of 3e-3."""

FORTY = f"{LONGEST}-n40"
ALL_STRUCTURES = f"{LONGEST}-n195"
"""The runs with 40 and with all 195 structures, at 3e-3."""

WHOLE_TEST = (("data", "mlearn-ge-whole-test"),)
"""The condition of errors on the whole published test file."""

AT_RATES = {
    1e-4: f"{LONGEST}-rate-0.0001",
    3e-4: f"{LONGEST}-rate-0.0003",
    1e-3: f"{LONGEST}-rate-0.001",
    3e-3: LONGEST,
    6e-3: f"{LONGEST}-rate-0.006",
    1.2e-2: f"{LONGEST}-rate-0.012",
}
"""The runs with 10 germanium structures and 1,600 updates."""


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
    """Return the ratios of force errors from silicon to those from scratch in these runs.

    After 1,600 updates, with each at the best of all rates, and of the best weights after 6,400.
    """
    last, best = (rows(RESULTS / LONGEST, "force_mae", tested) for tested in ((), BEST))
    ours = arm_of_ten(last, "finetune", 1600)
    at_best = ratio_between(best_of_rates("finetune"), best_of_rates("scratch"))
    return ours.ratio, at_best, arm_of_ten(best, "finetune", 6400).ratio


def of_rates(arm):
    """Return learning rate → the row of an arm with 10 structures after 1,600 updates."""
    runs = {rate: rows(RESULTS / run, "force_mae") for rate, run in AT_RATES.items()}
    ten = (arm, 1600)
    return {
        rate: arm_of_ten(found, *ten)
        for rate, found in runs.items()
        if any(key[2:] == (arm, 10, 1600) for key in found)
    }


def best_of_rates(arm):
    """Return the row of the rate at which the error of the arm is lowest."""
    return min(of_rates(arm).values(), key=lambda row: row.mean.value)


LONG_SCRATCH = f"{AT_RATES[1e-3]}-scratch"
"""The run from scratch with 10 structures and 6,400 updates at 1e-3."""


def to_the_best_scratch():
    """Return the ratio of the lowest error from silicon to the lowest from scratch, and the row.

    Of all runs with 10 structures, of last and of best weights.
    """
    found = [best_of_rates("scratch")]
    for run in (LONGEST, LONG_SCRATCH):
        of_best = rows(RESULTS / run, "force_mae", BEST)
        found += [row for key, row in of_best.items() if key[2:4] == ("scratch", 10)]
    lowest = min(found, key=lambda row: row.mean.value)
    return ratio_between(best_of_rates("finetune"), lowest), lowest


def ten_to_forty():
    """Return the ratio of the lowest error of 10 from silicon to that of 40 from scratch."""
    found = rows(RESULTS / f"{FORTY}-scratch", "force_mae")
    return ratio_between(best_of_rates("finetune"), found["", "dimenetpp", "scratch", 40, 6400])


def ratios_by_rate():
    """Return learning rate → ratio of the errors from silicon to those from scratch."""
    return {rate: row.ratio for rate, row in of_rates("finetune").items() if row.ratio}


def of_forty():
    """Return ratios of errors from silicon to those from scratch with 40 structures.

    After 1,600 updates, and of 1,600 after pretraining to last and best weights of 6,400 from
    scratch, which are another run.
    """
    key = "dimenetpp", "scratch", 40, 6400
    ours = rows(RESULTS / FORTY, "force_mae")["Si", "dimenetpp", "finetune", 40, 1600]
    longer = (rows(RESULTS / f"{FORTY}-scratch", "force_mae", tested) for tested in ((), BEST))
    return ours.ratio, *(ratio_between(ours, found["", *key]) for found in longer)


def of_all_structures():
    """Return ratios of errors from silicon to those from scratch with all structures.

    After 1,600 and 6,400 updates, and of 1,600 after pretraining to 6,400 from scratch.
    """
    found = rows(RESULTS / ALL_STRUCTURES, "force_mae")
    early, late = (found["Si", "dimenetpp", "finetune", 195, after] for after in (1600, 6400))
    long = found["", "dimenetpp", "scratch", 195, 6400]
    return early.ratio, late.ratio, ratio_between(early, long)


def silicon_to_lithium(metric="force_mae"):
    """Return the ratio of the errors from silicon to those from scratch with 10 of lithium."""
    found = rows(RESULTS / "universal-li-cpu/2026-11-30-two-cores", metric)
    return found["Si", "dimenetpp", "finetune", 10, 100].ratio
