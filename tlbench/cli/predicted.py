"""Predicted costs in words."""

from tlbench.cli.live import duration
from tlbench.engine.estimates import Estimate, Prediction
from tlbench.jobs.base import KINDS

_BASES = {"alike": "jobs alike", "others": "other backbones", "unknown": "nothing"}

KNOWN_ERROR = (
    "Tried on two published suites, each predicted from the others: half of the trainings were off "
    "by 9 % of their CPU time or more, a tenth by 20 % or more (benchmarks/README.md)."
)


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
    lines = [
        f"Estimate of what is to do: {' and '.join(hours)}; {seconds_in_words(wall)} with "
        f"{workers} worker{'s' if workers > 1 else ''}, no less than {seconds_in_words(least)} "
        "with however many."
    ]
    unknown = [key for key in found.predictions if key not in seconds]
    if unknown:
        kinds = sorted({found.jobs[key].kind for key in unknown}, key=list(KINDS).index)
        lines.append(f"Not in it: {len(unknown)} jobs of unknown cost ({', '.join(kinds)}).")
    parts, total = [], sum(seconds.values())
    for basis in ("alike", "others"):
        own = [s for key, s in seconds.items() if found.predictions[key].basis == basis]
        if own:
            share = f", {sum(own) / total:.0%} of the time" if total else ""
            parts.append(f"{_BASES[basis]} {len(own)}{share}")
    lines.append(
        f"It rests on {found.n_measured} jobs measured on {' and '.join(devices)}; of the "
        f"{len(found.predictions)} to do, on {'; on '.join(parts)}."
    )
    lines.append(
        "By the clock the last jobs on the processor took "
        f"{found.busyness:.2f} times their CPU time, and so, it is taken, will these."
    )
    return [*lines, KNOWN_ERROR]


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2g}" if seconds < 36000 else f"{seconds / 3600:,.0f}"
