"""The table for the front page of a repository."""

from pathlib import Path

import pytest
from synthetic import publish

from tlbench.base.errors import InputError
from tlbench.board.site.build import build_site
from tlbench.board.site.overview import END, START, with_tables


def test_only_what_stands_between_the_markers_is_replaced(tmp_path: Path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    path.write_text(with_tables(path, "| new |\n", []))
    path.write_text(with_tables(path, "| new |\n", []))
    assert path.read_text() == f"before\n{START}\n\n| new |\n\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["nothing", START, f"{END}\n{START}", f"{START}{END}{START}{END}"])
def test_a_file_without_the_markers_is_refused_before_anything_is_built(tmp_path: Path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(InputError, match="<!-- board -->"):
        build_site(tmp_path / "results", tmp_path / "site", [path])
    assert path.read_text() == text
    assert not (tmp_path / "site").exists()


def test_building_brings_the_table_up_to_date_with_suites_that_are_shipped(tmp_path: Path):
    path = tmp_path / "README.md"
    path.write_text(f"{START}{END}")
    publish(tmp_path / "results", "one", seed=1)
    publish(tmp_path / "results", "changed", settings=[("sizes", "[10]")], seed=2)
    publish(tmp_path / "results", "old", settings=[("version", "2")], seed=3)
    publish(tmp_path / "results", "later", settings=[("version", "5")], seed=4)
    publish(tmp_path / "results", "warm", "temperature-sw", seed=5)
    publish(tmp_path / "results", "before", "breadth-sw", settings=[("version", "1")], seed=6)
    build_site(tmp_path / "results", tmp_path / "site", [path])
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    # Of quick there is a line of the version that is shipped, so none of an older one.
    assert len(lines) == 5
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| quick | Si → Ge | 120 | 0.")
    assert lines[3].startswith("| temperature-sw | Si → Ge | 120 | 0.")
    assert "The arm is finetune in every line. Convergence is shown in no line." in path.read_text()
    assert lines[4].startswith("| breadth-sw (version 1) | Si → Ge, 7 parts of the source | ")
    # Cells share models from scratch, so how many are below 1 is not counted.
    assert "below 1" not in lines[2]
    assert lines[2].endswith("| 3 pairs |")
