"""The jobs of a plan as a table."""

from collections import Counter
from collections.abc import Collection, Mapping

from rich.console import RenderableType

from tlbench.cli.predicted import basis_in_words, seconds_in_words
from tlbench.cli.tables import drawn
from tlbench.engine.estimates import Estimate
from tlbench.engine.store.store import State
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


def listed(
    jobs: Mapping[str, Job], states: Mapping[str, State], found: Estimate | None, width: int
) -> RenderableType:
    """Return a table with a line for each job; parents are named by the number of their line."""
    lines = []
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
        lines.append(cells)
    return _table(["#", "level", "kind", "job", "after", "key", "state"], lines, found, width)


def counted(
    jobs: Mapping[str, Job], done: Collection[str], found: Estimate | None, width: int
) -> RenderableType:
    """Return a table with a line for each kind of job."""
    lines = []
    level, seconds = levels(jobs), {} if found is None else found.seconds()
    for kind, count in Counter(job.kind for job in jobs.values()).items():
        keys = [key for key, job in jobs.items() if job.kind == kind]
        lowest, highest = min(level[k] for k in keys), max(level[k] for k in keys)
        span = f"{lowest}" if lowest == highest else f"{lowest} to {highest}"
        finished = sum(key in done for key in keys)
        cells = [kind, span, str(count), str(finished), str(count - finished)]
        if found is not None:
            unknown = sum(key in found.predictions and key not in seconds for key in keys)
            some = [seconds[key] for key in keys if key in seconds]
            total = None if unknown and not some else sum(some)
            cells += [seconds_in_words(total), f"{unknown} unknown" if unknown else ""]
        lines.append(cells)
    return _table(["kind", "levels", "jobs", "done", "to do"], lines, found, width)


def _table(
    titles: list[str], lines: list[list[str]], found: Estimate | None, width: int
) -> RenderableType:
    titles = [*titles, *([] if found is None else ["takes", "rests on"])]
    numbers = ("#", "level", "jobs", "done", "to do", "takes")
    words = [n for n, title in enumerate(titles) if title not in numbers]
    return drawn([titles, *lines], width, words=words)
