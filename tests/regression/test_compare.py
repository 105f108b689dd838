"""Two runs side by side."""

import json
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from simulated_runs import numbers, place

from tlbench.metrics.statistics import paired_ratio
from tlbench.regression.comparison import compare
from tlbench.regression.pairing import pair_up
from tlbench.report.wording import condition_text

WHERE = place("force_mae", "schnet", ("finetune", 4))
BEFORE = {(subset, 0): 100.0 + subset for subset in range(5)}
AFTER = {pair: value * (1.1 + 0.01 * pair[0]) for pair, value in BEFORE.items()}


def compared(first, second):
    return compare(pair_up(numbers(first), numbers(second)))


def test_a_row_is_the_paired_ratio_of_the_second_to_the_first():
    (row,) = compared({WHERE: BEFORE}, {WHERE: AFTER}).rows
    expected = paired_ratio(AFTER, BEFORE)
    assert (row.data["change"], row.data["n_pairs"]) == (pytest.approx(expected.value), 5)
    assert row.data["interval"][0] == pytest.approx(expected.interval.low)
    assert row.data["a"] == pytest.approx(102, rel=1e-3)
    assert row.data["b_is"] == "worse"
    (back,) = compared({WHERE: AFTER}, {WHERE: BEFORE}).rows
    assert back.data["change"] == pytest.approx(1 / row.data["change"])
    assert back.data["b_is"] == "better"


def test_with_fewer_than_three_pairs_nothing_is_claimed():
    two = {pair: value for pair, value in BEFORE.items() if pair[0] < 2}
    found = compared({WHERE: two}, {WHERE: AFTER})
    (row,) = found.rows
    assert (row.data["n_pairs"], row.data["interval"], row.data["b_is"]) == (2, None, None)
    (lines,) = found.tables().values()
    assert lines[1][3].endswith("(2 pairs)")
    assert "3 numbers only in B: schnet, finetune, N 4, Si → Ge: 3 numbers (force_mae)." in (
        found.remarks()
    )


def test_whole_backbones_arms_and_sizes_are_named_once():
    """One run lacks a backbone, an arm and a size, and one number beside them."""
    arms = [("pretrain", 12), ("scratch", 1), ("scratch", 4), ("finetune", 1), ("finetune", 4)]
    metrics = ("force_mae", "energy_mae")
    full = {place(m, b, arm): BEFORE for m in metrics for b in ("a", "b") for arm in arms}
    few = {
        each: values
        for each, values in full.items()
        if each.backbone == "a" and each.strategy != "pretrain" and each.size == 1
    }
    few[place("energy_mae", "a", ("finetune", 1))] = {(0, 0): 100.0}
    assert (
        "84 numbers only in A: backbone b; source models; N = 4; and 1 more."
        in compared(full, few).remarks()
    )
    assert "84 numbers only in B: backbone b; " in " ".join(compared(few, full).remarks())
    without_arm = {p: v for p, v in full.items() if p.strategy != "finetune"}
    assert "40 numbers only in A: strategy finetune." in compared(full, without_arm).remarks()
    without_metric = {p: v for p, v in full.items() if p.metric == "force_mae"}
    assert "50 numbers only in A: metric energy_mae." in compared(full, without_metric).remarks()


def at_budgets(*budgets):
    return {WHERE._replace(updates=updates): BEFORE for updates in budgets}


def test_models_are_compared_at_one_budget():
    shorter, longer = at_budgets(10, 20)
    before = {shorter: BEFORE, longer: BEFORE}
    rows = {r.data["updates"]: r for r in compared(before, {**before, longer: AFTER}).rows}
    assert (rows[10].data["change"], rows[10].data["b_is"]) == (1, None)
    assert rows[20].data["b_is"] == "worse"
    assert rows[20].models == "schnet, finetune, N 4, Si → Ge, 20 updates"


def test_a_budget_that_only_one_run_has_is_named():
    source = place("force_mae", "schnet", ("pretrain", 12))._replace(updates=60)
    found = compared(at_budgets(10, 20) | {source: BEFORE}, at_budgets(20))
    assert "10 numbers only in A: source models; 10 updates." in found.remarks()


def test_the_best_weights_are_a_condition():
    best = WHERE._replace(condition=(("weights", "best"),))
    found = compared({WHERE: BEFORE, best: BEFORE}, {WHERE: BEFORE, best: AFTER})
    assert [row.data["b_is"] for row in found.rows] == [None, "worse"]
    assert len(found.tables()["force_mae (meV/Å)"]) == 2
    assert condition_text(best.condition) == "best weights"


def test_models_from_scratch_are_of_no_source():
    scratch = place("force_mae", "schnet", ("scratch", 4))
    # In a matrix they are recorded once for every source, and shown once.
    values = {scratch: BEFORE, scratch._replace(source="Li"): BEFORE}
    (lines,) = compared(values, values).tables().values()
    assert [line[0] for line in lines] == ["models", "schnet, scratch, N 4, Ge"]


def test_rates_are_subtracted_and_times_divided():
    rate, time = (
        place(name, "schnet", ("scratch", 1)) for name in ("stability_rate", "survival_time")
    )
    first = {rate: {(n, 0): 0.0 for n in range(5)}, time: {(n, 0): 200.0 for n in range(5)}}
    second = {
        rate: {(n, 0): 0.4 + 0.1 * n for n in range(5)}, time: {(n, 0): 300.0 for n in range(5)}
    }  # fmt: skip
    by_metric = {row.data["metric"]: row.data for row in compared(first, second).rows}
    assert by_metric["stability_rate"]["change"] == pytest.approx(0.6)
    assert by_metric["stability_rate"]["b_is"] == "better"
    assert by_metric["survival_time"]["change"] == pytest.approx(1.5)
    assert by_metric["survival_time"]["b_is"] == "better"


def test_values_without_a_ratio_are_left_out_and_counted():
    zero = {**AFTER, (0, 0): 0.0}
    other = place("force_rmse", "schnet", ("finetune", 4))
    found = compared({WHERE: BEFORE, other: {(0, 0): 0.0}}, {WHERE: zero, other: {(0, 0): 1.0}})
    (row,) = found.rows
    assert row.data["n_pairs"] == 4
    assert "2 numbers without a ratio left out: a value is not positive." in found.remarks()


def test_values_by_condition_are_in_the_json_alone():
    hot = WHERE._replace(condition=(("temperature_k", 1800.0),))
    found = compared({WHERE: BEFORE, hot: BEFORE}, {WHERE: BEFORE, hot: AFTER})
    (lines,) = found.tables().values()
    assert len(lines) == 2
    assert any("are written only with --json." in remark for remark in found.remarks())
    written = json.loads(found.json())
    assert written["format"] == 1
    whole, by_condition = written["rows"]
    assert whole["change"] == 1
    assert by_condition["condition"] == {"temperature_k": 1800.0}
    assert by_condition["b_is"] == "worse"


def test_hostile_names_do_nothing():
    hostile = WHERE._replace(backbone="|<img src=x>\n\n# [a](b) `c`\x1b[31m")
    first = replace(numbers({hostile: BEFORE}), suite="smoke", name="*a*")
    found = compare(pair_up(first, numbers({hostile: AFTER})))
    (lines,) = found.tables().values()
    assert all(text.isprintable() for text in [*found.remarks(), *lines[1]])
    text = found.markdown()
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    inline = {child.type for token in tokens for child in token.children or ()}
    assert inline <= {"text", "text_special", "softbreak", "strong_open", "strong_close"}
    assert not any(token.type in ("heading_open", "html_block") for token in tokens)
    assert sum(token.type == "tr_open" for token in tokens) == 2


def test_the_settings_that_differ_are_named():
    first = replace(numbers({WHERE: BEFORE}), settings={"training": {"updates": 20}, "cutoff": 4.0})
    second = replace(
        numbers({WHERE: AFTER}),
        digest="other",
        settings={"training": {"updates": 50}, "cutoff": 4.0},
    )
    pairing = pair_up(first, second)
    (said,) = pairing.remarks()
    assert said.endswith("from A to B: training.updates: 20 → 50.")
    # A baseline file has only the digest of its settings.
    (said,) = pair_up(replace(first, settings=None), second).remarks()
    assert "suite digests digest and other" in said


def test_errors_with_a_sign_are_compared_by_their_magnitude():
    where = place("energy_bias", "schnet", ("finetune", 4))
    first = {where: {(n, 0): -50.0 - n for n in range(5)}}
    second = {where: {(n, 0): 20.0 + n**2 for n in range(5)}}
    (row,) = compared(first, second).rows
    assert (row.data["a"], row.data["b"], row.data["change"]) == (52, 26, -26)
    assert row.data["b_is"] == "better"
    # Energies are no rates: their differences are not cut at 1.
    assert row.data["interval"][0] < -26 < row.data["interval"][1] < -10
    (back,) = compared(second, first).rows
    assert back.data["b_is"] == "worse"
