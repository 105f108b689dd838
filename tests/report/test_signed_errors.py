"""Errors that have a sign: arithmetic means with Student's intervals, and no logarithm of any."""

import numpy as np
import pytest
from analyses import analysis_of, record_of
from scipy.stats import t

from tlbench.report.budgets.outcomes import convergences
from tlbench.report.markdown import markdown
from tlbench.report.outline import sections_of
from tlbench.report.rows import rows_of
from tlbench.report.sections.conditions import condition_tables, conditions
from tlbench.report.sections.errors import errors
from tlbench.results.results import Results
from tlbench.study.loading import load_suite

BIAS = {"scratch": [-40.0, 10.0, -30.0], "finetune": [5.0, -5.0, 0.0]}
METRICS = ("force_mae", "energy_bias")


def record(strategy, seed, value, metric="energy_bias", **changes):
    unit = "meV/Å" if metric == "force_mae" else "meV/atom"
    return record_of(
        strategy, value, metric=metric, unit=unit, subset_seed=seed, init_seed=seed, **changes
    )


RECORDS = [
    *(record(arm, n, value) for arm, values in BIAS.items() for n, value in enumerate(values)),
    *(
        record(arm, n, sign * value, condition={"phase": phase})
        for arm, values in BIAS.items()
        for n, value in enumerate(values)
        for phase, sign in (("crystal", -1), ("liquid", 2))
    ),
    *(record(arm, n, 50.0 + n, "force_mae") for arm in BIAS for n in range(3)),
]


def test_the_mean_is_arithmetic_with_an_interval_of_its_own():
    signed = [row for row in rows_of(RECORDS) if row.metric == "energy_bias" and not row.tested]
    rows = {row.place.strategy: row for row in signed}
    for arm, values in BIAS.items():
        mean = rows[arm].mean
        expected = t.interval(0.95, 2, np.mean(values), np.std(values, ddof=1) / 3**0.5)
        assert mean.value == pytest.approx(np.mean(values))
        assert (mean.interval.low, mean.interval.high) == pytest.approx(expected)
        assert rows[arm].ratio is None


def test_two_pairs_have_no_interval():
    some = [r for r in RECORDS if r.model.subset_seed != 2]
    assert {r.mean.interval for r in rows_of(some) if r.metric == METRICS[1]} == {None}


def test_rates_have_no_interval_of_pairs():
    rates = [record_of("scratch", 0.5, metric="stability_rate", subset_seed=n) for n in range(4)]
    assert [r.mean.interval for r in rows_of(rates)] == [None]


def test_the_table_has_intervals_and_no_ratios():
    (_, section) = errors(analysis_of(RECORDS, *METRICS))
    assert section.title == "energy_bias (meV/atom)"
    summary, table = section.blocks
    assert summary.text.endswith("nearer to 0 is better.")
    assert table.lines == [
        ["backbone", "N", "scratch", "finetune"],
        ["b", "10", "-20.0 [-85.7, 45.7]", "0.0 [-12.4, 12.4]"],
    ]
    assert "Arithmetic means" in table.note


def test_every_budget_is_in_the_table():
    budgets = [
        record("scratch", n, value * factor, updates=updates)
        for updates, factor in ((400, 10), (1600, 1))
        for n, value in enumerate(BIAS["scratch"])
    ]
    (section,) = errors(analysis_of(budgets, "energy_bias"))
    lines = section.blocks[1].lines
    assert [line[2:] for line in lines] == [
        ["updates", "scratch"],
        ["400", "-200.0 [-857.2, 457.2]"],
        ["1,600", "-20.0 [-85.7, 45.7]"],
    ]


def test_phases_have_a_table_and_a_figure_on_a_linear_axis():
    analysis = analysis_of(RECORDS, *METRICS)
    (table,) = condition_tables(analysis, "energy_bias")
    assert table.lines[0] == ["backbone", "N", "tested on", "scratch", "finetune"]
    assert [line[2:4] for line in table.lines[1:]] == [
        ["crystal", "20.0 [-45.7, 85.7]"],
        ["liquid", "-40.0 [-171.4, 91.4]"],
    ]
    (section,) = conditions(analysis)
    (draw,) = next(f for f in section.figures if f.name == "by-phase").cases.values()
    figure = draw()
    assert figure.layout.yaxis.type != "log"
    assert {(trace.name, tuple(trace.y)) for trace in figure.data} == {
        ("scratch", (20.0, -40.0)),
        ("finetune", (0.0, 0.0)),
    }


def test_no_section_fails_on_them_and_no_other_has_them():
    named = [
        section.name
        for section in sections_of(analysis_of(RECORDS, *METRICS))
        if any("energy_bias" in str(getattr(b, "lines", "")) + b.title for b in section.tables)
    ]
    assert named == ["errors-energy_bias", "by-condition"]
    text = markdown(Results(RECORDS), list(METRICS), load_suite("smoke"))
    assert "| b | 10 | -20.0 [-85.7, 45.7] | 0.0 [-12.4, 12.4] |" in text


def test_no_budget_of_what_has_no_ratios_is_converged():
    records = [
        record("scratch", n, value * factor, updates=updates)
        for updates, factor in ((400, 10), (1600, 1))
        for n, value in enumerate(BIAS["scratch"])
    ]
    assert not convergences(rows_of(records))
    positive = [r.model_copy(update={"metric": "force_mae", "value": 50.0}) for r in records]
    assert len(convergences(rows_of([*records, *positive]))) == 1
