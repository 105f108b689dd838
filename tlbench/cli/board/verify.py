"""``tlbench board verify``: check submissions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlbench.cli.board.place import BoardFolder, Private, Results, place_of
from tlbench.cli.options import Mirror, StoreFolder

if TYPE_CHECKING:
    from tlbench.leaderboard.reading import Entry
    from tlbench.leaderboard.verification import Verdict


def verify(
    submissions: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SUBMISSION]...", help="Folders.", show_default="all of them"),
    ] = None,
    results: Results = None,
    private: Private = False,
    board: BoardFolder = None,
    summaries: Annotated[
        bool, typer.Option("--summaries", help="Write every summary.md anew before.")
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--rerun", help="Evaluate supplied weights again; needs --weights."),
    ] = False,
    weights: Annotated[
        Path | None,
        typer.Option(help="Folder of weights that tlbench board add --weights wrote, or a store."),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="With --rerun: by what share errors may differ.")
    ] = 1e-3,
    commits: Annotated[
        Path | None,
        typer.Option(
            metavar="REPOSITORY",
            help="Also look for the commits of the code in this clone of tlbench.",
        ),
    ] = None,
    store: StoreFolder = None,
    mirror: Mirror = None,
) -> None:
    """Recompute every published number, and say what does not hold; exit code 1 if anything.

    Records follow from errors on every test structure and from the simulations of every replica;
    files from their digests; models, sizes, data sets and numbers of parameters from the suite.
    With --mirror, data sets are read from their files again. Nothing of a submission is run;
    --rerun loads its weights, which are safetensors, into the backbones installed here.
    """
    from dataclasses import replace

    from tlbench.errors import InputError
    from tlbench.leaderboard.reading import results_of
    from tlbench.leaderboard.verification import verify_all, write_summary

    if again != (weights is not None):
        raise InputError("--rerun and --weights go together: say where the weights are.")
    place = place_of(private, board, results)
    if submissions and results is None and board is None and not place.results.is_dir():
        # Outside a clone, and of a board that was moved, a submission says where the others are.
        place = replace(place, results=results_of(submissions))
    if summaries:
        for verdict in verify_all(
            place.results, submissions or (), summaries=False, private=place.private
        ):
            if verdict.entry is not None and not verdict.problems:
                write_summary(verdict.entry)
    good = True
    for verdict in verify_all(place.results, submissions or (), private=place.private):
        good &= _say(verdict)
        if verdict.entry is not None and not verdict.problems:
            good &= _look_outside(verdict.entry, mirror, commits)
        if weights is not None and verdict.entry is not None and not verdict.problems:
            good &= _rerun(verdict.entry, weights, tolerance, store, mirror)
    if not good:
        raise typer.Exit(1)


def _say(verdict: "Verdict") -> bool:
    """Print a verdict, and return whether it is good."""
    from tlbench.cli.tables import say

    if verdict.problems:
        for problem in verdict.problems:
            say(f"REFUSED  {problem}")
        return False
    covered = verdict.coverage
    models = f", {covered.found} of {covered.expected} models" if covered else ""
    say(f"good     {verdict.folder}: {verdict.recomputed} numbers recomputed{models}")
    for note in verdict.notes:
        say(f"  note: {note}")
    return True


def _look_outside(entry: "Entry", mirror: Path | None, commits: Path | None) -> bool:
    """Compare a submission with files of its data sets and with the history of the code."""
    from tlbench.errors import printable
    from tlbench.leaderboard.verification.commits import check_commits
    from tlbench.leaderboard.verification.data import check_files

    problems = [] if mirror is None else list(check_files(entry, mirror))
    if commits is not None:
        wrong, notes = check_commits(entry, commits)
        problems += wrong
        for note in notes:
            typer.echo(f"  note: {printable(note)}")
    for problem in problems:
        typer.echo(f"REFUSED  {entry.folder}: {printable(problem)}")
    return not problems


def _rerun(
    entry: "Entry", weights: Path, tolerance: float, store: Path | None, mirror: Path | None
) -> bool:
    from rich.console import Console

    from tlbench.leaderboard.verification.rerun import rerun
    from tlbench.run import default_store

    with Console(stderr=True).status("Evaluating …") as status:
        found = rerun(
            entry, weights, store or default_store(), mirror, tolerance,
            lambda label: status.update(f"Evaluating {label} …"),
        )  # fmt: skip
    for line in found.problems:
        typer.echo(f"DIFFERS  {line}")
    typer.echo(
        f"rerun    {entry.folder}: {found.models} of {found.n_models} models, {found.numbers} "
        f"numbers evaluated again; largest relative difference {found.largest:.2g} "
        f"(tolerance {tolerance:g})"
    )
    return not found.problems and found.numbers > 0
