"""Several hypotheses at once."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def holm(p: Mapping[Name, float]) -> dict[Name, float]:
    """Return p values adjusted for being the p values of several hypotheses.

    If a hypothesis is rejected where its adjusted value is below 0.05, then the probability that
    any true one is rejected is at most 5 %, however the tests depend on each other (Holm,
    *Scandinavian Journal of Statistics* 6, 65, 1979). Of m values in ascending order, the k-th
    becomes the largest of min(1, (m - j + 1) p_j) over j ≤ k.

    Give one value per hypothesis, not one per cell of a table: cells that share models or runs
    from scratch test the same thing again.

    Parameters
    ----------
    p
        Name → p value.

    Returns
    -------
    dict
        Name → adjusted value, in the order of ``p``.

    Raises
    ------
    ValueError
        If a value does not lie between 0 and 1.

    Examples
    --------
    >>> holm({"forces": 0.01, "energies": 0.04})
    {'forces': 0.02, 'energies': 0.04}
    """
    adjusted: dict[Name, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p, key=lambda each: p[each])):
        if not 0 <= p[name] <= 1:
            raise ValueError(f"{p[name]} is not a p value: it does not lie between 0 and 1")
        largest = max(largest, min(1.0, (len(p) - rank) * p[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p}
