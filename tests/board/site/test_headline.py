"""What a board says in a few numbers, and the table for the front page of a repository."""

from pathlib import Path

import pytest
from synthetic import publish

from tlbench.base.errors import InputError
from tlbench.board.site.build import build_site
from tlbench.board.site.headline import END, START, headline_of, write_readme
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


def test_only_what_stands_between_the_markers_is_replaced(tmp_path: Path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    write_readme(path, "| new |\n")
    write_readme(path, "| new |\n")
    assert path.read_text() == f"before\n{START}\n\n| new |\n\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["nothing", START, f"{END}\n{START}", f"{START}{END}{START}{END}"])
def test_a_file_without_the_markers_is_refused_before_anything_is_built(tmp_path: Path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(InputError, match="<!-- board -->"):
        build_site(tmp_path / "results", tmp_path / "site", path)
    assert path.read_text() == text
    assert not (tmp_path / "site").exists()


def test_building_brings_the_table_up_to_date_with_suites_that_are_shipped(tmp_path: Path):
    path = tmp_path / "README.md"
    path.write_text(f"{START}{END}")
    publish(tmp_path / "results", "one", seed=1)
    publish(tmp_path / "results", "changed", settings=[("sizes", "[10]")], seed=2)
    build_site(tmp_path / "results", tmp_path / "site", path)
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    assert len(lines) == 3
    assert len({line.count("|") for line in lines}) == 1
    budget = "30 and 120 updates; converged or not, arm by arm; untuned"
    assert lines[2].startswith(f"| quick | Si → Ge | 1 | {budget} | finetune: ")
    # Cells share models from scratch, so how many are below 1 is not counted.
    assert "below 1" not in lines[2]
    assert lines[2].endswith("| 3 pairs |")
