"""Boards for machines: ``board.json``, ``board.csv``, and rows for the script of a page."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from tlbench.board.site.boards import Board
from tlbench.board.site.headline import Published
from tlbench.board.site.rows import BoardRow
from tlbench.metrics import METRICS
from tlbench.metrics.statistics import CrossedRatio, negative_transfer
from tlbench.metrics.statistics.convergence import RULE
from tlbench.report.html import rounded, safe_json
from tlbench.report.wording import budget_label, condition_text

FORMAT = 1
KEPT = 10
"""Significant digits."""


def _interval(row: BoardRow, end: str) -> float | None:
    return getattr(row.ratio.interval, end) if row.ratio and row.ratio.interval else None


def _test_groups(row: BoardRow) -> int | None:
    """Return the number of groups of test structures that the interval of the ratio allows for."""
    return row.ratio.n_groups if isinstance(row.ratio, CrossedRatio) else None


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
    "updates": lambda row: row.place.updates,
    "convergence": lambda row: row.state or None,
    "settled": lambda row: row.is_settled if row.state else None,
    "tuned": lambda row: row.tuned,
    "metric": lambda row: row.metric,
    "unit": lambda row: METRICS.get(row.metric).unit,
    "better": lambda row: METRICS.get(row.metric).better,
    "condition": lambda row: dict(row.tested),
    "value": lambda row: rounded(row.mean.value, KEPT),
    "low": lambda row: rounded(row.ends[0] if row.ends else None, KEPT),
    "high": lambda row: rounded(row.ends[1] if row.ends else None, KEPT),
    "structure": lambda row: row.structure or None,
    "ratio_to_scratch": lambda row: rounded(row.ratio.value if row.ratio else None, KEPT),
    "ratio_low": lambda row: rounded(_interval(row, "low"), KEPT),
    "ratio_high": lambda row: rounded(_interval(row, "high"), KEPT),
    "ratio_pairs": lambda row: row.ratio.n_pairs if row.ratio else None,
    "ratio_test_groups": lambda row: _test_groups(row),
    "pairs": lambda row: row.mean.n_pairs,
    "pairs_expected": lambda row: row.n_expected,
    "complete": lambda row: row.is_complete,
    "rank": lambda row: row.standing.rank if row.standing else None,
    "tie_group": lambda row: row.group,
    "comparable": lambda row: row.is_comparable,
    "verification": lambda row: row.trust.level,
    "models_checked": lambda row: row.trust.n_checked,
    "models": lambda row: row.trust.n_models,
}
RULES = {
    "budget": (
        "A suite trains all arms with the same numbers of updates and, unless tuned, one learning "
        "rate. Errors are those at a budget: a ratio below 1 may mean only that the arm learns "
        "faster, and what holds at one budget may be reversed at another. Suites of one budget "
        "cannot show that it is enough. In suites with several, each arm is checked at each number "
        f"of structures. {RULE} It is called rising where the rise is beyond chance. Only where "
        "both the arm and scratch are converged does their ratio compare what models end at "
        "(settled)."
    ),
    "aggregation": (
        "A value is the geometric mean over (subset seed, init seed) pairs of the metric on the "
        "test set; rates and survival times, which may be 0, and errors with a sign have "
        "arithmetic means. A ratio is "
        "the geometric mean over pairs of the arm's error over that of training from scratch on "
        "the same structures, with the same seeds and the same number of updates: below 1 the arm "
        "has the lower error at this budget. Brackets hold 95 % intervals: Student's of the mean "
        "logarithm, or of the mean of errors with a sign, from three pairs on, which takes pairs "
        "to be independent; of rates Wilson's with replicas clustered by model. Intervals of "
        "ratios of mean absolute errors over the whole test set also allow for the choice of test "
        "structures, of which those of one kind, phase and temperature count as one group "
        "(ratio_test_groups); all others are for these test structures. With fewer than three "
        "pairs no significance is claimed."
    ),
    "ranking": (
        "Ranks are given within one metric, test set, transfer, number of target structures and "
        "training temperature, by the mean at the suite's budget; in suites with several budgets, "
        "of converged entries at the largest. Entries of one tie group are not shown to be worse "
        "than its best, by the 95 % interval of their paired ratio on these test structures. With "
        "fewer than three pairs, and for rates, times and errors with a sign, there are no tie "
        "groups, and so no ranks: entries are sorted by their mean, or by its magnitude if it has "
        "a sign. Arms that see no target data are shown beside the others and not ranked: they "
        "have as many values as source models, and of a published potential one. Their energies, "
        "marked †, have no ratio either, as no reference energies were fitted to the target. A "
        "submission of which the newest check of some "
        "model did not find the published errors again stays in the table, marked, without a "
        "rank, and is left out of figures and of statements on the whole table."
    ),
    "missing results": (
        "A result that is missing counts nowhere, and never as zero. An entry that lacks one of "
        "the suite's pairs shows how many it has, and has no rank; models of which there is no "
        "result at all are listed with their submission. An error of structure is known of stable "
        "simulations only. An error of exactly 0 has no logarithm and is left out, so its arm "
        "lacks that pair. Submissions that fail verification are left out whole."
    ),
    "what is compared": (
        "Submissions share a table only if they have the same suite and version, the same "
        "protocol (everything but backbones, arms and their tuned settings), data of the same "
        "content, and the same reference dynamics, by their digests. Of each submission the "
        "newest revision counts."
    ),
}
"""How the numbers of a board come about: stored in its data and printed under its table."""

COLUMNS = ("suite", "board", *OF_ROWS)


def board_json(published: Sequence[Published], private: bool = False) -> str:
    """Return every board with its submissions and rows, as JSON, marked if it is private."""
    content = {
        "format": FORMAT,
        **({"private": True} if private else {}),
        "rules": RULES,
        "columns": COLUMNS,
        "boards": [_board(each.board, each.rows) for each in published],
    }
    return json.dumps(content, ensure_ascii=False, indent=None, separators=(",", ":")) + "\n"


def board_csv(published: Sequence[Published]) -> str:
    """Return every row of every board; cells that do not apply are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in published:
        writer.writerows(map(_cell, _line(each.board, row)) for row in each.rows)
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


ROWS_IN_FILE = 20_000
DIGITS = 4
"""Significant digits that are shown."""

WORDS: dict[str, Callable[[BoardRow], str]] = {
    **{name: OF_ROWS[name] for name in ("metric", "backbone", "strategy", "submission")},
    "tested": lambda row: condition_text(row.tested),
    "pair": lambda row: row.transfer.label(),
    "trust": lambda row: row.trust.text,
    "state": lambda row: row.state,
    "structure": lambda row: row.structure,
    "tuned": lambda row: row.tuned,
}
"""Columns of text, which rows refer to by number."""

NUMBERS: dict[str, Callable[[BoardRow], float | None]] = {
    **{name: OF_ROWS[name] for name in ("size", "rank", "value", "low", "high", "pairs")},
    "at": OF_ROWS["train_temperature_k"],
    "updates": OF_ROWS["updates"],
    "group": OF_ROWS["tie_group"],
    "ratio": OF_ROWS["ratio_to_scratch"],
    "ratioLow": OF_ROWS["ratio_low"],
    "ratioHigh": OF_ROWS["ratio_high"],
    "ratioOf": lambda row: row.ratio.n_pairs if row.ratio and not row.has_whole_ratio else None,
    "expected": OF_ROWS["pairs_expected"],
    "worse": lambda row: _worse(row),
    "untrained": lambda row: int(not row.trained),
    "unfitted": lambda row: int(not row.is_comparable),
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
