"""What the simulations of a run found, model by model and replica by replica."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveInt, model_validator

from tlbench.engine.store import Store
from tlbench.files import write_whole
from tlbench.magnitudes import Count, Magnitude, Temperature
from tlbench.plan import Plan
from tlbench.schema import Strict, digest, read_json

FILE = "dynamics.json"
MOST = 10_000
"""Numbers in a list at most."""

Curve = Annotated[list[Magnitude], Field(max_length=MOST)]
"""Densities, distances, angles, times or squares of them."""


class Structure(Strict):
    """Structure averaged over simulations.

    ``rdf`` g(r) at the distances of the reference run, ``adf`` density of bond angles, 1/rad, at
    its angles; ``coordination`` mean number of neighbours in the first shell.
    """

    rdf: Curve
    adf: Curve
    coordination: Magnitude


class ReferenceRun(Strict):
    """What the models' simulations are compared with.

    ``rdf_floor`` and ``adf_floor`` are the errors of another run of the reference, or, where it
    is made of frames, of a perfect model; None where frames are too few to tell. ``msd`` is the
    mean-square displacement from the start at ``times_ps``, Å²; None where the reference is no
    simulation.
    """

    temperature_k: Temperature
    time_ps: Magnitude
    n_atoms: Count
    element: str
    origin: str = Field(description="what made it, for people")
    distances: Curve
    angles: Curve
    structure: Structure
    rdf_floor: Magnitude | None
    adf_floor: Magnitude | None
    times_ps: Curve
    msd: Curve | None
    replicas: PositiveInt | None = Field(
        default=None, le=MOST, description="replicas of the other run, judged by the same criteria"
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

    @property
    def floor_is(self) -> str:
        """Say whose errors the floors are."""
        if self.replicas is None:
            return "a perfect model, judged by so few frames"
        return "another run of the reference"


class ModelRun(Strict):
    """The simulations of one model.

    ``survival_ps`` of each replica until a criterion fired, or until the end; ``criterion`` which
    one did, "" where none did. ``structure`` is that of the stable replicas, None if there are
    none. ``msd`` is their mean-square displacement from the start at the times of the reference,
    Å².
    """

    backbone: str
    strategy: str
    size: Count
    subset_seed: int | None
    init_seed: int
    train_temperature_k: Temperature | None
    survival_ps: list[Magnitude] = Field(min_length=1, max_length=MOST)
    criterion: list[str] = Field(max_length=MOST)
    structure: Structure | None
    msd: Curve | None
    job: str

    @model_validator(mode="after")
    def _one_criterion_for_each(self) -> "ModelRun":
        if len(self.criterion) != len(self.survival_ps):
            raise ValueError("there should be one criterion for each replica")
        return self

    @property
    def n_stable(self) -> int:
        """Number of replicas that no criterion stopped."""
        return self.criterion.count("")


class Dynamics(Strict):
    """All simulations of a run."""

    suite: str
    reference: ReferenceRun
    models: list[ModelRun] = Field(max_length=MOST)


def collect_dynamics(plan: Plan, store: Store, finished: Iterable[str]) -> Dynamics | None:
    """Return what the finished simulations of ``plan`` found; None if there are none."""
    available = set(finished)
    models = []
    for cell in plan.simulated:
        if cell.job in available:
            result = store.result(cell.job)
            coordinates = {
                name: getattr(cell, name) for name in ModelRun.model_fields if hasattr(cell, name)
            }
            models.append(ModelRun.model_validate({**coordinates, **result["run"]}))
    if plan.reference is None or plan.reference not in available:
        return None
    reference = store.result(plan.reference)["run"]
    return Dynamics.model_validate(
        {"suite": plan.suite.name, "reference": reference, "models": models}
    )


def write_dynamics(path: Path, dynamics: Dynamics) -> None:
    """Write the simulations as JSON; the file appears whole or not at all."""
    write_whole(path, dynamics.model_dump_json(indent=1) + "\n")


def read_dynamics(path: Path) -> Dynamics:
    """Read a file of simulations.

    Raises
    ------
    InputError
        If it cannot be read, or is not one.
    """
    return read_json(path, Dynamics, "simulations")
