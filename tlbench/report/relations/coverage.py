"""Gains by how near test atoms are to what models have been trained on.

The study explains transfer so: where the small target set has no examples, a transferred model
falls back on what it knows of the source. Then it should gain most for the atoms that are farthest
from the target's training structures, and among these for the ones that the source covers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tlbench.metrics.statistics import (
    Pair,
    Ratio,
    geometric_mean,
    paired_ratio,
)
from tlbench.report.budgets.outcomes import is_from_scratch
from tlbench.report.content import Lines, lines_of
from tlbench.report.wording import AT_THIS_BUDGET, range_text, ratio_text
from tlbench.results.profiles import BINS, THIRDS, Coverage, Profile
from tlbench.study.model_key import Place
from tlbench.study.transfers import WHOLE

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
    the source; ``of_source`` is that where one target has several.
    """

    place: Place
    target: list[float]
    source: list[float]
    ratios: list[Ratio]
    trend: Ratio
    grid: list[tuple[Ratio | None, Ratio | None]]
    shares: list[tuple[float, float]]
    fallback: Ratio | None
    of_source: str | None = None

    def cells(self) -> dict[str, str]:
        """Return the first cells of the line of an arm."""
        return ({"source": self.of_source} if self.of_source else {}) | first_cells(self.place)


Units = dict[Unit, dict[Pair, list[Coverage]]]
"""What an arm covers, by what counts as one and by the pair of seeds."""


def by_coverage(profiles: Sequence[Profile]) -> list[Covered]:
    """Return every arm but those from scratch, by backbone, size and temperature.

    Where one target has several sources they are kept apart.
    """
    profiles = principal(profiles)
    targets = list(dict.fromkeys(p.model.target for p in profiles))
    sources = list(dict.fromkeys(p.model.source for p in profiles))
    if len(targets) > 1 or len(sources) < 2:
        return _of_targets(profiles, targets)
    return [
        replace(each, of_source=source)
        for source in sources
        for each in _of_targets([p for p in profiles if p.model.source == source], targets)
    ]


def _of_targets(profiles: Iterable[Profile], targets: Sequence[str]) -> list[Covered]:
    found: dict[Place, Units] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for p in profiles:
        for coverage in p.coverage:
            on = coverage.training_set
            place = p.model.place.replace(size=on.size, train_temperature_k=on.train_temperature_k)
            pair: Pair = on.subset_seed, on.init_seed
            # What is transferred to one target is compared with the same models from scratch.
            several = len(targets) > 1
            unit: Unit = (None, targets.index(p.model.target)) if several else pair
            found[place][unit][pair].append(coverage)
    covered = [
        _against(place, found[place], found[place.scratch])
        for place in sorted(found, key=lambda each: (each.backbone, each.strategy, each.position))
        if not is_from_scratch(place) and place.scratch in found
    ]
    return [each for each in covered if each is not None]


def principal(profiles: Sequence[Profile]) -> list[Profile]:
    """Return the profiles of models pretrained on the largest of several parts of the source."""
    parts = list(dict.fromkeys(p.model.source_part for p in profiles))
    whole = next((part for part in parts if part in (None, WHOLE)), parts[-1] if parts else None)
    return [p for p in profiles if p.model.source_part == whole]


def _against(place: Place, arm: Units, baseline: Units) -> Covered | None:
    def ratio(error: Callable[[Coverage], float | None]) -> Ratio | None:
        # Which bins have atoms enough is the same for all arms.
        ours, theirs = (
            {
                unit: geometric_mean(values)
                for unit, some in each.items()
                # Of what is one unit, too, only the pairs of both.
                if (
                    values := [
                        e
                        for pair, of_pair in some.items()
                        if pair in other.get(unit, some)
                        for c in of_pair
                        if (e := error(c))
                    ]
                )
            }
            for each, other in ((arm, baseline), (baseline, arm))
        )
        return paired_ratio(ours, theirs)

    def of_cell(third: int, column: int) -> Ratio | None:
        return ratio(lambda coverage: coverage.grid_error[third][column])

    ratios = [found for n in range(BINS) if (found := ratio(lambda c, n=n: c.error[n]))]  # type: ignore[misc]
    trend = ratio(lambda c: c.error[-1] / c.error[0] if c.error[0] else None)
    if len(ratios) < BINS or trend is None:
        return None
    everything = [c for some in arm.values() for of_pair in some.values() for c in of_pair]
    atoms = np.sum([coverage.grid_atoms for coverage in everything], axis=0, dtype=float)
    return Covered(
        place=place,
        target=np.mean([c.target for c in everything], axis=0).tolist(),
        source=np.mean([c.source for c in everything], axis=0).tolist(),
        ratios=ratios,
        trend=trend,
        grid=[(of_cell(third, 0), of_cell(third, 1)) for third in range(THIRDS)],
        shares=[tuple(line) for line in (atoms / atoms.sum(axis=1, keepdims=True)).tolist()],
        fallback=ratio(_fallback),
    )


def _fallback(coverage: Coverage) -> float | None:
    near, far = coverage.grid_error[-1]
    return near / far if near and far else None


def coverage_table(covered: Iterable[Covered]) -> Lines:
    """Return a line per arm and place: ratios from the nearest bin to the farthest."""
    fifths = "nearest fifth", "second", "third", "fourth", "farthest fifth"
    return lines_of(
        {
            **each.cells(),
            **{name: f"{r.value:.2f}" for name, r in zip(fifths, each.ratios, strict=True)},
            "last / first": ratio_text(each.trend, False),
        }
        for each in covered
    )


def grid_table(covered: Iterable[Covered]) -> Lines:
    """Return a line per arm, place and third of distances to the target's structures."""
    rows = []
    for each in covered:
        thirds = zip(("near", "middle", "far"), each.grid, each.shares, strict=True)
        for name, ratios, shares in thirds:
            nearer, other = (
                f"{'–' if ratio is None else f'{ratio.value:.2f}'} ({share:.0%})"
                for ratio, share in zip(ratios, shares, strict=True)
            )
            found = {
                "from the target's": name,
                "source nearer": nearer,
                "target nearer": other,
                "first / second": "",
            }
            if name == "far" and each.fallback:
                found["first / second"] = ratio_text(each.fallback, False)
            rows.append(each.cells() | found)
    return lines_of(rows)


def first_cells(place: Place) -> dict[str, str]:
    """Return the first cells of the line of an arm."""
    training_set = place.training_set().removeprefix("N = ")
    return {"backbone": place.backbone, "arm": place.strategy, "N": training_set}


def coverage_findings(covered: Iterable[Covered]) -> list[str]:
    """Give, for each arm, how its ratio to scratch changes with the distance to training sets."""
    arms: dict[str, list[Covered]] = defaultdict(list)
    for each in covered:
        source = f" from {each.of_source}" if each.of_source else ""
        arms[f"{each.place.backbone}, {each.place.strategy}{source}"].append(each)
    return [
        f"{name}: {AT_THIS_BUDGET}, its ratio to scratch for the fifth of the test "
        "atoms farthest from the target's training structures, over that for the nearest fifth, is "
        f"{range_text([(c.trend, c.place.training_set()) for c in some])}. Of the farthest third, "
        "the ratio where the source is nearer, over that where it is not, is "
        + (
            range_text([(c.fallback, c.place.training_set()) for c in some if c.fallback])
            if any(c.fallback for c in some)
            else "not known, for lack of atoms"
        )
        + "."
        for name, some in arms.items()
    ]
