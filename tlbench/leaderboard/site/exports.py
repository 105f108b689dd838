"""The board for machines: ``board.json`` and ``board.csv``."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from tlbench.leaderboard.site.boards import Board
from tlbench.leaderboard.site.columns import rounded
from tlbench.leaderboard.site.rows import Row
from tlbench.leaderboard.site.rules import RULES
from tlbench.metrics import METRICS
from tlbench.report.budget import budget_label

FORMAT = 1
KEPT = 10
"""Significant digits."""

COLUMNS = (
    "suite", "board", "submission", "backbone", "strategy", "source", "source_part", "target",
    "size", "target_structures", "train_temperature_k", "metric", "unit", "better", "condition",
    "value", "low", "high", "ratio_to_scratch", "ratio_low", "ratio_high", "ratio_pairs", "pairs",
    "pairs_expected", "complete", "rank", "tie_group", "verification", "models_checked", "models",
)  # fmt: skip


def board_json(boards: Sequence[tuple[Board, Sequence[Row]]], private: bool = False) -> str:
    """Return every board with its submissions and rows, as JSON, marked if it is private."""
    content = {
        "format": FORMAT,
        **({"private": True} if private else {}),
        "rules": RULES,
        "columns": COLUMNS,
        "boards": [_board(board, rows) for board, rows in boards],
    }
    return json.dumps(content, ensure_ascii=False, indent=None, separators=(",", ":")) + "\n"


def board_csv(boards: Sequence[tuple[Board, Sequence[Row]]]) -> str:
    """Return every row of every board; cells that do not apply are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for board, rows in boards:
        writer.writerows([_cell(value) for value in _line(board, row)] for row in rows)
    return text.getvalue()


def _board(board: Board, rows: Sequence[Row]) -> dict[str, Any]:
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


def _line(board: Board, row: Row) -> list[Any]:
    metric, ratio = METRICS.get(row.view.metric), row.ratio
    interval = ratio.interval if ratio else None
    return [
        board.suite.name,
        board.slug or None,
        row.arm.submission,
        row.arm.backbone,
        row.arm.strategy,
        row.view.transfer.source,
        row.view.transfer.part,
        row.view.transfer.target,
        row.size,
        row.arm.size,
        row.at,
        metric.name,
        metric.unit,
        metric.better,
        dict(row.view.tested),
        rounded(row.value, KEPT),
        rounded(row.low, KEPT),
        rounded(row.high, KEPT),
        rounded(ratio.value, KEPT) if ratio else None,
        rounded(interval.low, KEPT) if interval else None,
        rounded(interval.high, KEPT) if interval else None,
        ratio.n_pairs if ratio else None,
        row.n_pairs,
        row.n_expected,
        row.is_complete,
        row.standing.rank if row.standing else None,
        row.group,
        row.trust.level,
        row.trust.n_checked,
        row.trust.n_models,
    ]


def _cell(value: Any) -> str:
    """Return a cell that a spreadsheet takes for text or a number, never for a formula."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return "; ".join(f"{name}={part}" for name, part in value.items())
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in "=+-@\t\r" else text
