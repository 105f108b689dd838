"""The rows of a table: what they say agrees with the report, and claims nothing that is not so."""

import operator
from dataclasses import replace
from pathlib import Path

import pytest
from forging import PUBLISHED

from tlbench.board.site.boards import Board, Member, boards_of
from tlbench.board.site.build import Built
from tlbench.board.site.rows import BoardRow, board_rows
from tlbench.board.verification import verify
from tlbench.report.analysis import Analysis
from tlbench.report.wording import condition_text
from tlbench.results.results import Results


@pytest.fixture(scope="module")
def quick(built: Built) -> list[BoardRow]:
    return board_rows(next(board for board, _ in built.boards if board.folder == "suites/quick"))


@pytest.fixture(scope="module")
def warm(built: Built) -> list[BoardRow]:
    return board_rows(next(b for b, _ in built.boards if b.folder == "suites/temperature-sw"))


def _published(name: str) -> Board:
    verdict = verify(PUBLISHED / name / "2026-11-23-two-cores", PUBLISHED)
    assert verdict.entry is not None
    assert verdict.coverage is not None
    return boards_of([Member(verdict.entry, verdict.coverage)])[0]


@pytest.mark.parametrize("suite", ["quick", "temperature-sw"])
def test_values_and_ratios_are_those_of_the_report(suite):
    board = _published(suite)
    key = operator.attrgetter("metric", "tested", "transfer", "place")
    rows = {key(row): row for row in board_rows(board)}
    entry = board.members[0].entry
    wanted = Analysis.of(Results.read(entry.folder), entry.suite).every_row
    assert len(rows) == len(wanted)
    for row in wanted:
        mine = rows[key(row)]
        assert (mine.label, mine.mean, mine.ratio) == (row.place.backbone, row.mean, row.ratio)


def test_every_row_stands_there_once(quick: list[BoardRow]):
    keys = [(r.metric, r.tested, r.transfer, r.submission, r.place) for r in quick]
    assert len(set(keys)) == len(keys)


def test_ranks_follow_the_values_within_one_size(warm: list[BoardRow]):
    some = [
        r
        for r in warm
        if r.metric == "force_mae"
        and not r.tested
        and r.place.train_temperature_k == 1200
        and r.standing
    ]
    assert len(some) > 2
    assert [r.standing.rank for r in some if r.standing] == list(range(1, len(some) + 1))
    assert [r.mean.value for r in some] == sorted(r.mean.value for r in some)


def test_three_pairs_have_ranks_and_no_rank_is_without_a_tie_group(quick: list[BoardRow]):
    some = [
        r
        for r in quick
        if r.metric == "force_mae"
        and not r.tested
        and r.place.size == 10
        and r.is_complete
        and r.standing
    ]
    assert len(some) > 1
    assert all(r.mean.n_pairs == 3 and r.state.startswith("converged") for r in some)
    assert all((r.standing is None) == (r.group is None) for r in quick)
    assert [r.mean.value for r in some] == sorted(r.mean.value for r in some)


def test_what_lacks_a_pair_has_no_rank_and_counts_nowhere(quick: list[BoardRow]):
    lacking = [r for r in quick if not r.is_complete and r.metric == "force_mae"]
    assert {(r.submission, r.place.backbone, r.place.size) for r in lacking} == {
        ("gaps", "schnet", 10)
    }
    for row in lacking:
        assert (row.mean.n_pairs, row.n_expected, row.standing) == (2, 3, None)
        assert row.ends is None
        assert row.mean.value > 0


def test_arms_without_target_data_stand_at_every_size_and_are_not_ranked(quick: list[BoardRow]):
    zero_shot = [r for r in quick if r.place.strategy == "zero-shot"]
    assert {r.place.size for r in zero_shot if r.metric == "force_mae"} == {1, 10}
    assert all(r.standing is None for r in zero_shot)


def test_five_pairs_have_intervals_and_tie_groups(warm: list[BoardRow]):
    main = [r for r in warm if not r.tested and r.trained]
    assert main
    for row in main:
        assert row.ends is not None
        low, high = row.ends
        assert low < row.mean.value < high
        assert row.group is not None
    assert {r.group for r in main} > {1}, "arms this different can be told apart"


def test_rates_have_arithmetic_means_and_intervals_of_their_own(
    quick: list[BoardRow], results: Path
):
    rates = [r for r in quick if r.metric == "stability_rate"]
    assert rates
    for row in rates:
        assert row.ends is not None
        low, high = row.ends
        assert 0 <= low <= row.mean.value <= high <= 1
        assert row.standing is None
        assert row.ratio is None
    some = [r for r in rates if r.is_complete and r.trained == 10]
    assert [r.mean.value for r in some] == sorted((r.mean.value for r in some), reverse=True)


def test_rates_and_times_stand_beside_the_structure_and_nothing_else_does(quick: list[BoardRow]):
    rows = board_rows(_published("quick"))
    found = {
        (row.metric, row.place.backbone, row.place.strategy): (row.mean.value, row.structure)
        for row in rows
        if row.structure
    }
    # What is always stable is not right for that.
    assert found["stability_rate", "schnet", "scratch"] == (1.0, "wrong")
    assert found["stability_rate", "schnet", "finetune"] == (1.0, "above the floor")
    assert found["stability_rate", "schnet", "zero-shot"] == (0.0, "not known")
    mixed = "2 above the floor, 1 within the floor"
    assert found["survival_time", "dimenetpp", "scratch"] == (pytest.approx(2.0), mixed)
    simulated = [r for r in [*rows, *quick] if r.metric in ("stability_rate", "survival_time")]
    assert simulated
    assert all(row.structure for row in simulated)
    assert {metric for metric, *_ in found} == {"stability_rate", "survival_time"}


def test_test_structures_are_said_in_words(quick: list[BoardRow]):
    assert condition_text(()) == "all test structures"
    assert condition_text((("phase", "crystal"), ("temperature_k", 300.0))) == "300 K, crystal"
    alloy = condition_text((("composition", "Mo3W"), ("element", "W")))
    assert alloy == "composition Mo3W, atoms of W"
    assert {condition_text(r.tested) for r in quick} >= {"simulations at 1200 K", "900 K"}


def test_errors_with_a_sign_are_sorted_by_magnitude_and_not_ranked():
    board = _published("quick")
    (member,) = board.members[:1]
    records = [
        r.model_copy(update={"metric": "energy_bias", "unit": "meV/atom", "value": r.value - 250})
        for r in member.entry.results.records
        if r.metric == "force_mae"
    ]
    results = replace(member.entry.results, records=records)
    member = replace(member, entry=replace(member.entry, results=results))
    rows = [r for r in board_rows(replace(board, members=[member])) if r.metric == "energy_bias"]
    some = [r for r in rows if not r.tested and r.place.size == 10 and r.is_complete and r.trained]
    values = [r.mean.value for r in some]
    assert min(values) < 0 < max(values)
    assert values == sorted(values, key=abs) != sorted(values)
    assert all(r.standing is None and r.ratio is None and not r.convergence for r in rows)
    assert all(r.ends[0] < r.mean.value < r.ends[1] for r in some)
