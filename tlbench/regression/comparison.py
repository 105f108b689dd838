"""Two runs side by side, pair by pair: as a table, in Markdown and as JSON."""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tlbench.base.errors import printable
from tlbench.base.formats import Format
from tlbench.base.phrases import counted
from tlbench.metrics import METRICS
from tlbench.metrics.statistics import (
    geometric_mean,
    paired_difference,
    paired_ratio,
)
from tlbench.regression.markdown import bullets, inert, table
from tlbench.regression.numbers import Numbers
from tlbench.regression.pairing import Pairing
from tlbench.regression.table import PLACE, SEEDS, brief, described, numbers_by_model
from tlbench.report.wording import n_pairs_text

if TYPE_CHECKING:
    from pandas import DataFrame


class Compared(BaseModel):
    """What ``tlbench compare --json`` writes.

    ``a`` and ``b`` are the runs, ``only_a`` and ``only_b`` the models that only one has numbers
    of; a row is the data of a `Row`.
    """

    a: dict[str, Any]
    b: dict[str, Any]
    remarks: list[str]
    only_a: list[str]
    only_b: list[str]
    rows: list[dict[str, Any]]


COMPARED_FORMAT = Format("comparison of two runs", Compared)


@dataclass(frozen=True)
class Row:
    """One place of two runs.

    Attributes
    ----------
    models
        Which models it is measured on, in words.
    data
        Its coordinates and what was found, as in the JSON: ``a`` and ``b``, means over the pairs
        that both have, geometric where values are compared by ratio, and of magnitudes where
        they have a sign; ``change``, B over A or B minus A; its 95 % ``interval``, None below three
        pairs and for differences that do not scatter; and ``b_is``, "better" or "worse" with 95 %
        confidence, this comparison by itself.
    n_values
        How many values of each run it is taken over; those without a ratio are left out.
    """

    models: str
    data: dict[str, Any]
    n_values: int

    def cells(self) -> list[str]:
        """Return its line of a table."""
        data = self.data
        change = f"{data['change']:.3f}" if self.is_ratio else f"{data['change']:+.3f}"
        spread = f"({n_pairs_text(data['n_pairs'])})"
        if data["interval"]:
            spread = "[{:.3f}, {:.3f}]".format(*data["interval"])
        verdict = f"B {data['b_is']}" if data["b_is"] else ""
        values = [f"{data['a']:.4g}", f"{data['b']:.4g}", f"{change} {spread}"]
        return [printable(self.models), *values, verdict]

    @property
    def is_ratio(self) -> bool:
        """Whether its metric is compared by ratio."""
        return bool(self.data["compared"] == "ratio")


@dataclass(frozen=True)
class Comparison:
    """Two runs, and how they differ in every place; those without any ratio are left out."""

    pairing: Pairing
    rows: list[Row]

    def tables(self) -> dict[str, list[list[str]]]:
        """Return metric → table of the values over the whole test set, its header first."""
        tables: defaultdict[str, list[list[str]]] = defaultdict(list)
        for row in self.rows:
            if row.data["condition"]:
                continue
            lines = tables[f"{row.data['metric']} ({row.data['unit']})"]
            if not lines:
                lines.append(["models", "A", "B", "B / A" if row.is_ratio else "B − A", ""])
            # Several transfers to one target share its models from scratch.
            if row.cells() not in lines:
                lines.append(row.cells())
        return tables

    def remarks(self) -> list[str]:
        """Return what should be known of the two runs, beside the table."""
        pairing, count = self.pairing, len(self.pairing.shared)
        changed = len(pairing.changed())
        remarks = [f"A: {_about(pairing.first)}", f"B: {_about(pairing.second)}"]
        same = f"{changed} differ" if changed else "all identical"
        remarks.append(f"{counted(count, 'number')} in both, {same}.")
        for name, only, other in (
            ("A", pairing.only_first, pairing.second),
            ("B", pairing.only_second, pairing.first),
        ):
            if len(only):
                models = brief(described(only, other.table))
                remarks.append(f"{counted(len(only), 'number')} only in {name}: {models}.")
        remarks += pairing.remarks()
        left_out = count - sum(row.n_values for row in self.rows)
        if left_out:
            remarks.append(
                f"{counted(left_out, 'number')} without a ratio left out: a value is not positive."
            )
        if any(row.data["condition"] for row in self.rows):
            remarks.append(
                "Values by temperature, phase or group, and of the best weights, are written only "
                "with --json."
            )
        return [printable(each) for each in remarks]

    def markdown(self) -> str:
        """Return the comparison in Markdown."""
        blocks = [bullets(self.remarks())]
        for title, lines in self.tables().items():
            blocks += [f"**{inert(title)}**", table(lines)]
        return "\n\n".join(blocks) + "\n"

    def json(self) -> str:
        """Return everything as JSON, values by condition included."""
        return COMPARED_FORMAT.text(
            Compared(
                a=_data(self.pairing.first),
                b=_data(self.pairing.second),
                remarks=self.remarks(),
                only_a=numbers_by_model(self.pairing.only_first),
                only_b=numbers_by_model(self.pairing.only_second),
                rows=[row.data for row in self.rows],
            )
        )


def compare(pairing: Pairing) -> Comparison:
    """Return how the second of two runs differs from the first, place by place.

    Raises
    ------
    UnknownNameError
        If a metric is not known.
    """
    groups = [rows for _, rows in pairing.shared.groupby("place")]
    found = (_row(rows) for rows in groups)
    return Comparison(pairing, [row for row in found if row])


def _row(rows: "DataFrame") -> Row | None:
    head = rows.iloc[0]
    spec = METRICS.get(head["metric"])
    if spec.compared == "ratio":
        rows = rows[(rows["first"] > 0) & (rows["second"] > 0)]
    elif spec.better == "nearer to 0":
        rows = rows.assign(first=rows["first"].abs(), second=rows["second"].abs())
    pairs = list(rows[SEEDS].itertuples(index=False, name=None))
    first, second = (dict(zip(pairs, rows[side], strict=True)) for side in ("first", "second"))
    interval: tuple[float, float] | None
    if spec.compared == "ratio":
        ratio = paired_ratio(second, first)
        if ratio is None:
            return None
        ends, n_pairs, change = ratio.interval, ratio.n_pairs, ratio.value
        interval, side = ((ends.low, ends.high), ends.side()) if ends else (None, 0)
        means = [geometric_mean(list(values.values())) for values in (first, second)]
    else:
        most = 1.0 if spec.unit == "1" else math.inf
        difference = paired_difference(second, first, most)
        if difference is None:
            return None
        interval, side = difference.interval, difference.side()
        n_pairs, change = difference.n_pairs, difference.value
        means = [rows["first"].mean(), rows["second"].mean()]
    better = (side > 0) == (spec.better == "higher")
    data: dict[Any, Any] = {
        **head[PLACE].to_dict(),
        "condition": dict(head["condition"]),
        "unit": spec.unit,
        "a": means[0],
        "b": means[1],
        "compared": spec.compared,
        "change": change,
        "interval": interval,
        "n_pairs": n_pairs,
        "b_is": ("better" if better else "worse") if side else None,
    }
    return Row(head["models"], data, len(rows))


def _about(run: Numbers) -> str:
    words = [run.title]
    if run.origins:
        commits = dict.fromkeys(origin.commit for origin in run.origins)
        words.append(f"commit {' or '.join(commits)}")
        words += dict.fromkeys(origin.device_name for origin in run.origins)
    return f"{run.name}: {', '.join(words)}"


def _data(run: Numbers) -> dict[str, Any]:
    return {
        "name": run.name,
        "suite": run.suite,
        "suite_version": run.version,
        "suite_digest": run.digest,
        "origins": [origin.model_dump(mode="json") for origin in run.origins],
    }
