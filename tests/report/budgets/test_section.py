"""The tables of the section on budgets, against numbers by hand."""

import math

import one_budget
import pytest
from analyses import record_of

from tlbench.metrics.statistics import holm
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.compute import compute_table, shares
from tlbench.report.budgets.hypotheses import curves, hypotheses, worth
from tlbench.report.budgets.section import best_table, budgets, convergence_table
from tlbench.report.rows import rows_of
from tlbench.results.results import Results
from tlbench.study.loading import load_suite

SEEDS = range(5)
BUDGETS = (100, 400)


def records(errors, seeds=SEEDS, **fields):
    """Return records: (arm, size, budget) → error of the middle pair."""
    return [
        record_of(
            strategy,
            error * (1 + 0.001 * (seed - 2)),
            size=size,
            subset_seed=seed,
            init_seed=seed,
            updates=budget,
            job=f"{strategy} {size} {seed} {budget}",
            **fields,
        )
        for (strategy, size, budget), error in errors.items()
        for seed in seeds
    ]


def flat(curves):
    """Return errors that are the same at both budgets: arm → size → error."""
    return {
        (strategy, size, budget): error
        for strategy, sizes in curves.items()
        for size, error in sizes.items()
        for budget in BUDGETS
    }


def lines_of(table):
    head, *lines = table.lines
    return [dict(zip(head, line, strict=True)) for line in lines]


@pytest.fixture
def suite():
    return load_suite(
        "smoke",
        [
            ("budgets", str([*BUDGETS])),
            ("training", "{}"),
            ("pretraining", "{updates: 1000}"),
            ("strategies", "[scratch, finetune, scratch-long, zero-shot]"),
            ("metrics", "[force_mae]"),
        ],
    )


def test_equal_data_and_equal_updates_by_hand(suite):
    some = records({
        ("scratch", 10, 100): 200.0, ("finetune", 10, 100): 100.0,
        ("scratch", 10, 400): 100.0, ("finetune", 10, 400): 80.0,
        ("scratch-long", 10, 400): 64.0,
    })  # fmt: skip
    analysis = Analysis(Results(some), suite, ("force_mae",))
    (line,) = lines_of(compute_table(analysis, analysis.every_row, "force_mae"))
    assert line == {
        "backbone": "b", "arm": "finetune", "N": "10", "updates": "400",
        "equal data: / scratch": "0.80 [0.80, 0.80]",
        "equal updates in all: / scratch-long": "1.25 [1.25, 1.25]",
        "with 1 target": "1,400", "with 5 targets": "600", "with 20 targets": "450",
    }  # fmt: skip
    assert shares(suite, 100)["with 5 targets"] == "300"
    without = Analysis(Results([r for r in some if "long" not in r.job]), suite, ("force_mae",))
    assert compute_table(without, without.every_row, "force_mae").n_rows == 0


def test_best_weights_are_compared_pair_by_pair_at_the_largest_budget():
    last = records({("scratch", 10, b): 100.0 for b in BUDGETS})
    last += records({("finetune", 10, b): 90.0 for b in BUDGETS})
    best = records({("finetune", 10, 100): 1.0, ("finetune", 10, 400): 45.0})
    best += records({("scratch", 10, 400): 100.0})
    best = [r.model_copy(update={"condition": {"weights": "best"}}) for r in best]
    scratch, finetune = lines_of(best_table(rows_of(last + best), "force_mae"))
    assert scratch["best / last"] == "1.00 [1.00, 1.00]"
    assert (finetune["last"], finetune["best"]) == ("90.0", "45.0")
    assert finetune["best / last"] == "0.50 [0.50, 0.50]"
    assert finetune["last / scratch"] == "0.90 [0.90, 0.90]"
    assert finetune["best / scratch"] == "0.45 [0.45, 0.45]"
    assert best_table(rows_of(last), "force_mae").n_rows == 0


def test_convergence_is_tabulated_arm_by_arm():
    some = flat({"scratch": {1: 100.0}}) | {("finetune", 1, 100): 100.0, ("finetune", 1, 400): 90.0}
    scratch, finetune = lines_of(convergence_table(rows_of(records(some)), "force_mae"))
    assert (scratch["after 100"], scratch["after 400"]) == ("100.0", "100.0")
    assert (scratch["change"], scratch["converged?"]) == ("+0.0 % [+0.0, +0.0]", "converged")
    assert (finetune["change"], finetune["converged?"]) == (
        "−10.0 % [−10.0, −10.0]", "not converged",
    )  # fmt: skip


def noisy(some):
    """Return records of which arm and scratch differ from pair to pair."""
    return [
        r.model_copy(update={"value": r.value * math.exp(0.02 * math.sin(17 * n))})
        for n, r in enumerate(some)
    ]


def test_hypotheses_are_corrected_for_their_number():
    arms = {"finetune": 0.97, "l2-sp": 0.99, "mixed": 0.8}
    some = {"scratch": {1: 100.0, 10: 50.0}}
    some |= {arm: {1: 100.0 * f, 10: 50.0 * f} for arm, f in arms.items()}
    rows = rows_of(noisy(records(flat(some))))
    lines = {line["arm"]: line for line in lines_of(hypotheses(rows, "force_mae"))}
    assert lines.keys() == arms.keys()
    raw = {arm: float(line["p"]) for arm, line in lines.items()}
    assert raw["mixed"] < raw["finetune"]
    for arm, p in holm(raw).items():
        assert float(lines[arm]["p (Holm)"]) == pytest.approx(p, rel=0.1)
    assert float(lines["mixed"]["p (Holm)"]) == pytest.approx(3 * raw["mixed"], rel=0.1)


def test_one_size_is_tested_by_its_ratio_and_two_pairs_are_not():
    some = records(flat({"scratch": {10: 100.0}, "finetune": {10: 80.0}}))
    (line,) = lines_of(hypotheses(rows_of(noisy(some)), "force_mae"))
    assert line["/ scratch"].startswith("0.8")
    few = [r for r in some if r.model.init_seed < 2]
    assert hypotheses(rows_of(few), "force_mae").n_rows == 0


def test_structures_are_interpolated_over_the_sizes_at_which_both_are_converged():
    # Scratch falls as N^-0.5: 0.5 of its error at 1 is that at 4.
    scratch = {size: 100.0 * size**-0.5 for size in (1, 4, 16)}
    some = flat({"scratch": scratch, "finetune": {1: 50.0, 4: 20.0, 16: 5.0}})
    some["finetune", 4, 100] = 40.0
    rows = rows_of(records(some))
    (found,) = curves(rows).values()
    assert found.open == [4]
    lines = lines_of(worth(rows, "force_mae"))
    assert [(line["N"], line["scratch needs"]) for line in lines] == [("1", "4.0"), ("16", "> 16")]
    some["scratch", 1, 100] = some["scratch", 16, 100] = 300.0
    assert worth(rows_of(records(some)), "force_mae").n_rows == 0


def test_models_trained_at_one_temperature_have_no_learning_curve():
    some = records(flat({"scratch": {1: 9.0}, "finetune": {1: 3.0}}), train_temperature_k=300.0)
    assert curves(rows_of(some)) == {}


def test_a_suite_of_one_budget_has_no_section_on_budgets(suite):
    some = Results(records(flat({"scratch": {1: 9.0}, "finetune": {1: 3.0}})))
    assert [s.name for s in budgets(Analysis(some, suite, ("force_mae",)))] == ["budgets"]
    assert list(budgets(Analysis(some, one_budget.smoke(), ("force_mae",)))) == []
