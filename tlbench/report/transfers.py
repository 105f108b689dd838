"""Records sorted by what is transferred from and to."""

from collections.abc import Iterable
from dataclasses import dataclass

from tlbench.plan import PRETRAIN
from tlbench.records import Record


@dataclass(frozen=True)
class Transfer:
    """A source, part of it if only some is pretrained on, and a target."""

    source: str
    part: str | None
    target: str

    def label(self) -> str:
        """Return the transfer in short."""
        part = "" if self.part is None else f" ({self.part})"
        return f"{self.source}{part} → {self.target}"


def by_transfer(records: Iterable[Record]) -> dict[Transfer, list[Record]]:
    """Return the records of target models, transfer by transfer, in their order."""
    found: dict[Transfer, list[Record]] = {}
    for r in records:
        if r.strategy != PRETRAIN:
            found.setdefault(Transfer(r.source, r.source_part, r.target), []).append(r)
    return found


def has_several(records: Iterable[Record]) -> bool:
    """Return whether there is more than one transfer."""
    return len(by_transfer(records)) > 1
