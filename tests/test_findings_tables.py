"""Each line of the tables of the README is that of published runs."""

from functools import cache
from typing import NamedTuple

import pytest
from published import LONGEST, OTHER_RATE, RESULTS, ROOT, arm_of_ten, longest_ratios, rows

from tlbench.board.reading import read_submission
from tlbench.metrics.conditions import ConditionKey
from tlbench.report.budgets.outcomes import BEST
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


class Compared(NamedTuple):
    """Fine-tuned models of a published run, and the rates that they were trained at.

    ``tested`` is the condition of best weights, those of the lowest validation error.
    """

    run: str
    transfer: str
    network: str
    size: int
    updates: int
    rates: str
    tested: ConditionKey = ()


COMPARED = (
    Compared("universal-cpu/2026-11-29-two-cores", "Si → Ge", "dimenetpp", 10, 100, "tuned"),
    Compared("universal-cpu/2026-11-29-two-cores-2400", "Si → Ge", "dimenetpp", 40, 2400, "10⁻³ *"),
    Compared(OTHER_RATE, "Si → Ge", "dimenetpp", 10, 1600, "10⁻³"),
    Compared(f"{LONGEST}-n40", "Si → Ge", "dimenetpp", 40, 1600, "3·10⁻³"),
    Compared(LONGEST, "Si → Ge", "dimenetpp", 10, 1600, "3·10⁻³"),
    Compared(LONGEST, "Si → Ge", "dimenetpp", 10, 6400, "3·10⁻³"),
    Compared(LONGEST, "Si → Ge", "dimenetpp", 10, 6400, "3·10⁻³", BEST),
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


README = (ROOT / "README.md").read_text()


def line(*cells):
    return f"| {' | '.join(cells)} |"


@cache
def force_calls(folder):
    """Return network → how long a force call takes in a run, ms."""
    results = read_submission(folder).results
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
    start = f"{source or 'scratch'}{'' if source in dict(POTENTIALS) else f' ({network})'}"
    return line(f"{start}, {arm}" if source else start, *cells, force_calls(LITHIUM)[network])


def comparison_line(compared):
    source = compared.transfer.partition(" ")[0]
    suite = read_submission(RESULTS / compared.run).suite
    of = compared.network, compared.size, compared.updates
    forces, energies = (
        rows(RESULTS / compared.run, m, compared.tested) for m in ("force_mae", "energy_mae")
    )
    tuned, of_energy = (each[source, of[0], "finetune", *of[1:]] for each in (forces, energies))
    best = ", best" if compared.tested else ""
    long = forces.get(("", of[0], "scratch-long", *of[1:]))
    return line(
        f"[{compared.transfer}](leaderboard/results/{compared.run}/)",
        compared.network,
        f"{compared.size}",
        f"{suite.pretraining.updates:,} + {compared.updates:,}{best}",
        compared.rates,
        f"{len(tuned.values)}",
        ratio_text(tuned.ratio, flagged=False),
        ratio_text(ratio_between(tuned, long), flagged=False) if long else "–",
        ratio_text(of_energy.ratio, flagged=False),
    )


@pytest.mark.parametrize("start", STARTS, ids="-".join)
def test_starts(start):
    assert start_line(*start) in README


@pytest.mark.parametrize("compared", COMPARED, ids=lambda c: f"{c.run}-{c.network}-{c.updates}")
def test_comparisons(compared):
    assert comparison_line(compared) in README


@pytest.mark.parametrize(("first", "lines"), [("| start | Ge", STARTS), ("| from", COMPARED)])
def test_tables_have_no_other_lines(first, lines):
    table = README[README.index(first) :].partition("\n\n")[0]
    assert len(table.splitlines()) == 2 + len(lines)


def test_errors_that_rise_again():
    """The longest training with 10 structures, of last weights and of the best."""
    text = " ".join(README.split())
    last, best = (rows(RESULTS / LONGEST, "force_mae", tested) for tested in ((), BEST))
    ours, scratch = (arm_of_ten(last, arm, 1600) for arm in ("finetune", "scratch"))
    slower = rows(RESULTS / OTHER_RATE, "force_mae")
    assert arm_of_ten(slower, "scratch", 1600).mean.value > scratch.mean.value
    assert arm_of_ten(slower, "finetune", 1600).mean.value < ours.mean.value
    once, better, late = longest_ratios()
    said = [ratio_text(ratio, flagged=False) for ratio in (once, better, late)]
    assert (
        f"{ours.mean.value:.1f} against {scratch.mean.value:.1f} meV/Å after 1,600 updates (ratio "
        f"{said[0]}; each at the better of two rates {said[1]}). With 6,400 both are overtrained; "
        f"weights of the lowest validation error have a ratio of {said[2]}."
    ) in text
    for arm in ("finetune", "scratch"):
        gain = ratio_between(arm_of_ten(best, arm, 6400), arm_of_ten(last, arm, 6400))
        assert gain.interval.high < 1, "training went on too long"
    for found in (last, best):
        longer = arm_of_ten(found, "scratch-long", 6400).ratio
        assert longer.interval.low > 1, "more updates from scratch do not help"
    low, high = (100 * (1 - ratio.value) for ratio in (late, better))
    assert f"has {low:.0f} to {high:.0f} % lower force errors from silicon" in text
