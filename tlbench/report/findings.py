"""What a table says, in words."""

from collections.abc import Iterator
from dataclasses import dataclass

from tlbench.metrics import METRICS
from tlbench.metrics.statistics import (
    MIN_PAIRS,
    Curve,
    Ratio,
    area_ratio,
    geometric_mean,
    negative_transfer,
    paired_ratio,
    tie_groups,
    verdict,
)
from tlbench.records import Record
from tlbench.report.budget import AT_THIS_BUDGET
from tlbench.report.summary import (
    BASELINE,
    Errors,
    curve_of,
    n_pairs_text,
    ratio_text,
    seed_of,
    strategies_of,
    target_errors,
)
from tlbench.report.temperature import in_words, matrices

TIES_NOTE = (
    "Models in one tie group are not shown to be worse than its best, by the 95 % interval of "
    "their paired ratio."
)

PLATEAU = 0.9
"""More data hardly help where the error at the largest size is more than this share."""


@dataclass(frozen=True)
class Ranking:
    """The ranks of models at one size.

    Attributes
    ----------
    size
        Number of target training structures.
    lines
        The table, its header first; empty where pairs are too few for ranks.
    note
        How to read the ranks, or why there are none.
    """

    size: int
    lines: list[list[str]]
    note: str


def findings(records: list[Record], metric: str) -> list[str]:
    """Return sentences on the learning curves of all arms, at the budget of the run.

    Learning curves are those over structures of all temperatures; of models trained at one
    temperature the range of ratios is given.
    """
    errors = target_errors(records, metric)
    seed = seed_of(records, metric)
    arms = [s for s in strategies_of(records) if s != BASELINE]
    sentences: list[str] = []
    for backbone in sorted({place.backbone for place in errors}):
        baseline = curve_of(errors, backbone, BASELINE)
        if not baseline:
            continue
        sentences += _of_plateau(backbone, baseline)
        for arm in arms:
            sentences += _of_arm(errors, backbone, arm, seed)
            sentences += _against_levels(errors, backbone, arm, arms, seed)
    return sentences + [said for matrix in matrices(records, metric) for said in in_words(matrix)]


def _against_levels(
    errors: Errors, backbone: str, arm: str, arms: list[str], seed: int
) -> Iterator[str]:
    """Say where target data made an arm worse than one that sees none."""
    for level in arms:
        pairs = curve_of(errors, backbone, level).get(0)
        for size, values in curve_of(errors, backbone, arm).items():
            ratio = paired_ratio(values, pairs, seed) if pairs and size else None
            if ratio and ratio.value > 1:
                yield (
                    f"{backbone}, {arm}: {AT_THIS_BUDGET}, its error at N = {size} is "
                    f"{ratio_text(ratio, False)} times that of {level}, which sees no target data"
                    f"{_chance(ratio)}."
                )


def _of_plateau(backbone: str, baseline: Curve) -> Iterator[str]:
    """Say from which size on more data hardly help the baseline, if there is one."""
    plateau = _plateau(baseline)
    if plateau:
        first, last, share = plateau
        yield (
            f"{backbone}, {BASELINE}: {AT_THIS_BUDGET}, its error at N = {last} is {share:.2f} "
            f"times that at N = {first}: the length of training, not the number of structures, "
            "may limit it."
        )


def _plateau(baseline: Curve) -> tuple[int, int, float] | None:
    """Return where a plateau begins, the largest size, and the ratio of the errors there."""
    means = {size: geometric_mean(list(pairs.values())) for size, pairs in baseline.items()}
    last = max(means)
    flat = [size for size in means if size < last and means[last] > PLATEAU * means[size]]
    return (flat[0], last, means[last] / means[flat[0]]) if flat else None


def _of_arm(errors: Errors, backbone: str, arm: str, seed: int) -> Iterator[str]:
    curve = curve_of(errors, backbone, arm)
    baseline = curve_of(errors, backbone, BASELINE)
    start = f"{backbone}, {arm}:"
    area = area_ratio(curve, baseline, seed)
    if area:
        sizes = sorted(size for size in curve if size in baseline)
        yield (
            f"{start} from N = {sizes[0]} to {sizes[-1]}, its error {AT_THIS_BUDGET} is on average "
            f"(area between the learning curves over log N) {ratio_text(area, False)} times that "
            f"of {BASELINE}{_chance(area)}."
        )
    # An arm without target data is worse than many structures from scratch as a matter of course.
    for size, pairs in curve.items():
        ratio = paired_ratio(pairs, baseline.get(size, {}), seed)
        if ratio and negative_transfer(ratio):
            yield (
                f"{start} at N = {size}, its error {AT_THIS_BUDGET} is {ratio_text(ratio, False)} "
                f"times that of {BASELINE}{_chance(ratio)}."
            )


def _chance(ratio: Ratio) -> str:
    """Return a reservation where pairs are too few, or the interval of a ratio includes 1."""
    return "" if verdict(ratio) in ("gain", "loss") else "; it may be chance"


def ranking(records: list[Record], metric: str) -> Ranking | None:
    """Return the ranks of all models at the largest size, or None if nothing was trained.

    Columns: model, rank, tie group, geometric mean. Where some model has fewer than `MIN_PAIRS`
    pairs there are no tie groups, and so no ranks.
    """
    errors = target_errors(records, metric)
    sizes = {p.size for p in errors if p.size and p.train_temperature_k is None}
    if not sizes:
        return None
    size = max(sizes)
    # An arm without target data has as many values as source models: too few to be ranked.
    entries = {
        f"{p.backbone}, {p.strategy}": errors[p]
        for p in errors
        if p.train_temperature_k is None and p.size == size
    }
    fewest = min(map(len, entries.values()))
    if fewest < MIN_PAIRS:
        return Ranking(size, [], few_pairs_text(fewest))
    lower = METRICS.get(metric).better == "lower"
    try:
        standings = tie_groups(entries, seed_of(records, metric), lower_is_better=lower)
    except ValueError:
        # An unfinished run: some model shares no pair with the others.
        return None
    lines = [["model", "rank", "tie group", metric]]
    for name, standing in standings.items():
        mean = geometric_mean(list(entries[name].values()))
        lines.append([name, str(standing.rank), str(standing.group), f"{mean:.1f}"])
    return Ranking(size, lines, TIES_NOTE)


def few_pairs_text(n_pairs: int) -> str:
    """Say why models with so few pairs are not ranked."""
    return (
        f"Models are not ranked: with {n_pairs_text(n_pairs)} no two can be distinguished; ranks "
        f"need at least {MIN_PAIRS}."
    )
