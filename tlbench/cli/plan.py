"""``tlbench plan``: what a suite has to do, and what that will cost."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlbench.cli.options import (
    Backbones,
    Device,
    Settings,
    Source,
    StoreFolder,
    Strategies,
    SuiteName,
    Target,
    Workers,
    WorkersPerGpu,
    suite_of,
)

if TYPE_CHECKING:
    from tlbench.engine.estimates import Estimate
    from tlbench.engine.store.store import State
    from tlbench.engine.store.superseded import CodeChange
    from tlbench.jobs.base import Job
    from tlbench.study.plan import Plan

MOST_LINES = 200
"""Jobs that are listed one by one; more are counted by kind."""


def plan(
    suite: SuiteName,
    store: StoreFolder = None,
    workers: Workers = None,
    workers_per_gpu: WorkersPerGpu = None,
    device: Device = "auto",
    backbone: Backbones = None,
    strategy: Strategies = None,
    source: Source = None,
    target: Target = None,
    set_: Settings = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Predict what the jobs left to do will cost.")
    ] = False,
    save: Annotated[
        bool,
        typer.Option(
            "--save", help="Write the plan into the store, which is made if there is none."
        ),
    ] = False,
    keys: Annotated[
        bool,
        typer.Option("--keys", help="Print only level and key of each job left to do."),
    ] = False,
    everything: Annotated[
        bool,
        typer.Option("--all", help=f"List every job, even if there are more than {MOST_LINES}."),
    ] = False,
) -> None:
    """Show the jobs of SUITE, in which order they can be done, and which are done.

    Jobs of one level need only jobs of lower levels. --estimate predicts from what jobs in the
    store took on the same device. The trainings of quick and si-ge-dft-cpu, predicted from the jobs
    of other suites, took 5 and 1 % more CPU time in all; by the clock it depends on what
    else the machine does.
    """
    from tlbench.base.errors import InputError
    from tlbench.cli.tables import say
    from tlbench.engine.executors import slots
    from tlbench.engine.store.plans import write_plan
    from tlbench.engine.store.store import Store
    from tlbench.engine.work.devices import DEVICES
    from tlbench.run import default_store
    from tlbench.study.models import plan as plan_of
    from tlbench.study.networks import check_networks
    from tlbench.study.study import resolve

    if device not in DEVICES:
        raise InputError(f"Unknown device {device!r}; choose one of {', '.join(DEVICES)}.")
    at_once = len(slots(device, workers, workers_per_gpu))
    planned = plan_of(resolve(suite_of(suite, set_, backbone, strategy, source, target)))
    check_networks(planned.study)
    root = store or default_store()
    change = _code_change(planned, root)
    written = write_plan(Store(root), planned.suite.name, planned.jobs) if save else None
    if keys:
        for level, key in unfinished(planned.jobs, root):
            typer.echo(f"{level} {key}")
        return
    show_plan(planned, root, device, at_once, estimate, everything)
    if change is not None:
        say(change.sentence())
    if written is not None:
        typer.echo(f"Plan written to {written}")


def unfinished(jobs: "Mapping[str, Job]", root: Path) -> list[tuple[int, str]]:
    """Return level and key of each job that the store does not have, lower levels first."""
    from tlbench.cli.plan_table import levels
    from tlbench.engine.store.store import State

    states = _states(jobs, root)
    todo = [(level, key) for key, level in levels(jobs).items() if states[key] != State.FINISHED]
    return sorted(todo, key=lambda each: each[0])


def show_plan(
    planned: "Plan",
    store_root: Path,
    device: str,
    workers: int,
    estimate: bool,
    everything: bool = False,
) -> None:
    """Print the jobs of a plan and which are in the store, touching nothing.

    Parameters
    ----------
    workers
        Jobs at a time, for the time that is predicted.
    estimate
        Predict what the jobs that are not finished will cost on ``device``.
    everything
        List every job, however many there are.
    """
    from tlbench.base.phrases import counted
    from tlbench.cli.plan_table import jobs_table, kinds_table, sentences
    from tlbench.cli.tables import console, say
    from tlbench.engine.store.store import State
    from tlbench.study.further_sets import sentences as reasons
    from tlbench.study.further_sets import unknown_losses

    jobs = planned.jobs
    states = _states(jobs, store_root)
    done = {key for key, state in states.items() if state is State.FINISHED}
    found = _estimate(jobs, done, store_root, device) if estimate else None
    # Where no cost is known a sentence says so; columns would take room from the names of jobs.
    known = found if found is not None and found.seconds() else None
    out = console()
    if everything or len(jobs) <= MOST_LINES:
        out.print(jobs_table(jobs, states, known, out.width))
    else:
        out.print(kinds_table(jobs, done, known, out.width))
    lines = [f"{counted(len(jobs), 'job')}, {len(jobs) - len(done)} to do; store {store_root}"]
    lines += planned.study.element_sentences() + planned.study.left_out()
    lines += reasons(planned.study.untested, len(planned.study.ends))
    lines += unknown_losses(planned.suite)
    for line in lines + ([] if found is None else sentences(found, workers)):
        say(line)


def _code_change(planned: "Plan", root: Path) -> "CodeChange | None":
    from tlbench.engine.store.store import Store
    from tlbench.engine.store.superseded import code_change

    if not (root / "store.json").exists():
        return None
    return code_change(Store(root, read_only=True), planned.suite.name, planned.jobs)


def _states(jobs: "Mapping[str, Job]", root: Path) -> "dict[str, State]":
    from tlbench.engine.store.store import State, Store

    if not (root / "store.json").exists():
        return dict.fromkeys(jobs, State.ABSENT)
    store = Store(root, read_only=True)
    return {key: store.state(key, job=job) for key, job in jobs.items()}


def _estimate(
    jobs: "Mapping[str, Job]", done: Collection[str], root: Path, device: str
) -> "Estimate":
    from tlbench.engine.estimates import estimate, finished_in
    from tlbench.engine.store.store import Store

    finished = finished_in(Store(root, read_only=True)) if (root / "store.json").exists() else {}
    return estimate(jobs, done, finished, device)
