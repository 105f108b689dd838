"""Where a number stands in a suite, so that it can be found again in another run."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import NamedTuple

from tlbench.metrics.conditions import key_of
from tlbench.metrics.statistics import Pair
from tlbench.report.wording import BASELINE
from tlbench.results.records import Record
from tlbench.study.model_key import Flat, ModelKey
from tlbench.study.plan import PRETRAIN


class Place(NamedTuple):
    """Everything that tells a number from others of its suite, but for its seeds.

    ``condition`` has the items of the record's, sorted.
    """

    metric: str
    backbone: str
    source: str
    source_part: str | None
    target: str
    strategy: str
    size: int
    train_temperature_k: float | None
    condition: tuple[tuple[str, float | str], ...]

    @property
    def group(self) -> tuple[Hashable, ...]:
        """What else scatters like the number: backbone, metric and condition."""
        return (self.backbone, self.metric, self.condition)

    @property
    def model(self) -> str:
        """Which models it is measured on, in words."""
        source = self.source + (f" ({self.source_part})" if self.source_part else "")
        data = source if self.strategy == PRETRAIN else f"{source} → {self.target}"
        if self.strategy == BASELINE:
            data = self.target
        words = [self.backbone, self.strategy, f"N {self.size}", data]
        if self.train_temperature_k is not None:
            words.append(f"trained at {self.train_temperature_k:g} K")
        return ", ".join(words)

    @property
    def under(self) -> str:
        """The condition in words; empty for the whole test set."""
        return ", ".join(f"{name} {_plain(value)}" for name, value in self.condition)


class Entry(Flat):
    """One number and where it stands: a record without what changes from run to run."""

    model: ModelKey
    metric: str
    condition: dict[str, float | str]
    value: float

    @classmethod
    def of(cls, record: Record) -> "Entry":
        """Return what stays of a record."""
        return cls(
            model=record.model,
            metric=record.metric,
            condition=record.condition,
            value=record.value,
        )

    @property
    def place(self) -> Place:
        """Where it stands."""
        model = self.model
        return Place(
            metric=self.metric,
            backbone=model.backbone,
            source=model.source,
            source_part=model.source_part,
            target=model.target,
            strategy=model.strategy,
            size=model.size,
            train_temperature_k=model.train_temperature_k,
            condition=key_of(self.condition),
        )

    @property
    def pair(self) -> Pair:
        """Its seeds."""
        return self.model.pair


def listed(counts: Mapping[Place, int]) -> list[str]:
    """Say for each model how many numbers of it there are, and of which metrics."""
    metrics: dict[str, dict[str, None]] = {}
    totals: dict[str, int] = {}
    for place, count in counts.items():
        metrics.setdefault(place.model, {})[place.metric] = None
        totals[place.model] = totals.get(place.model, 0) + count
    return [
        f"{model}: {numbers(totals[model])} ({', '.join(found)})"
        for model, found in metrics.items()
    ]


def described(counts: Mapping[Place, int], others: Collection[Place]) -> list[str]:
    """Say of which models there are numbers; of whole backbones, arms, sizes or metrics, the name.

    Parameters
    ----------
    counts
        Place → how many numbers one run has and the other lacks.
    others
        Every place of the other run: a backbone of which it has no number is named as a whole.
    """
    found: list[str] = []
    left = dict(counts)
    for whole in (_backbone, _arm, _size, _metric):
        known = {whole(place) for place in others}
        names = dict.fromkeys(whole(place) for place in left if whole(place) not in known)
        found += names
        left = {place: count for place, count in left.items() if whole(place) not in names}
    return found + listed(left)


def _backbone(place: Place) -> str:
    return f"backbone {place.backbone}"


def _arm(place: Place) -> str:
    return "source models" if place.strategy == PRETRAIN else f"strategy {place.strategy}"


def _size(place: Place) -> str:
    # Source models have sizes of their own.
    return "source models" if place.strategy == PRETRAIN else f"N = {place.size}"


def _metric(place: Place) -> str:
    return f"metric {place.metric}"


def brief(words: Sequence[str], limit: int = 3) -> str:
    """Return the first of ``words``, and how many more there are."""
    more = len(words) - limit
    return "; ".join([*words[:limit], *([f"and {more} more"] if more > 0 else [])])


def numbers(count: int) -> str:
    """Return how many numbers there are, in words."""
    return f"{count} number{'s' if count != 1 else ''}"


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
