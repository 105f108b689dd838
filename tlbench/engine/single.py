"""Doing one job of a plan, by hand or by a scheduler."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from tlbench.engine.devices import check_device
from tlbench.engine.interpreters import check_interpreters
from tlbench.engine.plans import find_job
from tlbench.engine.store import State, Store
from tlbench.engine.supervisor import Supervisor
from tlbench.engine.task import Limits, Task
from tlbench.errors import InputError, LockedError, StoreError

_LOOK_SECONDS = 0.5


def do_job(
    beginning: str,
    root: Path,
    device: str,
    limits: Limits,
    pythons: Mapping[str, str],
    say: Callable[[str], None] = lambda sentence: None,
) -> tuple[str | None, str, float | None]:
    """Bring exactly one job into the store.

    Parameters
    ----------
    beginning
        How the key of a job begins that a plan in the store has.
    pythons
        Name of an environment → interpreter for its jobs.
    say
        Called with what the store does not support, and with whom the job has to wait for.

    Returns
    -------
    error, label, seconds
        Why it failed, None if it is in the store now; what it is called; how long it took, None
        if it was there already.

    Raises
    ------
    InputError
        If there is no such job, or a job that it needs is not in the store.
    StoreError
        If the store cannot be written.
    """
    check_device(device)
    # Looking a job up makes no store.
    found = find_job(Store(root, read_only=True), beginning)
    store = Store(root)
    if store.limitation:
        say(store.limitation)
    if store.state(found.key) is State.DAMAGED:
        # Whoever works on it sets it aside.
        with suppress(LockedError):
            store.clear_damaged(found.key)
    if store.state(found.key) is State.FINISHED:
        return None, found.label, None
    for role, parent in found.parents.items():
        if store.state(parent) is not State.FINISHED:
            raise InputError(
                f"{found.label}: needs its {role}, job {parent[:12]}, which is not in the store; "
                f"do that first: tlbench job {parent[:12]} --store {store.root}."
            )
    named = {name: path for name, path in pythons.items() if name == found.environment}
    check_interpreters(named, list(named))
    python = named.get(found.environment or "")
    environment = found.environment if python else None
    supervisor = Supervisor()
    try:
        task = Task(found, str(store.root), device, limits, python, environment)
        while (outcome := supervisor.run(task)).busy:
            _wait(store, found.key, outcome.busy, say)
    finally:
        supervisor.close()
    if outcome.fault is not None:
        raise StoreError(
            f"Nothing can be put into the store {store.root} ({outcome.fault}); mend that, then do "
            "the job again."
        )
    if outcome.lost:
        raise InputError(
            f"{found.label}: the files of job {outcome.lost[0][:12]}, which it needs, were damaged "
            "and have been set aside; do that job again first."
        )
    return outcome.error or outcome.death, found.label, outcome.seconds


def _wait(store: Store, key: str, by: str, say: Callable[[str], None]) -> None:
    """Wait until nobody is seen to work on a job any more, and say who does."""
    lock = store.lock(key)
    said = ""
    while True:
        if by != said:
            say(f"Waiting for {by}, which works on this job.")
            said = by
        time.sleep(_LOOK_SECONDS)
        holder = lock.holder()
        if holder is None:
            return
        by = lock.explain(holder)
