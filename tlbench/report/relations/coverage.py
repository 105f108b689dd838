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
    paired_ratio,
)
from tlbench.plan import Place
from tlbench.profiles import BINS, THIRDS, Coverage, Profile
from tlbench.report.budget import AT_THIS_BUDGET
from tlbench.report.summary import BASELINE, range_text, ratio_text
from tlbench.suite.transfers import WHOLE

Unit = Pair
"""What counts as one: a pair of seeds, or where there are several targets, one of these."""


@dataclass(frozen=True)
class Covered:
    """An arm at a place, against scratch, bin by bin.

    ``target`` and ``source`` are the mean distances of the bins' atoms to what was trained on;
    ``ratios`` those of errors; ``trend`` the ratio of the last bin over that of the first, and
    ``grid`` the ratios by thirds of the distance to the target's, for atoms to which the source is
    nearer and for the others, None where there are too few, and ``shares`` the shares of atoms.
    ``fallback`` is the former over the latter in the last third: below 1 if the model falls back on
    the source.
    """

    place: Place
    target: list[float]
    source: list[float]
    ratios: list[Ratio]
    trend: Ratio
    grid: list[tuple[Ratio | None, Ratio | None]]
    shares: list[tuple[float, float]]
    fallback: Ratio | None


def by_coverage(profiles: Sequence[Profile]) -> list[Covered]:
    """Return every arm but the baseline, by backbone, size and temperature."""
    profiles = principal(profiles)
    targets = list(dict.fromkeys(p.model.target for p in profiles))
    found: dict[Place, dict[Unit, list[Coverage]]] = defaultdict(lambda: defaultdict(list))
    for p in profiles:
        for coverage in p.coverage:
            on = coverage.training_set
            place = p.model.place.replace(size=on.size, train_temperature_k=on.train_temperature_k)
            unit: Unit = on.subset_seed, on.init_seed
            if len(targets) > 1:
                # What is transferred to one target is compared with the same models from scratch.
                unit = None, targets.index(p.model.target)
            found[place][unit].append(coverage)
    seed = bootstrap_seed({coverage.job for p in profiles for coverage in p.coverage})
    covered = []
    for place in sorted(found, key=Place.order):
        scratch = place.replace(strategy=BASELINE)
        if place.strategy != BASELINE and scratch in found:
            covered += list(_against(place, found[place], found[scratch], seed))
    return covered


def principal(profiles: Sequence[Profile]) -> list[Profile]:
    """Return the profiles of models pretrained on the largest of several parts of the source."""
    parts = list(dict.fromkeys(p.model.source_part for p in profiles))
    whole = next((part for part in parts if part in (None, WHOLE)), parts[-1] if parts else None)
    return [p for p in profiles if p.model.source_part == whole]


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
                # Which bins have atoms enough is the same for all arms.
                if (values := [e for c in some if (e := error(c))])
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
            (ratio(lambda c, i=i: c.grid_error[i][0]), ratio(lambda c, i=i: c.grid_error[i][1]))  # type: ignore[misc]
            for i in range(THIRDS)
        ],
        shares=[_shares(everything, i) for i in range(THIRDS)],
        fallback=ratio(_fallback),
    )


def _shares(everything: list[Coverage], third: int) -> tuple[float, float]:
    near, far = (float(sum(c.grid_atoms[third][n] for c in everything)) for n in (0, 1))
    return near / (near + far), far / (near + far)


def _fallback(coverage: Coverage) -> float | None:
    near, far = coverage.grid_error[-1]
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
            "backbone", "arm", "N", "from the target's", "source nearer", "target nearer",
            "first / second",
        ],
    ]  # fmt: skip
    for each in covered:
        place = each.place
        rows = zip(("near", "middle", "far"), each.grid, each.shares, strict=True)
        for name, ratios, shares in rows:
            cells = [
                f"{'–' if ratio is None else f'{ratio.value:.2f}'} ({share:.0%})"
                for ratio, share in zip(ratios, shares, strict=True)
            ]
            fallback = ratio_text(each.fallback, False) if name == "far" and each.fallback else ""
            lines.append([place.backbone, place.strategy, _size(place), name, *cells, fallback])
    return lines


def coverage_findings(covered: Iterable[Covered]) -> list[str]:
    """Give, for each arm, how its ratio to scratch changes with the distance to training sets."""
    found: dict[tuple[str, str], list[Covered]] = defaultdict(list)
    for each in covered:
        found[each.place.backbone, each.place.strategy].append(each)
    return [
        f"{backbone}, {strategy}: {AT_THIS_BUDGET}, its ratio to scratch for the fifth of the test "
        "atoms farthest from the target's training structures, over that for the nearest fifth, is "
        f"{_range(some, [each.trend for each in some])}. Of the farthest third, the ratio where "
        "the source is nearer, over that where it is not, is "
        f"{_range(some, [each.fallback for each in some])}."
        for (backbone, strategy), some in found.items()
    ]


def _range(covered: list[Covered], ratios: list[Ratio | None]) -> str:
    """Return the smallest and the largest of some ratios, each with its training set."""
    known = [
        (ratio, f"N = {_size(each.place)}")
        for each, ratio in zip(covered, ratios, strict=True)
        if ratio is not None
    ]
    return range_text(known) if known else "not known, for lack of atoms"


def _bin(n: int) -> str:
    return ("nearest fifth", "second", "third", "fourth", "farthest fifth")[n]


def _size(place: Place) -> str:
    at = place.train_temperature_k
    return str(place.size) if at is None else f"{place.size} at {at:g} K"
