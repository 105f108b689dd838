"""``tlbench advise``: what a potential for one's own data should start from."""

from pathlib import Path
from typing import Annotated

import typer

from tlbench.cli.options import (
    Device,
    MemoryLimit,
    StoreFolder,
    Tries,
    Workers,
    WorkersPerGpu,
)


def advise(
    data: Annotated[
        str,
        typer.Argument(
            help="File of structures with energies and forces, card, or name of a data set."
        ),
    ],
    time: Annotated[
        str, typer.Option(metavar="TIME", help="How long it may take, e.g. 30m or 2h.")
    ] = "2h",
    sources: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Compare these instead: published potentials, data sets, cards, files of "
            "potentials.",
            show_default="all that know the elements, or are near, and are on this machine",
        ),
    ] = None,
    backbone: Annotated[
        str, typer.Option(help="Backbone that is trained from scratch and on data sets.")
    ] = "dimenetpp",
    temperature: Annotated[
        float | None,
        typer.Option(
            metavar="K",
            help="Temperature of simulations.",
            show_default="the highest that the data state, else 600",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.", show_default="runs/advise-DATA")
    ] = None,
    store: StoreFolder = None,
    workers: Workers = None,
    workers_per_gpu: WorkersPerGpu = None,
    device: Device = "auto",
    memory_limit: MemoryLimit = None,
    tries: Tries = 3,
) -> None:
    """Find out what a potential for DATA should start from, and what more data would bring.

    First measures published potentials that know the elements as they are, without
    training. Then compares them, and models pretrained on data sets of the nearest
    elements, with training from scratch, on the same structures of DATA. With the
    time that is left, models are simulated to see whether they are stable. All is
    planned to fit the time; what is left out for that is stated. Nothing is
    downloaded.

    Where test structures are in a file of their own: tlbench data new train.xyz
    --test test.xyz, then tlbench advise train.yaml.

    Stop it with Ctrl-C and start it again at any time; nothing that is done is done twice.
    """
    from tlbench.advice.advise import advise as answer
    from tlbench.advice.question import Question
    from tlbench.cli.live import Display
    from tlbench.cli.resources import limits_of, seconds_of
    from tlbench.cli.run import signals_stop
    from tlbench.cli.tables import drawn, say
    from tlbench.engine.run.runner import Resources
    from tlbench.report.content import Table

    asked = [word.strip() for word in sources.split(",")] if sources is not None else None
    question = Question(
        data,
        seconds_of(time, "--time"),
        None if asked is None else tuple(filter(None, asked)),
        backbone,
        temperature,
    )
    resources = Resources(
        workers,
        device,
        limits=limits_of(None, memory_limit),
        attempts=tries,
        workers_per_gpu=workers_per_gpu,
    )
    display = Display()
    said: set[str] = set()

    def say_once(sentence: str) -> None:
        if sentence not in said:
            said.add(sentence)
            display.say(sentence)

    def show(table: Table) -> None:
        display.console.print(drawn(table.lines, display.console.width, words=(0, 1)))
        display.say(table.note)

    try:
        with display, signals_stop(display):
            found = answer(
                question,
                out,
                store,
                resources,
                display.update,
                display.note,
                say_once,
                show,
            )
    except KeyboardInterrupt:
        display.say("Interrupted. Finished jobs are kept; the same command continues from here.")
        raise typer.Exit(130) from None
    for sentence in found.section.sentences:
        say_once(sentence)
    for table in found.section.tables:
        show(table)
    say(str(found.run.out / "report.html"), display.console)
    if not found.run.report.complete:
        raise typer.Exit(1)
