"""Errors that target models keep on data of their source, over those of their source models."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tlbench.metrics.conditions import DATA
from tlbench.metrics.statistics import Pair, Ratio, geometric_mean, paired_ratio
from tlbench.report.analysis import Analysis
from tlbench.report.rows import Row
from tlbench.results.records import Record
from tlbench.results.results import Results
from tlbench.study.plan import PRETRAIN
from tlbench.transfer import starts_from_source

ENOUGH = 5
"""Pairs from which on an interval is given."""

SourceErrors = dict[tuple[str, str | None, str], dict[Pair, float]]
"""(Source, part, backbone) → errors of the source models."""


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
        an interval from `ENOUGH` pairs on.
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

    An arm that is not trained has the weights of its source model, so its ratio there is 1; it is
    shown once, though it is compared at every size. Left out are data sets on which no source model
    was measured, because it was not trained on all of their elements.
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
            if ratio.n_pairs < ENOUGH or not target.trained:
                ratio = replace(ratio, interval=None)
            yield Retained(target, name, geometric_mean([*values.values()]), ratio)


def source_errors(results: Results, metric: str, name: str) -> SourceErrors:
    """Return the errors of source models on a further data set, those of the most updates.

    Where it is the data set that they were trained on, they are those of the whole test set. The
    source model of a potential whose weights were there is its arm that is not trained.
    """
    data = {each.job: each.data for each in results.errors}
    whole = {DATA: name}
    tested = {data.get(r.job) for r in results.records if r.condition == whole} - {None}
    trained = {_start(r) for r in results.records if r.model.strategy == PRETRAIN}
    found: SourceErrors = {}
    some = [r for r in results.records if r.metric == metric and _is_source(r, trained)]
    for r in sorted(some, key=lambda r: r.model.updates or 0):
        own = r.model.strategy == PRETRAIN and not r.condition and data.get(r.job) in tested
        if r.value > 0 and (own or r.condition == whole):
            found.setdefault(_start(r), {})[r.model.pair] = r.value
    return found


def _start(r: Record) -> tuple[str, str | None, str]:
    return r.model.source, r.model.source_part, r.model.backbone


def _is_source(r: Record, trained: set[tuple[str, str | None, str]]) -> bool:
    """Return whether a record is of a source model; those of ``trained`` were pretrained."""
    if r.model.strategy == PRETRAIN or _start(r) in trained:
        return r.model.strategy == PRETRAIN
    return not r.model.size and starts_from_source(r.model.strategy)
