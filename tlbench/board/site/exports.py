"""The board for machines: ``board.json`` and ``board.csv``."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

from tlbench.board.site.boards import Board
from tlbench.board.site.rows import BoardRow
from tlbench.board.site.rules import RULES
from tlbench.metrics import METRICS
from tlbench.report.html import rounded
from tlbench.report.wording import budget_label

FORMAT = 1
KEPT = 10
"""Significant digits."""

Boards = Sequence[tuple[Board, Sequence[BoardRow]]]


def _interval(row: BoardRow, end: str) -> float | None:
    return getattr(row.ratio.interval, end) if row.ratio and row.ratio.interval else None


OF_ROWS: dict[str, Callable[[BoardRow], Any]] = {
    "submission": lambda row: row.submission,
    "backbone": lambda row: row.place.backbone,
    "strategy": lambda row: row.place.strategy,
    "source": lambda row: row.transfer.source,
    "source_part": lambda row: row.transfer.part,
    "target": lambda row: row.transfer.target,
    "size": lambda row: row.place.size,
    "target_structures": lambda row: row.place.size if row.trained else 0,
    "train_temperature_k": lambda row: row.place.train_temperature_k,
    "metric": lambda row: row.metric,
    "unit": lambda row: METRICS.get(row.metric).unit,
    "better": lambda row: METRICS.get(row.metric).better,
    "condition": lambda row: dict(row.tested),
    "value": lambda row: rounded(row.mean.value, KEPT),
    "low": lambda row: rounded(row.ends[0] if row.ends else None, KEPT),
    "high": lambda row: rounded(row.ends[1] if row.ends else None, KEPT),
    "ratio_to_scratch": lambda row: rounded(row.ratio.value if row.ratio else None, KEPT),
    "ratio_low": lambda row: rounded(_interval(row, "low"), KEPT),
    "ratio_high": lambda row: rounded(_interval(row, "high"), KEPT),
    "ratio_pairs": lambda row: row.ratio.n_pairs if row.ratio else None,
    "pairs": lambda row: row.mean.n_pairs,
    "pairs_expected": lambda row: row.n_expected,
    "complete": lambda row: row.is_complete,
    "rank": lambda row: row.standing.rank if row.standing else None,
    "tie_group": lambda row: row.group,
    "verification": lambda row: row.trust.level,
    "models_checked": lambda row: row.trust.n_checked,
    "models": lambda row: row.trust.n_models,
}
COLUMNS = ("suite", "board", *OF_ROWS)


def board_json(boards: Boards, private: bool = False) -> str:
    """Return every board with its submissions and rows, as JSON, marked if it is private."""
    content = {
        "format": FORMAT,
        **({"private": True} if private else {}),
        "rules": RULES,
        "columns": COLUMNS,
        "boards": [_board(board, rows) for board, rows in boards],
    }
    return json.dumps(content, ensure_ascii=False, indent=None, separators=(",", ":")) + "\n"


def board_csv(boards: Boards) -> str:
    """Return every row of every board; cells that do not apply are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for board, rows in boards:
        writer.writerows(map(_cell, _line(board, row)) for row in rows)
    return text.getvalue()


def _board(board: Board, rows: Sequence[BoardRow]) -> dict[str, Any]:
    about = board.members[0].entry.about
    return {
        "suite": about.suite,
        "version": about.suite_version,
        "title": board.suite.title,
        "budget": budget_label(board.suite),
        "page": f"{board.folder}/index.html",
        "protocol_digest": about.protocol_digest,
        "data": [{"card": data.card, "content": data.content} for data in about.data],
        "submissions": [
            {
                "name": member.name,
                "digest": member.entry.digest,
                "created": str(member.entry.about.created),
                "models_found": member.coverage.found,
                "models_expected": member.coverage.expected,
                "models_missing": member.coverage.missing,
                "verification": member.trust.level,
                "models_trained_again": member.trust.trained,
                "models_evaluated_again": member.trust.evaluated,
                "models_differing": member.trust.differing,
                "checks": [check.model_dump(mode="json") for check in member.checks],
            }
            for member in board.members
        ],
        "rows": [_line(board, row) for row in rows],
    }


def _line(board: Board, row: BoardRow) -> list[Any]:
    return [board.suite.name, board.slug or None, *(of(row) for of in OF_ROWS.values())]


def _cell(value: Any) -> str:
    """Return a cell that a spreadsheet takes for text or a number, never for a formula."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return "; ".join(f"{name}={part}" for name, part in value.items())
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in "=+-@\t\r" else text
