"""``tlbench tune``: find settings of training, fairly."""

import shlex
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlbench.base.phrases import counted
from tlbench.cli.options import (
    Backbones,
    Device,
    ExecutorName,
    MemoryLimit,
    Mirror,
    ParslConfig,
    Pythons,
    Settings,
    StoreFolder,
    SuiteName,
    TimeLimit,
    Tries,
    Workers,
    WorkersPerGpu,
    suite_of,
)

if TYPE_CHECKING:
    from tlbench.cli.live import Display
    from tlbench.engine.run.runner import Listener
    from tlbench.jobs.base import Job
    from tlbench.study.study import Study
    from tlbench.study.suite import Suite
    from tlbench.study.tuned import Tuned
    from tlbench.tuning import Ended, Search, Series
    from tlbench.tuning.cost import Cost


def tune(
    suite: SuiteName,
    trials: Annotated[
        int,
        typer.Option(help="Trials for each backbone, strategy, group of sizes and budget."),
    ] = 20,
    backbone: Backbones = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            help="Tune this strategy instead of the suite's, and pretraining if it needs a source "
            "model; repeatable."
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N,N",
            help="Sizes that share their settings, tuned at the middle one, of two the larger; "
            "repeatable: --group 1 --group 10,40.",
            show_default="each size of the suite by itself",
        ),
    ] = None,
    budget: Annotated[
        list[int] | None,
        typer.Option(
            help="Tune target models of this number of updates; repeatable.",
            show_default="all budgets of the suite",
        ),
    ] = None,
    pairs: Annotated[
        int,
        typer.Option(
            min=1, help="Models trained in each trial, with the suite's first pairs of seeds."
        ),
    ] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the trials will cost; run nothing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the result.", show_default="runs/tune-SUITE")
    ] = None,
    store: StoreFolder = None,
    workers: Workers = None,
    workers_per_gpu: WorkersPerGpu = None,
    device: Device = "auto",
    mirror: Mirror = None,
    set_: Settings = None,
    executor: ExecutorName = "local",
    parsl_config: ParslConfig = None,
    python: Pythons = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    tries: Tries = 3,
) -> None:
    """Tune learning rates on validation structures, with as many trials for every arm.

    Every backbone and strategy of SUITE, training from scratch and pretraining
    included, gets as many trials at each size, or group of sizes, and each budget;
    what is tuned is the learning rate and the share of it at the last update. Test
    sets are not read. Writes tuned.yaml, which keeps what else was tuned there; run
    the suite with --set tuned=FILE.

    Stop it with Ctrl-C and start it again at any time: trials that ended are kept.
    """
    from tlbench.base.errors import InputError
    from tlbench.cli.interrupts import ends_quietly, signals_stop
    from tlbench.cli.live import Display
    from tlbench.cli.resources import executor_of, limits_of, pythons_of
    from tlbench.cli.tables import drawn, say
    from tlbench.data.fetch import fetch
    from tlbench.engine.run.runner import Resources
    from tlbench.engine.store.store import Store
    from tlbench.engine.work.devices import check_device
    from tlbench.report.inspection.audit import check_distinct
    from tlbench.report.inspection.compositions import check_elements
    from tlbench.report.sections.models import tuned_table
    from tlbench.report.wording import BASELINE
    from tlbench.run import default_store

    if find_spec("optuna") is None:
        raise InputError("Tuning needs the package optuna; pip install 'tlbench[tune]'.")
    from tlbench.tuning import RESULT, Search, cost_of, tune

    check_device(device)
    chosen = suite_of(suite, set_, backbone, strategy)
    study = _study_of(chosen)
    search = Search(chosen, trials, _groups(group), pairs, tuple(budget or ()))
    root = store or default_store()
    cost = cost_text(search, cost_of(search, root, device))
    if dry_run:
        say(cost)
        return
    for card in study.cards:
        fetch(card, mirror)
    check_distinct(study, mirror)
    check_elements(study, mirror)
    folder = out or Path("runs") / f"tune-{chosen.name}"
    resources = Resources(
        workers,
        device,
        executor_of(executor, parsl_config, folder),
        limits_of(time_limit, memory_limit),
        tries,
        pythons_of(python),
        workers_per_gpu,
    )
    resources.check()
    display = Display()
    display.say(cost)
    kept = "Trials that ended are kept; the same command continues from here."
    with ends_quietly(display, kept), display, signals_stop(display):
        tuned = tune(
            search,
            folder,
            Store(root),
            resources,
            display.update,
            _listener(display),
            _progress(display, trials),
        )
    if tuned is None:
        display.say(
            "Some jobs failed, see above. Trials that ended are kept; the same command "
            "tries the others again."
        )
        raise typer.Exit(1)
    display.console.print(drawn(tuned_table(tuned), display.console.width, words=(0, 1, 2)))
    if BASELINE not in chosen.strategies:
        display.say(
            f"{BASELINE} is not tuned, so a ratio to it would compare tuned with untuned; add "
            f"--strategy {BASELINE} to the same command, which repeats nothing that is done."
        )
    options = _options(chosen, tuned, backbone or [], strategy or [], set_ or [])
    command = " ".join(["tlbench run", suite, *options, f"--set tuned={folder / RESULT}"])
    typer.echo(f"{folder / RESULT}\nNow:  {command}")


def _study_of(chosen: "Suite") -> "Study":
    """Return what a suite asks for, if it can be tuned."""
    from tlbench.base.errors import InputError
    from tlbench.study.networks import check_networks
    from tlbench.study.study import resolve

    if chosen.tuned is not None:
        raise InputError(f"Suite {chosen.name!r} is tuned already; tune one without 'tuned'.")
    study = resolve(chosen)
    check_networks(study)
    several = [each for each in study.ends if each.part or each.target != study.ends[0].target]
    if len(study.ends) > 1 and several:
        raise InputError(
            f"Suite {chosen.name!r} transfers between several pairs; tune a suite of one, "
            "such as 'transfer' with --set source.card=NAME --set target.card=NAME."
        )
    return study


def _groups(texts: list[str] | None) -> tuple[tuple[int, ...], ...]:
    """Return groups of sizes, each given as ``10,40``."""
    from tlbench.base.errors import InputError

    try:
        return tuple(tuple(int(size) for size in text.split(",")) for text in texts or ())
    except ValueError:
        raise InputError(f"--group should be sizes, as 10,40, but one is not: {texts}.") from None


def _listener(display: "Display") -> "Listener":
    """Return what shows how jobs end; one that diverged is a trial that ended, not a failure."""
    from tlbench.cli.tables import duration

    def note(event: str, job: "Job", **fields: Any) -> None:
        if event == "failed" and fields.get("diverged"):
            display.say(f"Diverged: {job.label}: {fields['error']}")
        elif event != "finished":
            display.note(event, job, **fields)
        elif not display.console.is_terminal and not fields["reused"]:
            display.say(f"{job.label}: {duration(fields['seconds'])}")

    return note


def _progress(display: "Display", trials: int) -> Callable[["Ended"], None]:
    """Return what says of which series further trials ended, and the best error so far."""
    from tlbench.tuning import best_of

    shown: dict[Series, int] = {}

    def show(ended: "Ended") -> None:
        for series, found in ended.items():
            if len(found) == shown.get(series, 0):
                continue
            shown[series] = len(found)
            said = f"{series.label()}: {len(found)} of {trials} trials"
            if (best := best_of(found)) is not None:
                said += f", best validation force MAE {best.validation_force_mae:.1f} meV/Å"
            display.say(said)

    return show


def _options(
    chosen: "Suite", tuned: "Tuned", backbone: list[str], strategy: list[str], settings: list[str]
) -> list[str]:
    """Return the options of ``tlbench run`` for the suite that was tuned.

    The file may hold arms of an earlier search, which the suite that uses it has to have.
    """
    from tlbench.study.tuned import PRETRAINING

    arms = {name for found in tuned.arms.values() for name in found} - {PRETRAINING}
    backbones = [name for name in tuned.arms if name not in chosen.backbones]
    strategies = sorted(arms.difference(chosen.strategies))
    backbone = [*chosen.backbones, *backbones] if backbones else backbone
    strategy = [*chosen.strategies, *strategies] if strategies else strategy
    return [
        *(f"--backbone {name}" for name in backbone),
        *(f"--strategy {name}" for name in strategy),
        *(f"--set {shlex.quote(text)}" for text in settings),
    ]


def cost_text(search: "Search", cost: "Cost") -> str:
    """Return what the trials of a search cost, in words."""
    from tlbench.cli.tables import duration

    time = "how long that takes is not known, as the store has no such trainings"
    if cost.seconds is not None:
        time = f"about {duration(cost.seconds)} for one worker, by what the store has of such jobs"
    return (
        f"{counted(search.trials, 'trial')} for each of {cost.series} series (backbone, arm, group "
        f"of sizes, budget): {counted(cost.trainings, 'training')} with {cost.updates:,} updates "
        f"in all, less what is done; {time}."
    )
