"""``tlbench status``: the state of a run, also while it goes on."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tlbench.engine.run.status import Followed, Status

_MOST_SHOWN = 20
_LOG_LINES = 5

RunFolder = Annotated[
    str, typer.Argument(help="Folder of the run, or the name of its suite for runs/SUITE.")
]


def status(
    run: RunFolder,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show the state of a run: its jobs, its pace, what is running and what failed.

    Works from any terminal that sees the run's folder and its store, and changes nothing.
    """
    import json

    from tlbench.engine.estimates import estimate, finished_in
    from tlbench.engine.run.status import follow, status_of

    run_ = follow(run)
    found = status_of(run_)
    device = run_.about.device
    predicted = estimate(run_.jobs, (), finished_in(run_.store), device).seconds()
    left = found.left_seconds(predicted), found.unpredicted(predicted)
    if as_json:
        typer.echo(json.dumps(_values(run_, found, *left), indent=1))
    else:
        _show(run_, found, *left)


def _values(
    run: "Followed", found: "Status", left: float | None, unpredicted: int
) -> dict[str, Any]:
    from tlbench.engine.run.status import STATES

    counts = Counter(found.states.values())

    def listed(name: str, jobs: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{"job": key, "label": run.jobs[key].label, name: v} for key, v in jobs.items()]

    return {
        "suite": run.about.suite,
        "alive": found.alive,
        "last": found.ending,
        "reason": found.reason,
        "jobs": {state: counts[state] for state in STATES},
        "done_by_this_run": len(found.done),
        "seconds": round(found.seconds, 1),
        "left_seconds": None if left is None else round(left, 1),
        "unpredicted": unpredicted,
        "running": [
            {"job": key, "label": run.jobs[key].label, **progress}
            for key, progress in found.progress.items()
        ],
        "elsewhere": listed("by", found.elsewhere),
        "failed": listed("error", found.errors),
    }


def _show(run: "Followed", found: "Status", left: float | None, unpredicted: int) -> None:
    from tlbench.base.phrases import counted
    from tlbench.cli.live import running_table
    from tlbench.cli.tables import console, duration, say
    from tlbench.engine.run.status import STATES, log_of, tail

    shard = run.about.shard
    name = run.about.suite + (f", part {shard[0]} of {shard[1]}" if shard else "")
    say(f"{name}: {_sentence(run, found)}")
    counts = Counter(found.states.values())
    said = [f"{counts[state]} {state}" for state in STATES if counts[state]]
    say(f"{counted(len(run.jobs), 'job')}: {', '.join(said)}")
    if found.done and found.seconds:
        pace = f"{counted(len(found.done), 'job')} done in {duration(found.seconds)}"
        # Jobs take so differently long that how many are done in an hour says little.
        if found.alive and left is not None:
            pace += f"; about {duration(left)} left"
            if unpredicted:
                pace += f", without {counted(unpredicted, 'job')} like none that was done"
        elif found.alive and unpredicted:
            pace += "; time left unknown, as none of them is like those that are left"
        say(pace)
    if found.progress:
        shown = list(found.progress.items())[:_MOST_SHOWN]
        out = console()
        out.print(running_table([(run.jobs[key].label, p) for key, p in shown], out.width))
    for key, by in list(found.elsewhere.items())[:_MOST_SHOWN]:
        say(f"Waiting for {run.jobs[key].label} (job {key[:12]}), done by {by}.")
    for key, error in list(found.errors.items())[:_MOST_SHOWN]:
        say(f"Failed: {run.jobs[key].label} (job {key[:12]}): {error}")
        path = log_of(run, key)
        for line in tail(path, _LOG_LINES) if path else []:
            say(f"    {line}")
    if len(found.errors) > _MOST_SHOWN:
        say(f"and {len(found.errors) - _MOST_SHOWN} more that failed; --json lists them all.")


def _sentence(run: "Followed", found: "Status") -> str:
    where = f"process {run.about.pid} on {run.about.host}"
    if found.alive:
        return f"running ({where})"
    if found.ending == "run-finished":
        return "ended"
    if found.ending == "run-stopped":
        return f"stopped ({found.reason}); the same command continues from here"
    return f"its {where} died; the same command continues from here"
