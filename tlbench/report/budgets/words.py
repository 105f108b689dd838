"""What outcomes say in words; no sentence says more than the budgets show."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from tlbench.metrics.statistics import Convergence
from tlbench.report.budgets.outcomes import Ending, Outcome
from tlbench.report.wording import BASELINE, listed, range_text, ratio_text

_ENDINGS: dict[tuple[Ending, bool], str] = {
    ("lower", False): "it ends lower: converged, its error is {last} times that of {scratch}",
    ("lower", True): (
        "it learns faster and ends lower: its error is {first} times that of {scratch} after "
        "{fewest} updates, and {last} times once both are converged"
    ),
    ("same", False): (
        "once both are converged, its error, {last} times that of {scratch}, cannot be "
        "distinguished from it"
    ),
    ("same", True): (
        "it only learns faster: its error is {first} times that of {scratch} after {fewest} "
        "updates, but {last} times once both are converged, which cannot be distinguished from 1"
    ),
    ("higher", False): (
        "it ends higher: converged, its error is {last} times that of {scratch} (negative transfer)"
    ),
    ("higher", True): (
        "it learns faster but ends higher: its error is {first} times that of {scratch} after "
        "{fewest} updates, and {last} times once both are converged (negative transfer)"
    ),
}


def sentences(outcomes: Iterable[Outcome]) -> list[str]:
    """Return what is said of each arm of each backbone: a sentence for each way it ends."""
    found: list[str] = []
    for (backbone, strategy), some in _by_arm(outcomes):
        endings: dict[tuple[Ending, bool], list[Outcome]] = {}
        for each in some:
            endings.setdefault((each.ending, each.learns_faster), []).append(each)
        for (ending, faster), alike in endings.items():
            found.append(
                f"{backbone}, {strategy}, {_where(alike)}: {_said(ending, faster, alike)}."
            )
    return found


def _by_arm(outcomes: Iterable[Outcome]) -> Iterator[tuple[tuple[str, str], list[Outcome]]]:
    def arm(each: Outcome) -> tuple[str, str]:
        return each.place.backbone, each.place.strategy

    for key, some in groupby(sorted(outcomes, key=arm), key=arm):
        yield key, list(some)


def _where(outcomes: Sequence[Outcome]) -> str:
    """Return which training sets, and of several transfers which."""
    transfers = dict.fromkeys(each.transfer for each in outcomes)
    sizes = sorted({each.place.size for each in outcomes})
    at = {each.place.train_temperature_k for each in outcomes} - {None}
    text = f"N = {listed(map(str, sizes))}"
    text += f" at {listed(f'{t:g}' for t in sorted(filter(None, at)))} K" if at else ""
    if len(transfers) > 1:
        text += f" ({listed(each.label() for each in transfers)})"
    return text


def _said(ending: Ending, faster: bool, outcomes: Sequence[Outcome]) -> str:
    fewest, most = outcomes[0].first[0], outcomes[0].last[0]
    first = _range([(each, each.first[1]) for each in outcomes])
    last = _range([(each, each.last[1]) for each in outcomes])
    if ending == "too few pairs":
        return (
            f"too few pairs for a claim; its error is {last} times that of {BASELINE} after "
            f"{most:,} updates"
        )
    if ending == "not converged":
        lacking = dict.fromkeys(name for each in outcomes for name, _ in each.unconverged())
        return (
            f"not shown to be converged ({listed(lacking)}): after {most:,} updates its error is "
            f"{last} times that of {BASELINE}, after {fewest:,} updates {first} times; this "
            "compares how fast they learn, not how they end"
        )
    said = _ENDINGS[ending, faster]
    return said.format(first=first, last=last, scratch=BASELINE, fewest=f"{fewest:,}")


def _range(ratios: Sequence[tuple[Outcome, object]]) -> str:
    if len(ratios) == 1:
        return ratio_text(ratios[0][1], flagged=False)  # type: ignore[arg-type]
    named = [(ratio, _name(each, ratios)) for each, ratio in ratios]
    return range_text(named)  # type: ignore[arg-type]


def _name(outcome: Outcome, ratios: Sequence[tuple[Outcome, object]]) -> str:
    several = len({each.transfer for each, _ in ratios}) > 1
    before = f"{outcome.transfer.label()}, " if several else ""
    return before + outcome.place.training_set()


def both_metrics(first: Sequence[Outcome], second: Sequence[Outcome]) -> list[str]:
    """Return where an arm ends lower in two metrics at once, and where they contradict each other.

    A claim that an arm is better at all needs both, as forces can gain at the cost of energies.
    """
    others = {(each.transfer, each.place): each for each in second}
    found: list[str] = []
    for (backbone, strategy), some in _by_arm(first):
        pairs = [
            (each, other) for each in some if (other := others.get((each.transfer, each.place)))
        ]
        if not pairs:
            continue
        names = f"{pairs[0][0].metric} and {pairs[0][1].metric}"
        both = [a for a, b in pairs if a.ending == b.ending == "lower"]
        against = [a for a, b in pairs if {a.ending, b.ending} == {"lower", "higher"}]
        start = f"{backbone}, {strategy}:"
        if both:
            found.append(f"{start} both {names} end lower than from {BASELINE} at {_where(both)}.")
        else:
            found.append(
                f"{start} with no training set do both {names} end lower than from {BASELINE} "
                "beyond chance, so it is not shown to be better."
            )
        if against:
            found.append(f"{start} at {_where(against)}, one of {names} ends lower, one higher.")
    return found


def change_text(found: Convergence | None) -> str:
    """Return how the error changed from the second largest budget to the largest, in per cent."""
    if found is None:
        return "–"
    ratio = found.ratio
    text = f"{100 * (ratio.value - 1):+.1f} %"
    if ratio.interval:
        low, high = (100 * (end - 1) for end in (ratio.interval.low, ratio.interval.high))
        text += f" [{low:+.1f}, {high:+.1f}]"
    return text


def state_text(found: Convergence | None) -> str:
    """Return whether an arm is converged, in words."""
    if found is None:
        return "unknown"
    return "converged; worse with more updates" if found.state == "worse" else found.state
