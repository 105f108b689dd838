"""Each line of the tables of README and findings is that of published runs."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from published import (
    ALL_STRUCTURES,
    AT_RATES,
    FINDINGS,
    FORTY,
    LONG_SCRATCH,
    LONGEST,
    RESULTS,
    ROOT,
    SAID,
    SIX_ELEMENTS,
    SOURCES,
    STRATEGIES,
    among_elements,
    analysis_of,
    entry_of,
    lowest,
    of_rates,
    ratios_at_one_rate,
    ratios_of_strategies,
    rows,
)

from tlbench.metrics.conditions import ConditionKey
from tlbench.report.budgets.outcomes import BEST
from tlbench.report.relations.section import relations
from tlbench.report.rows import ratio_between
from tlbench.report.sections.costs import costs_by_device, force_call_ms, median_text
from tlbench.report.sections.starts import mean_text
from tlbench.report.wording import ratio_text

POTENTIALS = (("SevenNet-0", "sevennet-0"), ("CHGNet 0.3.0", "chgnet-0.3.0"))

STARTS = (
    *((name, network, arm) for name, network in POTENTIALS for arm in ("lora", "finetune")),
    *(("Si", "dimenetpp", arm) for arm in ("head-only", "finetune")),
    ("", "dimenetpp", "scratch"),
    *((name, network, "zero-shot") for name, network in POTENTIALS),
)
"""Source, network and arm of each line of the first table."""

GERMANIUM = RESULTS / "universal-cpu/2026-11-29-two-cores"
LITHIUM = RESULTS / "universal-li-cpu/2026-11-30-two-cores"


ONE_RATE = "properties-sw-cpu/2026-11-29-two-cores-1600-updates"
ITS_OWN_RATES = "equal-updates-sw-cpu/2026-11-30-two-cores"


class Trained(NamedTuple):
    """Models of germanium, from scratch and from silicon, that were trained at one rate.

    ``tested`` is the condition of best weights, those of the lowest validation error.
    """

    rate: float
    size: int
    updates: int
    tested: ConditionKey = ()
    run: str = LONGEST
    network: str = "dimenetpp"


TRAINED = (
    *(Trained(rate, 10, 1600, run=run) for rate, run in AT_RATES.items()),
    *(Trained(1e-3, 10, 6400, tested, LONG_SCRATCH) for tested in ((), BEST)),
    *(Trained(3e-3, 10, 6400, tested) for tested in ((), BEST)),
    Trained(3e-4, 40, 1600, run=f"{FORTY}-rate-0.0003"),
    Trained(1e-3, 40, 1600, run=f"{FORTY}-rate-0.001"),
    Trained(3e-3, 40, 1600, run=FORTY),
    Trained(6e-3, 40, 1600, run=f"{FORTY}-rate-0.006-scratch"),
    Trained(1e-3, 40, 6400, run=f"{FORTY}-rate-0.001-long"),
    *(Trained(3e-3, 40, 6400, tested, f"{FORTY}-scratch") for tested in ((), BEST)),
    Trained(1e-3, 100, 1600, run=f"{LONGEST}-n100-rate-0.001"),
    *(
        Trained(rate, 195, updates, run=run)
        for updates in (1600, 6400)
        for rate, run in ((1e-3, f"{ALL_STRUCTURES}-rate-0.001"), (3e-3, ALL_STRUCTURES))
    ),
)
"""The lines of the table of silicon to germanium."""

SCHNET = tuple(
    Trained(
        rate, 10, 1600, (), f"si-ge-dft-schnet-cpu/2026-11-30-two-cores-rate-{rate:g}", "schnet"
    )
    for rate in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
)
"""The same of SchNet."""


STRATEGY_RATES = (3e-4, 1e-3, 3e-3)


class Compared(NamedTuple):
    """Fine-tuned models of a published run, and the rates that they were trained at."""

    run: str
    transfer: str
    network: str
    size: int
    updates: int
    rates: str


COMPARED = (
    Compared("universal-cpu/2026-11-29-two-cores", "Si → Ge", "dimenetpp", 10, 100, "tuned"),
    Compared("universal-cpu/2026-11-29-two-cores-2400", "Si → Ge", "dimenetpp", 40, 2400, "10⁻³ *"),
    Compared("universal-li-cpu/2026-11-30-two-cores", "Si → Li", "dimenetpp", 10, 100, "tuned"),
    Compared("alloys/2026-11-29-two-cores", "Mo–W → Nb–Ta", "dimenetpp", 10, 1600, "10⁻³"),
    Compared(ONE_RATE, "Si → Ge, SW", "schnet", 10, 100, "10⁻³"),
    Compared(ONE_RATE, "Si → Ge, SW", "schnet", 10, 1600, "10⁻³"),
    Compared(ITS_OWN_RATES, "Si → Ge, SW", "schnet", 10, 100, "tuned"),
    Compared(ITS_OWN_RATES, "Si → Ge, SW", "schnet", 10, 1600, "tuned"),
    Compared(ONE_RATE, "Si → Ge, SW", "dimenetpp", 10, 100, "10⁻³"),
    Compared(ONE_RATE, "Si → Ge, SW", "dimenetpp", 10, 1600, "10⁻³"),
)
"""The lines of the last table."""


ELEMENTS = ("Si", "Ge", "Li", "Mo", "Cu", "Ni")
FIVE = ("Si", "Mo", "Li", "Cu", "Ni")

README = (ROOT / "README.md").read_text()


BEGINNING = Path(LONGEST).name
"""What the names of runs in the tables of longer training begin with."""


def line(*cells):
    return f"| {' | '.join(cells)} |"


@cache
def force_calls(folder):
    """Return network → how long a force call takes in a run, ms."""
    results = entry_of(folder).results
    (placed,) = costs_by_device(results.records, results.costs).values()
    return {
        place.backbone: median_text(map(force_call_ms, of_pairs.values()))
        for place, of_pairs in placed.items()
    }


def start_line(source, network, arm):
    cells = []
    for folder in (GERMANIUM, LITHIUM):
        for metric in ("force_mae", "energy_mae"):
            of_metric = rows(folder, metric)
            row = of_metric[source, network, arm, 10, 100]
            cells.append(mean_text(row))
    start = source if source in dict(POTENTIALS) else f"{source or 'scratch'} (DimeNet++)"
    return line(f"{start}, {arm}" if source else start, *cells, force_calls(LITHIUM)[network])


def training_line(trained):
    """Return a line of one arm, or of both with their ratios."""
    cells = []
    for metric in ("force_mae", "energy_mae"):
        found = rows(RESULTS / trained.run, metric, trained.tested)
        key = trained.size, trained.updates
        arms = [
            found.get((source, trained.network, arm, *key))
            for source, arm in (("", "scratch"), ("Si", "finetune"))
        ]
        if metric == "force_mae":
            cells += [mean_text(row) if row else "–" for row in arms]
        cells.append(ratio_text(arms[1].ratio, flagged=False) if all(arms) else "–")
    return line(
        f"{trained.size}",
        f"{1e3 * trained.rate:g}",
        f"{trained.updates:,}{', best' if trained.tested else ''}",
        *cells,
        f"`…{Path(trained.run).name.removeprefix(BEGINNING)}`",
    )


def comparison_line(compared):
    source = compared.transfer.partition(" ")[0]
    suite = entry_of(RESULTS / compared.run).suite
    of = compared.network, compared.size, compared.updates
    forces, energies = (
        rows(RESULTS / compared.run, metric) for metric in ("force_mae", "energy_mae")
    )
    tuned, of_energy = (each[source, of[0], "finetune", *of[1:]] for each in (forces, energies))
    long = forces.get(("", of[0], "scratch-long", *of[1:]))
    return line(
        compared.transfer,
        compared.network,
        f"{compared.size}",
        f"{suite.pretraining.updates:,} + {compared.updates:,}",
        compared.rates,
        f"{len(tuned.values)}",
        ratio_text(tuned.ratio, flagged=False),
        ratio_text(ratio_between(tuned, long), flagged=False) if long else "–",
        ratio_text(of_energy.ratio, flagged=False),
        f"`{compared.run}`",
    )


def strategy_line(strategy):
    """Return a line of a strategy at each rate; ratios are those to fine-tuning, each at its best.

    Energies are those at the best rate by forces.
    """
    found = of_rates(10, strategy, 1600)
    tuned = lowest(10, "finetune", 1600)
    best = min(found, key=lambda rate: found[rate].mean.value)
    energies = [of_rates(10, each, 1600, metric="energy_mae") for each in (strategy, "finetune")]
    ratios = (
        ratio_between(found[best], tuned),
        ratio_between(energies[0][best], energies[1][3e-4]),
    )
    return line(
        strategy,
        *(mean_text(found[rate]) if rate in found else "–" for rate in STRATEGY_RATES),
        *("–" if strategy == "finetune" else ratio_text(each, flagged=False) for each in ratios),
    )


def element_line(target):
    ratios = (among_elements().get((source, target)) for source in ELEMENTS)
    return line(f"to {target}", *(f"{ratio.value:.2f}" if ratio else "–" for ratio in ratios))


@pytest.mark.parametrize("start", STARTS, ids="-".join)
def test_starts(start):
    assert start_line(*start) in README


@pytest.mark.parametrize("trained", [*TRAINED, *SCHNET], ids=str)
def test_training_for_longer(trained):
    assert training_line(trained) in FINDINGS


@pytest.mark.parametrize("compared", COMPARED, ids=lambda c: f"{c.run}-{c.network}-{c.updates}")
def test_comparisons(compared):
    assert comparison_line(compared) in FINDINGS


@pytest.mark.parametrize("strategy", ["finetune", *STRATEGIES])
def test_strategies(strategy):
    assert strategy_line(strategy) in FINDINGS


@pytest.mark.parametrize("target", ELEMENTS)
def test_elements(target):
    assert element_line(target) in FINDINGS


def test_what_is_said_of_elements():
    ratios = among_elements()
    assert all(each.interval.low < 1 < each.interval.high for each in ratios.values())
    energies = among_elements("energy_mae").values()
    apart = sum(not each.interval.low < 1 < each.interval.high for each in energies)
    number = ("none", "one", "two", "three", "four")[apart]
    assert f"of the 30 of energies, uncorrected for their number, {number} do not." in SAID
    metals = [f"{ratios[source, 'Ge'].value:.2f}" for source in ("Li", "Mo", "Cu", "Ni")]
    said = f"silicon ({ratios['Si', 'Ge'].value:.2f}) is not shown to be better than the metals"
    assert f"{said} ({min(metals)} to {max(metals)})" in SAID
    assert ratios["Si", "Ge"].value >= ratios["Cu", "Ge"].value
    widest = sorted(ratios, key=lambda each: ratios[each].interval.high)[-3:]
    assert {target for _, target in widest} == {"Cu"}
    from_silicon, from_lithium = (
        ratio_text(ratios[source, "Cu"], flagged=False) for source in ("Si", "Li")
    )
    assert f"(from silicon {from_silicon}, from lithium {from_lithium})" in SAID
    (related,) = relations(analysis_of(SIX_ELEMENTS, "force_mae"))
    report = " ".join(related.sentences)
    shares = re.findall(r"the strongest of 21 correlations .*? would be found in (\S+)%", report)
    assert f"in {shares[0]} % of all permutations of the elements; among sources" in SAID
    assert f"one target, in {shares[1]} %." in SAID
    assert len(shares) == 2


def test_sources_at_a_lower_rate():
    run, arm = SOURCES, ("schnet", "finetune", 10, 1600)
    found = {source: rows(run, "force_mae")[source, *arm] for source in FIVE}
    scratch = lowest(10, "scratch", 1600, "schnet")
    same_rate = of_rates(10, "scratch", 1600, "schnet")[3e-4]
    errors = [f"{found[source].mean.value:.1f}" for source in FIVE]
    ratios = [
        ratio_text(ratio_between(found[source], found["Si"]), flagged=False) for source in FIVE[1:]
    ]
    assert (
        f"errors are {errors[0]} meV/Å from silicon, {errors[1]} from molybdenum, {errors[2]} from "
        f"lithium, {errors[3]} from copper and {errors[4]} from nickel. Relative to silicon these "
        f"are {', '.join(ratios[:-1])} and {ratios[-1]}. Scratch has {same_rate.mean.value:.1f} at "
        f"this rate, but {scratch.mean.value:.1f} at its best;"
    ) in SAID
    to_scratch = ratio_between(found["Si"], scratch)
    assert f"shows no gain ({ratio_text(to_scratch, flagged=False)})." in SAID
    rates = of_rates(10, "finetune", 1600, "schnet")
    best = min(rates, key=lambda rate: rates[rate].mean.value)
    assert entry_of(run).suite.training.learning_rate == best == 3e-4
    assert all(ratio_between(row, scratch).interval.high > 1 for row in found.values())


@pytest.mark.parametrize(
    ("page", "first", "lines"),
    [
        (README, "| start | Ge", STARTS),
        (FINDINGS, "| N | rate", TRAINED),
        (FINDINGS, "| N (SchNet) | rate", SCHNET),
        (FINDINGS, "| from →", COMPARED),
        (FINDINGS, "| strategy |", ("finetune", *STRATEGIES)),
        (FINDINGS, "| force MAE / scratch | from Si", ELEMENTS),
    ],
    ids=["starts", "trained", "schnet", "compared", "strategies", "elements"],
)
def test_tables_have_no_other_lines(page, first, lines):
    table = page[page.index(first) :].partition("\n\n")[0]
    assert len(table.splitlines()) == 2 + len(lines)


def test_what_is_said_of_strategies():
    ratio = ratios_of_strategies()
    said = {name: ratio_text(each, flagged=False) for name, each in ratio.items()}
    assert all(each.interval.high > 1 for each in ratio.values()), "none is better"
    assert f"`lora` ({said['lora']}) and `head-only` ({said['head-only']}) are within 2 %" in SAID
    assert max(ratio["lora"].value, ratio["head-only"].value) < 1.02
    same = {name: ratio_text(each, flagged=False) for name, each in ratios_at_one_rate().items()}
    assert (
        "at equal rates no difference is shown of three of them (at 3·10⁻³ `lora` "
        f"{same['lora']}, `head-only` {same['head-only']}, `mixed` {same['mixed']})."
    ) in SAID
    assert all(r.interval.low < 1 < r.interval.high for r in [*ratios_at_one_rate().values()][1:])
    assert f"`l2-sp` ({said['l2-sp']}) and `mixed` ({said['mixed']}) have larger" in SAID
    assert min(ratio[name].interval.low for name in ("l2-sp", "mixed")) > 1
    best = {name: lowest(10, name, 1600) for name in STRATEGIES}
    for name in STRATEGIES:
        errors = of_rates(10, name, 1600)
        assert sorted(errors) == [3e-4, 1e-3, 3e-3]
        assert errors[1e-3 if name in ("lora", "head-only") else 3e-3] is best[name]
    energies = [line_.split("|")[-2] for line_ in map(strategy_line, STRATEGIES)]
    for each in energies:
        low, high = map(float, re.findall(r"\[(.*), (.*)\]", each)[0])
        assert low < 1 < high
