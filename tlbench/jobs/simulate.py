"""Job: put one model through dynamics."""

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from tlbench.base.formats import later
from tlbench.base.magnitudes import Magnitude
from tlbench.data.frames import Frames
from tlbench.jobs import kind
from tlbench.jobs.amount import CALL, Amount, Facts
from tlbench.jobs.context import MODEL, Context, Progress
from tlbench.jobs.extremes import Extremes, extremes_of
from tlbench.jobs.kind import MOST, Kind, Word
from tlbench.jobs.reference import EXPECTED, START, atoms_at_start, load_expected
from tlbench.md.protocol import Protocol

OUTCOME, COUNTS, POWER = "outcome.npz", "counts.", "power"
"""File of what simulations found, what the names of the counts in it begin with, and the name of
the power spectra, if there are any."""


class Config(kind.Config):
    """How the model is simulated."""

    kind: ClassVar = "simulate"

    protocol: Protocol


class Survival(kind.Result):
    """How long the replicas of a model's simulations lasted.

    ``survival_ps`` of each replica until a criterion fired, or until the end; ``criterion`` which
    one did, "" where none did. ``extremes`` is None if they were not recorded.
    """

    survival_ps: list[Magnitude] = Field(min_length=1, max_length=MOST)
    criterion: list[Word] = Field(max_length=MOST)
    extremes: Extremes | None = later(None)

    @model_validator(mode="after")
    def _one_for_each(self) -> "Survival":
        if len(self.criterion) != len(self.survival_ps):
            raise ValueError("there should be one criterion for each replica")
        if self.extremes is None:
            return self
        lasted = self.extremes.lasted
        if len(lasted) != len(self.criterion):
            raise ValueError("there should be extremes of each replica")
        if not all(last for last, name in zip(lasted, self.criterion, strict=True) if name == ""):
            raise ValueError("a stable replica should have extremes up to the end")
        return self


class Result(Survival):
    """Survival, and the mean kinetic temperature (K) of each replica.

    The temperature of one that was stopped before it was in equilibrium is not a number.
    """

    temperature_k: list[Annotated[float, Field(allow_inf_nan=True)]] = Field(max_length=MOST)


def run(config: Config, context: Context) -> Result:
    """Write ``outcome.npz``; return survival and criteria of the replicas.

    Replicas of the same number start from the same structure and have the same velocities and
    random forces, whatever the model.
    """
    from tlbench.md.batch import ForceField
    from tlbench.md.simulation import CHECKPOINT, Simulation
    from tlbench.models.potential import load_potential

    protocol = config.protocol
    potential = load_potential(context.parents["model"] / MODEL, context.device)
    reference = context.parents["reference"]
    expected = load_expected(reference / EXPECTED)
    simulation = Simulation(
        Frames.load(reference / START), ForceField.of(potential), protocol, expected
    )
    found = simulation.run(
        context.folder, lambda done, total, alive: context.report(Progress(done, total))
    )
    arrays: dict[str, Any] = {
        f"{COUNTS}{name}": value for name, value in found.counts.arrays().items()
    }
    for name in ("steps", "energy_low", "energy_high", "temperature", "msd"):
        arrays[name] = getattr(found, name)
    if found.power is not None:
        arrays[POWER] = found.power
    criterion = np.array(found.criterion, dtype=np.str_)
    np.savez(context.folder / OUTCOME, criterion=criterion, **arrays)
    (context.folder / CHECKPOINT).unlink(missing_ok=True)
    return Result.of(
        survival_ps=[round(1e-3 * protocol.timestep_fs * int(n), 6) for n in found.steps],
        criterion=found.criterion,
        temperature_k=found.temperature.round(3).tolist(),
        extremes=extremes_of(found, protocol, expected),
    )


def amount(config: Config, facts: Facts) -> Amount | None:
    """Return the number of atoms whose forces are computed, over all steps and replicas."""
    model, reference = facts.configs.get("model"), facts.configs.get("reference")
    if model is None or reference is None:
        return None
    atoms = atoms_at_start(reference, facts.sizes.get("reference"))
    if atoms is None:
        return None
    protocol = config.protocol
    return Amount(protocol.n_steps * (protocol.replicas * atoms + CALL), model.rate)


KIND = Kind(Config, Result, run, amount, outputs=(OUTCOME,), uses_device=True)
