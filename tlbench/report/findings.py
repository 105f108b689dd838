"""What a table says, in words."""

from collections.abc import Iterator

from tlbench.metrics import METRICS
from tlbench.metrics.statistics import (
    MIN_PAIRS,
    Curve,
    area_ratio,
    data_multipliers,
    equivalent_size,
    geometric_mean,
    negative_transfer,
    paired_ratio,
    tie_groups,
)
from tlbench.records import Record
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

PLATEAU = 0.9
"""More data hardly help where the error at the largest size is more than this share."""


def findings(records: list[Record], metric: str) -> list[str]:
    """Return sentences: what transferred structures are worth, and where transfer harms.

    Learning curves are those over structures of all temperatures; of models trained at one
    temperature it is said how often they are better.
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
                    f"{backbone}, {arm}: at N = {size} its error is {ratio_text(ratio, False)} "
                    f"times that of {level}, which sees no target data."
                )


def _of_plateau(backbone: str, baseline: Curve) -> Iterator[str]:
    """Say from which size on more data hardly help the baseline, if there is one."""
    means = {size: geometric_mean(list(pairs.values())) for size, pairs in baseline.items()}
    last = max(means)
    flat = [size for size in means if size < last and means[last] > PLATEAU * means[size]]
    if flat:
        share = means[last] / means[flat[0]]
        yield (
            f"{backbone}, {BASELINE}: its error at N = {last} is {share:.2f} times that at "
            f"N = {flat[0]}: more data hardly help with so many updates, so what transferred "
            "structures are worth holds for this budget only."
        )


def _of_arm(errors: Errors, backbone: str, arm: str, seed: int) -> Iterator[str]:
    curve = curve_of(errors, backbone, arm)
    baseline = curve_of(errors, backbone, BASELINE)
    start = f"{backbone}, {arm}:"
    if set(curve) == {0}:
        worth = equivalent_size(curve[0], baseline, seed)
        if worth:
            interval = worth.interval
            spread = f"95 %: {interval.text()}" if interval else n_pairs_text(worth.n_pairs)
            yield f"{start} {worth.worth(arm)} ({spread})."
    for size, multiplier in data_multipliers(curve, baseline, seed).items():
        within = multiplier.interval
        spread = f"95 %: {within.text()}" if within else n_pairs_text(multiplier.n_pairs)
        doubt = "; not told apart from scratch" if within and within.includes_one() else ""
        yield f"{start} {multiplier.worth(size)} ({multiplier.text()}; {spread}{doubt})."
    area = area_ratio(curve, baseline, seed)
    if area:
        sizes = sorted(size for size in curve if size in baseline)
        yield (
            f"{start} from N = {sizes[0]} to {sizes[-1]}, its error is on average (area between "
            f"the learning curves over log N) {ratio_text(area)} times that of {BASELINE}."
        )
    # An arm without target data is worse than many structures from scratch as a matter of course.
    for size, pairs in curve.items():
        ratio = paired_ratio(pairs, baseline.get(size, {}), seed)
        if ratio and negative_transfer(ratio):
            certain = negative_transfer(ratio) == "significant"
            yield (
                f"{start} negative transfer at N = {size}, {ratio_text(ratio)}"
                + ("." if certain else "; it may be chance.")
            )


def ranking(records: list[Record], metric: str) -> tuple[int, list[list[str]]] | None:
    """Return the largest size and its table of ranks, or None if nothing was trained.

    Columns: model, rank, tie group (none with few pairs), geometric mean.
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
    lower = METRICS.get(metric).better == "lower"
    try:
        standings = tie_groups(entries, seed_of(records, metric), lower_is_better=lower)
    except ValueError:
        # An unfinished run: some model shares no pair with the others.
        return None
    lines = [["model", "rank", "tie group", metric]]
    for name, standing in standings.items():
        mean = geometric_mean(list(entries[name].values()))
        few = len(entries[name]) < MIN_PAIRS
        group = "–" if few else str(standing.group)
        lines.append([name, str(standing.rank), group, f"{mean:.1f}"])
    return size, lines
