"""A process killed at any call of a commit leaves the whole job or none of it."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tlbench.engine.store.store import State, Store
from tlbench.jobs.base import Job

pytestmark = pytest.mark.slow

CALLS = ("open", "fsync", "rename", "replace", "scandir", "stat", "close")
JOB = Job("compare", {"n": 1}, {}, label="a job")


def kill_at(call: int) -> list[str]:
    """Let this process kill itself at its ``call``-th call to the system; return what it calls."""
    made: list[str] = []

    def deadly(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            made.append(name)
            if len(made) == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return wrapped

    for name in CALLS:
        setattr(os, name, deadly(name, getattr(os, name)))
    import io

    io.open = deadly("io.open", io.open)  # type: ignore[assignment]
    return made


def begin(folder: Path) -> Store:
    store = Store(folder)
    (store.begin(JOB) / "weights").write_bytes(b"w" * 1000)
    return store


def commit(store: Store) -> None:
    store.commit(JOB, {"n": 2}, {"wall_seconds": 0.1})


def survives(store: Store, call: int) -> bool:
    """Commit in another process, killed at a call; say whether it came to the end."""
    pid = os.fork()
    if pid == 0:
        try:
            made = kill_at(call)
            commit(store)
            (store.root / ".calls").write_text(json.dumps(made))
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return not os.WIFSIGNALED(status)


def test_a_commit_killed_at_any_call_is_whole_or_none(tmp_path):
    call, seen = 1, set()
    while True:
        store = begin(tmp_path / str(call))
        if survives(store, call):
            break
        state = store.state(JOB.key, thorough=True)
        seen.add(state)
        assert state is not State.DAMAGED
        if state is State.FINISHED:
            assert json.loads(store.read(JOB.key, "result.json")) == {"n": 2}
            assert (store.folder(JOB.key) / "weights").stat().st_size == 1000
        else:
            # The next attempt finds what the first one wrote, and comes to the same end.
            store.begin(JOB)
            commit(store)
            assert store.state(JOB.key, thorough=True) is State.FINISHED
        names = {path.name for path in store.folder(JOB.key).iterdir()}
        assert names == {"job.json", "result.json", "provenance.json", "manifest.json", "weights"}
        call += 1
    assert seen == {State.ABSENT, State.FINISHED}
    made = json.loads((store.root / ".calls").read_text())
    # Everything that the commit did was a point to be killed at.
    assert {"io.open", "fsync", "rename", "replace"} <= set(made)
