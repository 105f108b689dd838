"""Which numbers of two runs belong together."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlbench.base.errors import InputError, printable
from tlbench.regression.numbers import Numbers
from tlbench.regression.table import PLACE, SEEDS
from tlbench.study.changes import differences

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Pairing:
    """The numbers of two runs that have the same coordinates and seeds.

    Attributes
    ----------
    shared
        A table of both, with the values ``first`` and ``second``; ``place`` numbers the
        coordinates but for the seeds, and the rows are sorted by it.
    only_first, only_second
        The numbers that the other lacks.
    """

    first: Numbers
    second: Numbers
    shared: "DataFrame"
    only_first: "DataFrame"
    only_second: "DataFrame"

    def changed(self) -> "DataFrame":
        """Return the shared numbers that differ at all."""
        return self.shared[self.shared["first"] != self.shared["second"]]

    def remarks(self) -> list[str]:
        """Return what should be known of the two before they are compared."""
        first, second = self.first, self.second
        if first.digest == second.digest:
            return []
        found = differences(first.settings or {}, second.settings or {})
        if found and first.settings and second.settings:
            return [
                "The settings of the two differ, which alone may explain differences, from A to B: "
                f"{'; '.join(change.text() for change in found)}."
            ]
        return [
            f"The settings of the two are not the same (suite digests {first.digest[:12]} "
            f"and {second.digest[:12]}), which alone may explain differences."
        ]


def pair_up(first: Numbers, second: Numbers) -> Pairing:
    """Return what two runs share, and what they do not.

    Raises
    ------
    InputError
        If they are of different suites or versions of one, or share no numbers.
    """
    if first.title != second.title:
        raise InputError(
            f"{first.name} is of the suite {printable(first.title)} and {second.name} of "
            f"{printable(second.title)}; only runs of one suite and version can be compared."
        )
    keys = [*PLACE, *SEEDS]
    both = first.table.merge(
        second.table.drop(columns="models"), "left", keys, suffixes=("_1", "_2"), indicator=True
    ).rename(columns={"value_1": "first", "value_2": "second"})
    both["place"] = both.groupby(PLACE, sort=False, dropna=False).ngroup()
    there = both.pop("_merge") == "both"
    shared = both[there].sort_values("place", kind="stable")
    if shared.empty:
        raise InputError(
            f"{first.name} and {second.name} share no numbers (same data, backbone, strategy, "
            "size, seeds, metric and condition), so there is nothing to compare."
        )
    back = second.table.merge(first.table[keys], "left", keys, indicator=True)
    return Pairing(
        first,
        second,
        shared,
        both[~there],
        back[back["_merge"] != "both"],
    )
