r"""Whether submissions say the same.

Two models are the same if they are tested on as many structures and their lists of force errors
:math:`a_i` and :math:`b_i` differ by :math:`\sum_i |a_i - b_i| / \sum_i \max(a_i, b_i) <`
`TOLERANCE`, the distance of `tlbench.board.checks.agreement`. Of the 1,000 pairs of
published models of one arm that differ in their seeds, 4 are as close as that, all of them
zero-shot (the median is 0.1); so a single model says little, and a copy is what has nearly all
models of another submission.

An honest repetition on another processor, which is at less than 10⁻⁴, is recognised as well. So it
should be: it has the same models, and would count them twice. That it could be repeated is what
training models again says, see `tlbench.board.checks.retraining`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from tlbench.metrics.spec import Floats
from tlbench.results.frame_errors import ModelErrors

Array = npt.NDArray[np.float32]

Fingerprint = Mapping[int, Array]
"""Number of test structures → force errors (models, structures), by increasing sum."""

TOLERANCE = 0.01
"""Distance of two lists of errors below which they are of one model."""

NEIGHBOURS = 64
"""Models, next in the sum of their errors, that one is compared with. Sums of lists within the
tolerance differ by less than it."""

ALIKE = 0.9
"""Share of models: a known backbone run beside one's own is not a copy."""

NOTED = 0.1
"""Share of models from which on it is said, so that who reviews a submission can ask about it."""


def fingerprint(measured: Iterable[ModelErrors]) -> Fingerprint:
    """Return what identifies the models of a submission, whatever their names in it."""
    lists: dict[int, list[Array]] = defaultdict(list)
    for errors in measured:
        lists[len(errors.force_abs)].append(np.array(errors.force_abs, np.float32))
    arrays = {count: np.array(some) for count, some in lists.items()}
    return {count: some[np.argsort(_sums(some))] for count, some in arrays.items()}


def share_in(mine: Fingerprint, theirs: Fingerprint) -> float:
    """Return which share of the models of the first submission is in the second."""
    found = sum(_common(some, theirs[count]) for count, some in mine.items() if count in theirs)
    return found / max(1, sum(map(len, mine.values())))


def _common(mine: Array, theirs: Array) -> int:
    """Return how many lists of errors (models, structures) are among others."""
    same = np.zeros(len(mine), bool)
    width = min(NEIGHBOURS, 2 * len(theirs))
    first = np.searchsorted(_sums(theirs), _sums(mine)) - width // 2
    for place in range(width):
        index = first + place
        left = np.flatnonzero(~same & (index >= 0) & (index < len(theirs)))
        a, b = mine[left], theirs[index[left]]
        same[left] = _sums(np.abs(a - b)) < TOLERANCE * _sums(np.maximum(a, b))
    return int(same.sum())


def _sums(values: Array) -> Floats:
    sums: Floats = values.sum(axis=1, dtype=np.float64)
    return sums
