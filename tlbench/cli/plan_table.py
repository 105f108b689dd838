"""The jobs of a plan as a table."""

from collections import Counter
from collections.abc import Collection, Mapping

from rich.table import Table

from tlbench.cli.predicted import basis_in_words, seconds_in_words
from tlbench.engine.store import State
from tlbench.estimates import Estimate
from tlbench.jobs.base import Job


def levels(jobs: Mapping[str, Job]) -> dict[str, int]:
    """Return by key how many jobs stand above one another before each; 0 for those without parents.

    Parameters
    ----------
    jobs
        By key, parents before children.
    """
    found: dict[str, int] = {}
    for key, job in jobs.items():
        found[key] = max((found[parent] + 1 for parent in job.parents.values()), default=0)
    return found


def listed(jobs: Mapping[str, Job], states: Mapping[str, State], found: Estimate | None) -> Table:
    """Return a table with a line for each job; parents are named by the number of their line."""
    table = _table(["#", "level", "kind", "job", "after", "key", "state"], found)
    number, level = {key: n for n, key in enumerate(jobs, start=1)}, levels(jobs)
    for key, job in jobs.items():
        after = ", ".join(str(n) for n in sorted({number[p] for p in job.parents.values()}))
        state = "to do" if states[key] is State.ABSENT else states[key].value
        cells = [str(number[key]), str(level[key]), job.kind, job.label, after, key[:12], state]
        if found is not None:
            each = found.predictions.get(key)
            cells += ["", ""] if each is None else [
                seconds_in_words(each.wall_seconds),
                basis_in_words(each),
            ]  # fmt: skip
        table.add_row(*cells)
    return table


def counted(jobs: Mapping[str, Job], done: Collection[str], found: Estimate | None) -> Table:
    """Return a table with a line for each kind of job."""
    table = _table(["kind", "levels", "jobs", "done", "to do"], found)
    level, seconds = levels(jobs), {} if found is None else found.seconds()
    for kind, count in Counter(job.kind for job in jobs.values()).items():
        keys = [key for key, job in jobs.items() if job.kind == kind]
        lowest, highest = min(level[k] for k in keys), max(level[k] for k in keys)
        span = f"{lowest}" if lowest == highest else f"{lowest} to {highest}"
        finished = sum(key in done for key in keys)
        cells = [kind, span, str(count), str(finished), str(count - finished)]
        if found is not None:
            unknown = sum(key in found.predictions and key not in seconds for key in keys)
            total = sum(seconds.get(key, 0.0) for key in keys)
            cells += [seconds_in_words(total), f"{unknown} unknown" if unknown else ""]
        table.add_row(*cells)
    return table


def _table(titles: list[str], found: Estimate | None) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in [*titles, *([] if found is None else ["takes", "rests on"])]:
        numbers = title in ("#", "level", "jobs", "done", "to do", "takes")
        table.add_column(title, header_style="dim", justify="right" if numbers else "left")
    return table
