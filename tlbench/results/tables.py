"""What a run found as tables of pandas."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from tlbench.results.costs import Cost
from tlbench.results.distances import DataDistance
from tlbench.results.dynamics import ModelRun
from tlbench.results.frame_errors import ModelErrors, TestSet
from tlbench.results.profiles import Profile
from tlbench.results.properties import ModelProperty, PropertyCurves
from tlbench.results.records import Record
from tlbench.results.results import Results
from tlbench.results.retention import RetainedError, retained_errors
from tlbench.results.trained_models import run_folder

if TYPE_CHECKING:
    from pandas import DataFrame

RowT = TypeVar("RowT", bound=BaseModel)


class Rows(list[RowT]):
    """The rows of a file of results."""

    def to_frame(self) -> "DataFrame":
        """Return a table with a line for each row and a column for each field of the file.

        Each coordinate of a model (source, target, backbone, strategy, size, seeds, …) is a column,
        and so is each item of what is nested: ``condition_temperature_k`` is NaN where a number is
        of structures of all temperatures. ``model`` is the key of the job that trained a model, by
        which tables are joined.
        """
        from pandas import json_normalize

        return json_normalize([row.model_dump(mode="json") for row in self], sep="_", max_level=1)


@dataclass(frozen=True)
class LoadedResults(Results):
    """Results that were read from the folder of a run."""

    records: Rows[Record]
    costs: Rows[Cost] = field(default_factory=Rows)
    distances: Rows[DataDistance] = field(default_factory=Rows)
    profiles: Rows[Profile] = field(default_factory=Rows)
    properties: Rows[ModelProperty] = field(default_factory=Rows)
    curves: Rows[PropertyCurves] = field(default_factory=Rows)
    errors: Rows[ModelErrors] = field(default_factory=Rows)
    tests: Rows[TestSet] = field(default_factory=Rows)

    @property
    def simulations(self) -> Rows[ModelRun]:
        """What simulations of each model found; empty if there were none."""
        return Rows(self.dynamics.models if self.dynamics else ())

    @property
    def retained(self) -> Rows[RetainedError]:
        """What models have kept of their source; empty for suites without ``tested_on``.

        The metric is ``retained_force_mae`` and so on, ``ratio`` that to the source model's error.
        """
        return Rows(retained_errors(self))


def load_results(run: str | Path) -> LoadedResults:
    """Return everything that a run found.

    Physical properties are as in reports: values of an unstable crystal are failures, with the
    number in ``unphysical``, and have no error among the records.

    Parameters
    ----------
    run
        Folder of the run, or the name of its suite for ``runs/SUITE``; or that of a submission.

    Raises
    ------
    InputError
        If the run has no results, or a file cannot be read as what it should be.

    Examples
    --------
    >>> records = load_results("runs/quick").records.to_frame()
    >>> of_all_structures = records[records.filter(like="condition_").isna().all(axis=1)]
    >>> errors = of_all_structures.query("metric == 'force_mae'")
    >>> errors.pivot_table("value", ["backbone", "size"], "strategy")
    """
    found = Results.read(run_folder(run)).of_stable_crystals()
    return LoadedResults(
        records=Rows(found.records),
        costs=Rows(found.costs),
        dynamics=found.dynamics,
        distances=Rows(found.distances),
        profiles=Rows(found.profiles),
        properties=Rows(found.properties),
        curves=Rows(found.curves),
        errors=Rows(found.errors),
        tests=Rows(found.tests),
    )
