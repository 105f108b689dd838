"""What the ratio to scratch may go with: the points behind each question, and what they say."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product

import numpy as np

from tlbench.base.seeds import stream
from tlbench.metrics.distances.quantities import FORMS, OF_ENVIRONMENTS, QUANTITIES
from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics import Association, association, null_correlations
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.outcomes import is_arm
from tlbench.report.content import Lines, pivot
from tlbench.report.relations.chemistry import chemistry
from tlbench.report.relations.structure import association_text
from tlbench.report.sections.temperature import Matrix, Test, label, matrices
from tlbench.report.sections.transfers import gains
from tlbench.report.wording import AT_THIS_BUDGET, BASELINE
from tlbench.results.distances import DataDistance, NamedSet
from tlbench.study.model_key import Place, Transfer
from tlbench.study.transfers import WHOLE

TITLES = {**{quantity.name: quantity.title for quantity in QUANTITIES}, **OF_ENVIRONMENTS}

HEADLINE = f"{TITLES['exact']}, scaled"
"""The predictor that plots show: whole environments, with atoms scaled to one size."""

MOST_EXCHANGES = 720
"""Ways to exchange names that are tried at most."""

TOO_LIKELY = 0.05
"""Share of exchanges of names from which on a correlation is put down to chance."""

SetKey = tuple[str, str, str | None, float | None]
"""Element, split, part and temperature of a set."""


@dataclass(frozen=True)
class Point:
    """Something that is predicted: its value, its predictors, and what it belongs together with.

    ``series`` names what is compared only with its like, as one backbone at one size. ``names``
    are what may exchange its names, as the elements of a pair, and ``fixed`` the rest of what the
    predictors are of; points of one ``group`` are not independent.
    """

    label: str
    series: str
    value: float
    predictors: Mapping[str, float]
    group: Hashable
    names: tuple[str, ...]
    fixed: Hashable = None

    @property
    def elements(self) -> tuple[str, str] | None:
        """Source and target, where points are of pairs of elements."""
        return (self.names[0], self.names[1]) if len(self.names) == 2 else None


@dataclass(frozen=True)
class Question:
    """What is asked, with the points that may answer it.

    ``value`` is the title of their axis. ``reads`` says in one sentence how the plot is to be read,
    ``named`` what the points are of, whose names may be exchanged; values count from means over
    these if ``relative``.
    """

    title: str
    value: str
    reads: str
    named: str
    relative: bool
    points: list[Point]


def questions(analysis: Analysis, metric: str) -> list[Question]:
    """Return what a run's distances may answer: those questions of which there are points."""
    distances: Sequence[DataDistance] = analysis.results.distances
    known = {frozenset({_key(d.a), _key(d.b)}): _values(d) for d in distances if d.distances}
    asked = [
        Question(
            "Does the ratio to scratch go with the distance between the data sets?",
            f"arm / {BASELINE}",
            "A point is a transfer; if points rise, transfers between nearer data sets have the "
            "lower errors relative to scratch, at this budget.",
            "elements" if has_elements(analysis) else "parts of the source",
            False,
            list(_of_transfers(analysis, known, metric)),
        ),
        Question(
            "Among sources of one target, does the ratio to scratch go with distance?",
            f"arm / {BASELINE}, relative to the mean over sources",
            "A point is a source and a target, both numbers relative to their means over the "
            "sources of that target; if points rise, the nearer source gives the lower error.",
            "elements",
            True,
            list(_of_sources(analysis, known, metric)),
        ),
        Question(
            "Among parts of the source, does the ratio to scratch go with distance to test data?",
            f"arm / {BASELINE}, relative to the mean over parts",
            "A point is a part of the source and one test temperature, both numbers relative to "
            "their means over parts; if points rise, the part nearer to the test structures gives "
            "the lower error.",
            "parts of the source",
            True,
            list(_of_parts(analysis, known, metric)),
        ),
        Question(
            "Does the error at other temperatures go with the distance from the one trained at?",
            "error / that of the best training temperature",
            "A point is a training and a test temperature; if points rise, structures farther from "
            "those trained on have the larger errors.",
            "training temperatures",
            False,
            list(_of_temperatures(analysis, known, metric, against_scratch=False)),
        ),
        Question(
            "Does the ratio to scratch go with the distance from training to test structures?",
            f"arm / {BASELINE}",
            "A point is a training and a test temperature; if points fall to the right, the ratio "
            "to scratch is smallest, at this budget, where the two differ most.",
            "training temperatures",
            False,
            list(_of_temperatures(analysis, known, metric, against_scratch=True)),
        ),
    ]
    return [question for question in asked if len(question.points) > 2]


def has_elements(analysis: Analysis) -> bool:
    """Return whether transfers are between different elements."""
    return len({(t.source, t.target) for t in analysis.transfers}) > 1


def _key(of: NamedSet) -> SetKey:
    return of.element, of.split, of.part, of.temperature_k


def _values(distance: DataDistance) -> dict[str, float]:
    """Return every distance by its title."""
    return {
        f"{TITLES[name]}, {form}": found.value
        for form in FORMS
        for name in TITLES
        if (found := distance.get(name, form)) is not None
    }


Known = Mapping[frozenset[SetKey], Mapping[str, float]]


def _of_transfers(analysis: Analysis, known: Known, metric: str) -> Iterable[Point]:
    """Yield a point for each ratio to scratch of a trained arm over the whole test set."""
    if len(analysis.transfers) < 3:
        return
    elements = has_elements(analysis)
    for row in gains(analysis, metric):
        transfer = row.transfer
        if not (row.trained and row.ratio and is_arm(row.place)):
            continue
        predictors = dict(_pretrained_and(transfer, (transfer.target, "train", None, None), known))
        if elements:
            predictors |= chemistry(transfer, analysis.suite.elements)
        yield Point(
            label=transfer.label() if elements else transfer.part or WHOLE,
            series=row.place.label(),
            value=math.log(row.ratio.value),
            predictors=predictors,
            group=frozenset({transfer.source, transfer.target}) if elements else transfer.part,
            names=(transfer.source, transfer.target) if elements else (transfer.part or WHOLE,),
        )


def _of_sources(analysis: Analysis, known: Known, metric: str) -> Iterable[Point]:
    """Yield a point for each gain, relative to those of other sources of the same target."""
    of_target: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for point in _of_transfers(analysis, known, metric):
        if point.elements is not None:
            of_target[point.series, point.elements[1]].append(point)
    for points in of_target.values():
        if len(points) > 2:
            yield from _relative(points)


def _of_parts(analysis: Analysis, known: Known, metric: str) -> Iterable[Point]:
    """Yield a point for each part of the source at each test temperature."""
    if len({transfer.part for transfer in analysis.transfers}) < 2:
        return
    of_test: dict[tuple[str, Test], list[Point]] = defaultdict(list)
    for matrix in matrices(analysis, metric):
        transfer = matrix.transfer
        for strategy in filter(matrix.trains, matrix.ratios):
            for (train, test), ratio in matrix.ratios[strategy].items():
                tested = transfer.target, "test", None, test[0]
                series = Place(matrix.backbone, strategy, matrix.size, train).label()
                point = Point(
                    label=f"{transfer.part}, tested at {label(test)}",
                    series=series,
                    value=math.log(ratio.value),
                    predictors=_pretrained_and(transfer, tested, known),
                    group=transfer.part,
                    names=(transfer.part or WHOLE,),
                    fixed=test,
                )
                of_test[series, test].append(point)
    for points in of_test.values():
        yield from _relative(points)


def _relative(points: list[Point]) -> Iterable[Point]:
    """Yield points with value and predictors relative to their means."""
    mean = float(np.mean([p.value for p in points]))
    names = set.intersection(*(set(p.predictors) for p in points))
    means = {name: float(np.mean([p.predictors[name] for p in points])) for name in names}
    for p in points:
        predictors = {n: v - means[n] for n, v in p.predictors.items() if n in names}
        yield replace(p, value=p.value - mean, predictors=predictors)


def _of_temperatures(
    analysis: Analysis, known: Known, metric: str, against_scratch: bool
) -> Iterable[Point]:
    """Yield a point for each pair of training and test temperature.

    Of several parts of the source, the largest counts.
    """
    if has_elements(analysis) or not analysis.transfers:
        return
    whole = [t for t in analysis.transfers if t.part in (None, WHOLE)] or analysis.transfers
    target = whole[-1].target
    for matrix in matrices(analysis, metric):
        if matrix.transfer != whole[-1]:
            continue
        for strategy in filter(matrix.trains, matrix.ratios if against_scratch else matrix.errors):
            ratios = {at: ratio.value for at, ratio in matrix.ratios.get(strategy, {}).items()}
            values = ratios if against_scratch else _losses(matrix, strategy)
            for (train, test), value in values.items():
                sets = (target, "train", None, train), (target, "test", None, test[0])
                yield Point(
                    label=f"{train:g} K → {label(test)}",
                    series=Place(matrix.backbone, strategy, matrix.size).label(),
                    value=math.log(value),
                    predictors=known.get(frozenset(sets), {}),
                    group=train,
                    names=(f"{train:g} K",),
                    fixed=test,
                )


def _losses(matrix: Matrix, strategy: str) -> dict[tuple[float, Test], float]:
    """Return each error over that of the best training temperature."""
    errors = {(k, test): e for (k, test), e in matrix.errors[strategy].items() if k is not None}
    best = {test: min(e for (_, t), e in errors.items() if t == test) for _, test in errors}
    return {(train, test): error / best[test] for (train, test), error in errors.items()}


def _pretrained_and(transfer: Transfer, other: SetKey, known: Known) -> Mapping[str, float]:
    pretrained = transfer.source, "train", transfer.part, None
    return known.get(frozenset({pretrained, other}), {})


@dataclass(frozen=True)
class Answer:
    """How each predictor correlates with the values of each series, and how sure the strongest is.

    Attributes
    ----------
    associations
        Predictor → series → association.
    chance
        Share of exchanges of names under which any predictor of any series correlates as strongly
        as the strongest; it allows for their number. None if there is nothing to exchange.
    n_exchanges
        How many there are, the names as they are among them.
    """

    associations: Mapping[str, Mapping[str, Association]]
    chance: float | None
    n_exchanges: int

    def strongest(self) -> tuple[str, str, Association] | None:
        """Return predictor, series and association of the strongest correlation."""
        every = [
            (name, s, a) for name, found in self.associations.items() for s, a in found.items()
        ]
        return max(every, key=lambda each: abs(each[2].rho), default=None)


def answer(question: Question) -> Answer:
    """Return how each predictor correlates with the values."""
    associations: dict[str, dict[str, Association]] = defaultdict(dict)
    strongest: list[Floats] = []
    exchanges = _exchanges(question.points)
    names = dict.fromkeys(name for p in question.points for name in p.predictors)
    for name, series in product(names, dict.fromkeys(p.series for p in question.points)):
        some = [p for p in question.points if p.series == series and name in p.predictors]
        predictors, values = [p.predictors[name] for p in some], [p.value for p in some]
        relabelled = _relabelled(some, name, exchanges)
        groups = [p.group for p in some]
        found = association(predictors, values, groups, relabelled, question.relative)
        if found is not None:
            associations[name][series] = found
            if relabelled:
                strongest.append(np.abs(null_correlations(relabelled, values)))
    chance = None
    if strongest and len(exchanges) > 1:
        highest = np.max(strongest, axis=0)
        # The names as they are come first.
        chance = float(np.mean(highest >= highest[0] - 1e-9))
    return Answer(associations, chance, len(exchanges))


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
        for name, some in found.associations.items()
        for each, association in some.items()
    }
    return pivot("distance or difference", found.associations, series, cells)


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
    n_correlations = sum(len(some) for some in found.associations.values())
    yield (
        f"{question.title} {AT_THIS_BUDGET.capitalize()}, the strongest of {n_correlations} "
        f"correlations is with {name}, for {series}: {association_text(best)}. "
        f"{_sure(question, found, n_names, best)}"
    )


def _sure(question: Question, found: Answer, n_names: int, strongest: Association) -> str:
    """Say what may be concluded from the strongest of many correlations."""
    of_what = f"{n_names} {question.named}"
    if strongest.chance is None and found.chance is not None:
        return "It is not known for every exchange of their names, so that nothing is concluded."
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
