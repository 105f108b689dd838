"""What the published runs have measured, for tests of the pages that state it."""

import importlib.util
import re
from dataclasses import replace
from pathlib import Path

from tlbench.board.reading import read_submission
from tlbench.report.analysis import Analysis
from tlbench.report.properties.section import properties

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
