"""Records sorted by what is transferred from and to."""

from collections.abc import Iterable

from tlbench.plan import PRETRAIN, Transfer
from tlbench.records import Record


def by_transfer(records: Iterable[Record]) -> dict[Transfer, list[Record]]:
    """Return the records of target models, transfer by transfer, in their order."""
    found: dict[Transfer, list[Record]] = {}
    for r in records:
        if r.model.strategy != PRETRAIN:
            found.setdefault(r.model.transfer, []).append(r)
    return found


def has_several(records: Iterable[Record]) -> bool:
    """Return whether there is more than one transfer."""
    return len(by_transfer(records)) > 1
