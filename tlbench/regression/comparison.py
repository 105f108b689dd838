"""What a comparison of two runs says: as a table, in Markdown and as JSON."""

import json
from dataclasses import dataclass
from typing import Any

from tlbench.base.errors import printable
from tlbench.regression.compare import Row
from tlbench.regression.markdown import inert, rows
from tlbench.regression.pairing import Pairing, Values, lengths
from tlbench.regression.places import brief, listed, numbers
from tlbench.regression.sides import Side
from tlbench.report.markdown import markdown_table
from tlbench.report.wording import n_pairs_text


@dataclass(frozen=True)
class Comparison:
    """Two runs and what was found place by place."""

    pairing: Pairing
    rows: list[Row]

    def tables(self) -> dict[str, list[list[str]]]:
        """Return metric → table of the values over the whole test set, its header first."""
        found: dict[str, list[list[str]]] = {}
        for row in self.rows:
            if row.place.condition:
                continue
            title = f"{row.spec.name} ({row.spec.unit})"
            sign = "B / A" if row.spec.compared == "ratio" else "B − A"
            lines = found.setdefault(title, [["models", "A", "B", sign, ""]])
            cells = _cells(row)
            # Several transfers to one target share its models from scratch.
            if cells not in lines:
                lines.append(cells)
        return found

    def remarks(self) -> list[str]:
        """Return what should be known of the two runs, beside the table."""
        pairing = self.pairing
        found = [f"A: {_about(pairing.first)}", f"B: {_about(pairing.second)}"]
        count = pairing.count()
        changed = sum(pairing.changed().values())
        same = "all identical" if not changed else f"{changed} differ"
        found.append(f"{numbers(count)} in both, {same}.")
        found += _only("A", pairing.only_first, pairing.described_first())
        found += _only("B", pairing.only_second, pairing.described_second())
        found += pairing.remarks()
        left_out = count - sum(row.n_values for row in self.rows)
        if left_out:
            found.append(f"{numbers(left_out)} without a ratio left out: a value is not positive.")
        if any(row.place.condition for row in self.rows):
            found.append("Values by temperature, phase or group are written only with --json.")
        return [printable(each) for each in found]

    def markdown(self) -> str:
        """Return the comparison in Markdown."""
        blocks = ["\n".join(f"- {inert(remark)}" for remark in self.remarks())]
        for title, lines in self.tables().items():
            blocks += [f"**{inert(title)}**", markdown_table(rows(lines)).strip()]
        return "\n\n".join(blocks) + "\n"

    def json(self) -> str:
        """Return everything as JSON, values by condition included."""
        pairing = self.pairing
        value = {
            "a": _side_data(pairing.first),
            "b": _side_data(pairing.second),
            "remarks": self.remarks(),
            "only_a": listed(lengths(pairing.only_first)),
            "only_b": listed(lengths(pairing.only_second)),
            "rows": [_row_data(row) for row in self.rows],
        }
        return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _cells(row: Row) -> list[str]:
    change = f"{row.change:.3f}" if row.spec.compared == "ratio" else f"{row.change:+.3f}"
    spread = (
        f"[{row.interval[0]:.3f}, {row.interval[1]:.3f}]"
        if row.interval
        else f"({n_pairs_text(row.n_pairs)})"
    )
    verdict = f"B {row.verdict}" if row.verdict else ""
    return [
        printable(row.place.model),
        f"{row.first:.4g}",
        f"{row.second:.4g}",
        f"{change} {spread}",
        verdict,
    ]


def _about(side: Side) -> str:
    commits = dict.fromkeys(
        (origin.git_commit or "unknown")[:12] + (" with changes" if origin.git_dirty else "")
        for origin in side.origins
    )
    devices = dict.fromkeys(origin.device_name for origin in side.origins)
    of = f"{side.suite} (version {side.suite_version})"
    words = [of, f"commit {' or '.join(commits)}", *devices] if side.origins else [of]
    return f"{side.name}: {', '.join(words)}"


def _only(name: str, values: Values, described: list[str]) -> list[str]:
    if not values:
        return []
    return [f"{numbers(sum(map(len, values.values())))} only in {name}: {brief(described)}."]


def _side_data(side: Side) -> dict[str, Any]:
    return {
        "name": side.name,
        "suite": side.suite,
        "suite_version": side.suite_version,
        "suite_digest": side.suite_digest,
        "origins": [origin.model_dump(mode="json") for origin in side.origins],
    }


def _row_data(row: Row) -> dict[str, Any]:
    return {
        **row.place._asdict(),
        "condition": dict(row.place.condition),
        "unit": row.spec.unit,
        "a": row.first,
        "b": row.second,
        "compared": row.spec.compared,
        "change": row.change,
        "interval": row.interval,
        "n_pairs": row.n_pairs,
        "b_is": row.verdict or None,
    }
