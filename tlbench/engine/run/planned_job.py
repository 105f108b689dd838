"""Doing one job of a plan, by hand or by a scheduler."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tlbench.base.errors import InputError
from tlbench.engine.run.runner import Resources, run_jobs
from tlbench.engine.store.plans import find_job
from tlbench.engine.store.store import State, Store
from tlbench.engine.work.attempts import Limits
from tlbench.engine.work.devices import check_device
from tlbench.engine.work.interpreters import check_interpreters
from tlbench.jobs.base import Job


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
    job = find_job(Store(root, read_only=True), beginning)
    store = Store(root)
    if store.limitation:
        say(store.limitation)
    named = {name: path for name, path in pythons.items() if name == job.environment}
    if store.state(job.key, job=job) is not State.FINISHED:
        for role, parent in job.parents.items():
            if store.state(parent) is not State.FINISHED:
                raise InputError(
                    f"{job.label}: needs its {role}, job {parent[:12]}, which is not in the store; "
                    f"do that first: tlbench job {parent[:12]} --store {store.root}."
                )
        check_interpreters(named, list(named))
    seconds: float | None = None

    def note(event: str, job: Job, **fields: Any) -> None:
        nonlocal seconds
        if event == "elsewhere":
            say(f"Waiting for {fields['by']}, which works on this job.")
        elif event == "finished":
            seconds = fields["seconds"]

    resources = Resources(1, device, limits=limits, attempts=1, pythons=named)
    report = run_jobs({job.key: job}, store, resources, on_event=note)
    return report.errors.get(job.key), job.label, seconds
