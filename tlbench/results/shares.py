"""What test structures add to an error: of which intervals over test structures are taken.

Structures of the same kind, phase and temperature come from one trajectory or from one way of
making them, and are not independent, so they count as one. Where that leaves fewer than
`FEWEST_GROUPS`, their variance cannot be estimated, and structures count one by one: intervals are
then too narrow as far as structures resemble each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tlbench.data.frames import Ints
from tlbench.data.marks import is_unmarked
from tlbench.metrics import METRICS
from tlbench.metrics.spec import Floats
from tlbench.results.frame_errors import ModelErrors, TestSet

FEWEST_GROUPS = 5
"""With fewer groups of test structures, or structures, no interval allows for their choice."""

Shares = Mapping[tuple[str, str], Floats]
"""(Job that measured a model, metric) → (groups,), what each group of test structures adds to the
error over those without a mark: their sum is the error."""


def shares_of(
    errors: Iterable[ModelErrors], tests: Iterable[TestSet], metrics: Sequence[str]
) -> Shares:
    """Return the shares of the errors of models, by metrics that are sums over structures.

    Structures whose label a metric lacks, as a stress, are in none of its groups. Errors on too few
    structures are left out, and those that are not positive: they have no logarithm.
    """
    functions = {
        name: function
        for name in metrics
        if name in METRICS and (function := METRICS.get(name).shares) is not None
    }
    sets = {each.data: each for each in tests}
    groups = {data: independent_groups(each) for data, each in sets.items()}
    found: dict[tuple[str, str], Floats] = {}
    for each in errors:
        known = groups.get(each.data)
        if known is None:
            continue
        part = each.on(sets[each.data]).where(known.members)
        for name, function in functions.items():
            of_structures = function(part)
            labelled, some = np.isfinite(of_structures), known
            if not labelled.all():
                some = independent_groups(sets[each.data], known.members[labelled])
            if some.n_groups < FEWEST_GROUPS:
                continue
            shares: Floats = np.bincount(some.numbers, of_structures[labelled]).astype(np.float64)
            if shares.sum() > 0:
                found[each.job, name] = shares
    return found


@dataclass(frozen=True)
class Groups:
    """Test structures without a mark, and what is taken to be independent of them.

    Attributes
    ----------
    members
        (structures,), their indices in the test set.
    numbers
        (structures,), which group each belongs to, from 0.
    """

    members: Ints
    numbers: Ints

    @property
    def n_groups(self) -> int:
        """How many groups there are."""
        return int(self.numbers.max(initial=-1)) + 1


def independent_groups(tests: TestSet, members: Ints | None = None) -> Groups:
    """Return the groups of test structures that are taken to be independent.

    Parameters
    ----------
    members
        Indices of the structures that are grouped; by default all those without a mark.
    """
    if members is None:
        members = np.flatnonzero(is_unmarked(tests.marks, len(tests.n_atoms)))
    labels = [(tests.groups[i], tests.phases[i], tests.temperature[i]) for i in members]
    order = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    if len(order) < FEWEST_GROUPS:
        return Groups(members, np.arange(len(members)))
    return Groups(members, np.array([order[label] for label in labels]))
