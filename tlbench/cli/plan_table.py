"""The jobs of a plan as a table, and what they are predicted to cost."""

from collections import Counter
from collections.abc import Collection, Mapping

from rich.console import RenderableType

from tlbench.base.phrases import counted, listed
from tlbench.cli.tables import drawn, duration
from tlbench.engine.estimates import Estimate, Prediction
from tlbench.engine.store.store import State
from tlbench.jobs.base import KINDS, Job

_BASES = {"alike": "jobs alike", "others": "other backbones", "unknown": "nothing"}

_MEASURED = 10
"""Jobs of a part that should be run to measure what others cost."""

KNOWN_ERROR = (
    "Tried on two published suites, each predicted from the others: half of the trainings were off "
    "by 9 % of their CPU time or more, a tenth by 20 % or more (benchmarks/README.md)."
)


def levels(jobs: Mapping[str, Job]) -> dict[str, int]:
    """Return by key how many levels of jobs come before each; 0 for those without parents.

    Parameters
    ----------
    jobs
        By key, parents before children.
    """
    found: dict[str, int] = {}
    for key, job in jobs.items():
        found[key] = max((found[parent] + 1 for parent in job.parents.values()), default=0)
    return found


def jobs_table(
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


def kinds_table(
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


def seconds_in_words(seconds: float | None) -> str:
    """Return a time; short ones with a decimal, "?" if unknown."""
    if seconds is None:
        return "?"
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def basis_in_words(prediction: Prediction) -> str:
    """Return what a prediction rests on."""
    count = f" ({prediction.n_measured})" if prediction.n_measured else ""
    return f"{_BASES[prediction.basis]}{count}"


def sentences(found: Estimate, workers: int) -> list[str]:
    """Return what all that is left to do costs, and how far that can be trusted."""
    if not found.predictions:
        return ["Nothing is left to do, so it costs nothing."]
    seconds, devices = found.seconds(), [*filter(None, [found.accelerator, found.processor])]
    if not seconds:
        others = ", ".join(f"{name}: {count}" for name, count in found.elsewhere.most_common())
        return [
            f"There are no measured costs of such jobs on {devices[0]} in the store"
            f"{f' (but on {others})' if others else ''}, so what this will cost is unknown. Run "
            "part of it, and ask again."
        ]
    hours = [f"{_hours(found.cpu_seconds())} CPU hours"]
    if found.accelerator is not None:
        hours.insert(0, f"{_hours(found.gpu_seconds())} GPU hours")
    wall, least = found.wall_seconds(workers), found.wall_seconds(len(found.jobs))
    at_once = counted(workers, "worker")
    unknown = [key for key in found.predictions if key not in seconds]
    if unknown:
        kinds = sorted({found.jobs[key].kind for key in unknown}, key=list(KINDS).index)
        parts = max(2, len(unknown) // _MEASURED)
        lines = [
            f"At least {listed(hours)}, {seconds_in_words(wall)} with {at_once}: "
            f"{len(unknown)} of {len(found.predictions)} jobs ({', '.join(kinds)}) are like none "
            "that was measured, so what they will cost is unknown; run a part with tlbench run … "
            f"--shard 1/{parts}, and ask again."
        ]
    else:
        lines = [
            f"Estimate of what is to do: {listed(hours)}; {seconds_in_words(wall)} with "
            f"{at_once}, no less than {seconds_in_words(least)} with however many."
        ]
    bases, total = [], sum(seconds.values())
    for basis in ("alike", "others"):
        own = [s for key, s in seconds.items() if found.predictions[key].basis == basis]
        if own:
            share = f", {sum(own) / total:.0%} of the time" if total else ""
            bases.append(f"{_BASES[basis]} {len(own)}{share}")
    lines.append(
        f"It rests on {counted(found.n_measured, 'job')} measured on {listed(devices)}; of the "
        f"{len(found.predictions)} to do, on {'; on '.join(bases)}."
    )
    lines.append(
        "The last jobs on the processor took "
        f"{found.busyness:.2f} times their CPU time by the clock; the same is assumed for these."
    )
    return [*lines, KNOWN_ERROR]


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2g}" if seconds < 36000 else f"{seconds / 3600:,.0f}"
