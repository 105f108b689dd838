"""Rows as compact columns for the page's script, in files of so many rows each."""

import json
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from tlbench.leaderboard.site.pool import condition_text
from tlbench.leaderboard.site.rows import Row
from tlbench.metrics.statistics import negative_transfer

ROWS_IN_FILE = 20_000
DIGITS = 4
"""Significant digits that are shown."""

WORDS: dict[str, Callable[[Row], str]] = {
    "metric": lambda row: row.view.metric,
    "tested": lambda row: condition_text(row.view.tested),
    "backbone": lambda row: row.arm.backbone,
    "strategy": lambda row: row.arm.strategy,
    "pair": lambda row: row.view.transfer.label(),
    "submission": lambda row: row.arm.submission,
    "trust": lambda row: row.trust.text,
}
"""Columns of text, which rows refer to by number."""

NUMBERS: dict[str, Callable[[Row], float | None]] = {
    "size": lambda row: row.size,
    "at": lambda row: row.at,
    "rank": lambda row: row.standing.rank if row.standing else None,
    "group": lambda row: row.group,
    "value": lambda row: row.value,
    "low": lambda row: row.low,
    "high": lambda row: row.high,
    "ratio": lambda row: row.ratio.value if row.ratio else None,
    "ratioLow": lambda row: row.ratio.interval.low if row.ratio and row.ratio.interval else None,
    "ratioHigh": lambda row: row.ratio.interval.high if row.ratio and row.ratio.interval else None,
    "worse": lambda row: _worse(row),
    "pairs": lambda row: row.n_pairs,
    "expected": lambda row: row.n_expected,
    "untrained": lambda row: int(not row.arm.size),
    "differing": lambda row: row.trust.differing,
}


def words_of(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Return the texts of every column of text, in the order in which they occur."""
    return {name: list(dict.fromkeys(map(of, rows))) for name, of in WORDS.items()}


def files_of(rows: Sequence[Row]) -> list[str]:
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
            columns[name] = _packed([rounded(of_row(row)) for row in some])
        content = {"start": start, "total": len(rows), "count": len(some), "columns": columns}
        if start == 0:
            content["words"] = words
        files.append(f"tlbenchRows({safe_json(content)});\n")
    return files


def safe_json(value: Any) -> str:
    """Return JSON that is safe within a page and within a script, whatever it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def rounded(value: float | None, digits: int = DIGITS) -> float | None:
    """Return a number with so many significant digits."""
    if value is None or isinstance(value, int):
        return value
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() else short


def _packed(values: list[Any]) -> Any:
    """Return a column as it is, or as runs of equal values, whichever is shorter."""
    runs = [(value, len(list(some))) for value, some in groupby(values)]
    if 2 * len(runs) < len(values):
        return {"runs": [number for run in runs for number in run]}
    return values


def _worse(row: Row) -> int:
    """Return 0, or 1 where an arm with target data is worse than scratch, 2 where surely so."""
    if row.ratio is None or not row.arm.size:
        return 0
    return {"": 0, "seen": 1, "significant": 2}[negative_transfer(row.ratio)]
