"""Everything that a run found: collected from its store, written to a folder, and read again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tlbench.base.files import PACKED, stored
from tlbench.engine.store.store import Store
from tlbench.metrics.conditions import key_of
from tlbench.results.costs import COSTS_FORMAT, Cost, collect_costs
from tlbench.results.costs import FILE as COSTS
from tlbench.results.distances import DISTANCES_FORMAT, DataDistance, collect_distances
from tlbench.results.distances import FILE as DISTANCES
from tlbench.results.dynamics import DYNAMICS_FORMAT, Dynamics, collect_dynamics
from tlbench.results.dynamics import FILE as DYNAMICS
from tlbench.results.frame_errors import (
    ERRORS_FILE,
    ERRORS_FORMAT,
    TESTS_FILE,
    TESTS_FORMAT,
    ModelErrors,
    TestSet,
)
from tlbench.results.measured_errors import collect_errors
from tlbench.results.profiles import FILE as PROFILES
from tlbench.results.profiles import PROFILES_FORMAT, Profile, collect_profiles
from tlbench.results.properties import CURVES_FILE as CURVES
from tlbench.results.properties import (
    CURVES_FORMAT,
    PROPERTIES_FORMAT,
    ModelProperty,
    PropertyCurves,
    collect_curves,
    collect_properties,
    of_stable_crystal,
    property_records,
)
from tlbench.results.properties import FILE as PROPERTIES
from tlbench.results.provenance import FILE as PROVENANCE
from tlbench.results.records import RECORDS_FORMAT, Record, collect
from tlbench.study.plan import Plan

RECORDS = "records.jsonl"
__all__ = ["PROVENANCE", "RECORDS", "Results"]


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
    properties
        Physical properties of the models; empty for suites without ``properties``.
    curves
        Curves of these, and of those of the reference.
    errors, tests
        Errors of the models on every test structure, and what these structures are; empty for runs
        that did not keep them.
    """

    records: list[Record]
    costs: Sequence[Cost] = ()
    dynamics: Dynamics | None = None
    distances: Sequence[DataDistance] = ()
    profiles: Sequence[Profile] = ()
    properties: Sequence[ModelProperty] = ()
    curves: Sequence[PropertyCurves] = ()
    errors: Sequence[ModelErrors] = ()
    tests: Sequence[TestSet] = ()

    @classmethod
    def collect(cls, plan: Plan, store: Store, finished: Iterable[str]) -> "Results":
        """Return what the jobs in ``finished`` found, in plan order."""
        available = set(finished)
        errors, tests = collect_errors(plan, store, available)
        properties = collect_properties(plan, store, available)
        return cls(
            records=[*collect(plan, store, available), *property_records(plan, properties)],
            costs=collect_costs(plan, store, available),
            dynamics=collect_dynamics(plan, store, available),
            distances=collect_distances(plan, store, available),
            profiles=collect_profiles(plan, store, available),
            properties=properties,
            curves=collect_curves(plan, store, available),
            errors=errors,
            tests=tests,
        )

    def of_stable_crystals(self) -> "Results":
        """Return the results with values of unstable crystals as failures.

        Such a value has no error, and counts in the failure rate. Files keep what was computed, and
        the numbers that follow from it; all that is shown follows from these.
        """
        properties = [of_stable_crystal(each) for each in self.properties]
        changed = {
            (after.job, after.model): {
                (number.metric, key_of(number.condition)): number.value
                for number in after.numbers()
            }
            for after, before in zip(properties, self.properties, strict=True)
            if after is not before
        }
        if not changed:
            return self
        records = []
        for r in self.records:
            numbers = changed.get((r.job, r.model))
            value = r.value if numbers is None else numbers.get((r.metric, key_of(r.condition)))
            if value is not None:
                records.append(r if value == r.value else r.model_copy(update={"value": value}))
        return replace(self, records=records, properties=properties)

    def write(self, folder: Path, ending: str = "") -> None:
        """Write each part to a file of its own; one that there is nothing for is removed.

        Errors on test structures are many, and always compressed.

        Parameters
        ----------
        ending
            Added to the names of the files; with `tlbench.base.files.PACKED` they are compressed.
        """
        RECORDS_FORMAT.write_lines(folder / (RECORDS + ending), self.records)
        COSTS_FORMAT.write_lines(folder / (COSTS + ending), self.costs)
        for name in (DYNAMICS, DISTANCES, PROFILES, PROPERTIES, CURVES):
            # Of another run into the same folder.
            (folder / (name + ending)).unlink(missing_ok=True)
        for name in (ERRORS_FILE, TESTS_FILE):
            (folder / (name + PACKED)).unlink(missing_ok=True)
        if self.errors:
            ERRORS_FORMAT.write_lines(folder / (ERRORS_FILE + PACKED), self.errors)
            TESTS_FORMAT.write_lines(folder / (TESTS_FILE + PACKED), self.tests)
        if self.dynamics is not None:
            DYNAMICS_FORMAT.write(folder / (DYNAMICS + ending), self.dynamics)
        if self.distances or self.profiles:
            DISTANCES_FORMAT.write_lines(folder / (DISTANCES + ending), self.distances)
            PROFILES_FORMAT.write_lines(folder / (PROFILES + ending), self.profiles)
        if self.properties:
            PROPERTIES_FORMAT.write_lines(folder / (PROPERTIES + ending), self.properties)
            CURVES_FORMAT.write_lines(folder / (CURVES + ending), self.curves)

    @classmethod
    def read(cls, folder: Path, with_errors: bool = True) -> "Results":
        """Read what ``write`` wrote, compressed or not.

        Parameters
        ----------
        with_errors
            Whether to read the errors on test structures, too.

        Raises
        ------
        InputError
            If there are no records, or a file cannot be read as what it should be.
        """
        costs, dynamics, distances, profiles, properties, curves, errors, tests = (
            path if (path := stored(folder / name)).exists() else None
            for name in (
                COSTS,
                DYNAMICS,
                DISTANCES,
                PROFILES,
                PROPERTIES,
                CURVES,
                ERRORS_FILE,
                TESTS_FILE,
            )
        )
        return cls(
            records=RECORDS_FORMAT.read_lines(stored(folder / RECORDS)),
            costs=COSTS_FORMAT.read_lines(costs) if costs else (),
            dynamics=DYNAMICS_FORMAT.read(dynamics) if dynamics else None,
            distances=DISTANCES_FORMAT.read_lines(distances) if distances else (),
            profiles=PROFILES_FORMAT.read_lines(profiles) if profiles else (),
            properties=PROPERTIES_FORMAT.read_lines(properties) if properties else (),
            curves=CURVES_FORMAT.read_lines(curves) if curves else (),
            errors=ERRORS_FORMAT.read_lines(errors) if errors and with_errors else (),
            tests=TESTS_FORMAT.read_lines(tests) if tests and with_errors else (),
        )
