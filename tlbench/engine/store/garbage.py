"""Deleting what no plan needs from a store.

Needed are the jobs of all plans of the store, and their parents. Garbage is

- plans for whose work there is a newer plan of the same suite, made after the code was changed,
- finished jobs that no plan has,
- what interrupted jobs left behind, unless a plan has the job: then it holds checkpoints,
- damaged jobs that were set aside,
- files that a crash left half written, and what a broken import or an earlier deletion left.

Other processes may use the store meanwhile. This is guaranteed:

- A job that is being run, that is whose lock is held, is left alone.
- A run that has a plan loses nothing that it uses. It writes its plan before it looks for finished
  jobs; that and the removal of jobs exclude each other (`Store.plans_lock`). So a job goes away
  either before the run looks, which then finds it missing and does it, or not at all.
- What runs without a plan, or has its plan dropped, keeps the parents of its jobs: no plan is
  dropped and no finished job removed while a job is being run that is in no plan that stays.
  Should such a job begin in the instant of the removal, it finds a parent missing, which has it
  done again, or fails at reading it; what it reads is right in any case.
- A job is moved out of the way in one step before it is deleted, so a crash leaves no half of one.

Lock files stay, and are empty while no process holds them. They cannot be deleted safely: a process
may be waiting for one, and would then hold a lock that no other process sees.
"""

import shutil
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tlbench.base.errors import LockedError, StoreError
from tlbench.base.files import PART
from tlbench.base.locks import Lock
from tlbench.engine.store.inventory import size_of
from tlbench.engine.store.plans import PLANS, plan_files, plan_lines
from tlbench.engine.store.store import Store, is_key
from tlbench.engine.store.superseded import superseded

INCOMING, REMOVED = ".incoming", ".removed"
"""Folders of a store: what an import has not verified yet, and what is being deleted."""

_ABANDONED_SECONDS = 3600.0
"""A file that was half written so long ago is not being written any more."""

Sort = Literal["job", "working", "damaged", "part", "incoming", "removed", "plan"]


@dataclass(frozen=True)
class Piece:
    """Something that no plan needs; ``size`` in bytes."""

    sort: Sort
    path: Path
    size: int


@dataclass(frozen=True)
class Collected:
    """What was deleted, and what was left because it is in use.

    ``busy`` is a job that is being run and that no plan that stays has; then neither plans nor
    finished jobs were deleted.
    """

    removed: list[Piece]
    left: list[Piece]
    busy: str | None


def find_garbage(store: Store, dropped: Collection[Path] = ()) -> list[Piece]:
    """Return what could be deleted, as if the plans ``dropped`` were not there.

    Raises
    ------
    StoreError
        If there is no plan, or a plan is damaged, so that it is unknown what is needed.
    """
    gone = {*dropped, *superseded(store)}
    return [Piece(sort, path, size_of(path)) for sort, path in _garbage(store, gone)]


def collect(
    store: Store,
    dropped: Collection[Path] = (),
    on_change: Callable[[int, int], None] = lambda done, total: None,
) -> Collected:
    """Delete the plans ``dropped`` and then whatever is garbage.

    Parameters
    ----------
    on_change
        Called with the number of things that have been deleted, and that are to be.

    Raises
    ------
    StoreError
        As `find_garbage`, or if something cannot be deleted.
    """
    pieces: list[Piece] = []
    left: list[Piece] = []
    trash = store.root / REMOVED
    try:
        trash.mkdir(exist_ok=True)
        with store.plans_lock():
            # Looked for here, where no plan can come in between.
            found = find_garbage(store, dropped)
            plans = {piece.path for piece in found if piece.sort == "plan"}
            busy = _busy(store, _needed(store, plans))
            for piece in found:
                kept = piece.sort in ("plan", "job") and busy is not None
                gone = not kept and _move(store, piece, trash)
                (pieces if gone else left).append(piece)
        for number, path in enumerate(moved := list(trash.iterdir())):
            on_change(number, len(moved))
            _delete(path)
    except OSError as error:
        raise StoreError(
            f"Not everything could be deleted from the store {store.root} ({error.strerror}: "
            f"{error.filename}); fix that and try again."
        ) from error
    return Collected(pieces, left, busy)


def _needed(store: Store, dropped: Collection[Path]) -> set[str]:
    """Return the keys of all jobs that a plan has, and of their parents."""
    paths = plan_files(store)
    if not paths:
        raise StoreError(
            f"The store {store.root} has no plan that says what is needed; register what you want "
            "to keep with: tlbench plan SUITE --save."
        )
    needed = set()
    for path in paths:
        if path not in dropped:
            for line in plan_lines(path):
                needed.add(line["key"])
                needed.update(dict(line.get("parents") or {}).values())
    return needed


def _garbage(store: Store, dropped: Collection[Path]) -> Iterator[tuple[Sort, Path]]:
    needed = _needed(store, dropped)
    finished = store.finished()
    for path in sorted(dropped):
        yield "plan", path
    for key in sorted(finished - needed):
        yield "job", store.folder(key)
    for path in _inside(store.root / ".working"):
        # Where a finished job was imported, an attempt at it may be left.
        if is_key(path.name) and (path.name not in needed or path.name in finished):
            yield "working", path
        elif path.name.startswith(".probe-") and _abandoned(path):
            yield "part", path
    for path in _inside(store.root / ".damaged"):
        yield "damaged", path
    for folder in (store.root, store.root / PLANS, store.root / ".locks"):
        for path in _inside(folder):
            if path.name.endswith(PART) and _abandoned(path):
                yield "part", path
    for path in _inside(store.root / INCOMING):
        if path.is_dir():
            yield "incoming", path
    for path in _inside(store.root / REMOVED):
        yield "removed", path


def _busy(store: Store, needed: set[str]) -> str | None:
    """Return a job that is being run and that no plan has, None if there is none."""
    for path in _inside(store.root / ".locks"):
        key = path.stem
        if is_key(key) and key not in needed and store.is_locked(key):
            return key
    return None


def _move(store: Store, piece: Piece, trash: Path) -> bool:
    """Move a piece into ``trash`` unless it is in use; return whether it is gone."""
    if piece.sort == "removed":
        return True
    with ExitStack() as held:
        lock = None
        if piece.sort in ("job", "working"):
            lock = store.lock(piece.path.name, wait=False)
        elif piece.sort == "incoming":
            lock = incoming_lock(piece.path)
        if lock is not None:
            try:
                held.enter_context(lock)
            except LockedError:
                return False
        try:
            piece.path.rename(trash / f"{piece.path.name}-{uuid.uuid4().hex}")
        except FileNotFoundError:
            # It has become a finished job, or another process has removed it.
            return False
        if piece.sort == "incoming":
            # No process waits for this one: the name is that of one import.
            incoming_lock(piece.path).remove()
    return True


def incoming_lock(area: Path) -> Lock:
    """Return the lock that an import holds while it uses the folder ``area``."""
    return Lock(area.with_name(f"{area.name}.lock"), wait=False)


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def _abandoned(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
    except FileNotFoundError:
        return False


def _delete(path: Path) -> None:
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        # Another process is deleting it as well.
        shutil.rmtree(path, ignore_errors=True)
