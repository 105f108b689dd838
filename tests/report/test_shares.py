"""Ratios whose intervals allow for the choice of test structures, from records to tables."""

import numpy as np
import one_budget
import pytest
from analyses import analysis_of, record_of

from tlbench.metrics.statistics import CrossedRatio, crossed_ratio
from tlbench.report.analysis import note_of
from tlbench.report.markdown import markdown
from tlbench.report.rows import ratio_between, rows_of
from tlbench.report.sections.errors import curve_findings, error_table
from tlbench.results.frame_errors import ModelErrors, TestSet, recompute
from tlbench.results.results import Results
from tlbench.results.shares import shares_of

N_STRUCTURES = 18
TESTS = TestSet(
    data="d" * 64,
    element="Ge",
    n_atoms=[8, 64, 32] * 6,
    temperature=[300.0 * (1 + k // 3) for k in range(N_STRUCTURES)],
    phases=["crystal"] * N_STRUCTURES,
    groups=[""] * N_STRUCTURES,
    marks={"copy": [4]},
)
FREE = np.delete(np.arange(N_STRUCTURES), 4)
GROUPS = FREE // 3
METRICS = ["force_mae", "force_rmse"]


def measured(strategy, level, by_structure, by_pair=0.05, n_pairs=5, seed=0, **changes):
    """Return records and errors of an arm, on structures of which some are harder for it."""
    rng = np.random.default_rng(seed)
    records, errors = [], []
    for pair in range(n_pairs):
        job = f"{strategy}{pair}{changes.get('size', 10)}".encode().hex().ljust(64, "0")
        forces = level * np.array(TESTS.n_atoms) * by_structure * rng.lognormal(0, by_pair)
        forces *= rng.lognormal(0, 0.02, N_STRUCTURES)
        found = ModelErrors(
            job=job,
            data=TESTS.data,
            energy=None,
            force_abs=forces.tolist(),
            force_square=(forces**2 / 24).tolist(),
        )
        errors.append(found)
        for (metric, condition), value in recompute(found, TESTS, METRICS, [["phase"]]).items():
            fields = {"metric": metric, "condition": dict(condition), "job": job}
            seeds = {"subset_seed": pair, "init_seed": pair}
            records.append(record_of(strategy, value, **seeds, **fields, **changes))
    return records, errors


EVEN = np.ones(N_STRUCTURES)
HARD = np.where(np.arange(N_STRUCTURES) < 6, 2.0, 0.7)
"""Of structures at two temperatures the error is three times that of the others."""


@pytest.fixture(scope="module")
def scratch():
    return measured("scratch", 1.0, EVEN)


@pytest.fixture(scope="module")
def both(scratch):
    """Return records and errors of scratch and of an arm that fails at two temperatures."""
    found = measured("finetune", 0.8, HARD, seed=1)
    return scratch[0] + found[0], scratch[1] + found[1]


def of_arm(rows, **wanted):
    (row,) = (
        row
        for row in rows
        if row.place.strategy == "finetune"
        and all(getattr(row, name) == value for name, value in wanted.items())
    )
    return row


def rows(both, tests=(TESTS,)):
    records, errors = both
    return rows_of(records, shares_of(errors, tests, METRICS))


def test_the_value_is_the_ratio_of_the_published_errors_to_the_last_digit(both):
    without = rows_of(both[0])
    assert sum(isinstance(row.ratio, CrossedRatio) for row in rows(both)) == 1
    for before, after in zip(without, rows(both), strict=True):
        assert after.mean == before.mean
        assert (after.ratio and after.ratio.value) == (before.ratio and before.ratio.value)


def test_the_interval_is_that_over_pairs_and_groups_of_structures(both):
    found = of_arm(rows(both), metric="force_mae", tested=()).ratio
    forces = {
        strategy: {
            (pair, pair): np.array(each.force_abs)[FREE]
            for pair, each in enumerate(both[1][start : start + 5])
        }
        for strategy, start in (("scratch", 0), ("finetune", 5))
    }
    wanted = crossed_ratio(forces["finetune"], forces["scratch"], GROUPS.tolist())
    assert isinstance(found, CrossedRatio)
    assert found.n_groups == 6
    assert found.interval.low == pytest.approx(wanted.interval.low, rel=1e-6)
    assert found.interval.high == pytest.approx(wanted.interval.high, rel=1e-6)
    assert found.p == pytest.approx(wanted.p, rel=1e-6)


def test_an_arm_that_is_better_on_some_structures_only_is_not_called_better(both):
    """Its error is lower by 10 % on these structures; on others it would be another number."""
    row, alone = (
        of_arm(found, metric="force_mae", tested=()).ratio for found in (rows(both), rows(both, ()))
    )
    assert type(alone).__name__ == "Ratio"
    assert alone.value == row.value
    assert row.interval.high / row.interval.low > 3 * alone.interval.high / alone.interval.low
    assert row.interval.low < 1 < row.interval.high


def test_allowing_for_more_makes_no_interval_narrower():
    """With three pairs the degrees of freedom that are gained would outweigh the variance."""
    outweighed = 0
    for seed in range(20):
        arms = [
            measured(name, 1.0, by_structure, by_pair=0.1, n_pairs=3, seed=10 * seed + number)
            for number, (name, by_structure) in enumerate(
                (("scratch", EVEN), ("finetune", np.linspace(0.8, 1.2, N_STRUCTURES)))
            )
        ]
        together = arms[0][0] + arms[1][0], arms[0][1] + arms[1][1]
        crossed, alone = (
            of_arm(found, metric="force_mae", tested=())
            for found in (rows(together), rows(together, ()))
        )
        # But for rounding, where structures add nothing.
        assert crossed.ratio.interval.low <= alone.ratio.interval.low * (1 + 1e-12)
        assert crossed.ratio.interval.high >= alone.ratio.interval.high * (1 - 1e-12)
        assert crossed.ratio.p >= alone.ratio.p * (1 - 1e-12)
        (other,) = (r for r in rows(together) if r.place.strategy == "scratch" and r.shares)
        raw = crossed_ratio(crossed.shares, other.shares)
        outweighed += raw.interval.low > 1.01 * alone.ratio.interval.low
    assert outweighed > 0


def test_kinds_of_structures_and_other_metrics_keep_the_interval_over_pairs(both):
    records = {(r.metric, bool(r.condition)) for r in both[0]}
    assert len(records) == 4
    crossed = {
        (row.metric, dict(row.tested).get("marked"), dict(row.tested).get("phase"))
        for row in rows(both)
        if isinstance(row.ratio, CrossedRatio)
    }
    assert crossed == {("force_mae", None, None)}


def test_best_weights_have_shares_of_their_own(both):
    records = [
        r.model_copy(update={"condition": {"weights": "best"}}) for r in both[0] if not r.condition
    ]
    found = of_arm(rows((records, both[1])), metric="force_mae")
    assert found.tested == (("weights", "best"),)
    assert found.ratio == of_arm(rows(both), metric="force_mae", tested=()).ratio


def test_a_pair_whose_errors_are_lacking_makes_the_interval_one_over_pairs(both):
    records, errors = both
    found = of_arm(rows((records, errors[:-1])), metric="force_mae", tested=()).ratio
    assert found == of_arm(rows_of(records), metric="force_mae", tested=()).ratio


def test_two_pairs_make_no_interval_over_structures_either():
    arms = [measured(name, 1.0, EVEN, n_pairs=2) for name in ("scratch", "finetune")]
    together = arms[0][0] + arms[1][0], arms[0][1] + arms[1][1]
    row = of_arm(rows(together), metric="force_mae", tested=())
    assert row.shares
    assert row.ratio.interval is None
    assert note_of([row]) == ""


def test_any_two_arms_are_compared_in_the_same_way(both):
    arm = of_arm(rows(both), metric="force_mae", tested=())
    (other,) = (r for r in rows(both) if r.place.strategy == "scratch" and r.shares)
    assert ratio_between(arm, other) == arm.ratio
    inverse = ratio_between(other, arm)
    assert inverse.interval.low == pytest.approx(1 / arm.ratio.interval.high)


def test_the_note_of_the_table_names_what_intervals_allow_for(both):
    records, errors = both
    whole = analysis_of(records, errors=errors, tests=[TESTS])
    table = error_table(whole, whole.of_metric("force_mae"))
    assert (
        table.note == "Intervals allow for the choice of seeds and of test structures (6 groups)."
    )
    alone = analysis_of(records)
    table = error_table(alone, alone.of_metric("force_mae"))
    assert table.note == "Intervals allow for the choice of seeds, not for that of test structures."
    text = markdown(Results(records, errors=errors, tests=[TESTS]), METRICS, one_budget.smoke())
    forces, _, squares = text.partition("**force_rmse (meV/Å)**")
    assert "of test structures (6 groups)" in forces
    assert "not for that of test structures" in squares


def test_of_some_arms_the_note_says_that_it_holds_for_these(both):
    lost = measured("lora", 0.9, EVEN, seed=2)
    found = rows((both[0] + lost[0], both[1]))
    some = [r for r in found if r.metric == "force_mae" and not r.tested]
    assert note_of(some).startswith(
        "Intervals allow for the choice of seeds and, of errors known structure by structure, for "
        "that of test structures (6 groups)."
    )


def test_sentences_have_the_interval_of_the_table(scratch):
    worse = measured("finetune", 1.3, HARD, seed=3)
    records, errors = scratch[0] + worse[0], scratch[1] + worse[1]
    analysis = analysis_of(records, errors=errors, tests=[TESTS])
    ratio = of_arm(analysis.rows, metric="force_mae", tested=()).ratio
    (sentence,) = (s for s in curve_findings(analysis, "force_mae") if "at N = 10" in s)
    assert f"[{ratio.interval.low:.2f}, {ratio.interval.high:.2f}]" in sentence
    assert sentence.endswith("it may be chance.")
    alone = of_arm(rows_of(records), metric="force_mae", tested=()).ratio
    assert alone.interval.low > 1


def test_a_potential_as_it_is_adds_no_init_seed():
    """It was measured once, without a seed."""
    some = measured("scratch", 1.0, EVEN)[0] + measured("finetune", 0.9, EVEN)[0]
    some = [r.model_copy(update={"model": r.model.replace(init_seed=0)}) for r in some]
    fixed = {"size": 0, "subset_seed": None, "init_seed": None}
    found = rows_of([*some, record_of("zero-shot", 150.0, **fixed)])
    forces = [r for r in found if r.metric == "force_mae" and not r.tested]
    assert "The pairs share 1 init seed," in note_of(forces)
