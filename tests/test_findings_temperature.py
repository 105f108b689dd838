"""What the findings say of models of one temperature, tested at others."""

from functools import cache

import numpy as np
import pytest
from published import FINDINGS, RESULTS, SAID, analysis_of
from real_data import MLEARN, needs_mlearn
from test_findings_tables import line

from tlbench.data.fetch import fetch
from tlbench.metrics import METRICS
from tlbench.report.rows import ratio_between
from tlbench.report.sections.temperature import rows_by_test
from tlbench.report.wording import ratio_text
from tlbench.study.loading import load_suite
from tlbench.study.study import resolve

CRYSTALS = ((300.0, "crystal"), (605.0, "crystal"))
LIQUIDS = ((1089.0, "liquid"), (1816.0, "liquid"), (2422.0, "liquid"))
STARTS = {"scratch": "scratch", "finetune": "from silicon"}
MODELS = ((300.0, 1e-3), (300.0, 3e-3), (1089.0, 1e-3), (1089.0, 3e-3), (2422.0, 3e-3))
"""Temperature of training and learning rate of each group of lines of the table."""


@cache
def trained(rate, metric="force_mae"):
    """Return (arm, updates, temperature of training, test) → row."""
    run = RESULTS / f"temperature-dft/2026-11-30-two-cores-rate-{rate:g}"
    tests = rows_by_test(analysis_of(run, metric).every_row, metric)
    return {
        (row.place.strategy, row.place.updates, row.place.train_temperature_k, test): row
        for test, rows in tests.items()
        for row in rows
    }


def ratios(rate, at, tests, updates=1600, metric="force_mae"):
    """Return the ratios from silicon to scratch of models of one temperature on some tests."""
    return [trained(rate, metric)["finetune", updates, at, test].ratio for test in tests]


def at_better_rates(at, tests):
    """Return the same with each arm at the rate of the lower error."""
    found = []
    for test in tests:
        rows = [
            [trained(rate)[arm, 1600, at, test] for rate in (1e-3, 3e-3)]
            for arm in ("finetune", "scratch")
        ]
        better = (min(each, key=lambda row: row.mean.value) for each in rows)
        found.append(ratio_between(*better))
    return found


def of_all_temperatures():
    """Yield every ratio that the text states of models of one temperature."""
    yield from at_better_rates(300.0, CRYSTALS)
    yield from ratios(1e-3, 1089.0, CRYSTALS)
    yield from ratios(1e-3, 300.0, LIQUIDS, metric="energy_mae")


def texts(found):
    return [ratio_text(ratio, flagged=False) for ratio in found]


def ends(found):
    """Return the smallest and the largest ratio, as 0.78 to 0.86."""
    values = [ratio.value for ratio in found]
    return f"{min(values):.2f} to {max(values):.2f}"


def below_one(found):
    return all(ratio.interval.high < 1 for ratio in found)


def include_one(found):
    return all(ratio.interval.low < 1 < ratio.interval.high for ratio in found)


@pytest.mark.parametrize(("at", "rate"), MODELS)
def test_lines(at, rate):
    text = METRICS.get("force_mae").text
    for arm, start in STARTS.items():
        rows = [trained(rate)[arm, 1600, at, test] for test in CRYSTALS + LIQUIDS]
        errors = (text(row.mean.value) for row in rows)
        assert line(f"{at:g} K", f"{1e3 * rate:g}", start, *errors) in FINDINGS
    of_all = texts(ratios(rate, at, CRYSTALS + LIQUIDS))
    assert line(f"{at:g} K", f"{1e3 * rate:g}", "ratio", *of_all) in FINDINGS


def test_the_table_has_no_other_lines():
    table = FINDINGS[FINDINGS.index("| trained at |") :].partition("\n\n")[0]
    assert len(table.splitlines()) == 2 + 3 * len(MODELS)


def test_crystals():
    better, low = at_better_rates(300.0, CRYSTALS), ratios(1e-3, 300.0, CRYSTALS)
    assert below_one([*better, *low])
    first, second = texts(better)
    assert f"rate ({first} and {second}), which is an edge of the two tried" in SAID
    assert include_one(ratios(3e-3, 300.0, CRYSTALS[:1]))
    for arm in STARTS:
        early, late = (trained(3e-3)[arm, n, 300.0, CRYSTALS[0]].mean.value for n in (400, 1600))
        assert late < 0.7 * early, "errors still fell"


def test_liquids():
    found = [*ratios(1e-3, 1089.0, LIQUIDS)]
    found += [ratio for at in (1089.0, 2422.0) for ratio in ratios(3e-3, at, LIQUIDS)]
    assert include_one(found)
    assert f"no gain is shown after 1,600 updates at either rate ({ends(found)})" in SAID
    early = [ratio for at in (1089.0, 2422.0) for ratio in ratios(3e-3, at, LIQUIDS, 400)]
    assert below_one(early)
    assert f"After 400 updates at 3·10⁻³ it was {ends(early)}, all intervals below 1" in SAID
    before, after = (trained(3e-3)["finetune", n, 1089.0, LIQUIDS[1]] for n in (400, 1600))
    assert ratio_between(after, before).interval.low > 1
    assert f"from {before.mean.value:.0f} to {after.mean.value:.0f} meV/Å at 1816 K" in SAID


def test_from_crystals_to_liquids():
    high, low = (ratios(rate, 300.0, LIQUIDS) for rate in (3e-3, 1e-3))
    assert below_one(high)
    assert include_one(low)
    widest = max(ratio.interval.high for ratio in low)
    said = f"include 1 ({ends(low)}, up to {widest:.2f}); at 3·10⁻³ they exclude it ({ends(high)})"
    assert said in SAID
    for arm in STARTS:
        errors = [
            [trained(rate)[arm, 1600, 300.0, test].mean.value for test in LIQUIDS]
            for rate in (1e-3, 3e-3)
        ]
        assert all(better < worse for better, worse in zip(*errors, strict=True))
    energies = [ratios(rate, 300.0, LIQUIDS, metric="energy_mae") for rate in (1e-3, 3e-3)]
    assert all(ratio.interval.low > 1 for ratio in energies[0])
    assert include_one(energies[1])
    first, second, third = texts(energies[0])
    assert f"energies are worse from silicon ({first}, {second} and {third})" in SAID


def test_from_liquids_to_crystals():
    low = ratios(1e-3, 1089.0, CRYSTALS)
    assert include_one(low)
    first, second = texts(low)
    assert f"no gain is shown at 10⁻³ ({first} and {second}, trained at 1089 K)" in SAID
    high = [ratio for at in (1089.0, 2422.0) for ratio in ratios(3e-3, at, CRYSTALS)]
    assert [ratio.interval.high < 1 for ratio in high] == [True, False, False, False]
    said = {
        arm: " to ".join(
            f"{trained(3e-3)[arm, n, 1089.0, CRYSTALS[0]].mean.value:.0f}" for n in (400, 1600)
        )
        for arm in STARTS
    }
    assert (
        f"double from scratch ({said['scratch']} meV/Å) and from silicon ({said['finetune']})."
    ) in SAID
    worst = trained(3e-3)["scratch", 1600, 2422.0, CRYSTALS[0]].values
    assert [value > 1000 for value in sorted(worst.values())] == [False] * 4 + [True]


def test_energies():
    own, other = (
        [
            trained(rate, "energy_mae")[arm, 1600, at, test].mean.value
            for at, rate in MODELS
            for arm in STARTS
            for test in (CRYSTALS if (at == 300.0) == same else LIQUIDS)
        ]
        for same in (True, False)
    )
    assert (
        f"mean errors of {min(own):.1f} to {max(own):.1f} meV/atom in the phase of the training "
        f"structures, of {min(other):.0f} to {max(other):.0f} in the other."
    ) in SAID


@needs_mlearn
def test_structures_and_forces_at_each_temperature():
    (of_suite,) = resolve(load_suite("temperature-dft")).ends
    found = of_suite.target.read(fetch(of_suite.target, MLEARN))
    train, tests = found["train"], found["test"]
    counts = [int((tests.temperature_k == at).sum()) for at, _ in CRYSTALS + LIQUIDS]
    assert f"{min(counts)} to {max(counts)} of each temperature" in SAID
    pools = [int((train.temperature_k == at).sum()) for at in (300.0, 1089.0, 2422.0)]
    assert f"{pools[0]} structures at 300 K, {pools[1]} at 1089 K and {pools[2]} at 2422 K" in SAID
    shares = {}
    for arm in STARTS:
        shares[arm] = []
        for at, phase in LIQUIDS:
            forces = tests.forces[np.repeat(tests.temperature_k == at, tests.n_atoms)]
            none = 1e3 * np.abs(forces).mean()
            rows = (trained(rate)[arm, 1600, 300.0, (at, phase)] for rate in (1e-3, 3e-3))
            shares[arm] += [row.mean.value / none for row in rows]
    low, high = min(shares["finetune"]), max(shares["finetune"])
    assert f"errors are {low:.2f} to {high:.2f} times those of predicting no forces from" in SAID
    low, high = min(shares["scratch"]), max(shares["scratch"])
    assert f"silicon, {low:.2f} to {high:.2f} times from scratch" in SAID
