"""What transfer is worth, transfer by transfer."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tlbench.metrics.statistics import (
    Multiplier,
    Ratio,
    data_multipliers,
    negative_transfer,
    paired_ratio,
)
from tlbench.records import Record
from tlbench.report.summary import (
    BASELINE,
    Place,
    arm_at,
    cells,
    curve_of,
    header,
    note,
    ratio_text,
    seed_of,
    strategies_of,
    summarise,
    target_errors,
)
from tlbench.report.transfers import Transfer, by_transfer
from tlbench.suite.transfers import WHOLE


@dataclass(frozen=True)
class Gain:
    """An arm against training from scratch in one transfer at one place.

    ``test`` is the condition of the test structures, empty for all of them.
    """

    transfer: Transfer
    place: Place
    ratio: Ratio
    multiplier: Multiplier | None = None
    test: tuple[tuple[str, float | str], ...] = ()


def gains(
    records: list[Record], metric: str, condition: Mapping[str, float | str] | None = None
) -> Iterator[Gain]:
    """Yield what every arm but the baseline gains, transfer by transfer."""
    for transfer, some in by_transfer(records).items():
        errors = target_errors(some, metric, condition)
        seed = seed_of(some, metric)
        for place in errors:
            if place.strategy == BASELINE:
                continue
            places = {place}
            if not place.size:
                # An arm without target data is compared wherever the baseline is trained.
                trained = [p for p in errors if p.strategy == BASELINE]
                places = {
                    Place(place.backbone, place.strategy, p.size, p.train_temperature_k)
                    for p in trained
                    if p.backbone == place.backbone
                }
            multipliers = _multipliers(errors, place, seed) if condition is None else {}
            for at in sorted(places, key=lambda p: (p.size, p.train_temperature_k or 0)):
                scratch = Place(at.backbone, BASELINE, at.size, at.train_temperature_k)
                ratio = paired_ratio(arm_at(errors, at), errors.get(scratch, {}), seed)
                if ratio:
                    found = multipliers.get(at.size)
                    yield Gain(transfer, at, ratio, found, tuple((condition or {}).items()))


def _multipliers(
    errors: dict[Place, dict[tuple[int | None, int], float]], place: Place, seed: int
) -> dict[int, Multiplier]:
    if place.train_temperature_k is not None or not place.size:
        return {}
    baseline = curve_of(errors, place.backbone, BASELINE)
    if len(baseline) < 2:
        return {}
    return data_multipliers(curve_of(errors, place.backbone, place.strategy), baseline, seed)


def gains_table(records: list[Record], metric: str) -> list[list[str]]:
    """Return one line per transfer, backbone and size, the header first."""
    parts = any(transfer.part is not None for transfer in by_transfer(records))
    arms = [s for s in strategies_of(records) if s != BASELINE]
    worth = {(g.transfer, g.place): g.multiplier for g in gains(records, metric) if g.multiplier}
    trained = [s for s in arms if any(place.strategy == s for _, place in worth)]
    first = ["source", *(["pretrained on"] if parts else []), "target"]
    lines: list[list[str]] = []
    for transfer, some in by_transfer(records).items():
        table = summarise(some, metric)
        if not lines:
            lines.append([*first, *header(table), *(f"worth of {s}" for s in trained)])
        for row in table.rows:
            names = [transfer.source, *([transfer.part or WHOLE] if parts else []), transfer.target]
            found = [
                worth.get((transfer, Place(row.backbone, s, row.size, row.train_temperature_k)))
                for s in trained
            ]
            worths = [
                "–" if m is None or _contradicts(m, row.ratios.get(s)) else m.text()
                for s, m in zip(trained, found, strict=True)
            ]
            lines.append([*names, *cells(table, row), *worths])
    return lines


@dataclass(frozen=True)
class PartRatio:
    """The error after pretraining on a part of the source over that after all of it."""

    part: str
    place: Place
    ratio: Ratio


def against_whole(records: list[Record], metric: str) -> list[PartRatio]:
    """Return every part of the source against the whole, arm by arm; none without a whole."""
    of_part = {transfer.part: some for transfer, some in by_transfer(records).items()}
    if len(by_transfer(records)) != len(of_part) or WHOLE not in of_part:
        return []
    errors = {part: target_errors(some, metric) for part, some in of_part.items()}
    seed = seed_of(records, metric)
    return [
        PartRatio(part, place, ratio)
        for place in sorted(
            (p for p in errors[WHOLE] if p.strategy != BASELINE),
            key=lambda p: (p.backbone, p.strategy, p.size, p.train_temperature_k or 0),
        )
        for part in of_part
        if part not in (None, WHOLE)
        and (ratio := paired_ratio(errors[part].get(place, {}), errors[WHOLE][place], seed))
    ]


def parts_table(records: list[Record], metric: str) -> list[list[str]]:
    """Return a line per arm and training set, a column per part of the source."""
    found = against_whole(records, metric)
    parts = list(dict.fromkeys(each.part for each in found))
    lines = [["backbone", "arm", "N", "trained at (K)", *parts]]
    for place in dict.fromkeys(each.place for each in found):
        ratios = {each.part: each.ratio for each in found if each.place == place}
        at = "all" if place.train_temperature_k is None else f"{place.train_temperature_k:g}"
        at = at if place.size else "–"
        cells_ = ["–" if p not in ratios else ratio_text(ratios[p], False) for p in parts]
        lines.append([place.backbone, place.strategy, str(place.size), at, *cells_])
    return lines


def parts_findings(records: list[Record], metric: str) -> list[str]:
    """Say of each arm how often a part of the source is worse than the whole, and better."""
    arms: dict[tuple[str, str], list[Ratio]] = {}
    for each in against_whole(records, metric):
        arms.setdefault((each.place.backbone, each.place.strategy), []).append(each.ratio)
    sentences = []
    for (backbone, strategy), ratios in arms.items():
        sides = [ratio.interval.side() if ratio.interval else 0 for ratio in ratios]
        worse = sum(ratio.value > 1 for ratio in ratios)
        sentences.append(
            f"{backbone}, {strategy}: pretraining on a part of the source is worse than on all "
            f"of it in {worse} of {len(ratios)} comparisons, {sides.count(1)} by their 95 % "
            f"intervals, and better in {len(ratios) - worse}, {sides.count(-1)} by theirs."
        )
    return sentences


def gains_findings(records: list[Record], metric: str) -> list[str]:
    """Return a sentence per arm and backbone: how often it gains, how often it loses."""
    found: dict[tuple[str, str], list[Gain]] = {}
    for gain in gains(records, metric):
        if any(r.strategy == gain.place.strategy and r.size for r in records):
            found.setdefault((gain.place.backbone, gain.place.strategy), []).append(gain)
    sentences = []
    for (backbone, strategy), some in found.items():
        better = [g for g in some if g.ratio.value < 1]
        harmful = [g for g in some if negative_transfer(g.ratio)]
        sure = [g for g in harmful if negative_transfer(g.ratio) == "significant"]
        best = min(some, key=lambda g: g.ratio.value)
        worst = max(some, key=lambda g: g.ratio.value)
        told = (
            f"{len(sure)} by their 95 % intervals"
            if any(g.ratio.interval for g in some)
            else "too few pairs for intervals"
        )
        sentences.append(
            f"{backbone}, {strategy}: better than {BASELINE} in {len(better)} of {len(some)} "
            f"combinations of transfer and training set, worse in {len(harmful)} "
            f"({told}); from {best.ratio.value:.2f} "
            f"({best.transfer.label()}, N = {best.place.size}) to {worst.ratio.value:.2f} "
            f"({worst.transfer.label()}, N = {worst.place.size})."
        )
    return sentences


def _contradicts(multiplier: Multiplier, ratio: Ratio | None) -> bool:
    """Return whether errors from scratch rise with N, so that no size is worth an error."""
    return (
        ratio is not None
        and (multiplier.value - 1) * (ratio.value - 1) > 0
        and (abs(math.log(multiplier.value)) > 0.02 and abs(math.log(ratio.value)) > 0.02)
    )


def gains_note(records: list[Record], metric: str) -> str:
    """Return what the signs in the table mean, and what its intervals do not span."""
    notes = [note(summarise(some, metric)) for some in by_transfer(records).values()]
    return max(notes, key=len, default="")


@dataclass(frozen=True)
class GainMatrix:
    """The ratios to scratch of a trained arm of one backbone at one size, source by target."""

    place: Place
    sources: list[str]
    targets: list[str]
    ratios: Mapping[tuple[str, str], Ratio]

    def title(self) -> str:
        """Return which models these are."""
        at = self.place.train_temperature_k
        trained = "" if at is None else f", trained at {at:g} K"
        return f"{self.place.backbone}, {self.place.strategy}, N = {self.place.size}{trained}"

    def lines(self) -> list[list[str]]:
        """Return a line per source, a column per target, the header first."""
        found = [["source", *(f"→ {target}" for target in self.targets)]]
        for source in self.sources:
            row = [self.ratios.get((source, target)) for target in self.targets]
            found.append([source, *("–" if r is None else ratio_text(r) for r in row)])
        return found


def gain_matrices(records: list[Record], metric: str) -> list[GainMatrix]:
    """Return a matrix per backbone, trained arm and size; none without several sources."""
    trained = {r.strategy for r in records if r.size}
    found = [
        g for g in gains(records, metric) if g.transfer.part is None and g.place.strategy in trained
    ]
    if len({g.transfer for g in found}) < 2:
        return []
    sources = list(dict.fromkeys(g.transfer.source for g in found))
    known = {g.transfer.target for g in found}
    targets = [s for s in sources if s in known] + sorted(known - set(sources))
    places = sorted(
        {g.place for g in found},
        key=lambda p: (p.backbone, p.strategy, p.size, p.train_temperature_k or 0),
    )
    return [
        GainMatrix(
            place,
            sources,
            targets,
            {(g.transfer.source, g.transfer.target): g.ratio for g in found if g.place == place},
        )
        for place in places
    ]
