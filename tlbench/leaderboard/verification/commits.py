"""Whether the code that jobs were done by is in the history of a repository."""

import subprocess
from collections import Counter
from pathlib import Path

from tlbench.errors import InputError
from tlbench.leaderboard.reading import Entry

SHOWN = 10
"""Digits of a commit that are shown."""


def check_commits(entry: Entry, repository: Path) -> tuple[list[str], list[str]]:
    """Look for the commits of a submission's jobs among those of a clone.

    A commit counts if a branch of the clone, or of where it was cloned from, has it in its history.
    Commits of pull requests do not, because anybody can make them.

    Returns
    -------
    tuple
        What is wrong, and what could not be found out.

    Raises
    ------
    InputError
        If there is no repository, or no git to read it with.
    """
    jobs = Counter(job.git_commit for job in entry.provenance)
    unknown = jobs.pop(None, 0)
    notes = []
    if unknown:
        notes.append(f"{unknown} jobs do not say by which commit of tlbench they were done.")
    problems = [
        f"{count} jobs were done at commit {commit[:SHOWN]} by code of which nobody says whether "
        "it was changed."
        for commit, count in _undecided(entry).items()
    ]
    if _git(repository, "rev-parse", "--is-shallow-repository") == "true":
        notes.append(f"{repository} does not have its whole history, so no commit was looked for.")
        return problems, notes
    history = set(
        _git(repository, "rev-list", "--exclude=pull/*", "--remotes", "--branches").split()
    )
    # The place to compare the digests of source files that jobs state with those at each commit.
    problems += [
        f"{count} jobs were done at commit {str(commit)[:SHOWN]}, which no branch of {repository} "
        "has."
        for commit, count in jobs.items()
        if commit not in history
    ]
    return problems, notes


def _undecided(entry: Entry) -> Counter[str]:
    return Counter(
        job.git_commit
        for job in entry.provenance
        if job.git_commit is not None and job.git_dirty is None
    )


def _git(repository: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise InputError(
            f"{repository}: its history cannot be read with git ({' '.join(said.split())[:200]})."
        ) from error
    return done.stdout.strip()
