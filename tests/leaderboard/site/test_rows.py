"""The rows of a table: what they say agrees with the report, and claims nothing that is not so."""

import math
from pathlib import Path

import numpy as np
import pytest
from forging import PUBLISHED

from tlbench.leaderboard.site.boards import Board, Member, boards_of
from tlbench.leaderboard.site.build import Built
from tlbench.leaderboard.site.intervals import ratios_of
from tlbench.leaderboard.site.pool import condition_text, pool_of
from tlbench.leaderboard.site.rows import Row, rows_of
from tlbench.leaderboard.verification import verify
from tlbench.metrics.statistics.ratio import ratio_of
from tlbench.report.summary import summarise


def _rows(board: Board) -> list[Row]:
    return rows_of(board, pool_of(board))


@pytest.fixture(scope="module")
def quick(built: Built) -> list[Row]:
    return _rows(next(board for board, _ in built.boards if board.folder == "suites/quick"))


@pytest.fixture(scope="module")
def warm(built: Built) -> list[Row]:
    return _rows(next(b for b, _ in built.boards if b.folder == "suites/temperature-sw"))


def _published(name: str) -> Board:
    verdict = verify(next((PUBLISHED / name).iterdir()), PUBLISHED)
    assert verdict.entry is not None
    assert verdict.coverage is not None
    return boards_of([Member(verdict.entry, verdict.coverage)])[0]


@pytest.mark.parametrize("suite", ["quick", "temperature-sw"])
def test_values_and_ratios_are_those_of_the_report(suite):
    board = _published(suite)
    rows = {
        (r.label, r.arm.strategy, r.size, r.at): r
        for r in _rows(board)
        if r.view.metric == "force_mae" and not r.view.tested
    }
    table = summarise(board.members[0].entry.results.records, "force_mae")
    wanted = [(row, strategy) for row in table.rows for strategy in row.errors]
    assert len(rows) == len(wanted)
    for row, strategy in wanted:
        mine = rows[row.backbone, strategy, row.size, row.train_temperature_k]
        assert mine.value == pytest.approx(row.errors[strategy], rel=1e-12)
        if strategy in row.ratios:
            found, expected = mine.ratio, row.ratios[strategy]
            assert found is not None
            assert (found.value, found.n_pairs) == pytest.approx((expected.value, expected.n_pairs))
            assert (found.interval is None) == (expected.interval is None)
            if found.interval and expected.interval:
                ends = expected.interval.low, expected.interval.high
                assert (found.interval.low, found.interval.high) == pytest.approx(ends, rel=1e-12)


def test_every_row_stands_there_once(quick: list[Row]):
    keys = [(r.view, r.arm, r.size, r.at) for r in quick]
    assert len(set(keys)) == len(keys)


def test_ranks_follow_the_values_within_one_size(warm: list[Row]):
    some = [
        r
        for r in warm
        if r.view.metric == "force_mae" and not r.view.tested and r.at == 1200 and r.standing
    ]
    assert len(some) > 2
    assert [r.standing.rank for r in some if r.standing] == list(range(1, len(some) + 1))
    assert [r.value for r in some] == sorted(r.value for r in some)


def test_few_pairs_are_sorted_by_their_error_without_ranks(quick: list[Row]):
    some = [
        r
        for r in quick
        if r.view.metric == "force_mae"
        and not r.view.tested
        and r.size == 10
        and r.is_complete
        and r.arm.size
    ]
    assert len(some) > 2
    assert all(r.standing is None for r in some)
    assert [r.value for r in some] == sorted(r.value for r in some)


def test_what_lacks_a_pair_has_no_rank_and_counts_nowhere(quick: list[Row]):
    lacking = [r for r in quick if not r.is_complete and r.view.metric == "force_mae"]
    assert {(r.arm.submission, r.arm.backbone, r.size) for r in lacking} == {("gaps", "schnet", 10)}
    for row in lacking:
        assert (row.n_pairs, row.n_expected, row.standing) == (2, 3, None)
        assert row.value > 0


def test_arms_without_target_data_stand_at_every_size_and_are_not_ranked(quick: list[Row]):
    zero_shot = [r for r in quick if r.arm.strategy == "zero-shot"]
    assert {r.size for r in zero_shot if r.view.metric == "force_mae"} == {1, 10, 40}
    assert all(r.standing is None for r in zero_shot)


def test_few_pairs_have_neither_intervals_nor_tie_groups(quick: list[Row]):
    errors = [r for r in quick if r.view.metric == "force_mae"]
    assert all(r.low is None and r.group is None for r in errors)
    assert all(r.ratio.interval is None for r in errors if r.ratio)


def test_five_pairs_have_intervals_and_tie_groups(warm: list[Row]):
    main = [r for r in warm if not r.view.tested and r.arm.size]
    assert main
    for row in main:
        assert row.low is not None
        assert row.high is not None
        assert row.low < row.value < row.high
        assert row.group is not None
    assert {r.group for r in main} > {1}, "arms this different can be told apart"


def test_rates_have_arithmetic_means_and_intervals_of_their_own(quick: list[Row], results: Path):
    rates = [r for r in quick if r.view.metric == "stability_rate"]
    assert rates
    for row in rates:
        assert row.low is not None
        assert row.high is not None
        assert 0 <= row.low <= row.value <= row.high <= 1
        assert row.standing is None
        assert row.ratio is None
    some = [r for r in rates if r.is_complete and r.arm.size == 10]
    assert [r.value for r in some] == sorted((r.value for r in some), reverse=True)


def test_test_structures_are_said_in_words(quick: list[Row]):
    assert condition_text(()) == "all test structures"
    assert condition_text((("phase", "crystal"), ("temperature_k", 300.0))) == "300 K, crystal"
    assert {condition_text(r.view.tested) for r in quick} >= {"simulations at 1200 K", "900 K"}


def test_intervals_of_many_are_those_of_each():
    rng = np.random.default_rng(0)
    samples = [(seed, rng.normal(size=n).tolist()) for n in (1, 4, 5, 8) for seed in (3, 4)] * 60
    for found, (seed, logs) in zip(ratios_of(samples), samples, strict=True):
        wanted = ratio_of(logs, seed)
        assert (found.n_pairs, found.value) == (wanted.n_pairs, pytest.approx(wanted.value))
        assert (found.interval is None) == (wanted.interval is None)
        if found.interval and wanted.interval:
            assert math.isclose(found.interval.low, wanted.interval.low, rel_tol=1e-12)
            assert math.isclose(found.interval.high, wanted.interval.high, rel_tol=1e-12)
