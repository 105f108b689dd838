"""What each kind of job returns, as it stands in its ``result.json``.

A digest shows that a file is what was stored, not who computed it: a store may be filled by an
import, and a metric may come from a plugin. So whoever reads a result, or stores one, holds it
against the model of its kind: types, ranges, and no key too many.

Nothing here imports torch.
"""

import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, PositiveInt, ValidationError, model_validator

from tlbench.errors import InputError
from tlbench.jobs.context import RESULT
from tlbench.magnitudes import Count, Magnitude, Number, Temperature
from tlbench.metrics.distances.quantities import SetDistance
from tlbench.schema import Strict, digest, first_problem, read_json

MOST = 10_000
"""Numbers in a list at most."""

Error = Annotated[Number, Field(ge=0)]
Word = Annotated[str, Field(max_length=200)]
Curve = Annotated[list[Magnitude], Field(max_length=MOST)]
"""Densities, distances, angles, times or squares of them."""


class Result(Strict):
    """What a job returns; numbers are numbers, not texts of them."""

    model_config = ConfigDict(strict=True)


ResultT = TypeVar("ResultT", bound=Result)


class PartSizes(Result):
    """A count for each part of a data set."""

    train: Count
    validation: Count
    test: Count


class DatasetResult(Result):
    """Number of structures and of atoms in each part of a data set."""

    n_frames: PartSizes
    n_atoms: PartSizes


class TrainResult(Result):
    """Size of a network, and mean absolute force errors (eV/Å) where it was trained."""

    n_parameters: Count
    n_frames: Count | None = None
    train_force_mae: Error | None = None
    validation_force_mae: Error | None = None


class SpeedResult(Result):
    """Number of trainable parameters of a backbone."""

    n_parameters: Count


class Measurement(Result):
    """Value of one metric under one condition."""

    metric: Word
    condition: Annotated[dict[Word, Number | Word], Field(max_length=20)]
    value: Number


class EvaluateResult(Result):
    """Errors of a model on test structures."""

    metrics: list[Measurement]


class Structure(Result):
    """Structure averaged over simulations.

    ``rdf`` g(r) at the distances of the reference run, ``adf`` density of bond angles, 1/rad, at
    its angles; ``coordination`` mean number of neighbours in the first shell.
    """

    rdf: Curve
    adf: Curve
    coordination: Magnitude


class ReferenceRun(Result):
    """What the models' simulations are compared with.

    ``rdf_floor`` and ``adf_floor`` are the errors of another run of the reference, or, where it
    is made of frames, of a perfect model; None where frames are too few to tell. ``msd`` is the
    mean-square displacement from the start at ``times_ps``, Å²; None where the reference is no
    simulation.
    """

    temperature_k: Temperature
    time_ps: Magnitude
    n_atoms: PositiveInt
    element: Word
    origin: Word = Field(description="what made it, for people")
    distances: Curve
    angles: Curve
    structure: Structure
    rdf_floor: Magnitude | None
    adf_floor: Magnitude | None
    times_ps: Curve
    msd: Curve | None
    replicas: PositiveInt | None = Field(
        default=None, description="replicas of the other run, judged by the same criteria"
    )
    false_alarms: int | None = Field(
        default=None, ge=0, description="how many of them were stopped"
    )

    @model_validator(mode="after")
    def _no_more_alarms_than_replicas(self) -> "ReferenceRun":
        if (self.false_alarms or 0) > (self.replicas or 0):
            raise ValueError("there are more false alarms than replicas")
        return self

    def digest(self) -> str:
        """Return the SHA-256 of all of it."""
        return digest(self.model_dump(mode="json"))

    def fits(self, structure: Structure | None, msd: list[float] | None) -> bool:
        """Return whether distributions are on the bins of this run, and displacements at its times.

        What is None fits.
        """
        bins = (len(self.distances), len(self.angles))
        return (structure is None or (len(structure.rdf), len(structure.adf)) == bins) and (
            msd is None or len(msd) == len(self.times_ps)
        )

    @property
    def floor_is(self) -> str:
        """Say whose errors the floors are."""
        if self.replicas is None:
            return "a perfect model, judged by so few frames"
        return "another run of the reference"


class ReferenceResult(Result):
    """The reference dynamics, whose own distributions are on its bins."""

    run: ReferenceRun

    @model_validator(mode="after")
    def _on_its_own_bins(self) -> "ReferenceResult":
        if not self.run.fits(self.run.structure, self.run.msd):
            raise ValueError("distributions and bins are of different lengths")
        return self


class Survival(Result):
    """How long the replicas of a model's simulations lasted.

    ``survival_ps`` of each replica until a criterion fired, or until the end; ``criterion`` which
    one did, "" where none did.
    """

    survival_ps: list[Magnitude] = Field(min_length=1, max_length=MOST)
    criterion: list[Word] = Field(max_length=MOST)

    @model_validator(mode="after")
    def _one_criterion_for_each(self) -> "Survival":
        if len(self.criterion) != len(self.survival_ps):
            raise ValueError("there should be one criterion for each replica")
        return self


class SimulateResult(Survival):
    """Survival, and the mean kinetic temperature (K) of each replica.

    The temperature of one that was stopped before it was in equilibrium is not a number.
    """

    temperature_k: list[Annotated[float, Field(allow_inf_nan=True)]] = Field(max_length=MOST)


class SimulationSummary(Survival):
    """Survival, and what the replicas that were stable have in common.

    ``structure`` is None if none was. ``msd`` is their mean-square displacement from the start at
    the times of the reference, Å².
    """

    structure: Structure | None
    msd: Curve | None


class CompareResult(EvaluateResult):
    """Metrics of the simulations of a model, and what they follow from."""

    run: SimulationSummary


class EnvironmentsResult(Result):
    """Nearest-neighbour distance of the training structures, Å."""

    nearest: Annotated[float, Field(gt=1e-3, le=1e3)]


class DistanceResult(Result):
    """Sizes of two sets of structures, and how far they are apart."""

    n_a: Count
    n_b: Count
    distances: list[SetDistance] = Field(max_length=100)


class CoverageResult(Result):
    """Mean distance of test atoms to the nearest environment of either training set."""

    mean_target: Magnitude
    mean_source: Magnitude


class GeometryResult(Result):
    """Reach of the first shell of neighbours, Å."""

    shell: Magnitude


RESULTS: dict[str, type[Result]] = {
    "dataset": DatasetResult,
    "train": TrainResult,
    "speed": SpeedResult,
    "evaluate": EvaluateResult,
    "reference": ReferenceResult,
    "simulate": SimulateResult,
    "compare": CompareResult,
    "environments": EnvironmentsResult,
    "distance": DistanceResult,
    "coverage": CoverageResult,
    "geometry": GeometryResult,
}
"""Kind of job → what it returns."""


def read_result(folder: Path, model: type[ResultT]) -> ResultT:
    """Return the result of a parent, whose finished folder is ``folder``.

    Raises
    ------
    InputError
        If it is nothing that such a job returns.
    """
    return read_json(folder / RESULT, model, "the result of such a job")


def check_result(kind: str, value: dict[str, Any]) -> None:
    """Refuse what no job of this kind should return.

    Raises
    ------
    InputError
        Naming the first key that is wrong.
    """
    model = RESULTS.get(kind)
    if model is None:
        return
    try:
        model.model_validate_json(json.dumps(value))
    except ValidationError as error:
        raise InputError(
            f"The result makes no sense: {first_problem(error)}; if a metric or a backbone of "
            "another package computed it, report it there."
        ) from error
