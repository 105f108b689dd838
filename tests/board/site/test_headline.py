"""What a board says in a few numbers."""

from pathlib import Path

import pytest
from synthetic import publish

from tlbench.board.site.build import build_site
from tlbench.board.site.headline import headline_of
from tlbench.board.site.rows import board_rows

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
