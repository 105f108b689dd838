"""What the errors of a metric say, in words; always at the budget of the run."""

from collections.abc import Iterable, Iterator

from tlbench.metrics.statistics import (
    Curve,
    Ratio,
    area_ratio,
    geometric_mean,
    negative_transfer,
    paired_ratio,
)
from tlbench.report.analysis import Analysis
from tlbench.report.rows import Errors, Row, curve_of, seed_of, target_errors
from tlbench.report.sections.temperature import temperature_findings
from tlbench.report.wording import (
    AT_THIS_BUDGET,
    BASELINE,
    chance_text,
    range_text,
    ratio_text,
)
from tlbench.study.model_key import Place

PLATEAU = 0.9
"""More data hardly help where the error at the largest size is more than this share."""


def curve_findings(analysis: Analysis, metric: str) -> list[str]:
    """Return sentences on the learning curves of all arms of one transfer.

    Learning curves are those over structures of all temperatures; of models trained at one
    temperature the range of ratios is given.
    """
    records = analysis.results.records
    errors = target_errors(records, metric)
    seed = seed_of(records, metric)
    arms = [s for s in analysis.strategies if s != BASELINE]
    sentences: list[str] = []
    for backbone in sorted({place.backbone for place in errors}):
        baseline = curve_of(errors, backbone, BASELINE)
        if not baseline:
            continue
        sentences += _of_plateau(backbone, baseline)
        for arm in arms:
            sentences += _of_arm(errors, backbone, arm, seed)
            sentences += _against_levels(errors, backbone, arm, arms, seed)
    return sentences + temperature_findings(analysis, metric)


def range_findings(rows: Iterable[Row]) -> list[str]:
    """Give the range of ratios to scratch of each trained arm, over several transfers.

    They are not counted: transfers to one target share the models from scratch, and transfers from
    one source the source models.
    """
    return ranges(
        (
            (row.place, row.ratio, f"{row.transfer.label()}, {row.place.training_set()}")
            for row in rows
            if row.trained and row.ratio is not None
        ),
        f"{AT_THIS_BUDGET}, its error is {{}} times that of {BASELINE}",
    )


def ranges(found: Iterable[tuple[Place, Ratio, str]], said: str) -> list[str]:
    """Return a sentence for each arm of each backbone: ``said`` of the range of its ratios.

    Parameters
    ----------
    found
        Arm, ratio, and the name of what it is of.
    """
    arms: dict[tuple[str, str], list[tuple[Ratio, str]]] = {}
    for place, ratio, name in sorted(found, key=lambda each: (each[0].backbone, each[0].strategy)):
        arms.setdefault((place.backbone, place.strategy), []).append((ratio, name))
    return [
        f"{backbone}, {strategy}: {said.format(range_text(ratios))}."
        for (backbone, strategy), ratios in arms.items()
    ]


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
                    f"{chance_text(ratio)}."
                )


def _of_plateau(backbone: str, baseline: Curve) -> Iterator[str]:
    """Say from which size on more data hardly help the baseline, if there is one."""
    means = {size: geometric_mean(list(pairs.values())) for size, pairs in baseline.items()}
    last = max(means)
    flat = [size for size in means if size < last and means[last] > PLATEAU * means[size]]
    if flat:
        yield (
            f"{backbone}, {BASELINE}: {AT_THIS_BUDGET}, its error at N = {last} is "
            f"{means[last] / means[flat[0]]:.2f} times that at N = {flat[0]}: the length of "
            "training, not the number of structures, may limit it."
        )


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
            f"of {BASELINE}{chance_text(area)}."
        )
    # An arm without target data is worse than many structures from scratch as a matter of course.
    for size, pairs in curve.items():
        ratio = paired_ratio(pairs, baseline.get(size, {}), seed)
        if ratio and negative_transfer(ratio):
            yield (
                f"{start} at N = {size}, its error {AT_THIS_BUDGET} is {ratio_text(ratio, False)} "
                f"times that of {BASELINE}{chance_text(ratio)}."
            )
