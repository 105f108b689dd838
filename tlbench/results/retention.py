"""What models have kept of their source: errors on further test sets, beside its own.

They follow from records that are there anyway, so that no file holds them.
"""

from pydantic import Field

from tlbench.base.magnitudes import Number
from tlbench.metrics import METRICS, has_logarithm
from tlbench.metrics.conditions import DATA
from tlbench.metrics.statistics import Pair, model_of
from tlbench.results.records import Record
from tlbench.results.results import Results
from tlbench.study.model_key import OfModel
from tlbench.study.plan import PRETRAIN
from tlbench.transfer import starts_from_source

SourceErrors = dict[tuple[str, str | None, str], dict[Pair, float]]
"""(Source, part, backbone) → errors of the source models."""


class RetainedError(OfModel):
    """The error of a model on a further test set, and what its source model has there.

    ``metric`` is that of the record with ``retained_`` before it; ``ratio`` is ``value`` over
    ``source_value``, the error of the source model: above 1, training has made it worse there.
    ``trained`` and ``job`` trained and measured the model.
    """

    metric: str
    unit: str
    data: str = Field(description="name of the further data set")
    value: Number
    source_value: Number
    ratio: Number
    job: str
    trained: str | None


def retained_errors(results: Results) -> list[RetainedError]:
    """Return what every model that starts from a source has kept of it, on each further test set.

    Models are left out whose source model was not measured there, and source models themselves.
    """
    known: dict[tuple[str, str], SourceErrors] = {}
    found = []
    for r in results.records:
        is_whole = r.condition.keys() == {DATA} and r.value > 0 and has_logarithm(r.metric)
        if r.model.strategy == PRETRAIN or not is_whole or not r.model.size:
            continue
        if not starts_from_source(r.model.strategy):
            continue
        name = str(r.condition[DATA])
        if (r.metric, name) not in known:
            known[r.metric, name] = source_errors(results, r.metric, name)
        own = known[r.metric, name].get(_start(r), {})
        if (source := model_of(own, r.model.pair)) is not None:
            found.append(
                RetainedError(
                    model=r.model,
                    metric=retained_name(r.metric),
                    unit=METRICS.get(r.metric).unit,
                    data=name,
                    value=r.value,
                    source_value=own[source],
                    ratio=r.value / own[source],
                    job=r.job,
                    trained=r.trained,
                )
            )
    return found


def retained_name(metric: str) -> str:
    """Return what the errors of a metric on data of the source are called."""
    return f"retained_{metric}"


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
