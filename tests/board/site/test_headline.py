"""What a board says in a few numbers."""

from pathlib import Path

import pytest
from synthetic import publish

from tlbench.board.site.build import build_site
from tlbench.board.site.exports import NUMBERS
from tlbench.board.site.headline import headline_of
from tlbench.board.site.rows import board_rows
from tlbench.board.verification.models import expected
from tlbench.study.loading import load_suite
from tlbench.study.study import resolve

SMALL = [
    ("sizes", "[10]"),
    ("by", "[]"),
    ("metrics", "[force_mae]"),
    ("dynamics", "null"),
    ("budgets", "null"),
    ("pretraining_budgets", "null"),
    ("pretraining.updates", "500"),
    ("training.updates", "100"),
    ("pairing", "product"),
    ("init_seeds", "[0]"),
]


@pytest.mark.parametrize("n_pairs", [2, 3])
def test_the_lowest_error_is_named_only_where_models_can_be_ranked(tmp_path: Path, n_pairs: int):
    settings = [*SMALL, ("subset_seeds", str(list(range(n_pairs))))]
    publish(tmp_path / "results", "one", settings=settings, seed=1)
    ((board, _),) = build_site(tmp_path / "results", tmp_path / "site").boards
    rows = board_rows(board)
    found = headline_of(board, rows)
    page = (tmp_path / "site" / board.folder / "index.html").read_text()
    assert found.ratios
    assert ("Lowest error" in page) == ('data-column="rank"' in page) == (n_pairs == 3)
    if n_pairs < 3:
        assert found.best is None
        return
    group = [r for r in rows if r.place.size == 10 and r.group == 1]
    assert found.best == min(group, key=lambda row: row.mean.value)
    assert found.n_tied == len(group) - 1
    assert (f"tied with {found.n_tied} more" in found.best_text()) == (found.n_tied > 0)


def test_a_ratio_that_lacks_models_from_scratch_says_so_and_is_in_no_headline(tmp_path: Path):
    """Else who submits could choose over which pairs it is taken."""
    settings = [*SMALL, ("subset_seeds", str([*range(5)]))]
    study = resolve(load_suite("quick", settings))
    some = [
        where
        for where in expected(study)
        if where.model.strategy == "scratch" and where.model.subset_seed in (1, 3)
    ]
    publish(tmp_path / "results", "one", settings=settings, seed=1, without=some)
    ((board, _),) = build_site(tmp_path / "results", tmp_path / "site").boards
    rows = board_rows(board)
    tuned = [row for row in rows if row.place.strategy == "finetune" and row.ratio]
    assert tuned
    assert all(row.is_complete and row.ratio.n_pairs == 3 for row in tuned if row.ratio)
    assert headline_of(board, rows).ratios == []
    assert {NUMBERS["ratioOf"](row) for row in tuned} == {3}
