"""The table of a report, against numbers worked out by hand."""

import one_budget
import pytest
from analyses import analysis_of, record_of, table_of

from tlbench.metrics.statistics import Ratio
from tlbench.report.markdown import markdown
from tlbench.report.rows import ratio_between, rows_of
from tlbench.results.results import Results
from tlbench.study.loading import load_suite


def record(strategy, size, subset_seed, value, **changes):
    return record_of(strategy, value, **{"size": size, "subset_seed": subset_seed, **changes})


RECORDS = [
    record("scratch", 1, 0, 100.0),
    record("scratch", 1, 1, 400.0),
    record("finetune", 1, 0, 50.0),
    record("finetune", 1, 1, 50.0),
    record("zero-shot", 0, None, 200.0),
    # None of these may enter the table:
    record("finetune", 1, 0, 1e9, condition={"temperature_k": 300.0}),
    record("pretrain", 12, None, 1e9, target="Si"),
    record("finetune", 1, 0, 1e9, metric="force_rmse"),
]


def by_arm(records):
    """Return the rows of the first line of the table, by arm."""
    rows = analysis_of(records).of_metric("force_mae")
    return {row.place.strategy: row for row in rows if row.place.size == rows[0].place.size}


def test_geometric_means_and_paired_ratios():
    rows = by_arm(RECORDS)
    errors = {arm: row.mean.value for arm, row in rows.items()}
    assert errors == pytest.approx({"scratch": 200.0, "finetune": 50.0, "zero-shot": 200.0})
    # √(50/100 · 50/400) = 1/4; the level against each scratch model: √(200/100 · 200/400) = 1.
    assert rows["finetune"].ratio.value == pytest.approx(0.25)
    assert rows["finetune"].ratio.n_pairs == 2
    assert rows["zero-shot"].ratio.value == pytest.approx(1.0)
    assert rows["zero-shot"].ratio.n_pairs == 1


def test_an_arm_that_is_missing_is_a_dash_not_a_number():
    lines = table_of([*RECORDS[:5], record("scratch", 10, 0, 10.0)]).lines
    assert lines[2] == [
        "b", "10", "10.0", "–", "200.0", "–", "20.00 (1 pair)",
    ]  # fmt: skip


def test_markdown_has_a_table_per_metric_and_a_row_per_size():
    text = markdown(Results(RECORDS), ["force_mae", "energy_mae"], one_budget.smoke())
    lines = text.partition("\n\n**force_mae (meV/Å)**\n\n")[2].splitlines()
    assert lines[2].strip("| ").split(" | ") == table_of(RECORDS).lines[0]
    assert lines[4] == "| b | 1 | 200.0 | 50.0 | 200.0 | 0.25 (2 pairs) | 1.00 (1 pair) |"
    assert lines[6].startswith("The pairs share 1 init seed")
    assert lines[7:10] == [
        "",
        "Models are not ranked: that needs at least 3 pairs that all of them have; with fewer, no "
        "two can be distinguished.",
        "",
    ]


def test_markdown_names_after_the_answer_the_budget_and_what_it_leaves_open():
    suite = load_suite("matrix-cpu")
    answer, *lines = markdown(Results(RECORDS), ["force_mae"], suite).split("\n\n")[1:]
    assert answer.startswith("- ")
    assert lines[0] == "**200 updates: speed of learning, not shown to be converged**"
    assert "Target models had 200 updates at a learning rate of 0.001" in lines[1]
    assert f"source models {suite.pretraining.updates:,} at 0.001" in lines[1]
    assert "may only have learnt faster" in lines[1]
    longer = suite.training.model_copy(update={"updates": 2400})
    text = markdown(Results(RECORDS), [], suite.model_copy(update={"training": longer}))
    assert text.startswith("**2,400 updates: speed of learning")


def test_arms_without_target_data_alone_have_a_row():
    assert table_of([record("zero-shot", 0, None, 200.0)]).lines[1:] == [["b", "0", "200.0"]]


def test_source_and_target_may_be_one_element():
    changed = [r.model_copy(update={"target": "Si"}) for r in RECORDS]
    errors = {arm: row.mean.value for arm, row in by_arm(changed).items()}
    assert errors == pytest.approx({"scratch": 200.0, "finetune": 50.0, "zero-shot": 200.0})


def many(strategy, values, size=10, **changes):
    return [record(strategy, size, seed, v, **changes) for seed, v in enumerate(values)]


def test_from_three_pairs_on_there_is_an_interval():
    arms = [*many("scratch", [100.0] * 3), *many("finetune", [54.0, 57.0, 55.0])]
    ratio, table = by_arm(arms)["finetune"].ratio, table_of(arms)
    assert ratio.interval.low < ratio.value < ratio.interval.high < 1
    text = table.lines[1][-1]
    assert text == f"0.55 [{ratio.interval.low:.2f}, {ratio.interval.high:.2f}]"
    assert table.note == (
        "Intervals allow for the choice of seeds, not for that of test structures. The pairs share "
        "1 init seed, so their spread is that of the choice of training structures and hardly that "
        "of initial weights and source models."
    )


def test_of_pairs_that_share_nothing_nothing_is_said_of_seeds():
    arms = [
        record(strategy, 10, seed, value, init_seed=seed)
        for strategy, value in (("scratch", 100.0), ("finetune", 50.0))
        for seed in range(5)
    ]
    assert table_of(arms).note == (
        "Intervals allow for the choice of seeds, not for that of test structures."
    )


def test_larger_errors_are_flagged_as_seen_or_significant():
    worse = [120.0, 130.0, 125.0, 122.0, 128.0]
    for values, sign in (
        (worse, " ▲"),
        (worse[:2], " △"),
        ([90.0, 95.0, 220.0, 60.0, 130.0], " △"),
    ):
        table = table_of([*many("scratch", [100.0] * len(values)), *many("finetune", values)])
        assert table.lines[1][-1].endswith(sign)
        assert "▲: larger with 95 % confidence" in table.note


def test_an_arm_without_target_data_is_not_flagged():
    table = table_of([*many("scratch", [100.0]), record("zero-shot", 0, None, 200.0)])
    assert table.lines[1][-1] == "2.00 (1 pair)"
    assert table.note == ""


def test_training_temperatures_have_rows_of_their_own():
    at = [
        record(s, 8, 0, v, train_temperature_k=t)
        for s, v, t in [("scratch", 4.0, 300.0), ("finetune", 2.0, 300.0), ("scratch", 6.0, 600.0)]
    ]
    header, *lines = table_of([*at, record("zero-shot", 0, None, 8.0)]).lines
    assert header[:3] == ["backbone", "N", "trained at (K)"]
    assert lines == [
        ["b", "8", "300", "4.0", "2.0", "8.0", "0.50 (1 pair)", "2.00 (1 pair)"],
        ["b", "8", "600", "6.0", "–", "8.0", "–", "1.33 (1 pair)"],
    ]


def test_no_records_make_no_rows():
    assert analysis_of([]).rows == []


def test_a_published_potential_as_it_is_counts_as_one_model():
    trained = [record_of("finetune", 80.0 + s, subset_seed=s, init_seed=s) for s in range(5)]
    one = record_of("zero-shot", 130.0, size=0, subset_seed=None, init_seed=None)
    # As earlier versions measured it, once for each init seed.
    repeated = [record_of("zero-shot", 130.0, size=0, subset_seed=None, init_seed=s)
                for s in range(5)]  # fmt: skip
    for records in ([one], repeated):
        rows = {row.place.strategy: row for row in rows_of([*trained, *records])}
        assert rows["zero-shot"].values == {(None, None): 130.0}
        assert rows["zero-shot"].mean == Ratio(pytest.approx(130.0), 1)
        ratio = ratio_between(rows["finetune"], rows["zero-shot"])
        assert ratio.n_pairs == 5
        assert ratio.interval.low < 82 / 130 < ratio.interval.high
    # Source models of other seeds are models of their own.
    others = [record_of("zero-shot", 130.0 + s, size=0, subset_seed=None, init_seed=s)
              for s in range(5)]  # fmt: skip
    (row,) = rows_of(others)
    assert row.mean.n_pairs == 5


def test_what_is_not_trained_is_shown_beside_budgets_of_other_backbones():
    records = [
        record("scratch", 4, 0, 100.0, updates=20),
        record("scratch", 4, 0, 200.0, updates=10),
        record("zero-shot", 0, None, 90.0, backbone="as-it-is"),
    ]
    found = {row.place.backbone: row.mean.value for row in analysis_of(records).rows}
    assert found == pytest.approx({"b": 100.0, "as-it-is": 90.0})
