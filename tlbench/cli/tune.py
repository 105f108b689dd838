"""``tlbench tune``: find settings of training, fairly."""

import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlbench.cli.options import Mirror, StoreFolder, settings_of

if TYPE_CHECKING:
    from tlbench.tuned import Tuned
    from tlbench.tuning import Standing


def tune(
    suite: Annotated[str, typer.Argument(help="Name of a suite (tlbench ls suites) or YAML file.")],
    trials: Annotated[int, typer.Option(min=1, help="Trials for each backbone and strategy.")] = 20,
    backbone: Annotated[
        list[str] | None,
        typer.Option(help="Tune this backbone instead of the suite's; repeatable."),
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            help="Tune this strategy instead of the suite's, and pretraining if it needs a source "
            "model; repeatable."
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Target structures that trials train on.",
            show_default="the suite's middle size",
        ),
    ] = None,
    pairs: Annotated[
        int,
        typer.Option(
            min=1, help="Models trained in each trial, with the suite's first pairs of seeds."
        ),
    ] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the result.", show_default="runs/tune-SUITE")
    ] = None,
    store: StoreFolder = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Trials at a time.", show_default="one per core")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    mirror: Mirror = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the suite."),
    ] = None,
) -> None:
    """Tune learning rates on validation structures, the same for every arm.

    Every backbone and strategy of SUITE, training from scratch and pretraining
    included, gets as many trials of the suite's own budget. Test sets are not
    read. Writes tuned.yaml; run the suite with --set tuned=FILE.

    Stop it with Ctrl-C and start it again at any time: trials that ended are kept.
    """
    from tlbench.data.fetch import fetch
    from tlbench.engine.devices import check_device
    from tlbench.engine.executors import default_workers
    from tlbench.errors import InputError
    from tlbench.inspection.audit import check_distinct
    from tlbench.plan import plan
    from tlbench.run import default_store
    from tlbench.suite import load_suite

    if find_spec("optuna") is None:
        raise InputError("Tuning needs the package optuna; pip install 'tlbench[tune]'.")
    from tlbench.tuning import RESULT, Search, tune

    check_device(device)
    chosen = load_suite(suite, settings_of(set_), backbone or [], strategies=strategy or [])
    if chosen.tuned is not None:
        raise InputError(f"Suite {chosen.name!r} is tuned already; tune one without 'tuned'.")
    if len(chosen.transfers()) > 1:
        raise InputError(
            f"Suite {chosen.name!r} transfers between several pairs; tune a suite of one, "
            "such as 'transfer' with --set source.card=NAME --set target.card=NAME."
        )
    if size is not None and size not in chosen.sizes:
        known = ", ".join(str(n) for n in chosen.sizes)
        raise InputError(f"--size should be one of the suite's sizes, {known}, but is {size}.")
    if pairs > len(chosen.seed_pairs()):
        raise InputError(
            f"--pairs {pairs}: the suite has {len(chosen.seed_pairs())} pairs of seeds."
        )
    plan(chosen)
    for card in chosen.cards():
        fetch(card, mirror)
    check_distinct(chosen, mirror)
    folder = out or Path("runs") / f"tune-{chosen.name}"
    middle = chosen.sizes[len(chosen.sizes) // 2]
    search = Search(chosen, trials, size or middle, pairs, folder, store or default_store(), device)
    progress = _Lines(trials)
    try:
        tuned = tune(search, workers or default_workers(), progress)
    except KeyboardInterrupt:
        typer.echo("Interrupted. Trials that ended are kept; the same command goes on from here.")
        raise typer.Exit(130) from None
    _show(tuned)
    same = [f"--backbone {name}" for name in backbone or []]
    same += [f"--strategy {name}" for name in strategy or []]
    same += [f"--set {shlex.quote(text)}" for text in set_ or []]
    command = " ".join(["tlbench run", suite, *same, f"--set tuned={folder / RESULT}"])
    typer.echo(f"{folder / RESULT}\nNow:  {command}")


class _Lines:
    """Prints a line whenever a trial has ended."""

    def __init__(self, trials: int) -> None:
        self._trials = trials
        self._told: dict[tuple[str, str], int] = {}

    def __call__(self, standings: "list[Standing]") -> None:
        for s in standings:
            if s.ended > self._told.get((s.backbone, s.arm), 0):
                self._told[s.backbone, s.arm] = s.ended
                said = "" if s.best is None else f", best validation force MAE {s.best:.1f} meV/Å"
                typer.echo(f"{s.backbone}, {s.arm}: {s.ended} of {self._trials} trials{said}")


def _show(tuned: "Tuned") -> None:
    from tlbench.cli.tables import console, drawn
    from tlbench.report.tuned import tuned_table

    out = console()
    out.print(drawn(tuned_table(tuned), out.width, words=(0, 1)))
