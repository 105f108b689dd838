"""Everything that a run found: collected from its store, written to a folder, and read again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlbench.base.files import stored
from tlbench.engine.store.store import Store
from tlbench.results.costs import FILE as COSTS
from tlbench.results.costs import Cost, collect_costs, read_costs, write_costs
from tlbench.results.distances import FILE as DISTANCES
from tlbench.results.distances import (
    DataDistance,
    collect_distances,
    read_distances,
    write_distances,
)
from tlbench.results.dynamics import FILE as DYNAMICS
from tlbench.results.dynamics import Dynamics, collect_dynamics, read_dynamics, write_dynamics
from tlbench.results.profiles import FILE as PROFILES
from tlbench.results.profiles import Profile, collect_profiles, read_profiles, write_profiles
from tlbench.results.records import Record, collect, read_records, write_records
from tlbench.study.plan import Plan

RECORDS, PROVENANCE = "records.jsonl", "provenance.jsonl"


@dataclass(frozen=True)
class Results:
    """What a run found.

    Attributes
    ----------
    records
        Published numbers.
    costs
        What the models cost.
    dynamics
        What simulations of the models found; None if there were none.
    distances, profiles
        How far data sets are apart, and where the errors of models are; empty for suites without
        ``distances``.
    """

    records: list[Record]
    costs: Sequence[Cost] = ()
    dynamics: Dynamics | None = None
    distances: Sequence[DataDistance] = ()
    profiles: Sequence[Profile] = ()

    @classmethod
    def collect(cls, plan: Plan, store: Store, finished: Iterable[str]) -> "Results":
        """Return what the jobs in ``finished`` found, in plan order."""
        available = set(finished)
        return cls(
            records=collect(plan, store, available),
            costs=collect_costs(plan, store, available),
            dynamics=collect_dynamics(plan, store, available),
            distances=collect_distances(plan, store, available),
            profiles=collect_profiles(plan, store, available),
        )

    def write(self, folder: Path, ending: str = "") -> None:
        """Write each part to a file of its own; one that there is nothing for is removed.

        Parameters
        ----------
        ending
            Added to the names of the files; with `tlbench.base.files.PACKED` they are compressed.
        """
        write_records(folder / (RECORDS + ending), self.records)
        write_costs(folder / (COSTS + ending), self.costs)
        for name in (DYNAMICS, DISTANCES, PROFILES):
            # Of another run into the same folder.
            (folder / (name + ending)).unlink(missing_ok=True)
        if self.dynamics is not None:
            write_dynamics(folder / (DYNAMICS + ending), self.dynamics)
        if self.distances or self.profiles:
            write_distances(folder / (DISTANCES + ending), self.distances)
            write_profiles(folder / (PROFILES + ending), self.profiles)

    @classmethod
    def read(cls, folder: Path) -> "Results":
        """Read what ``write`` wrote, compressed or not.

        Raises
        ------
        InputError
            If there are no records, or a file cannot be read as what it should be.
        """
        names = (COSTS, DYNAMICS, DISTANCES, PROFILES)
        costs, dynamics, distances, profiles = (stored(folder / name) for name in names)
        return cls(
            records=read_records(stored(folder / RECORDS)),
            costs=read_costs(costs) if costs.exists() else (),
            dynamics=read_dynamics(dynamics) if dynamics.exists() else None,
            distances=read_distances(distances) if distances.exists() else (),
            profiles=read_profiles(profiles) if profiles.exists() else (),
        )
