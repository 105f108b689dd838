"""What the page's script and other machines read."""

import csv
import json
import re
from pathlib import Path

import pytest

from tlbench.board.site import exports
from tlbench.board.site.build import Built
from tlbench.board.site.exports import COLUMNS, RULES, board_csv, files_of
from tlbench.board.site.headline import Published
from tlbench.board.site.rows import BoardRow, board_rows
from tlbench.report.html import safe_json


@pytest.fixture(scope="module")
def rows(built: Built) -> list[BoardRow]:
    board = next(board for board, _ in built.boards if board.folder == "suites/quick")
    return board_rows(board)


def _read(files: list[str]) -> list[dict[str, object]]:
    """Read files of rows as the page does."""
    contents = [json.loads(re.fullmatch(r"tlbenchRows\((.*)\);\n", f, re.S)[1]) for f in files]
    words, lines = contents[0]["words"], []
    for content in contents:
        unpacked = {}
        for name, packed in content["columns"].items():
            if isinstance(packed, dict):
                runs = packed["runs"]
                packed = [v for n in range(0, len(runs), 2) for v in [runs[n]] * runs[n + 1]]
            assert len(packed) == content["count"]
            unpacked[name] = [words[name][v] if name in words else v for v in packed]
        lines += [
            dict(zip(unpacked, values, strict=True))
            for values in zip(*unpacked.values(), strict=True)
        ]
    return lines


@pytest.mark.parametrize("in_file", [20_000, 7])
def test_the_page_gets_every_row_whatever_the_size_of_its_files(rows, in_file, monkeypatch):
    monkeypatch.setattr(exports, "ROWS_IN_FILE", in_file)
    files = files_of(rows)
    assert len(files) == -(-len(rows) // in_file)
    found = _read(files)
    assert len(found) == len(rows)
    for row, line in zip(rows, found, strict=True):
        assert line["backbone"] == row.place.backbone
        assert line["submission"] == row.submission
        assert line["value"] == pytest.approx(row.mean.value, rel=1e-3)
        assert line["pairs"] == row.mean.n_pairs
        assert line["rank"] == (row.standing.rank if row.standing else None)


def test_json_cannot_end_a_script_or_a_string():
    text = safe_json({"</script><!--": "\u2028 & \u2029 <"})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"</script><!--": "\u2028 & \u2029 <"}


def test_json_and_csv_hold_the_same_rows_and_the_rules(site: Path, built: Built):
    board = json.loads((site / "board.json").read_text())
    with (site / "board.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert board["rules"] == RULES
    assert board["columns"] == list(COLUMNS)
    rows = [
        dict(zip(board["columns"], row, strict=True)) for b in board["boards"] for row in b["rows"]
    ]
    assert len(rows) == len(lines) == sum(count for _, count in built.boards)
    for row, line in zip(rows, lines, strict=True):
        assert float(line["value"]) == row["value"]
        assert line["rank"] == ("" if row["rank"] is None else str(row["rank"]))
        assert line["structure"] == (row["structure"] or "")
        assert bool(row["structure"]) == (row["metric"] in ("stability_rate", "survival_time"))
    gaps = next(s for b in board["boards"] for s in b["submissions"] if s["name"] == "gaps")
    assert gaps["models_expected"] - gaps["models_found"] == len(gaps["models_missing"]) > 0


def test_no_cell_of_the_csv_is_a_formula(rows, built: Built):
    board = built.boards[0][0]
    from dataclasses import replace

    evil = replace(rows[0], place=replace(rows[0].place, backbone="=cmd()"))
    line = board_csv([Published(board, [evil])]).splitlines()[1]
    assert "'=cmd()" in line
