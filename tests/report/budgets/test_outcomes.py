"""What is converged, and what that allows to be said of an arm and scratch."""

import pytest
from analyses import record_of

from tlbench.report.budgets.hypotheses import curves
from tlbench.report.budgets.outcomes import (
    arm_lines,
    by_budget,
    convergences,
    is_arm,
    outcomes,
    series_of,
    settled,
)
from tlbench.report.budgets.words import change_text, rises, sentences, state_text
from tlbench.report.rows import rows_of
from tlbench.study.model_key import Place

SPREAD = (0.99, 1.0, 1.01)


def records(errors, seeds=range(5), **place):
    """Return force errors: arm → budget → error, of pairs that differ by a per cent."""
    return [
        record_of(
            strategy,
            error * SPREAD[seed % 3],
            subset_seed=seed,
            init_seed=seed,
            updates=budget,
            **place,
        )
        for strategy, budgets in errors.items()
        for budget, error in budgets.items()
        for seed in seeds
    ]


def level(*errors, budgets=(100, 400, 1600)):
    return dict(zip(budgets, errors, strict=True))


def state(*errors, seeds=range(5)):
    (found,) = convergences(rows_of(records({"scratch": level(*errors)}, seeds))).values()
    return state_text(found)


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ((200, 101, 100), "converged"),
        ((200, 104, 100), "not converged"),
        # Only the last two budgets count.
        ((100, 103, 100.1), "converged"),
        ((100, 90, 99), "converged, rising"),
    ],
)
def test_the_two_largest_budgets_decide(errors, said):
    assert state(*errors) == said


def test_a_change_of_too_few_pairs_or_too_wide_an_interval_is_unresolved():
    assert state(200, 101, 100, seeds=range(2)) == "unresolved"
    some = records({"scratch": level(200, 100, 100)})
    last = zip(some[-5:], (0.8, 1.0, 1.25, 0.8, 1.25), strict=True)
    some[-5:] = [r.model_copy(update={"value": r.value * factor}) for r, factor in last]
    (found,) = convergences(rows_of(some)).values()
    assert state_text(found) == "unresolved"


def test_one_budget_is_not_known_to_be_enough():
    some = {"scratch": {400: 100.0}, "finetune": {400: 50.0}}
    rows = rows_of(records(some))
    assert convergences(rows) == {}
    assert settled(rows) == set()
    (found,) = outcomes(rows)
    assert found.ending == "not converged"
    (said,) = sentences([found])
    assert said.count("after 400 updates") == 1
    assert said.endswith("this compares how fast they learn, not how they end.")


def test_rows_without_a_budget_have_no_outcome():
    rows = rows_of([record_of("scratch", 100.0), record_of("finetune", 50.0)])
    assert by_budget(rows) == {}
    assert outcomes(rows) == []


def test_budgets_are_in_order_whatever_that_of_the_records():
    some = {"scratch": level(3, 2, 1, budgets=(1600, 100, 400))}
    (budgets,) = by_budget(rows_of(records(some))).values()
    assert list(budgets) == [100, 400, 1600]


def test_an_arm_is_settled_only_where_scratch_is_too():
    flat, falling = level(100, 100, 100), level(100, 80, 60)
    for scratch, arm, expected in (
        (flat, flat, {"scratch", "finetune"}),
        (falling, flat, set()),
        (flat, falling, {"scratch"}),
    ):
        rows = rows_of(records({"scratch": scratch, "finetune": arm}))
        assert {series[3].strategy for series in settled(rows)} == expected
    # At another number of structures, another scratch.
    some = records({"scratch": falling}) + records({"scratch": flat}, size=1)
    rows = rows_of(some + records({"finetune": flat}) + records({"finetune": flat}, size=1))
    assert {(s[3].strategy, s[3].size) for s in settled(rows)} == {("scratch", 1), ("finetune", 1)}


def test_best_weights_and_breakdowns_have_states_of_their_own():
    some = records({"scratch": level(100, 99, 98)})
    best = records({"scratch": level(80, 60, 40)}, condition={"weights": "best"})
    known = convergences(rows_of(some + best))
    states = {dict(series[1]).get("weights", "last"): each.state for series, each in known.items()}
    assert states == {"last": "converged", "best": "not converged"}
    assert len(outcomes(rows_of(some + best + records({"finetune": level(1, 1, 1)})))) == 1


@pytest.mark.parametrize(
    ("arm", "ending", "faster"),
    [
        (level(50, 80, 80), "lower", True),
        (level(300, 80, 80), "lower", False),
        (level(50, 100, 100), "same", True),
        (level(50, 120, 120), "higher", True),
        (level(300, 120, 120), "higher", False),
        (level(50, 40, 30), "not converged", True),
    ],
)
def test_how_an_arm_ends_and_whether_it_learns_faster(arm, ending, faster):
    some = {"scratch": level(200, 100, 100), "finetune": arm}
    noisy = [
        r.model_copy(update={"value": r.value * (1 + 0.001 * (n * n % 7))})
        for n, r in enumerate(records(some))
    ]
    (found,) = outcomes(rows_of(noisy))
    assert (found.ending, found.learns_faster) == (ending, faster)
    assert (found.first[0], found.last[0]) == (100, 1600)


def test_three_pairs_claim_no_difference():
    flat = {"scratch": level(200, 100, 100), "finetune": level(50, 70, 70)}
    (found,) = outcomes(rows_of(records(flat, range(3))))
    assert (found.ending, found.learns_faster) == ("too few pairs", False)
    assert "too few pairs for a claim" in " ".join(sentences([found]))
    falling = {"scratch": level(200, 100, 50), "finetune": level(50, 40, 30)}
    (found,) = outcomes(rows_of(records(falling, range(3))))
    assert found.ending == "not converged"


def test_arms_are_compared_at_the_largest_budget_alone():
    """A run that was interrupted lacks the largest budget of some arms."""
    some = records({"scratch": level(200, 100, 70), "finetune": level(200, 100, 70)}, size=40)
    some += records({"scratch": level(200, 100, 70), "finetune": {100: 200, 400: 100}})
    rows = rows_of(some)
    assert [each.place.size for each in outcomes(rows)] == [40]
    ((_, both),) = curves(rows).items()
    assert set(both.arm) == set(both.baseline) == {40}
    lacking = rows_of(records({"scratch": {100: 200, 400: 100}, "finetune": level(150, 90, 70)}))
    assert outcomes(lacking) == []
    assert curves(lacking) == {}


def test_errors_that_rise_are_said_of_scratch_too():
    some = {"scratch": level(100, 100, 130), "finetune": level(90, 90, 90)}
    (said,) = rises(outcomes(rows_of(records(some))))
    assert said.startswith("b, scratch: its error rises with more updates: after 1,600 it is 1.30")
    assert said.endswith("times that after 400; see its best weights.")


def test_a_change_is_in_per_cent_with_its_interval():
    (found,) = convergences(rows_of(records({"scratch": level(100, 100, 90)}))).values()
    assert change_text(found) == "−10.0 % [−10.0, −10.0]"
    few = records({"scratch": level(100, 100, 90)}, range(2))
    (found,) = convergences(rows_of(few)).values()
    assert change_text(found) == "−10.0 %"


def test_only_what_trains_as_long_as_scratch_is_an_arm():
    compared = {
        name: is_arm(Place("b", name, 10, None, 400))
        for name in ("scratch", "finetune", "finetune+mean", "scratch-long", "zero-shot")
    }
    assert [name for name, is_compared in compared.items() if is_compared] == [
        "finetune", "finetune+mean",
    ]  # fmt: skip


def test_lines_name_transfer_and_temperature_where_they_differ():
    one = records({"scratch": level(1, 1, 1)})
    (cells,) = arm_lines(map(series_of, rows_of(one))).values()
    assert cells == {"backbone": "b", "arm": "scratch", "N": "10"}
    other = records({"scratch": level(1, 1, 1)}, source="Li", train_temperature_k=300.0)
    found = arm_lines(map(series_of, rows_of(one + other)))
    assert [(c["transfer"], c["trained at (K)"]) for c in found.values()] == [
        ("Si → Ge", "all"), ("Li → Ge", "300"),
    ]  # fmt: skip
