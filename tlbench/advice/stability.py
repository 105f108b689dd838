"""Whether models of a start, and those from scratch, are stable in molecular dynamics.

A suite of several sources is not simulated. So the models of a start, and those from scratch, are
each simulated by a suite of one source and one arm, whose trainings are jobs of the comparison.
How long simulations may be is decided when the comparison is done, from the time of a force call on
64 atoms:

    seconds = steps × (`STEP` + seconds of a force call × max(1, (atoms + CALL) / (64 + CALL))),

`tlbench.jobs.amount.CALL` being the atoms that a call costs beside those whose forces it computes.
With fewer atoms a call of a small model takes hardly less time.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import atomic_masses, atomic_numbers

from tlbench.advice.calibration import PER_JOB
from tlbench.advice.run_context import RunContext
from tlbench.base.errors import InputError
from tlbench.base.phrases import counted, duration
from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS
from tlbench.engine.estimates import Prediction, estimate
from tlbench.engine.run.runner import run_jobs
from tlbench.engine.store.store import State, Store
from tlbench.jobs.amount import CALL
from tlbench.jobs.base import Job
from tlbench.jobs.context import data_file
from tlbench.jobs.simulate import Config as SimulateConfig
from tlbench.jobs.speed import standard_cell
from tlbench.jobs.start import Start, frames_near
from tlbench.md.protocol import FASTEST_FS
from tlbench.report.dynamics.models import Arm, arms_of
from tlbench.report.rows import Row
from tlbench.results.dynamics import collect_dynamics
from tlbench.study.models import plan
from tlbench.study.plan import Plan
from tlbench.study.study import resolve
from tlbench.study.suite import Suite
from tlbench.study.tuned import Tuned

LENGTHS_PS = (10.0, 5.0, 2.0, 1.0)
"""Simulated times, the longest that there is time for; with less, nothing is simulated."""

STEP = 0.001
"""Seconds of a timestep beside its force call: neighbours, thermostat and criteria."""

USUAL_K = 600.0
"""Temperature where neither the question nor the data state one: twice room temperature."""


@dataclass(frozen=True)
class Conditions:
    """What simulations are run at.

    Attributes
    ----------
    temperature_k, reason
        Temperature, and why it is this one, as a clause.
    start
        The structures that simulations start from.
    n_atoms
        Atoms of such a structure.
    timestep_fs
        See `timestep_for`.
    """

    temperature_k: float
    reason: str
    start: Start
    n_atoms: int
    timestep_fs: float

    def dynamics(self, time_ps: float) -> dict[str, Any]:
        """Return the key ``dynamics`` of a suite, one simulation of each model."""
        return {
            "temperature_k": self.temperature_k,
            "time_ps": time_ps,
            "timestep_fs": self.timestep_fs,
            "equilibration_ps": min(1.0, time_ps / 2),
            "start": self.start,
        }


@dataclass(frozen=True)
class Stability:
    """Simulations of models: name of a start, or that of scratch → those that were finished."""

    conditions: Conditions
    time_ps: float
    arms: Mapping[str, Arm]


@dataclass(frozen=True)
class Simulations:
    """Simulations that are planned: name of a start, or that of scratch → suite and jobs.

    Attributes
    ----------
    seconds
        How long they take by the clock, by estimate, less what of it is done.
    """

    conditions: Conditions
    time_ps: float
    suites: Mapping[str, dict[str, Any]]
    plans: Mapping[str, Plan]
    jobs: Mapping[str, Job]
    seconds: float


def conditions_of(compared: Plan, store: Store, temperature_k: float | None) -> Conditions:
    """Return what models of a comparison that is done are simulated at.

    Parameters
    ----------
    temperature_k
        What is asked for; by default the highest that the data state, else `USUAL_K`.

    Raises
    ------
    InputError
        If the structures are not periodic.
    """
    target = compared.study.ends[0].target
    folder = store.folder(compared.data[target.digest()])
    stated = np.concatenate([Frames.load(folder / data_file(s)).temperature_k for s in SPLITS])
    stated = stated[np.isfinite(stated)]
    start: Start = "nearest" if len(stated) else "any"
    if temperature_k is not None:
        reason = "as asked for"
    elif len(stated):
        temperature_k, reason = float(stated.max()), "the highest temperature that the data state"
    else:
        temperature_k, reason = USUAL_K, "twice room temperature, because the data state none"
    frames = frames_near(folder, temperature_k, start)
    if not frames.pbc.all():
        raise InputError("The structures are not periodic, and only crystals and liquids are.")
    timestep = timestep_for(target.elements)
    return Conditions(temperature_k, reason, start, int(frames.n_atoms[0]), timestep)


def timestep_for(elements: Iterable[str]) -> float:
    """Return a quarter of what the lightest element allows at most, or 2 fs if that is less."""
    lightest = min(float(atomic_masses[atomic_numbers[symbol]]) for symbol in elements)
    return min(2.0, round(FASTEST_FS * math.sqrt(lightest) / 4, 1))


def simulation_suite(compared: Plan, row: Row, dynamics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the suite that simulates the models of an arm of a comparison, at one size."""
    suite, place = compared.suite, row.place
    value = suite.model_dump(mode="json", exclude_defaults=True)
    names = [ends.source_name for ends in compared.study.ends]
    for key in ("from_scratch", "tested_on", "tuned"):
        value.pop(key, None)
    name = f"{suite.name[:40]}-stability-{place.strategy}"
    if suite.tuned is not None:
        found = _tuned_for(suite.tuned, row)
        value |= {"tuned": found.model_copy(update={"suite": name}).model_dump(mode="json")}
    return {
        **value,
        "name": name,
        "title": f"Stability of {place.strategy} in dynamics",
        "description": "Written by tlbench advise: simulations of models of its comparison.",
        "sources": [value["sources"][names.index(row.transfer.source)]],
        "backbones": {place.backbone: suite.backbones[place.backbone]},
        "strategies": [place.strategy],
        "sizes": [place.size],
        "dynamics": dict(dynamics),
    }


def _tuned_for(tuned: Tuned, row: Row) -> Tuned:
    """Return the settings of the models of one arm that start from one source."""
    place = row.place
    groups = [
        group
        for backbone, strategy, group in tuned.groups()
        if (backbone, strategy) == (place.backbone, place.strategy)
        and group.source in (None, row.transfer.source)
    ]
    return tuned.model_copy(update={"arms": {place.backbone: {place.strategy: groups}}})


def planned_simulations(
    compared: Plan,
    rows: Mapping[str, Row],
    conditions: Conditions,
    time_ps: float,
    context: RunContext,
) -> Simulations:
    """Return the simulations of models of a comparison that were trained.

    Parameters
    ----------
    rows
        Name of a start, or that of scratch → its models.
    """
    dynamics = conditions.dynamics(time_ps)
    suites = {name: simulation_suite(compared, row, dynamics) for name, row in rows.items()}
    plans = {name: plan(resolve(Suite.model_validate(value))) for name, value in suites.items()}
    jobs: dict[str, Job] = {}
    calls: dict[str, float] = {}
    for each in plans.values():
        wanted = {each.reference}
        for cell in each.simulated:
            if context.store.state(cell.trained) is State.FINISHED:
                simulation = each.jobs[cell.job].parents["simulation"]
                wanted |= {cell.job, simulation}
                measured = context.store.provenance(cell.speed)
                calls[simulation] = measured.force_call_seconds or np.nan
        for key in [key for key in wanted if key is not None]:
            wanted |= {*each.jobs[key].parents.values()}
        jobs |= {key: job for key, job in each.jobs.items() if key in wanted}
    seconds = _seconds(jobs, calls, conditions.n_atoms, context)
    return Simulations(conditions, time_ps, suites, plans, jobs, seconds)


def _seconds(
    jobs: Mapping[str, Job],
    calls: Mapping[str, float],
    n_atoms: int,
    context: RunContext,
) -> float:
    """Return how long simulations take; ``calls`` has the seconds of a force call of each."""
    store, resources = context.store, context.resources
    done = {key for key in jobs if store.state(key) is State.FINISHED}
    found = estimate(jobs, done, {key: store.folder(key) for key in done}, resources.device)
    timed = float(standard_cell().n_atoms.sum())
    for key in calls.keys() - done:
        settings = jobs[key].settings
        assert isinstance(settings, SimulateConfig)
        call = calls[key] * max(1.0, (n_atoms + CALL) / (timed + CALL))
        cpu = settings.protocol.n_steps * (STEP + call)
        wall = cpu if found.accelerates(jobs[key]) else cpu * found.busyness
        found.predictions[key] = Prediction("others", 1, wall, cpu)
    workers = resources.of(len(jobs))[1]
    return found.wall_seconds(workers) + PER_JOB * (len(jobs) - len(done)) / workers


def longest_simulations(
    compared: Plan,
    rows: Mapping[str, Row],
    conditions: Conditions,
    context: RunContext,
    seconds: float,
) -> Simulations:
    """Return the longest simulations that fit a time.

    Raises
    ------
    InputError
        If not even the shortest do, saying how long they would take.
    """
    for time_ps in LENGTHS_PS:
        found = planned_simulations(compared, rows, conditions, time_ps, context)
        if found.seconds <= seconds:
            return found
    n_models = sum(len(each.simulated) for each in found.plans.values())
    raise InputError(
        f"{found.time_ps:g} ps of {counted(n_models, 'model')} at {conditions.temperature_k:g} K "
        f"would take about {duration(found.seconds)}, and {duration(max(seconds, 0))} were left."
    )


def simulate(planned: Simulations, context: RunContext) -> Stability:
    """Run simulations that are not done yet; return what they found.

    Raises
    ------
    InputError
        If none was finished, with the first reason.
    """
    shown = next(iter(planned.plans.values()))
    shown.jobs |= planned.jobs
    report = run_jobs(
        planned.jobs,
        context.store,
        context.resources,
        lambda report: context.on_change(shown, context.store, report),
        context.on_event,
    )
    finished = [key for key, status in report.status.items() if status in ("cached", "done")]
    arms = {}
    for name, each in planned.plans.items():
        found = collect_dynamics(each, context.store, finished)
        if found is not None and found.models:
            (arms[name],) = arms_of(found, []).values()
    if not arms:
        raise InputError(f"Simulations failed: {next(iter(report.errors.values()), 'all of them')}")
    return Stability(planned.conditions, planned.time_ps, arms)
