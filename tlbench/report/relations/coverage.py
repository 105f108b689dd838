"""Gains by how near test atoms are to what models have been trained on.

The study explains transfer so: where the small target set has no examples, a transferred model
falls back on what it knows of the source. Then it should gain most for the atoms that are farthest
from the target's training structures, and among these for the ones that the source covers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tlbench.metrics.statistics import (
    Pair,
    Ratio,
    bootstrap_seed,
    geometric_mean,
    negative_transfer,
    paired_ratio,
)
from tlbench.profiles import BINS, THIRDS, Coverage, Profile
from tlbench.report.summary import BASELINE, Place, ratio_text

Unit = Pair
"""What counts as one: a pair of seeds, or where there are several transfers, one of these."""


@dataclass(frozen=True)
class Covered:
    """An arm at a place, against scratch, bin by bin.

    ``target`` and ``source`` are the mean distances of the bins' atoms to what was trained on;
    ``ratios`` those of errors; ``trend`` the ratio of the last bin over that of the first, and
    ``grid`` the ratios by thirds of both distances, None where there are no atoms. ``fallback`` is,
    of the third farthest from the target's structures, the ratio near the source's over that far
    from them: below 1 if the model falls back on the source.
    """

    place: Place
    target: list[float]
    source: list[float]
    ratios: list[Ratio]
    trend: Ratio
    grid: list[list[Ratio | None]]
    fallback: Ratio | None


def by_coverage(profiles: Sequence[Profile]) -> list[Covered]:
    """Return every arm but the baseline, by backbone, size and temperature."""
    profiles = principal(profiles)
    transfers = list(dict.fromkeys((p.source, p.target) for p in profiles))
    found: dict[Place, dict[Unit, list[Coverage]]] = defaultdict(lambda: defaultdict(list))
    for p in profiles:
        for coverage in p.coverage:
            place = Place(p.backbone, p.strategy, coverage.size, coverage.train_temperature_k)
            unit: Unit = coverage.subset_seed, coverage.init_seed
            if len(transfers) > 1:
                # Pairs of one transfer share what is transferred: they count as one.
                unit = None, transfers.index((p.source, p.target))
            found[place][unit].append(coverage)
    seed = bootstrap_seed({coverage.job for p in profiles for coverage in p.coverage})
    covered = []
    for place in sorted(found, key=_position):
        scratch = Place(place.backbone, BASELINE, place.size, place.train_temperature_k)
        if place.strategy != BASELINE and scratch in found:
            covered += list(_against(place, found[place], found[scratch], seed))
    return covered


def principal(profiles: Sequence[Profile]) -> list[Profile]:
    """Return the profiles of models pretrained on the largest of several parts of the source."""
    parts = list(dict.fromkeys(p.source_part for p in profiles))
    whole = next((part for part in parts if part in (None, "all")), parts[-1] if parts else None)
    return [p for p in profiles if p.source_part == whole]


def _position(place: Place) -> tuple[str, str, int, float]:
    return place.backbone, place.strategy, place.size, place.train_temperature_k or 0


def _against(
    place: Place,
    arm: dict[Unit, list[Coverage]],
    baseline: dict[Unit, list[Coverage]],
    seed: int,
) -> Iterator[Covered]:
    def ratio(error: Callable[[Coverage], float | None]) -> Ratio | None:
        ours, theirs = (
            {
                unit: geometric_mean(values)
                for unit, some in each.items()
                if all(values := [error(c) or 0.0 for c in some])
            }
            for each in (arm, baseline)
        )
        return paired_ratio(ours, theirs, seed)

    ratios = [ratio(lambda c, n=n: c.error[n]) for n in range(BINS)]  # type: ignore[misc]
    trend = ratio(lambda c: c.error[-1] / c.error[0] if c.error[0] else None)
    known = [r for r in ratios if r is not None]
    if len(known) < BINS or trend is None:
        return
    everything = [c for some in arm.values() for c in some]
    yield Covered(
        place=place,
        target=np.mean([c.target for c in everything], axis=0).tolist(),
        source=np.mean([c.source for c in everything], axis=0).tolist(),
        ratios=known,
        trend=trend,
        grid=[
            [ratio(lambda c, i=i, j=j: c.grid_error[i][j]) for j in range(THIRDS)]  # type: ignore[misc]
            for i in range(THIRDS)
        ],
        fallback=ratio(_fallback),
    )


def _fallback(coverage: Coverage) -> float | None:
    near, *_, far = coverage.grid_error[-1]
    return near / far if near and far else None


def coverage_table(covered: Iterable[Covered]) -> list[list[str]]:
    """Return a line per arm and place: ratios from the nearest bin to the farthest."""
    lines = [
        [
            "backbone", "arm", "N", *(_bin(n) for n in range(BINS)), "last / first",
        ]
    ]  # fmt: skip
    for each in covered:
        lines.append(
            [
                each.place.backbone,
                each.place.strategy,
                _size(each.place),
                *(f"{ratio.value:.2f}" for ratio in each.ratios),
                ratio_text(each.trend, False),
            ]
        )
    return lines


def grid_table(covered: Iterable[Covered]) -> list[list[str]]:
    """Return a line per arm, place and third of distances to the target's structures."""
    lines = [
        [
            "backbone",
            "arm",
            "N",
            "from the target's",
            "near the source's",
            "middle",
            "far",
            "near / far",
        ],
    ]
    for each in covered:
        for name, row in zip(("near", "middle", "far"), each.grid, strict=True):
            cells = ["–" if ratio is None else f"{ratio.value:.2f}" for ratio in row]
            lines.append(
                [each.place.backbone, each.place.strategy, _size(each.place), name, *cells]
            )
    return lines


def coverage_findings(covered: Iterable[Covered]) -> list[str]:
    """Say of each backbone and arm whether it gains more where the target set has no examples."""
    found: dict[tuple[str, str], list[Covered]] = defaultdict(list)
    for each in covered:
        found[each.place.backbone, each.place.strategy].append(each)
    sentences = []
    for (backbone, strategy), some in found.items():
        more = [each for each in some if each.trend.value < 1]
        sure = [each for each in some if each.trend.interval and each.trend.interval.side()]
        factors = sorted(each.trend.value for each in some)
        worse = sum(bool(negative_transfer(ratio)) for each in some for ratio in each.ratios)
        fallbacks = [each.fallback for each in some if each.fallback]
        nearer = sum(ratio.value < 1 for ratio in fallbacks)
        told = sum(bool(r.interval and r.interval.side()) for r in fallbacks)
        sentences.append(
            f"{backbone}, {strategy}: relative to scratch, it does better for the atoms farthest "
            f"from the target's training structures than for the nearest with {len(more)} of "
            f"{len(some)} training sets ({len(sure)} of all told by a 95 % interval); the ratio of "
            f"the two is {factors[0]:.2f} to {factors[-1]:.2f}. It is worse than scratch in "
            f"{worse} of {BINS * len(some)} bins. Of the atoms far from the target's structures, "
            f"it does better for those near the source's than for those far from them with "
            f"{nearer} of {len(fallbacks)} training sets ({told} of all told by an interval)."
        )
    return sentences


def _bin(n: int) -> str:
    return ("nearest fifth", "second", "third", "fourth", "farthest fifth")[n]


def _size(place: Place) -> str:
    at = place.train_temperature_k
    return str(place.size) if at is None else f"{place.size} at {at:g} K"
