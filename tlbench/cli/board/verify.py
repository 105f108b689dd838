"""``tlbench board verify``: check submissions."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlbench.base.phrases import counted
from tlbench.cli.board.location import BoardFolder, Private, Results, place_of
from tlbench.cli.options import Mirror
from tlbench.cli.tables import say

if TYPE_CHECKING:
    from tlbench.board.reading import Entry
    from tlbench.board.verification import Verdict


def verify(
    submissions: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SUBMISSION]...", help="Folders.", show_default="all of them"),
    ] = None,
    results: Results = None,
    private: Private = False,
    board: BoardFolder = None,
    again: Annotated[
        bool,
        typer.Option("--rerun", help="Evaluate supplied weights again; needs --weights."),
    ] = False,
    weights: Annotated[
        Path | None,
        typer.Option(help="Folder of weights that tlbench board add --weights wrote, or a store."),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="With --rerun: the weights of some models suffice.")
    ] = False,
    number: Annotated[
        int | None,
        typer.Option(
            "--retrain", min=1, metavar="K", help="Train K models again that are drawn at random."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="With --retrain: what the draw depends on.", show_default="drawn"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="With --retrain: jobs at a time.", show_default="one per GPU or core"
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="With --retrain: auto, cpu or cuda.")] = "cpu",
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="By what share errors may differ.",
            show_default="0.001 with --rerun, 0.01 with --retrain",
        ),
    ] = None,
    record: Annotated[
        bool,
        typer.Option("--record", help="Add the outcome to the board, in the folder checks."),
    ] = False,
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --record: who makes the check.")
    ] = None,
    commits: Annotated[
        Path | None,
        typer.Option(
            metavar="REPOSITORY",
            help="Also look for the commits of the code in this clone of tlbench.",
        ),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            help="Folder of finished jobs. With --retrain a new one, to go on from if interrupted.",
            show_default="that of tlbench run; with --retrain a temporary one",
        ),
    ] = None,
    mirror: Mirror = None,
) -> None:
    """Recompute every published number, and say what does not hold; exit code 1 if anything.

    Records follow from errors on every test structure and from the simulations of every replica;
    files from their digests; models, sizes, data sets and numbers of parameters from the suite.
    With --mirror, data sets are read from their files again. Nothing of a submission is run;
    --rerun loads its weights, which are safetensors, into the backbones installed here, and
    --retrain trains them here as the suite says.
    """
    from dataclasses import replace

    from tlbench.base.errors import InputError
    from tlbench.board.checks.record import EVALUATED, TOLERANCES
    from tlbench.board.reading import results_of
    from tlbench.board.verification import verify_all
    from tlbench.cli.board.spot_check import SpotCheck

    if again != (weights is not None):
        raise InputError("--rerun and --weights go together: say where the weights are.")
    if number is not None and (again or not submissions):
        raise InputError("--retrain needs the folder of a SUBMISSION, and goes without --rerun.")
    if record and not again and number is None:
        raise InputError("--record goes with --rerun or --retrain; without them all is recomputed.")
    for option, given, needed, there in (
        ("--partial", partial, "--rerun", again),
        ("--seed", seed is not None, "--retrain", number is not None),
        ("--workers", workers is not None, "--retrain", number is not None),
        ("--tolerance", tolerance is not None, "--rerun or --retrain", again or number is not None),
        ("--by", by is not None, "--record", record),
    ):
        if given and not there:
            raise InputError(f"{option} goes with {needed}; without, it changes nothing.")
    if again and tolerance is not None and tolerance > TOLERANCES[EVALUATED]:
        raise InputError(
            f"With --rerun the --tolerance is {TOLERANCES[EVALUATED]:g} at most: the weights are "
            "the same."
        )
    place = place_of(private, board, results)
    if submissions and results is None and board is None and not place.results.is_dir():
        # Outside a clone, and of a board that was moved, a submission says where the others are.
        place = replace(place, results=results_of(submissions))
    check = SpotCheck(tolerance, place.results if record else None, by, store, mirror)
    good = True
    for verdict in verify_all(place.results, submissions or (), private=place.private):
        good &= _say(verdict, place.results)
        if verdict.entry is None or verdict.problems:
            continue
        if not _look_outside(verdict.entry, mirror, commits):
            good = False
            continue
        if weights is not None:
            good &= check.evaluate(verdict.entry, weights, partial)
        if number is not None:
            good &= check.train(verdict.entry, number, seed, workers, device)
    if not good:
        raise typer.Exit(1)


def _say(verdict: "Verdict", results: Path) -> bool:
    """Print a verdict and the checks there are, and return whether all is good."""
    from tlbench.board.checks.files import read_checks
    from tlbench.board.checks.trust import differing_of

    if verdict.problems:
        for problem in verdict.problems:
            say(f"REFUSED  {problem}")
        return False
    covered = verdict.coverage
    models = f", {covered.found} of {covered.expected} models" if covered else ""
    say(f"good     {verdict.folder}: {verdict.recomputed} numbers recomputed{models}")
    for note in verdict.notes:
        say(f"  note: {note}")
    if verdict.entry is None:
        return True
    checks, problems = read_checks(verdict.entry, results)
    for check in checks:
        say(f"  {check.date}: {check.text}")
    for problem in problems:
        say(f"REFUSED  {problem}")
    differing = differing_of(checks)
    for day, count in sorted(Counter(check.date for check, _ in differing).items()):
        models = f"{counted(count, 'model')} {'differs' if count == 1 else 'differ'}"
        say(f"DIFFERS  check of {day}: {models} from what is published, and no later check agrees")
    return not problems and not differing


def _look_outside(entry: "Entry", mirror: Path | None, commits: Path | None) -> bool:
    """Compare a submission with files of its data sets and with the history of the code."""
    from tlbench.base.errors import printable
    from tlbench.board.verification.commits import check_commits
    from tlbench.board.verification.data import check_files

    problems = [] if mirror is None else list(check_files(entry, mirror))
    if commits is not None:
        wrong, notes = check_commits(entry, commits)
        problems += wrong
        for note in notes:
            typer.echo(f"  note: {printable(note)}")
    for problem in problems:
        typer.echo(f"REFUSED  {entry.folder}: {printable(problem)}")
    return not problems
