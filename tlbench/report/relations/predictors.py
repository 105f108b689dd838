"""What the values of a question correlate with, and whether chance would do as well."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from tlbench.base.seeds import stream
from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics import Association, association, null_correlations
from tlbench.report.content import Lines, pivot
from tlbench.report.relations.questions import Point, Question
from tlbench.report.relations.structure import association_text
from tlbench.report.wording import AT_THIS_BUDGET

MOST_EXCHANGES = 720
"""Ways to exchange names that are tried at most."""

TOO_LIKELY = 0.05
"""Share of exchanges of names from which on a correlation is put down to chance."""


@dataclass(frozen=True)
class Answer:
    """How each predictor correlates with the values of each series, and how sure the strongest is.

    Attributes
    ----------
    told
        Predictor → series → association.
    chance
        Share of exchanges of names under which any predictor of any series correlates as strongly
        as the strongest; it allows for their number. None if there is nothing to exchange.
    n_exchanges
        How many there are, the names as they are among them.
    """

    told: Mapping[str, Mapping[str, Association]]
    chance: float | None
    n_exchanges: int

    def strongest(self) -> tuple[str, str, Association] | None:
        """Return predictor, series and association of the strongest correlation."""
        every = [(name, s, a) for name, found in self.told.items() for s, a in found.items()]
        return max(every, key=lambda each: abs(each[2].rho), default=None)


def answer(question: Question) -> Answer:
    """Return how each predictor correlates with the values."""
    told: dict[str, dict[str, Association]] = {}
    strongest: list[Floats] = []
    series = dict.fromkeys(p.series for p in question.points)
    exchanges = _exchanges(question.points)
    for name in dict.fromkeys(n for p in question.points for n in p.predictors):
        for each in series:
            some = [p for p in question.points if p.series == each and name in p.predictors]
            values = [p.value for p in some]
            relabelled = _relabelled(some, name, exchanges)
            found = association(
                [p.predictors[name] for p in some],
                values,
                [p.group for p in some],
                relabelled,
                question.relative,
            )
            if found is not None:
                told.setdefault(name, {})[each] = found
                if relabelled:
                    strongest.append(np.abs(null_correlations(relabelled, values)))
    chance = None
    if strongest and len(exchanges) > 1:
        highest = np.max(strongest, axis=0)
        # The names as they are come first.
        chance = float(np.mean(highest >= highest[0] - 1e-9))
    return Answer(told, chance, len(exchanges))


def _exchanges(points: Sequence[Point]) -> list[dict[str, str]]:
    """Return ways to exchange the names that points have, as they are first; all, or a draw."""
    names = list(dict.fromkeys(name for p in points for name in p.names))
    if len(names) < 2:
        return []
    if math.factorial(len(names)) <= MOST_EXCHANGES:
        orders: Iterable[Sequence[str]] = permutations(names)
    else:
        generator = np.random.Generator(np.random.PCG64(stream("exchanges", len(names))))
        drawn = [generator.permutation(names).tolist() for _ in range(MOST_EXCHANGES - 1)]
        orders = [names, *drawn]
    return [dict(zip(names, order, strict=True)) for order in orders]


def _relabelled(
    points: list[Point], name: str, exchanges: list[dict[str, str]]
) -> list[list[float]]:
    """Return a predictor of the points under each exchange; nothing if some of it is not known."""
    known = {(p.names, p.fixed): p.predictors[name] for p in points}
    keys = [
        [(tuple(exchange[n] for n in p.names), p.fixed) for p in points] for exchange in exchanges
    ]
    if any(key not in known for line in keys for key in line):
        return []
    return [[known[key] for key in line] for line in keys]


def predictors_table(question: Question, found: Answer) -> Lines:
    """Return a line per predictor, a column per series."""
    series = dict.fromkeys(p.series for p in question.points)
    cells = {
        (name, each): _association_cell(association)
        for name, some in found.told.items()
        for each, association in some.items()
    }
    return pivot("distance or difference", found.told, series, cells)


def _association_cell(found: Association) -> str:
    skill = "" if found.skill is None else f" × {found.skill:.2f}"
    chance = "" if found.chance is None else f", {p_text(found.chance)}"
    return association_text(found) + skill + chance


def p_text(chance: float) -> str:
    """Return a share of exchanges; never as 0, for the names as they are count among them."""
    return f"p = {chance:.2f}" if chance >= 0.01 else "p < 0.01"


def predictors_findings(question: Question, found: Answer) -> Iterator[str]:
    """Say what the values correlate with most, and how often chance does as well."""
    strongest = found.strongest()
    if strongest is None:
        return
    name, series, best = strongest
    n_names = len({name for p in question.points for name in p.names})
    n_correlations = sum(len(told) for told in found.told.values())
    yield (
        f"{question.title} {AT_THIS_BUDGET.capitalize()}, the strongest of {n_correlations} "
        f"correlations is with {name}, for {series}: {association_text(best)}. "
        f"{_sure(question, found, n_names)}"
    )


def _sure(question: Question, found: Answer, n_names: int) -> str:
    """Say what may be concluded from the strongest of many correlations."""
    of_what = f"{n_names} {question.named}"
    if found.chance is None or 1 / found.n_exchanges > TOO_LIKELY:
        return f"With {of_what} nothing is concluded."
    share = (
        f"If the {of_what} exchanged their names, one as strong would be found in "
        f"{found.chance:.1%} of all ways to do so (the least there can be is "
        f"{1 / found.n_exchanges:.1%})"
    )
    if found.chance > TOO_LIKELY:
        return f"{share}, so it may be chance, and nothing is concluded."
    return f"{share}. It is the strongest of many, and should be expected to be weaker elsewhere."
