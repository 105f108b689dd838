"""``tlbench import``: a checkpoint of another program becomes a potential."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlbench.cli.options import Pythons

if TYPE_CHECKING:
    from tlbench.transfer.potentials.checkpoints import CheckpointFormat

MOST_TEXT = 500
"""Characters of the statement on training data."""

_MOST_NAMED = 12


def import_checkpoint(
    checkpoint: Annotated[Path, typer.Argument(help="File that a program saved its model in.")],
    as_: Annotated[
        str, typer.Option("--as", metavar="PROGRAM", help="Its program: mace, sevennet or chgnet.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="File to write.", show_default="NAME.safetensors, in this folder"),
    ] = None,
    trained_on: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Data that it was trained on, which its file then states."
        ),
    ] = None,
    python: Pythons = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before code from the file is run.")
    ] = False,
) -> None:
    """Convert a checkpoint of MACE, SevenNet or CHGNet to a potential of tlbench.

    The file that is written holds weights alone: opening it runs nothing.
    """
    from tlbench.base.errors import InputError, printable
    from tlbench.cli.tables import console, say
    from tlbench.transfer.potentials import checkpoints

    form = checkpoints.FORMATS.get(as_)
    target = out or Path(f"{checkpoint.name.split('.', 1)[0] or 'potential'}.safetensors")
    checkpoints.check_file(checkpoint)
    _check_target(target)
    if trained_on is not None and not (trained_on == printable(trained_on) and _fits(trained_on)):
        raise InputError(
            f"--trained-on should be a line of at most {MOST_TEXT} characters that can be printed."
        )
    interpreter = _interpreter(form, python)
    screen = console()
    if form.runs_code:
        say(
            f"A checkpoint of {form.program} is a pickle: reading {checkpoint} runs code that is "
            "in it, in a process of its own but with your rights. Go on only if you trust "
            "the person who made it.",
            screen,
        )
        _ask(yes)
    else:
        say(f"{checkpoint}: reading it runs no code.", screen)
    with screen.status("converting", spinner="dots"):
        checkpoints.import_checkpoint(as_, checkpoint, target, trained_on, interpreter)
    say(f"{target}: {_summary(target, form.backbone)}", screen)


def _fits(text: str) -> bool:
    return bool(text.strip()) and len(text) <= MOST_TEXT


def _check_target(target: Path) -> None:
    from tlbench.base.errors import InputError

    if target.exists():
        raise InputError(f"{target} already exists; choose another file with --out.")
    if not target.parent.is_dir():
        raise InputError(f"{target} cannot be written: there is no folder {target.parent}.")


def _interpreter(form: "CheckpointFormat", given: list[str] | None) -> str:
    """Return the Python of the package: this one, or that of its environment."""
    from tlbench.base.errors import InputError
    from tlbench.cli.resources import pythons_of
    from tlbench.engine.work.interpreters import check_interpreters
    from tlbench.transfer.potentials.checkpoints import check_package

    pythons = pythons_of(given)
    if not pythons:
        check_package(form)
        return sys.executable
    if pythons.keys() != {form.backbone}:
        raise InputError(
            f"--python should name the environment of {form.program} alone, as "
            f"{form.backbone}=PATH."
        )
    check_interpreters(pythons, pythons)
    return pythons[form.backbone]


def _ask(yes: bool) -> None:
    """Ask whether code may be run, where a person can answer."""
    from tlbench.base.errors import InputError

    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("Code from a file is run only if you say so; repeat it with --yes.")
    typer.confirm("Run code from this file?", abort=True)


def _summary(path: Path, backbone: str) -> str:
    """Return what a potential is, in words, as its file has it; no network is built."""
    from math import prod

    import numpy as np
    from ase.data import chemical_symbols
    from safetensors import safe_open

    with safe_open(str(path), framework="np") as file:
        energies = file.get_tensor("reference_energy")
        sizes = [prod(file.get_slice(key).get_shape()) for key in file.keys()]  # noqa: SIM118
    known = [chemical_symbols[z] for z in np.flatnonzero(np.isfinite(energies))]
    named = " ".join(known) if len(known) <= _MOST_NAMED else f"{len(known)} elements"
    n_weights = sum(sizes) - len(energies)
    return f"potential of the backbone {backbone}, {n_weights:,} weights, for {named}."
