"""The answer in a few sentences, before all tables: does transfer help, how sure, at what cost.

A sentence claims a difference only with at least `CLAIM_PAIRS` pairs, where the interval of the
ratio excludes 1 and its p value is below 0.05 after Holm's correction for all comparisons of the
metric. What models end at is claimed of converged curves alone, by the rules of
`tlbench.report.budgets.outcomes`; anywhere else a sentence says at which budget it holds.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Literal

import numpy as np

from tlbench.base.phrases import counted, listed
from tlbench.metrics.statistics import Pair, Rate, holm
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.outcomes import Outcome, is_arm, outcomes
from tlbench.report.budgets.words import ratios_text, where_text
from tlbench.report.claims import CLAIM_PAIRS, difference, has_pairs_for_claim
from tlbench.report.content import Section, Sentences
from tlbench.report.dynamics.models import WRONG, arms_of, rate_of, structures_in
from tlbench.report.sections.costs import costs_by_device, seconds_of
from tlbench.report.sections.starts import best_starts, starts_of
from tlbench.report.wording import (
    BASELINE,
    at_budget,
    interval_note,
    interval_text,
    is_untrained,
    n_pairs_text,
    range_text,
)
from tlbench.results.costs import Cost
from tlbench.results.dynamics import Dynamics
from tlbench.study.model_key import Place
from tlbench.study.places import trained_places
from tlbench.transfer import arm

NAME = "answer"

MOST_TRANSFERS = 2
"""Transfers that have a sentence each; more share one."""

MOST_ARMS = 3
"""Arms that are named one by one; of more the range of their ratios is given."""

Side = Literal["lower", "higher", "open", "few"]
"""Of an error beside that from scratch; "open" where chance may explain the difference."""

_BEGINNINGS: dict[tuple[Side, bool], str] = {
    ("lower", True): "transfer helps",
    ("higher", True): "transfer hurts",
    ("lower", False): "the error is lower with transfer",
    ("higher", False): "the error is higher with transfer",
    ("open", False): "no difference is claimed",
    ("few", False): f"no claim can be made from fewer than {CLAIM_PAIRS} pairs",
}
"""By the side, and whether it is claimed of converged models; at one budget an arm may only learn
faster, which is not yet a help."""


def answer(analysis: Analysis) -> Iterator[Section]:
    """Yield the answer of a run, if models of the target were measured."""
    dynamics = analysis.results.dynamics
    yield answer_section(analysis, [] if dynamics is None else [dynamics])


def answer_section(analysis: Analysis, simulated: Sequence[Dynamics]) -> Section:
    """Return the answer of some results; empty without a model of the target.

    Parameters
    ----------
    simulated
        Their simulations; of several machines, those beside each reference.
    """
    return Section(NAME, "Answer", [Sentences(_sentences(analysis, simulated), title="")])


def comparisons(analysis: Analysis, metric: str) -> list[Outcome]:
    """Return every arm and training set beside scratch, with p values after Holm's correction.

    In a suite of one budget no outcome is known to be converged.
    """
    if analysis.suite.budgets is not None:
        return outcomes(row for row in analysis.every_row if row.metric == metric)
    rows = [r for r in analysis.of_metric(metric) if r.trained and is_arm(r.place)]
    found = [(r, r.ratio) for r in rows if r.ratio is not None]
    p = holm({n: ratio.p for n, (_, ratio) in enumerate(found) if ratio.p is not None})
    return [
        Outcome(metric, row.transfer, row.place, {0: ratio}, None, None, p=p.get(n))
        for n, (row, ratio) in enumerate(found)
    ]


def side_of(outcome: Outcome) -> Side:
    """Return on which side of scratch an arm is, where pairs and interval carry it."""
    ratio = outcome.compared
    if not has_pairs_for_claim(ratio):
        return "few"
    found = outcome.ending if outcome.is_converged else difference(ratio, outcome.p, least=0)
    return found if found in ("lower", "higher") else "open"


def _sentences(analysis: Analysis, simulated: Sequence[Dynamics]) -> list[str]:
    if not analysis.metrics or not analysis.rows:
        return []
    found = comparisons(analysis, analysis.metrics[0])
    best = _best_starts(analysis)
    if not found:
        return best or [
            f"Whether transfer helps cannot be judged: no trained arm was compared with {BASELINE} "
            "on the same structures."
        ]
    by_transfer = [[o for o in found if o.transfer == t] for t in analysis.transfers]
    by_transfer = [some for some in by_transfer if some]
    groups = by_transfer if len(by_transfer) <= MOST_TRANSFERS else [found]
    said = [_verdict(some, at_budget(analysis.suite)) for some in groups]
    said = [*best, *said, _certainty(analysis, found)]
    return [*said, *_cost(analysis), _trouble(analysis, simulated)]


def _best_starts(analysis: Analysis) -> list[str]:
    """Return which start is the best at each N, in suites of several sources."""
    if len(analysis.suite.sources or []) < 2:
        return []
    when = "untrained" if is_untrained(analysis.suite) else at_budget(analysis.suite)
    found, _ = best_starts(starts_of(analysis.of_metric(analysis.metrics[0])), when)
    return found


def _is_final(outcome: Outcome) -> bool:
    """Return whether a difference is claimed of what models end at."""
    return outcome.is_converged and side_of(outcome) in ("lower", "higher")


def _verdict(found: Sequence[Outcome], budget: str) -> str:
    """Return whether transfer helps, by how much, and where."""
    transfers = dict.fromkeys(each.transfer for each in found)
    several = len(transfers) > 1
    start = counted(len(transfers), "transfer") if several else next(iter(transfers)).label()
    parts = []
    for kind, beginning in _BEGINNINGS.items():
        some = [each for each in found if (side_of(each), _is_final(each)) == kind]
        if some:
            end = f"times that of {BASELINE} {budget}"
            parts.append(f"{beginning}: the {some[0].metric} of {_ratios(some, several)} {end}")
    return f"{start}: {'; '.join(parts)}."


def _ratios(found: Sequence[Outcome], several: bool) -> str:
    """Return the ratios of each arm, or of many arms the smallest and the largest.

    Parameters
    ----------
    several
        Whether there are several transfers, so that each ratio is given with its own.
    """
    arms: dict[tuple[str, str], list[Outcome]] = {}
    for each in found:
        arms.setdefault((each.place.backbone, each.place.strategy), []).append(each)
    if len(arms) > MOST_ARMS:
        named = [(o.compared, _transfer(o, several) + o.place.label()) for o in found]
        return f"{counted(len(arms), 'arm')} is {range_text(named)}"
    texts = []
    for (backbone, strategy), some in arms.items():
        if several:
            named = [(o.compared, _transfer(o, several) + o.place.training_set()) for o in some]
            texts.append(f"{backbone}, {strategy} is {range_text(named)}")
        else:
            ratios = ratios_text([(o.transfer, o.place, o.compared) for o in some])
            texts.append(f"{backbone}, {strategy}, {where_text(some)}, is {ratios}")
    return listed(texts)


def _transfer(outcome: Outcome, several: bool) -> str:
    return f"{outcome.transfer.label()}, " if several else ""


def _certainty(analysis: Analysis, found: Sequence[Outcome]) -> str:
    """Return what the claims rest on, and what they compare."""
    tested = [each for each in found if each.compared.p is not None] or found
    counts = sorted({each.compared.n_pairs for each in tested})
    pairs = n_pairs_text(counts[-1])
    if len(counts) > 1:
        pairs = f"{counts[0]} to {pairs}"
    sides = {side_of(each) for each in found}
    if sides == {"few"}:
        return (
            f"The arms share {pairs} of seeds with {BASELINE}; a claim needs at least "
            f"{CLAIM_PAIRS}, so more subset seeds and init seeds are needed."
        )
    number = counted(len(tested), "comparison")
    if sides & {"lower", "higher"}:
        said = f"What is claimed holds at the 5 % level after Holm's correction for {number}"
    else:
        said = f"At the 5 % level, after Holm's correction for {number}, nothing can be claimed"
    compares = _compares([each for each in found if side_of(each) in ("lower", "higher")])
    notes = [interval_note(each.compared for each in found)]
    if rising := [each for each in found if each.compared is each.best]:
        names = listed(dict.fromkeys(o.place.label() for o in rising))
        notes.append(
            f"Errors of {names} rise with more updates: of these the weights of the lowest "
            "validation error are compared."
        )
    return " ".join([f"{said}, over {pairs}{compares}.", *filter(None, notes)])


def _compares(claimed: Sequence[Outcome]) -> str:
    """Return whether claims are of what models end at, or of how fast they learn."""
    converged = Counter(each.is_converged for each in claimed)
    if not claimed:
        return ""
    if not converged[False]:
        return "; both the arms and scratch are converged there"
    which = "" if not converged[True] else " in part"
    return (
        f"; it compares{which} how fast models learn, because they are not shown to be converged, "
        "and longer training may change it"
    )


def _cost(analysis: Analysis) -> Iterator[str]:
    """Yield what training with transfer and from scratch took, on the first device."""
    # Its name may be anybody's words, so that only tables show it.
    results = analysis.results
    found = [costs_by_device(results.records, results.costs, each) for each in analysis.transfers]
    for device in sorted({device for placed in found for device in placed}):
        places = [
            (place, models) for placed in found for place, models in placed.get(device, {}).items()
        ]
        arms = [models for place, models in places if place.size and is_arm(place)]
        scratch = [models for place, models in places if place.strategy == BASELINE]
        if arms and scratch:
            # Published potentials are not pretrained here.
            before = re.sub("^0 to ", "up to ", _seconds(arms, 1))
            shared = f", after {before} s of pretraining that its source model shares with others,"
            yield (
                f"A model took {_seconds(arms, 0)} s to train with transfer"
                f"{'' if before == '0' else shared} and {_seconds(scratch, 0)} s from {BASELINE} "
                "(medians on one device; see Costs)."
            )
            return


def _seconds(arms: Sequence[Mapping[Pair, Cost]], part: int) -> str:
    """Return the median time of each arm's models, s, the shortest to the longest.

    Parameters
    ----------
    part
        0 for training, 1 for pretraining.
    """
    medians = [
        float(np.median([seconds_of(cost)[part] for cost in models.values()])) for models in arms
    ]
    ends = min(medians), max(medians)
    return " to ".join(dict.fromkeys(f"{s:.3g}" if s < 100 else f"{s:,.0f}" for s in ends))


def _trouble(analysis: Analysis, simulated: Sequence[Dynamics]) -> str:
    """Return what went wrong: negative transfer, unstable and missing runs, open curves."""
    found = [*_losses(analysis), *_instability(analysis, simulated), *_unconverged(analysis)]
    expected = len(analysis.suite.seed_pairs())
    rows = [row for row in analysis.of_metric(analysis.metrics[0]) if row.trained]
    missing = [row for row in rows if row.mean.n_pairs < expected]
    if missing:
        least = min(row.mean.n_pairs for row in missing)
        found.append(
            f"missing pairs in {len(missing)} of {counted(len(rows), 'arm')} (the fewest "
            f"{least} of {expected})"
        )
    if lost := _lost_arms(analysis):
        found.append(f"no models at all of {_named(lost)}")
    untested = list(_untested(analysis, simulated))
    end = f"; not tested: {listed(untested)}." if untested else "."
    return (
        f"What went wrong: {'; '.join(found)}{end}"
        if found
        else f"Nothing that was tested went wrong{end}"
    )


def _lost_arms(analysis: Analysis) -> list[str]:
    """Return what the suite trains at its largest budget, but no model of which was measured.

    Of each transfer and its backbones that were at any budget; what is published of a run may be
    those of one device. Arms that train on the source, too, cannot start from a potential.
    """
    suite, several = analysis.suite, analysis.has_several
    last = suite.target_budgets()[-1]
    some_lack_data = any(choice.data is None for choice in suite.sources or ())
    places = [
        place.replace(updates=None, train_temperature_k=at)
        for place, at in product(trained_places(suite), suite.temperatures())
        if place.size
        and place.updates == last
        and not (some_lack_data and arm(place.strategy).needs_source_data)
    ]
    lost = []
    rows = [row for row in analysis.of_metric(analysis.metrics[0]) if row.trained]
    of_any = [row for row in analysis.every_row if row.trained]
    for transfer in analysis.transfers:
        measured = {row.place.replace(updates=None) for row in rows if row.transfer == transfer}
        backbones = {row.place.backbone for row in of_any if row.transfer == transfer}
        which = f"{transfer.label()}: " if several else ""
        lost += [
            f"{which}{place.label()}"
            for place in places
            if place.backbone in backbones and place not in measured
        ]
    return lost


def _untested(analysis: Analysis, simulated: Sequence[Dynamics]) -> Iterator[str]:
    """Yield what cannot be seen in these results whether it went wrong."""
    found = comparisons(analysis, analysis.metrics[0])
    if all(side_of(each) == "few" for each in found):
        yield "harm by transfer, for lack of pairs"
    if not simulated:
        yield "stability"
    if analysis.suite.budgets is None:
        yield "convergence"


def _losses(analysis: Analysis) -> Iterator[str]:
    for metric in analysis.metrics:
        some = [each for each in comparisons(analysis, metric) if side_of(each) == "higher"]
        if some:
            arms = dict.fromkeys(f"{o.place.backbone}, {o.place.strategy}" for o in some)
            what = (
                "negative transfer" if all(map(_is_final, some)) else "larger errors than scratch"
            )
            yield f"{what} in {metric} ({_named(arms)})"


def _instability(analysis: Analysis, simulated: Sequence[Dynamics]) -> Iterator[str]:
    """Yield the range of stability rates where simulations stopped, and wrong structures."""
    rates: list[tuple[Rate, Place]] = []
    wrong = models = 0
    for dynamics in simulated:
        for place, found in arms_of(dynamics, analysis.results.records).items():
            rates.append((rate_of(found), place))
            wrong += structures_in(dynamics, found)[WRONG]
            models += len(found)
    unstable = [(rate, place) for rate, place in rates if rate.value < 1]
    if unstable:
        rate, place = min(unstable, key=lambda each: each[0].value)
        yield (
            f"unstable simulations in {len(unstable)} of {counted(len(rates), 'arm')}, down to a "
            f"stability rate of {rate.value:.2f} {interval_text(rate)} ({place.label()})"
        )
    if wrong:
        yield f"a wrong structure in simulations of {wrong} of {counted(models, 'model')}"


def _unconverged(analysis: Analysis) -> Iterator[str]:
    if analysis.suite.budgets is None:
        return
    lacking = dict.fromkeys(
        f"{outcome.place.backbone}, {name}"
        for outcome in comparisons(analysis, analysis.metrics[0])
        for name, _ in outcome.unconverged()
    )
    if lacking:
        yield f"curves not shown to be converged ({_named(lacking)})"


def _named(names: Iterable[str]) -> str:
    found = list(names)
    shown = found[:MOST_ARMS]
    more = len(found) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")
