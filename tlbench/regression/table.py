"""The numbers of a run as a table, and the words for its models."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tlbench.base.phrases import counted
from tlbench.metrics.conditions import key_of
from tlbench.report.wording import BASELINE
from tlbench.results.records import Record
from tlbench.study.model_key import Flat, ModelKey
from tlbench.study.plan import PRETRAIN

if TYPE_CHECKING:
    from pandas import DataFrame

PLACE = [
    "metric",
    "backbone",
    "source",
    "source_part",
    "target",
    "strategy",
    "size",
    "train_temperature_k",
    "updates",
    "condition",
]
"""Columns that distinguish the numbers of a suite, but for the seeds of their models."""

SEEDS = ["subset_seed", "init_seed"]


class Entry(Flat):
    """One number and its coordinates: a record without what changes from run to run."""

    model: ModelKey
    metric: str
    condition: dict[str, float | str]
    value: float

    @classmethod
    def of(cls, record: Record) -> "Entry":
        """Return the part of a record that is compared."""
        held = {name: getattr(record, name) for name in cls.model_fields}
        return cls(**held)


def table_of(rows: Iterable[dict[str, Any]]) -> "DataFrame":
    """Return a table of numbers, given by what files hold of `Entry`.

    It has the columns of `PLACE` and `SEEDS`, ``value``, and ``models``: which models the number is
    measured on, in words. Conditions are tuples of their items, sorted.
    """
    from pandas import DataFrame

    # Numbers of suites with one budget do not name it.
    rows = [{"updates": None, **row} for row in rows]
    table = DataFrame(rows, columns=[*PLACE, *SEEDS, "value"], dtype=object)
    models = [_models(row) for row in table.to_dict("records")]
    table["condition"] = table["condition"].map(lambda condition: key_of(dict(condition)))
    return table.assign(models=models).astype({"value": float})


def _models(row: Mapping[Any, Any]) -> str:
    source = row["source"] + (f" ({row['source_part']})" if row["source_part"] else "")
    data = {PRETRAIN: source, BASELINE: row["target"]}
    words = [row["backbone"], row["strategy"], f"N {row['size']}"]
    words.append(data.get(row["strategy"], f"{source} → {row['target']}"))
    if row["train_temperature_k"] is not None:
        words.append(f"trained at {row['train_temperature_k']:g} K")
    if row["updates"] is not None:
        words.append(counted(row["updates"], "update"))
    return ", ".join(words)


def numbers_by_model(table: "DataFrame") -> list[str]:
    """Return for each model how many numbers of it there are, and of which metrics."""
    return [
        f"{models}: {counted(len(metrics), 'number')} ({', '.join(metrics.unique())})"
        for models, metrics in table.groupby("models", sort=False)["metric"]
    ]


def described(table: "DataFrame", other: "DataFrame") -> list[str]:
    """Return the models of which there are numbers in ``table``, which ``other`` lacks.

    Whole backbones, arms, sizes, budgets and metrics of which ``other`` has nothing are given by
    name.
    """
    found: list[str] = []
    for ours, theirs in zip(_coordinates(table), _coordinates(other), strict=True):
        lacking = ours.loc[table.index][lambda words, known=set(theirs): ~words.isin(known)]
        found += lacking.unique().tolist()
        table = table.drop(lacking.index)
    return found + numbers_by_model(table)


def _coordinates(table: "DataFrame") -> list[Any]:
    """Return backbone, arm, size, budget and metric of every number, in words."""
    pretrained, budgets = table["strategy"] == PRETRAIN, table["updates"]
    words = budgets.map(lambda updates: counted(int(updates), "update"), na_action="ignore")
    # Source models have sizes and budgets of their own.
    return [
        "backbone " + table["backbone"],
        ("strategy " + table["strategy"]).mask(pretrained, "source models"),
        ("N = " + table["size"].astype(str)).mask(pretrained, "source models"),
        words.where(budgets.notna(), "no budget").mask(pretrained, "source models"),
        "metric " + table["metric"],
    ]


def brief(words: Sequence[str], limit: int = 3) -> str:
    """Return the first of ``words``, and how many more there are."""
    more = [f"and {len(words) - limit} more"] if len(words) > limit else []
    return "; ".join([*words[:limit], *more])
