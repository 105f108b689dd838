"""Options that several verbs share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tlbench.study.suite import Suite

SuiteName = Annotated[str, typer.Argument(help="Name of a suite (tlbench ls suites) or YAML file.")]

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a setting, e.g. training.batch_size=4."
    ),
]

Backbones = Annotated[
    list[str] | None,
    typer.Option("--backbone", help="Use this backbone instead of the suite's; repeatable."),
]

Source = Annotated[
    str | None,
    typer.Option(
        help="Data set or card to pretrain on, or potential to start from, instead of the suite's."
    ),
]

Target = Annotated[
    str | None, typer.Option(help="Data set or card to transfer to, instead of the suite's.")
]

Mirror = Annotated[
    Path | None,
    typer.Option(
        help="Folder to take the files of data sets from, instead of downloading them.",
        show_default="$TLBENCH_DATA_MIRROR",
    ),
]

StoreFolder = Annotated[
    Path | None,
    typer.Option(
        help="Folder of finished jobs.", show_default="$TLBENCH_STORE, or in the user's cache"
    ),
]

Strategies = Annotated[
    list[str] | None,
    typer.Option(
        "--strategy",
        help="Use this strategy instead of the suite's; repeatable. Gains are relative to scratch: "
        "add --strategy scratch to see them.",
    ),
]

Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Jobs at a time.", show_default="one per GPU; without, one per core"),
]

WorkersPerGpu = Annotated[
    int | None, typer.Option(min=1, help="Jobs at a time on each GPU.", show_default="1")
]

Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]

ExecutorName = Annotated[str, typer.Option(help="local, or parsl for a cluster.")]

ParslConfig = Annotated[
    Path | None,
    typer.Option(help="Python file that defines Parsl's configuration as 'config'."),
]

Pythons = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=PATH",
        help="Do the jobs of this backbone's environment with this Python; repeatable.",
    ),
]

TimeLimit = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Longest time for one try of a job, e.g. 90m or 4h."),
]

MemoryLimit = Annotated[
    float | None, typer.Option(metavar="GIB", help="Largest memory that a job may take, GiB.")
]

Tries = Annotated[
    int, typer.Option(min=1, help="How often to try a job that dies or takes too long.")
]

JsonFile = Annotated[Path | None, typer.Option(help="File for the result as JSON.")]

MarkdownFile = Annotated[Path | None, typer.Option(help="File for the result in Markdown.")]


def suite_of(
    name: str,
    settings: list[str] | None,
    backbones: list[str] | None,
    strategies: list[str] | None,
    source: str | None = None,
    target: str | None = None,
) -> "Suite":
    """Return a suite with the changes that options ask for.

    Raises
    ------
    InputError
        If there is no such suite, or a change is not possible.
    """
    from tlbench.study.loading import load_suite

    cards = {end: card for end, card in (("source", source), ("target", target)) if card}
    return load_suite(name, settings_of(settings), backbones or [], cards, strategies or [])


def settings_of(
    texts: list[str] | None, example: str = "training.batch_size=4"
) -> list[tuple[str, str]]:
    """Return the keys and values of ``--set KEY=VALUE``.

    Raises
    ------
    InputError
        If one is written otherwise.
    """
    from tlbench.base.errors import InputError

    settings = []
    for text in texts or []:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {text}: write it as KEY=VALUE, e.g. {example}.")
        settings.append((key.strip(), value))
    return settings
