"""Whether what models are said to have cost is possible, and fits what else is known of them.

A cost was measured on another machine, so it cannot be computed again. What can be:
the number of parameters, from the suite's configuration of the backbone; the number of updates,
from its budget; and that the cost is that of the job which trained the model, and of the one which
trained its source model. Beyond that there are bounds which no machine can be below:

- A force call or an update takes at least `LATENCY`, the time in which one kernel is launched; each
  is hundreds of them, one after the other. Every parameter takes part in a multiplication and an
  addition, at `RATE` at most.
- Weights have to be in memory, at four bytes each. On a processor, the interpreter and PyTorch are
  counted, too, which take hundreds of mebibytes: `INTERPRETER` at least.

They are far below what is honest: a training that is claimed to have been a thousand times faster
than it was may pass.

Submissions of format 1 may leave out what their versions did not measure.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tlbench.board.collecting import is_own
from tlbench.board.reading import Entry
from tlbench.board.verification.models import Coordinates, Model
from tlbench.board.verification.parameters import CUTOFF, MEMORY, SECONDS, count_parameters
from tlbench.models.backbones import BACKBONES
from tlbench.results.costs import Cost
from tlbench.results.provenance import JobProvenance
from tlbench.study.model_key import ModelKey
from tlbench.study.plan import PRETRAIN
from tlbench.study.sources import registered_backbone
from tlbench.study.study import Study
from tlbench.study.suite import Suite
from tlbench.transfer import arm

LATENCY = 1e-6
"""Seconds: a graphics processor needs several microseconds to begin with a kernel."""

RATE = 1e16
"""Operations per second in single precision; the fastest accelerators reach a hundredth of it."""

OPERATIONS = 2
"""For each parameter in a force call."""

BYTES = 4
"""Of a weight in single precision."""

MEBIBYTE = 1 << 20

INTERPRETER = 50
"""MiB; in what is published, trainings took 353 and more."""

_PROCESSOR = re.compile(r", [0-9]+ cores")
"""How the name of a processor ends, see `tlbench.engine.work.devices.device_name`."""

ROUNDING = 1e-9
"""Relative; both are written with all their digits."""


def check_costs(entry: Entry, models: list[Model]) -> Iterator[str]:
    """Yield what cannot be of the costs of a submission, or contradicts what else it says."""
    costs = {cost.trained: cost for cost in entry.results.costs}
    if len(costs) != len(entry.results.costs):
        yield "The cost of a model is given twice."
        return
    where = _trained(models)
    jobs = {job.job: job for job in entry.provenance}
    sources = {at.model.origin: key for key, at in where.items() if at.model.strategy == PRETRAIN}
    measured = entry.about.format > 1
    if measured:
        yield from _missing(where, sources, costs, jobs)
    calls: dict[str, set[float | None]] = defaultdict(set)
    for key, cost in costs.items():
        at = where[key]
        name = f"The cost of {at.label()}"
        for problem in (
            *_beyond_floors(cost, _updates(entry.study, at.model), measured),
            *_of_another_job(cost, jobs.get(key)),
            *_of_another_source(cost, at, costs.get(sources.get(at.model.origin, "")), entry.study),
        ):
            yield f"{name}: {problem}."
        calls[at.model.backbone].add(cost.force_call_seconds)
    for backbone, seconds in calls.items():
        if len(seconds - {None}) > 1:
            yield f"A force call of {backbone} takes different times for different models."


def check_parameters(entry: Entry, models: list[Model]) -> tuple[list[str], list[str]]:
    """Return what is wrong with numbers of parameters, and which could not be counted here."""
    where = _trained(models)
    stated: dict[str, set[int]] = defaultdict(set)
    for cost in entry.results.costs:
        stated[where[cost.trained].model.backbone].add(cost.n_parameters)
    here = {name for name in stated if _is_here(entry, name)}
    counted = _counted(entry.suite, sorted(here))
    problems = [
        f"{name} is said to have {' or '.join(f'{n:,}' for n in sorted(numbers))} parameters, but "
        f"built here it has {counted[name]:,}."
        for name, numbers in stated.items()
        if counted.get(name) is not None and numbers != {counted[name]}
    ]
    # What a plugin needs is not known here.
    unbuilt = {name for name, count in counted.items() if count is None}
    problems += [
        f"The network of {name} cannot be built within {SECONDS} s and {MEMORY >> 20} MiB, so "
        "its number of parameters is unknown; make it smaller."
        for name in sorted(unbuilt)
        if is_own("backbone", registered_backbone(name))
    ]
    missing = sorted(stated.keys() - counted.keys() | unbuilt)
    return problems, [f"The parameters of {name} cannot be counted here." for name in missing]


def _counted(suite: Suite, names: Sequence[str]) -> dict[str, int | None]:
    """Return what `count_parameters` finds of backbones, of which several may be of one name.

    Those are called like published potentials, and differ in architecture.
    """
    found: dict[str, int | None] = {}
    left = [*names]
    while left:
        some = {registered_backbone(name): name for name in reversed(left)}
        numbers = count_parameters({key: _config(suite, name) for key, name in some.items()})
        found |= {name: numbers[key] for key, name in some.items() if key in numbers}
        left = [name for name in left if name not in some.values()]
    return found


def _config(suite: Suite, name: str) -> dict[str, Any]:
    config: dict[str, Any] = suite.backbone_config(name).model_dump(mode="json")
    # How far a network of ours looks does not change its parameters; so suites share a count.
    return {**config, "cutoff": CUTOFF} if is_own("backbone", registered_backbone(name)) else config


def _is_here(entry: Entry, name: str) -> bool:
    """Return whether the backbone that was used is installed."""
    name = registered_backbone(name)
    if is_own("backbone", name):
        return True
    return name in BACKBONES and BACKBONES.provider(name) == entry.about.providers.get(name)


def _trained(models: list[Model]) -> dict[str, Coordinates]:
    """Return the coordinates of each trained model, by the key of the job that trained it."""
    return {
        model.trained: Coordinates(model.where.model)
        for model in models
        if model.trained is not None
    }


def _missing(
    where: dict[str, Coordinates],
    sources: dict[tuple[str, str | None, str, int | None], str],
    costs: dict[str, Cost],
    jobs: dict[str, JobProvenance],
) -> Iterator[str]:
    """Yield the models without a cost, but for those whose source model was trained elsewhere."""
    for key in sorted(where.keys() - costs.keys()):
        own, source = jobs.get(key), jobs.get(sources.get(where[key].model.origin, ""))
        if own is None or source is None or own.device_name == source.device_name:
            yield (
                f"{where[key].label()}: its cost is missing; run the suite until the job that "
                "times its backbone is done, and add it again."
            )


def _updates(study: Study, model: ModelKey) -> int:
    """Return how many updates the suite gives a model."""
    given = study.training(model)
    return 0 if given is None else given.updates


def _beyond_floors(cost: Cost, updates: int, measured: bool) -> Iterator[str]:
    least = _least_seconds(cost)
    if cost.n_parameters == 0:
        yield "a network has parameters"
    # Versions before the number was measured give 0, and no pace.
    unmeasured = not (measured or cost.updates or cost.updates_per_second is not None)
    if cost.updates != updates and not unmeasured:
        yield f"it is of {cost.updates} updates, but the suite has {updates}"
    for what, seconds in (("wall", cost.wall_seconds), ("cpu", cost.cpu_seconds)):
        if seconds < updates * least:
            yield f"{updates} updates cannot be done in {seconds:g} {what} seconds"
    if cost.updates_per_second is not None:
        pace = cost.updates_per_second
        if pace * least > 1:
            yield f"no machine does {pace:g} updates in a second"
        # The pace is that of all updates of the last attempt but the first.
        elif pace * max(cost.wall_seconds, cost.cpu_seconds) < updates / 2:
            yield f"{updates} updates at {pace:g} a second take longer than the training did"
    if cost.force_call_seconds is not None and cost.force_call_seconds < least:
        yield f"no machine does a force call in {cost.force_call_seconds:g} s"
    yield from _beyond_memory(cost, cost.peak_memory_mib, measured)


def _least_seconds(cost: Cost) -> float:
    """Return what an update or a force call takes at least."""
    return max(LATENCY, OPERATIONS * cost.n_parameters / RATE)


def _beyond_memory(cost: Cost, memory: int | None, measured: bool) -> Iterator[str]:
    if memory is None:
        if measured:
            yield "how much memory the training took is missing"
    # Whole mebibytes are given; on an accelerator there may be less than one.
    elif (memory + 1) * MEBIBYTE < BYTES * cost.n_parameters:
        yield f"{cost.n_parameters:,} parameters do not fit into {memory} MiB"
    elif memory < INTERPRETER and _PROCESSOR.search(cost.device):
        yield f"no process with PyTorch fits into {memory} MiB"


def _of_another_job(cost: Cost, job: JobProvenance | None) -> Iterator[str]:
    if job is None:
        yield "nothing says where the model was trained"
        return
    if (cost.device, cost.threads) != (job.device_name, job.threads):
        yield "its device is another than that of the training job"
    if job.seconds_before is not None:
        wall, cpu = job.seconds_before
        whole = job.wall_seconds + wall, job.cpu_seconds + cpu
        if not np.allclose((cost.wall_seconds, cost.cpu_seconds), whole, ROUNDING, 0):
            yield "its seconds are not those of all attempts at the training"
        return
    # In older versions the job's seconds are those of its last attempt.
    share = cost.wall_seconds * job.cpu_seconds, cost.cpu_seconds * job.wall_seconds
    if (
        cost.wall_seconds < job.wall_seconds * (1 - ROUNDING)
        or abs(share[0] - share[1]) > ROUNDING * max(share)
        or cost.wall_seconds > max(cost.updates, 1) * job.wall_seconds * (1 + ROUNDING)
    ):
        yield "its seconds are not those of the training job"


def _of_another_source(
    cost: Cost, at: Coordinates, source: Cost | None, study: Study
) -> Iterator[str]:
    given = cost.pretraining_wall_seconds, cost.pretraining_cpu_seconds
    if at.model.strategy == PRETRAIN or not arm(at.model.strategy).needs_source:
        if given != (None, None):
            yield "it was trained without a source model, which cannot have cost anything"
        return
    if source is not None:
        if given != (source.wall_seconds, source.cpu_seconds):
            yield "the seconds of pretraining are not those of its source model"
        return
    # The source model is not in the submission.
    ends = next(ends for ends in study.ends if ends.transfer == at.model.transfer)
    if ends.potential is None:
        updates = study.suite.source_budgets()[-1] or study.suite.pretraining.updates
        if min(seconds or 0.0 for seconds in given) < updates * _least_seconds(cost):
            seconds = given[1] or 0
            yield f"{updates} updates of pretraining cannot be done in {seconds:g} cpu seconds"
