"""``tlbench run``: run a suite."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlbench.cli.options import (
    Backbones,
    Device,
    ExecutorName,
    MemoryLimit,
    Mirror,
    ParslConfig,
    Pythons,
    Settings,
    Source,
    StoreFolder,
    Strategies,
    SuiteName,
    Target,
    TimeLimit,
    Tries,
    Workers,
    WorkersPerGpu,
    suite_of,
)

if TYPE_CHECKING:
    from tlbench.cli.live import Display


def run(
    suite: SuiteName,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.", show_default="runs/SUITE")
    ] = None,
    store: StoreFolder = None,
    workers: Workers = None,
    workers_per_gpu: WorkersPerGpu = None,
    device: Device = "auto",
    mirror: Mirror = None,
    backbone: Backbones = None,
    strategy: Strategies = None,
    source: Source = None,
    target: Target = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the jobs, what is done, and costs; run nothing.")
    ] = False,
    set_: Settings = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Do the I-th of N parts, into a store that all share."),
    ] = None,
    executor: ExecutorName = "local",
    parsl_config: ParslConfig = None,
    python: Pythons = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    tries: Tries = 3,
) -> None:
    """Run SUITE: do every job that is not in the store yet, then write records and report.

    Stop it with Ctrl-C and start it again at any time; nothing that is done is done twice.
    """
    from tlbench.base.errors import InputError
    from tlbench.cli.live import Display
    from tlbench.cli.plan import show_plan
    from tlbench.cli.resources import executor_of, limits_of, pythons_of, shard_of
    from tlbench.engine.executors import slots
    from tlbench.engine.run.runner import Resources
    from tlbench.engine.work.devices import check_device
    from tlbench.report.wording import BASELINE
    from tlbench.run import default_out, default_store, run_suite
    from tlbench.study.models import plan
    from tlbench.study.networks import check_networks
    from tlbench.study.shards import part
    from tlbench.study.study import resolve

    chosen = suite_of(suite, set_, backbone, strategy, source, target)
    shard_ = shard_of(shard)
    if dry_run:
        try:
            check_device(device)
        except InputError as error:
            if device != "cuda":
                raise
            text = f"{error} Jobs of another machine are shown by tlbench plan."
            raise InputError(text) from error
        root, at_once = store or default_store(), len(slots(device, workers, workers_per_gpu))
        planned = plan(resolve(chosen))
        check_networks(planned.study)
        if shard_ is not None:
            planned = replace(planned, jobs=part(planned.jobs, *shard_))
        show_plan(planned, root, device, at_once, estimate=True)
        return
    folder = out or default_out(chosen, shard_)
    resources = Resources(
        workers,
        device,
        executor_of(executor, parsl_config, folder),
        limits_of(time_limit, memory_limit),
        tries,
        pythons_of(python),
        workers_per_gpu,
    )
    display = Display()
    try:
        with display, signals_stop(display):
            finished = run_suite(
                chosen,
                folder,
                store,
                resources,
                mirror,
                shard_,
                display.update,
                display.note,
                lambda change: display.say(change.sentence()),
            )
    except KeyboardInterrupt:
        display.say("Interrupted. Finished jobs are kept; the same command continues from here.")
        raise typer.Exit(130) from None
    display.finish(finished, shard_)
    if strategy and not shard and BASELINE not in chosen.strategies:
        display.say(
            f"Without {BASELINE} there is nothing to compare with; add --strategy {BASELINE} to "
            "the same command, which repeats nothing that is done."
        )
    if not finished.report.complete:
        raise typer.Exit(1)


@contextmanager
def signals_stop(display: "Display") -> Iterator[None]:
    """Let signals stop the run at its next update, where nothing is half done.

    These are SIGINT, SIGTERM, and the SIGHUP of a terminal that goes away, unless nohup has it
    ignored. Before the first update, and at a second signal, they stop it at once.
    """

    def note(number: int, frame: Any) -> None:
        if not display.started:
            raise KeyboardInterrupt
        display.interrupted = True
        signal.signal(number, signal.default_int_handler)

    stopping = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        stopping.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in stopping}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
