"""Errors relative to training from scratch, transfer by transfer."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tlbench.metrics.statistics import Ratio, paired_ratio
from tlbench.plan import Place, Transfer
from tlbench.records import Record
from tlbench.report.budget import AT_THIS_BUDGET
from tlbench.report.summary import (
    BASELINE,
    Summary,
    arm_at,
    lines_by_place,
    note,
    range_text,
    ratio_text,
    seed_of,
    summarise,
    target_errors,
)
from tlbench.report.transfers import by_transfer
from tlbench.suite.transfers import WHOLE


@dataclass(frozen=True)
class Gain:
    """An arm against training from scratch in one transfer at one place.

    ``test`` is the condition of the test structures, empty for all of them.
    """

    transfer: Transfer
    place: Place
    ratio: Ratio
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
                    p.replace(strategy=place.strategy)
                    for p in trained
                    if p.backbone == place.backbone
                }
            for at in sorted(places, key=lambda p: (p.size, p.train_temperature_k or 0)):
                scratch = at.replace(strategy=BASELINE)
                ratio = paired_ratio(arm_at(errors, at), errors.get(scratch, {}), seed)
                if ratio:
                    yield Gain(transfer, at, ratio, tuple((condition or {}).items()))


def gains_table(
    records: list[Record],
    metric: str,
    lines_of: Callable[[Summary], list[list[str]]] = lines_by_place,
) -> list[list[str]]:
    """Return the lines of every transfer after its names, the header first."""
    parts = any(transfer.part is not None for transfer in by_transfer(records))
    names = ["source", *(["pretrained on"] if parts else []), "target"]
    lines: list[list[str]] = []
    for transfer, some in by_transfer(records).items():
        header, *body = lines_of(summarise(some, metric))
        lines = lines or [[*names, *header]]
        part = [transfer.part or WHOLE] if parts else []
        lines += [[transfer.source, *part, transfer.target, *line] for line in body]
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
            key=Place.order,
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
    """Give the range of errors after pretraining on a part of the source, relative to all of it."""
    arms: dict[tuple[str, str], list[tuple[Ratio, str]]] = {}
    for each in against_whole(records, metric):
        found = arms.setdefault((each.place.backbone, each.place.strategy), [])
        found.append((each.ratio, f"{each.part}, {_training_set(each.place)}"))
    return [
        f"{backbone}, {strategy}: {AT_THIS_BUDGET}, pretraining on a part of the source gives "
        f"{range_text(found)} times the error of pretraining on all of it."
        for (backbone, strategy), found in arms.items()
    ]


def gains_findings(records: list[Record], metric: str) -> list[str]:
    """Give the range of ratios to scratch of each trained arm.

    They are not counted: transfers to one target share the models from scratch, and transfers from
    one source the source models.
    """
    trained = {r.model.strategy for r in records if r.model.size}
    arms: dict[tuple[str, str], list[tuple[Ratio, str]]] = {}
    for gain in gains(records, metric):
        if gain.place.strategy in trained:
            found = arms.setdefault((gain.place.backbone, gain.place.strategy), [])
            found.append((gain.ratio, f"{gain.transfer.label()}, {_training_set(gain.place)}"))
    return [
        f"{backbone}, {strategy}: {AT_THIS_BUDGET}, its error is {range_text(found)} times that "
        f"of {BASELINE}."
        for (backbone, strategy), found in arms.items()
    ]


def _training_set(place: Place) -> str:
    at = place.train_temperature_k
    return f"N = {place.size}" + ("" if at is None else f" at {at:g} K")


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
    trained = {r.model.strategy for r in records if r.model.size}
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
        key=Place.order,
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
