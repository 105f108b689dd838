"""Whether the code of jobs is in the history of a repository, and is what is stated."""

import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
import weakref
from collections import Counter, defaultdict
from functools import lru_cache
from pathlib import Path

from tlbench.base.errors import InputError
from tlbench.board.location import PUBLIC
from tlbench.board.reading import Entry
from tlbench.board.submission import ABOUT
from tlbench.jobs.imports import PACKAGE
from tlbench.jobs.sources import Sources
from tlbench.study.models import plan

SHOWN = 10
"""Digits of a commit that are shown."""


def check_commits(entry: Entry, repository: Path) -> tuple[list[str], list[str]]:
    """Look for the commits of a submission's jobs among those of a clone.

    A commit counts if a branch of the clone, or of where it was cloned from, has it in its history.
    Commits of pull requests do not, because anybody can make them. At each commit the code should
    have the digests that the submission states, from which the keys of its jobs follow; all that it
    states, but for code of plugins, should be found so at a commit of a job that is done with it.

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
    undecided = Counter(
        job.git_commit for job in entry.provenance if job.git_commit and job.git_dirty is None
    )
    problems, notes = [], []
    if unknown:
        said = f"{unknown} jobs do not say by which commit of tlbench they were done"
        if entry.about.sources:
            problems.append(
                f"{said}; install tlbench from a clone, commit what is changed in it, and run the "
                "suite again."
            )
        else:
            notes.append(f"{said}.")
    problems += [
        f"{count} jobs were done at commit {commit[:SHOWN]} by code for which it is not stated "
        "whether it was changed."
        for commit, count in undecided.items()
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
        used = _used(entry)
        for name in sorted(_own(entry).difference(*used.values())):
            problems.append(
                f"It states the code of {name}, but none of the jobs with it has a commit."
            )
        for commit in sorted(history.intersection(used)):
            other, moved = _compared(entry, repository, commit, used[commit])
            problems += [
                f"At commit {commit[:SHOWN]} the code of {name} is not that whose digest is stated."
                for name in other
            ]
            if moved:
                notes.append(
                    f"At commit {commit[:SHOWN]} the code of {', '.join(moved)} is not where it is "
                    "today, and was not compared; verify the submission with the tlbench of that "
                    "commit, too."
                )
    return problems, notes


def _is_published(entry: Entry, repository: Path) -> bool:
    """Return whether the submission, as it is here, is in the newest commit of a clone."""
    place = (PUBLIC.results / entry.about.folder / ABOUT).as_posix()
    if not _git(repository, "ls-tree", "HEAD", place):
        return False
    content = _git_bytes(repository, "show", f"HEAD:{place}")
    return hashlib.sha256(content).hexdigest() == entry.digest


def _own(entry: Entry) -> set[str]:
    """Return the sources that a submission states, but for those of other packages."""
    packages = entry.about.packages.items()
    return entry.about.sources.keys() - {
        f"{kind} {name}" for kind, some in packages for name in some
    }


def _used(entry: Entry) -> dict[str, set[str]]:
    """Return the sources of tlbench that jobs are done with, by the commit of the jobs."""
    own, planned = _own(entry), plan(entry.study, entry.about.key_scheme).jobs
    used: dict[str, set[str]] = defaultdict(set)
    for done in entry.provenance:
        if done.git_commit is not None and done.job in planned:
            used[done.git_commit].update(own.intersection(planned[done.job].sources))
    return used


def _compared(
    entry: Entry, repository: Path, commit: str, names: set[str]
) -> tuple[list[str], list[str]]:
    """Return the sources that are not at a commit what is stated of them.

    The second list has those that cannot be compared: they are registered with a module that is not
    there, as before it was renamed, or are not registered any more.
    """
    there = _code_at(repository, commit)
    found = {name for name in names if there.has(name)}
    other = sorted(name for name in found if there[name] != entry.about.sources[name])
    return other, sorted(names - found)


@lru_cache(maxsize=32)
def _code_at(repository: Path, commit: str) -> Sources:
    """Return the sources of a commit, which many submissions share, in a folder of their own.

    The folder is deleted with them.
    """
    packed = _git_bytes(repository, "archive", "--format=tar", commit, PACKAGE)
    folder = Path(tempfile.mkdtemp())
    found = Sources(folder)
    weakref.finalize(found, shutil.rmtree, folder, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return found


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
