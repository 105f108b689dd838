"""The table of a report, against numbers worked out by hand."""

import pytest

from tlbench.records import Record
from tlbench.report.summary import cells, header, markdown, summarise


def record(strategy, size, subset_seed, value, **changes):
    fields = {
        "suite": "s", "suite_version": 1, "suite_digest": "d", "source": "Si", "target": "Ge",
        "backbone": "b", "strategy": strategy, "size": size, "subset_seed": subset_seed,
        "init_seed": 0, "metric": "force_mae", "unit": "meV/Å", "value": value,
        "condition": {}, "job": "k",
    }  # fmt: skip
    return Record(**{**fields, **changes})


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


def test_geometric_means_and_paired_ratios():
    (row,) = summarise(RECORDS, "force_mae").rows
    assert row.errors == pytest.approx({"scratch": 200.0, "finetune": 50.0, "zero-shot": 200.0})
    # √(50/100 · 50/400) = 1/4; the level against each scratch model: √(200/100 · 200/400) = 1.
    assert row.ratios["finetune"].value == pytest.approx(0.25)
    assert row.ratios["finetune"].n_pairs == 2
    assert row.ratios["zero-shot"].value == pytest.approx(1.0)
    assert row.ratios["zero-shot"].n_pairs == 1


def test_an_arm_that_is_missing_is_a_dash_not_a_number():
    summary = summarise([*RECORDS[:5], record("scratch", 10, 0, 10.0)], "force_mae")
    assert cells(summary, summary.rows[1]) == [
        "b", "10", "10.0", "–", "200.0", "–", "20.00 (1 pair)",
    ]  # fmt: skip


def test_markdown_has_a_table_per_metric_and_a_row_per_size():
    lines = markdown(RECORDS, ["force_mae", "energy_mae"]).splitlines()
    assert lines[0] == "**force_mae** (meV/Å)"
    assert lines[2].strip("| ").split(" | ") == header(summarise(RECORDS, "force_mae"))
    assert lines[4:] == ["| b | 1 | 200.0 | 50.0 | 200.0 | 0.25 (2 pairs) | 1.00 (1 pair) |"]


def test_arms_without_target_data_alone_have_a_row():
    summary = summarise([record("zero-shot", 0, None, 200.0)], "force_mae")
    assert [cells(summary, row) for row in summary.rows] == [["b", "0", "200.0", "–"]]


def test_source_and_target_may_be_one_element():
    changed = [r.model_copy(update={"target": "Si"}) for r in RECORDS]
    table = summarise(changed, "force_mae")
    assert table.rows[0].errors == pytest.approx(
        {"scratch": 200.0, "finetune": 50.0, "zero-shot": 200.0}
    )


def test_no_records_make_an_empty_table():
    assert summarise([], "force_mae").rows == []
