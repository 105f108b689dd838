"""Reading every file of every finished job, to find those that the disk has altered."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tlbench.engine.store import Store
from tlbench.errors import DamagedJobError, LockedError

Fate = Literal["left", "set aside", "in use"]


@dataclass(frozen=True)
class Scrubbed:
    """A finished job that was read; ``problem`` is None if it is as it was written."""

    key: str
    problem: str | None = None
    fate: Fate = "left"


def scrub(store: Store, keys: list[str], set_aside: bool = False) -> Iterator[Scrubbed]:
    """Compare every file of the jobs ``keys`` with the manifests, and yield job by job.

    Jobs that vanish meanwhile, because somebody else has noticed the same, are passed over.

    Parameters
    ----------
    set_aside
        Move damaged jobs out of the way, so that the next run does them again; those that
        somebody works on are left.
    """
    for key in keys:
        problem = _problem(store, key)
        if problem is None or not store.folder(key).exists():
            yield Scrubbed(key)
        elif not set_aside:
            yield Scrubbed(key, problem)
        else:
            yield Scrubbed(key, problem, _set_aside(store, key))


def _problem(store: Store, key: str) -> str | None:
    try:
        store.verify(key)
    except DamagedJobError as error:
        return str(error)
    return None


def _set_aside(store: Store, key: str) -> Fate:
    try:
        with store.lock(key, wait=False):
            # Somebody else may have done it again in the meantime.
            if _problem(store, key) and store.folder(key).exists():
                store.set_aside(key)
            return "set aside"
    except LockedError:
        return "in use"
