"""Which numbers of two runs belong together."""

from collections.abc import Mapping
from dataclasses import dataclass

from tlbench.base.errors import InputError, printable
from tlbench.metrics.statistics import Pair
from tlbench.regression.places import Place, described
from tlbench.regression.sides import Side
from tlbench.study.changes import differences

Values = Mapping[Place, Mapping[Pair, float]]


@dataclass(frozen=True)
class Pairing:
    """The numbers of two runs that stand in the same place and have the same seeds.

    Attributes
    ----------
    shared
        Place → pair → (value of the first, value of the second).
    only_first, only_second
        What the other lacks.
    """

    first: Side
    second: Side
    shared: Mapping[Place, Mapping[Pair, tuple[float, float]]]
    only_first: Values
    only_second: Values

    def described_first(self) -> list[str]:
        """Say what the second lacks."""
        return described(lengths(self.only_first), [*self.shared, *self.only_second])

    def described_second(self) -> list[str]:
        """Say what the first lacks."""
        return described(lengths(self.only_second), [*self.shared, *self.only_first])

    def count(self) -> int:
        """Return how many numbers are shared."""
        return sum(map(len, self.shared.values()))

    def changed(self) -> dict[Place, int]:
        """Return how many of the shared numbers differ at all, place by place."""
        found = {
            place: sum(ours != theirs for ours, theirs in pairs.values())
            for place, pairs in self.shared.items()
        }
        return {place: count for place, count in found.items() if count}

    def remarks(self) -> list[str]:
        """Return what should be known of the two before they are compared."""
        first, second = self.first, self.second
        if first.suite_digest == second.suite_digest:
            return []
        found = differences(first.settings or {}, second.settings or {})
        if found and first.settings and second.settings:
            return [
                "The settings of the two differ, which alone may explain differences, from A to B: "
                f"{'; '.join(change.text() for change in found)}."
            ]
        return [
            f"The settings of the two are not the same (suite digests {first.suite_digest[:12]} "
            f"and {second.suite_digest[:12]}), which alone may explain differences."
        ]


def pair_up(first: Side, second: Side) -> Pairing:
    """Return what two runs share, and what they do not.

    Raises
    ------
    InputError
        If they are of different suites or versions of one, or share no numbers.
    """
    suites = [f"{side.suite} (version {side.suite_version})" for side in (first, second)]
    if suites[0] != suites[1]:
        raise InputError(
            f"{first.name} is of the suite {printable(suites[0])} and {second.name} of "
            f"{printable(suites[1])}; only runs of one suite and version can be compared."
        )
    shared = {}
    for place, ours in first.values.items():
        theirs = second.values.get(place, {})
        both = {pair: (ours[pair], theirs[pair]) for pair in ours if pair in theirs}
        if both:
            shared[place] = both
    if not shared:
        raise InputError(
            f"{first.name} and {second.name} share no numbers (same data, backbone, strategy, "
            "size, seeds, metric and condition), so there is nothing to compare."
        )
    return Pairing(first, second, shared, _rest(first, second), _rest(second, first))


def lengths(values: Values) -> dict[Place, int]:
    """Return how many numbers each place has."""
    return {place: len(pairs) for place, pairs in values.items()}


def _rest(side: Side, other: Side) -> dict[Place, dict[Pair, float]]:
    """Return the numbers of ``side`` that ``other`` lacks."""
    found = {}
    for place, values in side.values.items():
        there = other.values.get(place, {})
        left = {pair: value for pair, value in values.items() if pair not in there}
        if left:
            found[place] = left
    return found
