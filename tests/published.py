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
from tlbench.report.rows import ratio_between, rows_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RESULTS = ROOT / "leaderboard" / "results"

FINDINGS = "\n".join(
    page.read_text() for page in (DOCS / "findings.md", *sorted((DOCS / "findings").glob("*.md")))
)
"""The pages of what has been found."""

SAID = " ".join(FINDINGS.split())
"""The same without line breaks."""

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


@cache
def entry_of(folder):
    """Return a published run, which many tests look at."""
    return read_submission(folder)


@cache
def measured_of(folder):
    """Return the results of a run, with the errors of every test structure."""
    entry = entry_of(folder)
    return replace(entry.results, errors=entry.errors(), tests=entry.tests())


@cache
def analysis_of(folder, *metrics):
    """Return a run as its report shows it."""
    return Analysis(measured_of(folder), entry_of(folder).suite, metrics)


def correlations(folder):
    """Return the rank correlations of force errors with those of properties in a run, if any."""
    entry = entry_of(folder)
    analysis = Analysis(entry.results, entry.suite, ("force_mae",))
    tables = [table for section in properties(analysis) for table in section.tables]
    found = (each for each in tables if "within arm and N" in each.lines[0])
    return {re.sub(r"[+*]", "", cell) for each in found for line in each.lines[1:] for cell in line}


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

LONG_SCRATCH = f"{AT_RATES[1e-3]}-scratch"
"""The run from scratch with 10 structures and 6,400 updates at 1e-3."""


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


OF_NETWORK = {"dimenetpp": "si-ge-dft-cpu", "schnet": "si-ge-dft-schnet-cpu"}
"""The suite of silicon to germanium of each network."""


@cache
def at_rates(size, network="dimenetpp", metric="force_mae"):
    """Return (rate, rows, rows of best weights) of each of the long runs with N structures."""
    found = []
    for folder in runs_of(OF_NETWORK[network]):
        suite = entry_of(folder).suite
        of_silicon = folder.name.startswith(Path(LONGEST).name) and suite.sources is None
        if of_silicon and suite.sizes == [size]:
            of_weights = (rows(folder, metric, tested) for tested in ((), BEST))
            found.append((suite.training.learning_rate, *of_weights))
    return sorted(found, key=lambda run: run[0])


def of_rates(size, arm, updates, network="dimenetpp", metric="force_mae"):
    """Return learning rate → the row of an arm, from silicon unless it is from scratch."""
    key = "" if arm.startswith("scratch") else "Si", network, arm, size, updates
    return {rate: last[key] for rate, last, _ in at_rates(size, network, metric) if key in last}


def lowest(size, arm, updates, network="dimenetpp"):
    """Return the row of the rate at which the error of an arm is lowest."""
    return min(of_rates(size, arm, updates, network).values(), key=lambda row: row.mean.value)


def lowest_of_scratch(size):
    """Return the row of the lowest error from scratch, of last and of best weights."""
    found = (
        row
        for _, *of_weights in at_rates(size)
        for each in of_weights
        for (_, _, arm, *_), row in each.items()
        if arm.startswith("scratch")
    )
    return min(found, key=lambda row: row.mean.value)


def ratio_to_scratch(size, updates, of_scratch, network="dimenetpp"):
    """Return the ratio of errors from silicon to those from scratch, each at its best rate."""
    ours = lowest(size, "finetune", updates, network)
    return ratio_between(ours, lowest(size, "scratch", of_scratch, network))


def to_the_lowest_of_scratch(size, updates):
    """Return the ratio of the error from silicon, at its best rate, to the lowest from scratch."""
    return ratio_between(lowest(size, "finetune", updates), lowest_of_scratch(size))


SIX_ELEMENTS = RESULTS / "matrix-nine-cpu/2026-11-30-two-cores-six-elements"
SOURCES = RESULTS / "si-ge-dft-schnet-cpu/2026-11-30-two-cores-sources"
"""The runs of every pair of six elements, and of five sources to germanium, with SchNet."""


@cache
def among_elements(metric="force_mae"):
    """Return (source, target) → ratio of fine-tuned models to those from scratch."""
    found = analysis_of(SIX_ELEMENTS, metric).of_metric(metric)
    of_tuned = (row for row in found if row.place.strategy == "finetune")
    return {(row.transfer.source, row.transfer.target): row.ratio for row in of_tuned}


def silicon_to_lithium(metric="force_mae"):
    """Return the ratio of the errors from silicon to those from scratch with 10 of lithium."""
    found = rows(RESULTS / "universal-li-cpu/2026-11-30-two-cores", metric)
    return found["Si", "dimenetpp", "finetune", 10, 100].ratio


def of_long_training():
    """Yield ratios of germanium models from silicon to others, of the runs at several rates."""
    for size, budgets in ((10, [1600]), (40, [1600, 6400]), (195, [1600, 6400])):
        for updates in budgets:
            yield from (ratio_to_scratch(size, updates, other) for other in (updates, 6400))
            yield to_the_lowest_of_scratch(size, updates)
            by_rate = of_rates(size, "finetune", updates).values()
            yield from filter(None, (row.ratio for row in by_rate))
    yield of_rates(100, "finetune", 1600)[1e-3].ratio
    yield from (ratio_to_scratch(10, 1600, 1600, "schnet"), *ratios_of_sources())
    yield ratio_between(lowest(10, "finetune", 1600), lowest(40, "scratch", 6400))
    yield rows(RESULTS / LONGEST, "force_mae", BEST)["Si", "dimenetpp", "finetune", 10, 6400].ratio


def ratios_of_sources():
    """Yield ratios of SchNet from six elements, whose lines have a test of their own."""
    yield from among_elements().values()
    found = rows(SOURCES, "force_mae")
    silicon = found["Si", "schnet", "finetune", 10, 1600]
    others = (row for (source, *_), row in found.items() if source not in ("", "Si"))
    yield from (ratio_between(row, silicon) for row in others if row.place.size == 10)
    yield ratio_between(silicon, lowest(10, "scratch", 1600, "schnet"))


ENERGIES = "si-ge-dft-energy-cpu/2026-11-30-two-cores"
"""How the names begin of the runs whose losses contain energies."""

MODEL_DATA = "properties-sw-cpu/2026-11-30-two-cores"
"""The same of the runs with DimeNet++ on Stillinger–Weber data, in batches of two."""

TUNED, SCRATCH = ("Si", "dimenetpp", "finetune"), ("", "dimenetpp", "scratch")


def of_energies(rate, arm, metric, size=10, updates=1600):
    """Return the row of an arm whose losses contain energies."""
    run = f"{ENERGIES}{'' if size == 10 else f'-n{size}'}-rate-{rate:g}"
    return rows(RESULTS / run, metric)[*arm, size, updates]


def of_forces(rate, arm, metric):
    """Return the row of an arm with 10 structures whose losses contain forces alone."""
    return rows(RESULTS / AT_RATES[rate], metric)[*arm, 10, 1600]


def to_forces_alone(rate, arm, metric):
    """Return the ratio of an error to that where losses contain forces alone."""
    return ratio_between(of_energies(rate, arm, metric), of_forces(rate, arm, metric))


BEST_WITH_ENERGIES = ((1e-3, TUNED), (3e-3, SCRATCH))
"""The better of two rates of each arm with 10 structures."""


def ratios_of_energies():
    """Yield every ratio of the runs whose losses contain energies."""
    whole = RESULTS / f"{ENERGIES}-n195-rate-0.003"
    for metric in ("force_mae", "energy_mae"):
        for of in (of_energies, of_forces):
            yield ratio_between(*(of(*each, metric) for each in BEST_WITH_ENERGIES))
        yield from (to_forces_alone(*each, metric) for each in BEST_WITH_ENERGIES)
        found = rows(whole, metric, WHOLE_TEST)
        yield ratio_between(*(found[*arm, 195, 6400] for arm in (TUNED, SCRATCH)))
    yield to_forces_alone(1e-3, SCRATCH, "force_mae")


def of_model_data(size, arm, updates, metric="force_mae"):
    """Return the row of an arm on Stillinger–Weber data, at 3e-3."""
    long = "n10-long" if arm == TUNED else f"n{size}-scratch"
    name = "rate-0.003" if updates == 1600 else long
    return rows(RESULTS / f"{MODEL_DATA}-{name}", metric)[*arm, size, updates]


STRATEGIES = ("l2-sp", "mixed", "lora", "head-only")
"""Strategies that are compared with fine-tuning, with 10 structures after 1,600 updates."""


def ratios_of_strategies():
    """Return strategy → the ratio of its error to that of fine-tuning, each at its best rate."""
    tuned = lowest(10, "finetune", 1600)
    return {name: ratio_between(lowest(10, name, 1600), tuned) for name in STRATEGIES}


def ratios_at_one_rate():
    """Return strategy → the ratio of its error to that of fine-tuning, both at 3e-3."""
    names = ("finetune", "lora", "head-only", "mixed")
    errors = {name: of_rates(10, name, 1600)[3e-3] for name in names}
    return {name: ratio_between(row, errors["finetune"]) for name, row in errors.items()}


def ratios_of_structures():
    """Yield ratios of errors of 10 structures from silicon to those of more from scratch."""
    tuned = lowest(10, "finetune", 1600)
    yield from (ratio_between(tuned, lowest(size, "scratch", 1600)) for size in (40, 195))
    yield ratio_between(tuned, lowest(195, "scratch", 6400))
    for size, updates in ((50, 1600), (50, 6400), (10, 6400)):
        ours, scratch = of_model_data(10, TUNED, updates), of_model_data(size, SCRATCH, updates)
        yield ratio_between(ours, scratch)
    yield ratio_between(*(of_model_data(size, SCRATCH, 6400) for size in (50, 10)))


def energies_of_ten():
    """Return the ratio of energy errors of 10 from silicon to 10 from scratch, 6,400 updates."""
    return ratio_between(*(of_model_data(10, arm, 6400, "energy_mae") for arm in (TUNED, SCRATCH)))


PROPERTIES = {
    "vacancy_formation_energy_error": {"ions": "relaxed"},
    "surface_energy_error": {"ions": "relaxed", "surface": "110"},
    "bulk_modulus_error": {},
    "elastic_constant_error": {"component": "C11"},
}
"""Errors of properties that the findings name."""


@cache
def of_properties():
    """Return error → its ratio from silicon to scratch with 10 structures (Stillinger–Weber)."""
    records = entry_of(RESULTS / f"{MODEL_DATA}-rate-0.003").results.records
    found = {}
    for row in rows_of(records):
        wanted, tested = PROPERTIES.get(row.metric), dict(row.tested)
        if wanted is not None and tested.items() >= wanted.items() and row.place.size == 10:
            found[row.metric] = row.ratio or found.get(row.metric)
    return found
