"""What outcomes say in words; no sentence says more than the budgets show."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from tlbench.base.phrases import listed
from tlbench.metrics.statistics import CONVERGED, Convergence, Ratio, verdict
from tlbench.report.budgets.outcomes import Ending, Outcome
from tlbench.report.wording import BASELINE, range_text, ratio_text
from tlbench.study.model_key import Place, Transfer

OPEN = (
    f"a difference that chance, or the {100 * CONVERGED:g} % that convergence leaves open, may "
    "explain"
)
OF_BEST = " (weights of the lowest validation error, as errors rise with more updates)"

_ENDINGS: dict[tuple[Ending, bool], str] = {
    ("lower", False): "it ends lower: converged, its error is {last} times that of {scratch}",
    ("lower", True): (
        "it learns faster and ends lower: its error is {first} times that of {scratch} after "
        "{fewest} updates, and {last} times once both are converged"
    ),
    ("same", False): (
        "once neither error still falls, its error is {last} times that of {scratch}, {open}"
    ),
    ("same", True): (
        "it learns faster: its error is {first} times that of {scratch} after {fewest} updates; "
        "once neither error still falls it is {last} times, {open}"
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
    """Return the findings on each arm of each backbone: a sentence for each way it ends."""
    found: list[str] = []
    for (backbone, strategy), some in _by_arm(outcomes):
        endings: dict[tuple[Ending, bool, bool, int, int], list[Outcome]] = {}
        for each in some:
            faster = each.learns_faster and (each.ending, True) in _ENDINGS
            # Where models are missing, budgets differ.
            budgets = each.first[0], each.last[0]
            endings.setdefault((each.ending, faster, each.is_rising, *budgets), []).append(each)
        for (ending, faster, *_), alike in endings.items():
            found.append(
                f"{backbone}, {strategy}, {where_text(alike)}: {_said(ending, faster, alike)}."
            )
        found += _beside_longer(f"{backbone}, {strategy}", some)
    return found


def _beside_longer(start: str, outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Say where an arm ends lower than scratch, but not than scratch of as many updates in all."""
    no_lower = [
        (each, each.longer)
        for each in outcomes
        if each.ending == "lower" and not each.is_rising
        if each.longer and verdict(each.longer) != "gain"
    ]
    if no_lower:
        ratios = ratios_text([(each.transfer, each.place, longer) for each, longer in no_lower])
        yield (
            f"{start}, {where_text([each for each, _ in no_lower])}: beside scratch with as many "
            f"updates as pretraining and fine-tuning together, its error is {ratios} times as "
            "large, so pretraining is not shown to be worth its updates."
        )


def rises(outcomes: Sequence[Outcome]) -> list[str]:
    """Return of which arms, or scratch, the error rises with more updates, beyond chance."""
    known = {(each.transfer, each.place.scratch): each.baseline for each in outcomes}
    known |= {(each.transfer, each.place): each.arm for each in outcomes}
    arms: dict[tuple[str, str, int, int], list[tuple[Transfer, Place, Convergence]]] = {}
    for (transfer, place), each in known.items():
        if each is not None and each.state == "worse":
            key = place.backbone, place.strategy, *each.budgets
            arms.setdefault(key, []).append((transfer, place, each))
    found = []
    for (backbone, strategy, fewer, more), some in arms.items():
        ratios = ratios_text([(transfer, place, each.ratio) for transfer, place, each in some])
        # Where models are missing, some sizes have other budgets.
        sizes = sorted({place.size for _, place, _ in some})
        is_one = sum(key[:2] == (backbone, strategy) for key in arms) == 1
        where = "" if is_one else f", N = {listed(map(str, sizes))}"
        found.append(
            f"{backbone}, {strategy}{where}: its error rises with more updates: after {more:,} it "
            f"is {ratios} times that after {fewer:,}; see its best weights."
        )
    return found


def _by_arm(outcomes: Iterable[Outcome]) -> Iterator[tuple[tuple[str, str], list[Outcome]]]:
    def arm(each: Outcome) -> tuple[str, str]:
        return each.place.backbone, each.place.strategy

    for key, some in groupby(sorted(outcomes, key=arm), key=arm):
        yield key, list(some)


def where_text(outcomes: Sequence[Outcome]) -> str:
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
    first = ratios_text([(each.transfer, each.place, each.first[1]) for each in outcomes])
    last = ratios_text([(each.transfer, each.place, each.compared) for each in outcomes])
    if any(each.compared is each.best for each in outcomes):
        last += OF_BEST
    if ending == "too few pairs":
        return (
            f"too few pairs for a claim; its error is {last} times that of {BASELINE} after "
            f"{most:,} updates"
        )
    if ending == "not converged":
        lacking = dict.fromkeys(name for each in outcomes for name, _ in each.unconverged())
        return (
            f"not shown to be converged ({listed(lacking)}): after {most:,} updates its error is "
            f"{last} times that of {BASELINE}"
            + (f", after {fewest:,} updates {first} times" if fewest != most else "")
            + "; this compares how fast they learn, not how they end"
        )
    said = _ENDINGS[ending, faster]
    return said.format(first=first, last=last, scratch=BASELINE, fewest=f"{fewest:,}", open=OPEN)


def ratios_text(ratios: Sequence[tuple[Transfer, Place, Ratio]]) -> str:
    """Return a ratio, or the smallest and the largest with what they are of."""
    several = len({transfer for transfer, _, _ in ratios}) > 1
    named = [
        (ratio, (f"{transfer.label()}, " if several else "") + place.training_set())
        for transfer, place, ratio in ratios
    ]
    return range_text(named) if len(named) > 1 else ratio_text(named[0][0], flagged=False)


def both_metrics(first: Sequence[Outcome], second: Sequence[Outcome]) -> list[str]:
    """Return where an arm ends lower in two metrics at once, and where they contradict each other.

    A claim that an arm is better at all needs both, as forces can gain at the cost of energies.
    """
    others = {(each.transfer, each.place): each for each in second}
    metrics = listed([first[0].metric, second[0].metric])
    found: list[str] = []
    without: list[str] = []
    for (backbone, strategy), some in _by_arm(first):
        pairs = [
            (each, other) for each in some if (other := others.get((each.transfer, each.place)))
        ]
        both = [a for a, b in pairs if a.ending == b.ending == "lower"]
        against = [a for a, b in pairs if {a.ending, b.ending} == {"lower", "higher"}]
        arm = f"{backbone}, {strategy}"
        if both:
            where = where_text(both)
            found.append(f"{arm}: {metrics} both end lower than from {BASELINE} at {where}.")
        elif pairs:
            without.append(arm)
        if against:
            found.append(
                f"{arm}: at {where_text(against)}, one of {metrics} ends lower, one higher."
            )
    if without:
        found.append(
            f"With no training set are both {metrics} shown to end lower than from {BASELINE}: "
            f"{'; '.join(without)}."
        )
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
    return text.replace("-", "\N{MINUS SIGN}")


def state_text(found: Convergence | None) -> str:
    """Return whether an arm is converged, in words."""
    if found is None:
        return "unknown"
    return "converged, rising" if found.state == "worse" else found.state
