"""Faults of the data of a run, and the errors that mean nothing because of them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tlbench.metrics.conditions import DATA, key_of
from tlbench.metrics.spec import FORCE_UNIT
from tlbench.results.records import Record
from tlbench.results.results import Results
from tlbench.study.plan import PRETRAIN


@dataclass(frozen=True)
class DataNotes:
    """Sentences on the data of a run, and what follows from them.

    Attributes
    ----------
    sentences
        Copies of training structures among test structures, parts without forces, and so on.
    without_forces
        Names of targets all of whose test forces vanish: their force errors are compared nowhere.
    """

    sentences: tuple[str, ...] = ()
    without_forces: frozenset[str] = frozenset()

    def completed(self, records: Iterable[Record]) -> "DataNotes":
        """Return the notes with targets whose measured errors show that all test forces vanish.

        A force error of exactly zero shows it: what is left of the other errors is rounding.
        """
        zero = {r.model.target for r in records if _is_zero(r) and not r.condition}
        new = sorted(zero - self.without_forces)
        sentences = (
            f"A model of {target} has a force error of exactly 0, so the forces of the test "
            "structures vanish, as in perfect crystals: force errors on them measure nothing and "
            "are not compared."
            for target in new
        )
        return DataNotes((*self.sentences, *sentences), self.without_forces | zero)

    def comparable(self, records: Iterable[Record]) -> list[Record]:
        """Return the records but force errors on test structures without forces.

        Of a kind of test structures, an error of exactly zero shows that they have none.
        """
        records = list(records)
        zero = {(r.model.target, key_of(r.condition)) for r in records if _is_zero(r)}
        return [
            r
            for r in records
            if not _is_force_error(r)
            or (
                (DATA in r.condition or r.model.target not in self.without_forces)
                and (r.model.target, key_of(r.condition)) not in zero
            )
        ]

    def comparable_results(self, results: Results) -> Results:
        """Return the results but force errors on test structures without forces."""
        profiles = [p for p in results.profiles if p.model.target not in self.without_forces]
        return replace(results, records=self.comparable(results.records), profiles=profiles)


NO_NOTES = DataNotes()
"""The data are sound, or were not inspected."""


def _is_force_error(record: Record) -> bool:
    """Return whether a record is a force error on the target."""
    return record.unit == FORCE_UNIT and record.model.strategy != PRETRAIN


def _is_zero(record: Record) -> bool:
    return _is_force_error(record) and record.value == 0
