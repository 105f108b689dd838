"""``tlbench models``: the trained models of a run, and where their potentials lie."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlbench.cli.status import RunFolder

if TYPE_CHECKING:
    from tlbench.results.trained_models import TrainedModel


def models(
    run: RunFolder,
    backbone: Annotated[
        list[str] | None, typer.Option(help="Only models of this backbone; repeatable.")
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(help="Only models of this strategy, pretrain for source models; repeatable."),
    ] = None,
    size: Annotated[
        list[int] | None,
        typer.Option(help="Only models trained on so many structures; repeatable."),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Folder of finished jobs.", show_default="the one that the run used"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print them as CSV.")] = False,
) -> None:
    """List the trained models of a run: test errors, costs, and the files of their potentials.

    Such a file, potential.safetensors, is what tlbench md and tlbench.load_potential read.
    """
    from tlbench.base.errors import InputError
    from tlbench.results.trained_models import list_models, run_folder, store_of

    if as_json and as_csv:
        raise InputError("--json and --csv: choose one of them.")
    found = list_models(
        run, store, backbones=backbone or [], strategies=strategy or [], sizes=size or []
    )
    rows = [each.row() for each in found]
    if as_json:
        typer.echo(json.dumps(rows, indent=1, default=str))
        return
    if as_csv:
        import pandas as pd

        frame = pd.DataFrame(rows, dtype=object)
        typer.echo(frame.to_csv(index=False, lineterminator="\n"), nl=False)
        return
    root = store or store_of(run_folder(run))
    _show(found, root is not None)
    missing = sum(each.state == "absent" for each in found)
    if root is None:
        typer.echo("The folder does not say which store the run used; name it with --store.")
    elif missing:
        typer.echo(
            f"{missing} of {len(found)} models are not in the store {root}: they were deleted, or "
            "the store was moved; name another with --store, or run the suite again."
        )


def _show(found: "Sequence[TrainedModel]", places: bool) -> None:
    """Print a line of a table for each model, and below it, if ``places``, its path in full."""
    from tlbench.base.errors import printable

    titles = [
        ("", "backbone"), ("", "strategy"), ("", "elements"), ("", "N"), ("at", "(K)"),
        ("up-", "dates"), ("set/", "init"), ("forces", "meV/Å"), ("energy", "meV/atom"),
        ("CPU", "s"), ("source", "CPU s"),
    ]  # fmt: skip
    upper, lower = zip(*titles, strict=True)
    lines = [list(upper), list(lower), *([*map(printable, _cells(each))] for each in found)]
    absent = {
        place
        for place, name in ((4, "train_temperature_k"), (5, "updates"))
        if all(getattr(each.model, name) is None for each in found)
    }
    lines = [[cell for place, cell in enumerate(line) if place not in absent] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        cells = [
            cell.ljust(width) if place < 3 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        typer.echo("  ".join(cells).rstrip())
        if number >= 2 and places:
            typer.echo(f"  {_place(found[number - 2])}")
    typer.echo(
        "\nset/init: seeds of the training set and of what comes before it; forces, energy:\n"
        "mean absolute errors on the test set, without structures that its card marks;\n"
        "CPU: of training, and of pretraining the source model, which several share."
    )


def _cells(trained: "TrainedModel") -> list[str]:
    from tlbench.study.plan import PRETRAIN

    model = trained.model
    elements = model.transfer.label() if model.source else model.target
    if model.strategy == PRETRAIN:
        elements = elements.partition(" → ")[0]
    return [
        model.backbone,
        model.strategy,
        elements,
        str(model.size),
        _number(model.train_temperature_k, "{:g}"),
        _number(model.updates, "{:,}"),
        "/".join("–" if seed is None else str(seed) for seed in model.pair),
        _number(trained.force_mae, "{:.1f}"),
        _number(trained.energy_mae, "{:.2f}"),
        _number(trained.cpu_seconds, "{:.1f}"),
        _number(trained.pretraining_cpu_seconds, "{:.1f}"),
    ]


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _place(model: "TrainedModel") -> str:
    if model.potential is not None:
        return str(model.potential)
    if model.state == "damaged":
        return "damaged in the store: its files are not those that training wrote"
    return "not in the store"
