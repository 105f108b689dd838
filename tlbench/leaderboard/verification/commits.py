"""Whether the code of jobs is in the history of a repository, and is what is stated."""

import hashlib
import io
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tlbench.errors import InputError
from tlbench.jobs.imports import PACKAGE
from tlbench.jobs.sources import Sources
from tlbench.leaderboard.place import PUBLIC
from tlbench.leaderboard.reading import Entry
from tlbench.leaderboard.submission import ABOUT
from tlbench.plan import plan

SHOWN = 10
"""Digits of a commit that are shown."""


def check_commits(entry: Entry, repository: Path) -> tuple[list[str], list[str]]:
    """Look for the commits of a submission's jobs among those of a clone.

    A commit counts if a branch of the clone, or of where it was cloned from, has it in its history.
    Commits of pull requests do not, because anybody can make them. At each commit the code should
    have the digests that the submission states, from which the keys of its jobs follow.

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
    problems += [
        f"{count} jobs were done at commit {str(commit)[:SHOWN]}, which no branch of {repository} "
        "has."
        for commit, count in jobs.items()
        if commit not in history
    ]
    if not entry.about.sources and not _is_published(entry, repository):
        problems.append(
            "It is of format 1, which says nothing of the code and is for submissions that are in "
            f"{repository} already; run the suite again with this version and add that."
        )
    if entry.about.sources:
        for commit in sorted(history.intersection(filter(None, jobs))):
            problems += _misstated(entry, repository, commit)
    return problems, notes


def _is_published(entry: Entry, repository: Path) -> bool:
    """Return whether the submission, as it is here, is in the newest commit of a clone."""
    place = (PUBLIC.results / entry.about.folder / ABOUT).as_posix()
    if not _git(repository, "ls-tree", "HEAD", place):
        return False
    content = _git_bytes(repository, "show", f"HEAD:{place}")
    return hashlib.sha256(content).hexdigest() == entry.digest


def _misstated(entry: Entry, repository: Path, commit: str) -> Iterator[str]:
    """Yield the code that is not at a commit what a submission states of it.

    What comes from other packages, or is not registered here any more, is left out.
    """
    stated, planned = entry.about.sources, plan(entry.suite, entry.about.key_scheme).jobs
    done = [job.job for job in entry.provenance if job.git_commit == commit and job.job in planned]
    foreign = {f"{kind} {name}" for kind, named in entry.about.packages.items() for name in named}
    used = {name for job in done for name in planned[job].sources} - foreign
    with tempfile.TemporaryDirectory() as folder:
        packed = _git_bytes(repository, "archive", "--format=tar", commit, PACKAGE)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        there = Sources(Path(folder))
        for name in sorted(used.intersection(there)):
            if there[name] != stated[name]:
                yield (
                    f"At commit {commit[:SHOWN]} the code of {name} is not that whose digest is "
                    "stated."
                )


def _undecided(entry: Entry) -> Counter[str]:
    return Counter(
        job.git_commit
        for job in entry.provenance
        if job.git_commit is not None and job.git_dirty is None
    )


def _git(repository: Path, *arguments: str) -> str:
    return _git_bytes(repository, *arguments).decode(errors="replace").strip()


def _git_bytes(repository: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *arguments], capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or str(error).encode()).decode(errors="replace")
        raise InputError(
            f"{repository}: its history cannot be read with git ({' '.join(said.split())[:200]})."
        ) from error
    return done.stdout
