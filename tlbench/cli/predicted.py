"""Predicted costs in words."""

from tlbench.cli.live import duration
from tlbench.engine.estimates import Estimate, Prediction
from tlbench.jobs.base import KINDS

_BASES = {
    "alike": "jobs alike",
    "settings": "other settings",
    "backbones": "other backbones",
    "unknown": "nothing",
}

KNOWN_ERROR = (
    "Tried on two suites that were predicted from others: CPU time 4 % too low and 2 % too high, "
    "time by the clock 13 and 52 % too low as the machine was busier than before, and 2 and 17 % "
    "too low once a tenth of the suite was done (benchmarks/README.md)."
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
    """Return what all that is left to do costs, and what that is worth."""
    if not found.predictions:
        return ["Nothing is left to do, so it costs nothing."]
    known = found.seconds()
    if not known:
        return [_nothing_known(found)]
    lines = [_costs(found, workers), *_unknown(found), _rests_on(found)]
    return [*lines, *_quality(found), KNOWN_ERROR]


def _nothing_known(found: Estimate) -> str:
    device = found.measured.accelerator or found.measured.processor
    where = ""
    if found.measured.elsewhere:
        others = found.measured.elsewhere.most_common()
        where = f" (but on {', '.join(f'{name}: {count}' for name, count in others)})"
    return (
        f"There are no measured costs of such jobs on {device} in the store{where}, so what this "
        "will cost is unknown. Run part of it, and ask again."
    )


def _costs(found: Estimate, workers: int) -> str:
    parts = [f"{_hours(found.cpu_seconds())} CPU hours"]
    if found.measured.accelerator is not None:
        parts.insert(0, f"{_hours(found.gpu_seconds())} GPU hours")
    wall, least = found.wall_seconds(workers), found.critical_seconds()
    return (
        f"Estimate of what is to do: {' and '.join(parts)}; {seconds_in_words(wall)} with "
        f"{workers} worker{'s' if workers > 1 else ''}, no less than {seconds_in_words(least)} "
        "with however many."
    )


def _unknown(found: Estimate) -> list[str]:
    unknown = [key for key, each in found.predictions.items() if each.basis == "unknown"]
    if not unknown:
        return []
    kinds = sorted({found.jobs[key].kind for key in unknown}, key=list(KINDS).index)
    return [f"Not in it: {len(unknown)} jobs of unknown cost ({', '.join(kinds)})."]


def _rests_on(found: Estimate) -> str:
    bases, seconds = found.bases(), found.seconds()
    total = sum(seconds.values())
    parts = []
    for basis in ("alike", "settings", "backbones"):
        if bases[basis]:
            mine = sum(s for k, s in seconds.items() if found.predictions[k].basis == basis)
            share = f", {mine / total:.0%} of the time" if total else ""
            parts.append(f"{_BASES[basis]} {bases[basis]}{share}")
    devices = " and ".join(filter(None, [found.measured.accelerator, found.measured.processor]))
    return (
        f"It rests on {len(found.measured.samples)} jobs measured on {devices}; of the "
        f"{len(found.predictions)} to do, on {'; on '.join(parts)}."
    )


def _quality(found: Estimate) -> list[str]:
    lines = [
        "By the clock the last jobs on the processor took "
        f"{found.measured.busyness():.2f} times their CPU time, and so, it is taken, will these."
    ]
    if found.spread is not None:
        low, high = found.spread
        lines.append(
            f"Of the jobs it rests on, 80 % took {low:.2f} to {high:.2f} times what the same rule "
            "gives for them."
        )
    return lines


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2g}" if seconds < 36000 else f"{seconds / 3600:,.0f}"
