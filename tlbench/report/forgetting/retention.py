"""Errors that target models keep on data of their source, over those of their source models."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tlbench.metrics.conditions import DATA
from tlbench.metrics.statistics import Ratio, geometric_mean, paired_ratio
from tlbench.report.analysis import Analysis
from tlbench.report.claims import CLAIM_PAIRS
from tlbench.report.rows import Row
from tlbench.results.retention import source_errors
from tlbench.transfer import starts_from_source


@dataclass(frozen=True)
class Retained:
    """What an arm keeps of its source at one size.

    Attributes
    ----------
    target
        Its error on the target.
    data
        Name of the further data set that it is also tested on.
    error
        Its error there, the geometric mean over pairs.
    ratio
        That over the error of the source model itself, pair by pair; above 1 is forgetting. It has
        an interval from `CLAIM_PAIRS` pairs on.
    """

    target: Row
    data: str
    error: float
    ratio: Ratio


def data_names(analysis: Analysis) -> list[str]:
    """Return the names of the further data sets that errors are known on, in order."""
    tested = (dict(row.tested) for row in analysis.rows)
    return list(dict.fromkeys(str(each[DATA]) for each in tested if DATA in each))


def retained(analysis: Analysis, metric: str) -> Iterator[Retained]:
    """Yield what each arm that starts from a source keeps of it, on each further data set.

    An arm that is not trained and not measured there has the weights of its source model, so its
    ratio is 1; it is shown once, though it is compared at every size. Left out are data sets on
    which no source model was measured, because it was not trained on all of their elements.
    """
    targets = {(row.transfer, row.place): row for row in analysis.of_metric(metric)}
    seen = set()
    for name in data_names(analysis):
        known = source_errors(analysis.results, metric, name)
        rows = analysis.of_metric(metric, ((DATA, name),))
        on_data = {(row.transfer, row.place): row.values for row in rows}
        for where, target in targets.items():
            start = target.transfer.source, target.transfer.part, target.place.backbone
            own = known.get(start)
            once = name, target.transfer, target.arm
            if not own or once in seen or not starts_from_source(target.place.strategy):
                continue
            values = on_data.get(where, {} if target.trained else own)
            ratio = paired_ratio(values, own)
            if ratio is None:
                continue
            seen.add(once)
            if ratio.n_pairs < CLAIM_PAIRS or not target.trained:
                ratio = replace(ratio, interval=None)
            yield Retained(target, name, geometric_mean([*values.values()]), ratio)
