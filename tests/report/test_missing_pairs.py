"""Where pairs are missing, arms are compared over those that both have.

What a mean over other pairs would show beside it follows from which are missing alone.
"""

import numpy as np
from analyses import analysis_of, record_of
from made_up_dynamics import model, of

from tlbench.metrics.statistics import over_shared
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.outcomes import outcomes
from tlbench.report.budgets.section import best_table, convergence_table
from tlbench.report.budgets.words import rises, sentences
from tlbench.report.dynamics.findings import dynamics_findings
from tlbench.report.dynamics.models import arms_of
from tlbench.report.rows import rows_of
from tlbench.report.sections.answer import answer
from tlbench.report.sections.errors import curve_findings
from tlbench.report.sections.starts import findings, start_table, starts_of
from tlbench.results.results import Results
from tlbench.study.loading import load_suite


def errors(strategy, values, **place):
    """Return a force error of each seed that has a value."""
    return [
        record_of(
            strategy, value, subset_seed=seed, init_seed=seed, job=f"{strategy}{seed}{place}",
            **place,
        )
        for seed, value in enumerate(values)
        if value is not None
    ]  # fmt: skip


def said(blocks):
    return " ".join(
        sentence for section in blocks for b in section.blocks for sentence in b.sentences
    )


def test_tables_keep_what_stands_for_the_pairs_of_all():
    seeds, as_is = {(0, 0): 1.0, (1, 1): 2.0, (2, 2): 3.0}, {(None, 1): 5.0, (None, 2): 6.0}
    assert over_shared([seeds, as_is]) == [{(1, 1): 2.0, (2, 2): 3.0}, as_is]
    assert over_shared([seeds, {(0, 1): 1.0}]) == [{}, {}]


def test_an_arm_that_is_exactly_right_has_no_ratio():
    """Over the other pairs it would look worse: here by a factor, although it is better in most."""
    rows = rows_of([*errors("scratch", [0, 0, 0, 10, 11, 12]), *errors("finetune", [9] * 6)])
    (scratch, finetune) = rows
    assert (scratch.n_exact, finetune.n_exact) == (3, 0)
    assert finetune.ratio is None
    # A sign makes 0 a value as any other.
    (signed,) = rows_of([record_of(value=0.0, metric="energy_bias")])
    assert (signed.n_exact, signed.mean.value) == (0, 0.0)


def test_the_best_start_has_the_lower_error_where_both_were_measured():
    seven = np.array([50.0, 51, 52, 53, 54, 100, 101, 102])
    silicon = [*1.11 * seven[:5], None, None, None]
    records = [
        *errors("finetune", seven, source="SevenNet-0", backbone="sevennet-0"),
        *errors("finetune", silicon, source="Si", backbone="dimenetpp"),
        *errors("scratch", 4 * seven, source="Si", backbone="dimenetpp"),
    ]
    rows = starts_of(rows_of(records))
    first, second, _ = start_table(rows, {})[1:]
    assert [first[1], second[1], second[5]] == [
        "SevenNet-0 → Ge, finetune", "Si → Ge, finetune", "1.11 [1.11, 1.11]",
    ]  # fmt: skip
    assert float(second[4].split()[0]) < float(first[4].split()[0]), "means over other pairs"
    assert (
        "the lowest error is that of SevenNet-0 → Ge, finetune; all others"
        in findings(rows, "x")[0]
    )


def test_a_difference_of_rates_has_an_interval_over_the_same_models():
    both = [
        model(arm, seed, failed=(1.0,) * 5, stable=5, init_seed=seed)
        for arm in ("scratch", "finetune")
        for seed in range(6)
    ]
    alone = [model("finetune", s, failed=(1.0,) * 10, stable=0, init_seed=s) for s in range(6, 18)]
    for models in (both, [*both, *alone]):
        dynamics = of(*models)
        (sentence,) = (
            each for each in dynamics_findings(dynamics, arms_of(dynamics, [])) if "same" in each
        )
        assert "stability rate +0.00 [-0.22, +0.22], not distinguished" in sentence


def test_the_length_of_training_is_blamed_for_what_the_same_models_show():
    values = {1: [50.0, 50, 50, 100, 100], 4: [None, None, None, 60.0, 60]}
    records = [r for size, some in values.items() for r in errors("scratch", some, size=size)]
    records += errors("finetune", values[1], size=1)
    assert "may limit it" not in " ".join(curve_findings(analysis_of(records), "force_mae"))
    worse = [*records[:5], *errors("scratch", [None, None, None, 99.0, 99], size=4), *records[7:]]
    assert "N = 4 is 0.99 times that at N = 1" in curve_findings(analysis_of(worse), "force_mae")[0]


def test_errors_at_two_budgets_are_those_of_the_same_models():
    before, after = [50.0] * 5 + [200.0] * 2, [51.0] * 5
    records = [*errors("scratch", before, updates=400), *errors("scratch", after, updates=1600)]
    cells = dict(zip(*convergence_table(rows_of(records), "force_mae").lines, strict=True))
    assert (cells["after 400"], cells["after 1,600"]) == ("50.0", "51.0")
    best = errors("scratch", [49.0] * 3, updates=1600, condition={"weights": "best"})
    cells = dict(zip(*best_table(rows_of([*records, *best]), "force_mae").lines, strict=True))
    assert (cells["last"], cells["best"]) == ("51.0", "49.0")
    none = errors("scratch", [None] * 6 + [48.0], updates=1600, condition={"weights": "best"})
    cells = dict(zip(*best_table(rows_of([*records, *none]), "force_mae").lines, strict=True))
    assert (cells["last"], cells["best"], cells["best / last"]) == ("51.0", "48.0", "–")


def at_budgets(size, **arms):
    return [
        r
        for arm, some in arms.items()
        for updates, error in some.items()
        for r in errors(arm, [error, 1.01 * error, 0.99 * error, error, error], size=size,
                        updates=updates)
    ]  # fmt: skip


def test_a_sentence_gives_ratios_of_the_budget_that_it_names():
    scratch = {100: 200, 400: 104, 1600: 100}
    records = at_budgets(10, scratch=scratch, finetune={400: 98, 1600: 90})
    records += at_budgets(40, scratch=scratch, finetune={100: 20, 400: 98, 1600: 90})
    few, many = sorted(sentences(outcomes(rows_of(records))))
    assert "N = 10" in few
    assert "after 400 updates 0.94" in few
    assert "N = 40" in many
    assert "after 100 updates 0.10" in many


def test_errors_rise_from_the_budget_that_is_named():
    scratch = {100: 200, 400: 101, 1600: 100}
    records = at_budgets(10, scratch=scratch, finetune={100: 100, 400: 90, 1600: 99})
    records += at_budgets(40, scratch=scratch, finetune={100: 50, 1600: 99})
    first, second = (each for each in rises(outcomes(rows_of(records))) if "finetune" in each)
    assert first.startswith("b, finetune, N = 10: its error rises")
    assert "after 1,600 it is 1.10 [1.10, 1.10] times that after 400" in first
    assert second.startswith("b, finetune, N = 40: ")
    assert "1.98 [1.98, 1.98] times that after 100" in second


def test_a_network_without_models_at_the_largest_budget_is_missing():
    suite = load_suite("si-ge-dft", [("sizes", "[10]"), ("strategies", "[scratch, finetune]")])
    last = suite.budgets[-1]
    records = [
        r
        for backbone in suite.backbones
        for updates in suite.budgets
        if (backbone, updates) != ("schnet", last)
        for arm, error in (("scratch", 100.0), ("finetune", 60.0))
        for r in errors(arm, [error + n for n in range(10)], backbone=backbone, updates=updates)
    ]
    text = said(answer(Analysis(Results(records), suite, ("force_mae",))))
    assert "no models at all of schnet, scratch, N = 10; schnet, finetune, N = 10" in text


def test_only_what_was_tested_is_corrected_for():
    values = {1: range(5), **{size: range(2) for size in (2, 3, 4)}}
    records = [
        r
        for size, seeds in values.items()
        for arm, error in (("scratch", 100.0), ("finetune", 90.0))
        for r in errors(arm, [error + (arm == "finetune") * n % 3 for n in seeds], size=size)
    ]
    text = said(answer(analysis_of(records)))
    assert "after Holm's correction for 1 comparison, over 5 pairs" in text
    assert "no claim can be made from fewer than 5 pairs" in text
