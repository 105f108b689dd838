"""What a reader of a run's numbers should know of the data that they rest on."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tlbench.metrics.errors import FORCE_MAE
from tlbench.plan import PRETRAIN
from tlbench.records import Record
from tlbench.results import Results


@dataclass(frozen=True)
class DataNotes:
    """Sentences on the data of a run, and what follows from them.

    Attributes
    ----------
    sentences
        Copies of training structures among test structures, parts without forces, and so on.
    without_forces
        Target elements all of whose test forces vanish: their force errors are compared nowhere.
    """

    sentences: tuple[str, ...] = ()
    without_forces: frozenset[str] = frozenset()

    def comparable(self, records: Iterable[Record]) -> list[Record]:
        """Return the records but force errors on test structures without forces."""
        return [
            r
            for r in records
            if r.unit != FORCE_MAE.unit
            or r.target not in self.without_forces
            or r.strategy == PRETRAIN
        ]

    def comparable_results(self, results: Results) -> Results:
        """Return the results but force errors on test structures without forces."""
        if not self.without_forces:
            return results
        profiles = [p for p in results.profiles if p.target not in self.without_forces]
        return replace(results, records=self.comparable(results.records), profiles=profiles)


NO_NOTES = DataNotes()
"""Nothing is known of the data, or nothing is wrong with them."""
