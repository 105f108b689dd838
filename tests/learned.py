"""A submission of learners: its numbers, what a report says of them, and its board."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import learners
from learners import Learners
from synthetic import publish

from tlbench.board.site.boards import Kind, Member, boards_of
from tlbench.board.site.headline import Published
from tlbench.board.site.rows import BoardRow, board_rows
from tlbench.board.verification import verify
from tlbench.report.analysis import Analysis
from tlbench.report.content import Section
from tlbench.report.markdown import markdown
from tlbench.report.outline import sections_of


class Submission:
    """A submission of learners: its numbers, what a report says of them, and its board."""

    def __init__(self, folder: Path, found: Learners, arms: list[str], n_pairs: int) -> None:
        settings = {
            "backbones": "{schnet: {}}",
            "strategies": str([*arms, "zero-shot", "scratch-long"]),
            "sizes": "[4, 10]",
            "subset_seeds": str(list(range(n_pairs))),
            "init_seeds": str(list(range(n_pairs))),
            "pairing": "zip",
            "pretraining": "{}",
            "pretraining_budgets": "[500, 2000]",
            "training": "{}",
            "budgets": str(learners.BUDGETS),
            "metrics": "[force_mae, energy_mae]",
            "by": "[]",
        }
        self.results = folder / "results"
        made = publish(self.results, "one", "smoke", list(settings.items()), learners=found)
        verdict = verify(made, self.results)
        self.problems = verdict.problems
        assert verdict.entry is not None
        assert verdict.coverage is not None
        (board,) = boards_of([Member(verdict.entry, verdict.coverage)])
        # As if tlbench shipped the suite, so that it has a line in the table of a front page.
        self.board = Published(replace(board, kind=Kind.SHIPPED), board_rows(board))
        self.suite, results = verdict.entry.suite, verdict.entry.results
        self.sections = list(sections_of(Analysis.of(results, self.suite)))
        self.summary = markdown(results, self.suite.error_metrics, self.suite)

    def section(self, name: str) -> Section:
        (found,) = [section for section in self.sections if section.name == name]
        return found

    def said(self, arm: str, section: str = "errors-force_mae") -> list[str]:
        """Return the sentences on an arm, without their beginning."""
        sentences, start = self.section(section).sentences, f"schnet, {arm}"
        found = [s.removeprefix(start) for s in sentences if re.match(f"{re.escape(start)}[,:]", s)]
        assert all(f"- schnet, {arm}{sentence}" in self.summary for sentence in found)
        return found

    def table(self, section: str, title: str) -> list[dict[str, str]]:
        (found,) = [t for t in self.section(section).tables if t.title.startswith(title)]
        head, *lines = found.lines
        return [dict(zip(head, line, strict=True)) for line in lines]

    def rows(self, **place: Any) -> list[BoardRow]:
        """Return the rows of forces at the largest budget and size."""
        wanted = {"size": 10, "updates": learners.BUDGETS[-1]} | place
        return [
            row
            for row in self.board.rows
            if row.metric == "force_mae"
            and not row.tested
            and all(getattr(row.place, name) == value for name, value in wanted.items())
        ]
