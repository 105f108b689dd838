"""Rows as compact columns for the page's script, in files of so many rows each."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from tlbench.board.site.exports import OF_ROWS
from tlbench.board.site.rows import BoardRow, condition_text
from tlbench.metrics.statistics import negative_transfer
from tlbench.report.html import rounded, safe_json

ROWS_IN_FILE = 20_000
DIGITS = 4
"""Significant digits that are shown."""

WORDS: dict[str, Callable[[BoardRow], str]] = {
    **{name: OF_ROWS[name] for name in ("metric", "backbone", "strategy", "submission")},
    "tested": lambda row: condition_text(row.tested),
    "pair": lambda row: row.transfer.label(),
    "trust": lambda row: row.trust.text,
}
"""Columns of text, which rows refer to by number."""

NUMBERS: dict[str, Callable[[BoardRow], float | None]] = {
    **{name: OF_ROWS[name] for name in ("size", "rank", "value", "low", "high", "pairs")},
    "at": OF_ROWS["train_temperature_k"],
    "group": OF_ROWS["tie_group"],
    "ratio": OF_ROWS["ratio_to_scratch"],
    "ratioLow": OF_ROWS["ratio_low"],
    "ratioHigh": OF_ROWS["ratio_high"],
    "expected": OF_ROWS["pairs_expected"],
    "worse": lambda row: _worse(row),
    "untrained": lambda row: int(not row.trained),
    "differing": lambda row: row.trust.differing,
}


def words_of(rows: Sequence[BoardRow]) -> dict[str, list[str]]:
    """Return the texts of every column of text, in the order in which they occur."""
    return {name: list(dict.fromkeys(map(of, rows))) for name, of in WORDS.items()}


def files_of(rows: Sequence[BoardRow]) -> list[str]:
    """Return the text of each file of rows; together they hold every row once, in order."""
    words = words_of(rows)
    files = []
    for start in range(0, max(len(rows), 1), ROWS_IN_FILE):
        some = rows[start : start + ROWS_IN_FILE]
        columns = {}
        for name, of in WORDS.items():
            number = {text: n for n, text in enumerate(words[name])}
            columns[name] = _packed([number[of(row)] for row in some])
        for name, of_row in NUMBERS.items():
            columns[name] = _packed([rounded(of_row(row), DIGITS) for row in some])
        content = {"start": start, "total": len(rows), "count": len(some), "columns": columns}
        if start == 0:
            content["words"] = words
        files.append(f"tlbenchRows({safe_json(content)});\n")
    return files


def _packed(values: list[Any]) -> Any:
    """Return a column as it is, or as runs of equal values, whichever is shorter."""
    runs = [(value, len(list(some))) for value, some in groupby(values)]
    if 2 * len(runs) < len(values):
        return {"runs": [number for run in runs for number in run]}
    return values


def _worse(row: BoardRow) -> int:
    """Return 0, or 1 where an arm with target data is worse than scratch, 2 where surely so."""
    if row.ratio is None or not row.trained:
        return 0
    return {"": 0, "seen": 1, "significant": 2}[negative_transfer(row.ratio)]
