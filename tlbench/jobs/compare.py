"""Job: compare the simulations of one model with the reference dynamics."""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import model_validator

from tlbench.base.formats import later
from tlbench.base.magnitudes import Signed
from tlbench.base.schema import read_json
from tlbench.data.frames import Floats, Frames
from tlbench.jobs import kind
from tlbench.jobs.context import RESULT, Context
from tlbench.jobs.kind import MOST, Curve, Kind, Measurement
from tlbench.jobs.reference import START
from tlbench.jobs.reference import Result as ReferenceResult
from tlbench.jobs.reference_run import Structure
from tlbench.jobs.simulate import COUNTS, OUTCOME, POWER, Survival
from tlbench.jobs.simulate import Result as SimulateResult
from tlbench.metrics import METRICS
from tlbench.metrics.diffusion import diffusion_coefficient


class Config(kind.Config):
    """Temperature of the simulations, K, and the metrics of dynamics that are computed."""

    kind: ClassVar = "compare"

    temperature_k: float
    metrics: list[str] = later([])


class SimulationSummary(Survival):
    """Survival, and what the replicas that were stable have in common.

    ``structure`` is None if none was. ``msd`` is their mean-square displacement from the start at
    the times of the reference, Å²; ``diffusion`` the self-diffusion coefficient of each of them,
    Å²/ps, None if it was not recorded or could not be; ``spectrum`` that of their velocities at the
    frequencies of the reference, 1/THz, None if it was not recorded.
    """

    structure: Structure | None
    msd: Curve | None
    diffusion: list[Signed] | None = later(None, max_length=MOST)
    spectrum: Curve | None = later(None)

    @model_validator(mode="after")
    def _of_stable_replicas(self) -> "SimulationSummary":
        if len(self.diffusion or []) > self.criterion.count(""):
            raise ValueError("there is diffusion of more replicas than are stable")
        return self


class Result(kind.Result):
    """Metrics of the simulations of a model, and what they follow from.

    Structure is that of the replicas that were stable and were sampled; a metric that is then not
    defined is left out.
    """

    metrics: list[Measurement]
    run: SimulationSummary


def run(config: Config, context: Context) -> Result:
    """Return metrics of dynamics, and a summary of the simulations."""
    from tlbench.md.spectrum import mean_spectrum
    from tlbench.md.structure import StructureCounts, averages, mean_msd

    folders, what = context.parents, "the result of such a job"
    reference = read_json(folders["reference"] / RESULT, ReferenceResult, what).run
    survival = read_json(folders["simulation"] / RESULT, SimulateResult, what)
    with np.load(folders["simulation"] / OUTCOME, allow_pickle=False) as file:
        counted = [name for name in file.files if name.startswith(COUNTS)]
        counts = StructureCounts(**{name.removeprefix(COUNTS): file[name] for name in counted})
        msd, power = file["msd"], file[POWER] if POWER in file.files else None
    stable = np.array([name == "" for name in survival.criterion])
    measured = np.flatnonzero(stable & (counts.samples > 0))
    start = Frames.load(folders["reference"] / START)
    found = averages(counts.of(measured), start.select(measured)) if len(measured) else None
    displacement = mean_msd(msd[measured]) if len(measured) else None
    spectrum = None
    if power is not None and reference.frequencies is not None:
        spectrum = mean_spectrum(power[measured], reference.frequencies[1])
    comparison = reference.comparison(
        survival.survival_ps, survival.criterion, found, displacement, spectrum
    )
    condition = {"md_temperature_k": config.temperature_k}
    values = {name: METRICS.get(name).function(comparison) for name in config.metrics}
    return Result.of(
        metrics=[
            {"metric": name, "condition": condition, "value": value}
            for name, value in values.items()
            if math.isfinite(value)
        ],
        run={
            "survival_ps": survival.survival_ps,
            "criterion": survival.criterion,
            "structure": None if found is None else found.rounded(),
            "msd": displacement,
            "diffusion": _diffusion(msd[measured], reference.times_ps) if len(measured) else None,
            **({} if survival.extremes is None else {"extremes": survival.extremes.model_dump()}),
            **({} if spectrum is None else {"spectrum": spectrum}),
        },
    )


def _diffusion(msd: Floats, times_ps: Sequence[float]) -> list[float] | None:
    """Return the self-diffusion coefficients of replicas, of the displacements (n, n_samples)."""
    from tlbench.md.structure import msd_samples

    points = msd[:, msd_samples(msd.shape[1])]
    found = [diffusion_coefficient(times_ps, row) for row in points]
    return [round(each, 6) for each in found] if np.isfinite(found).all() else None


KIND = Kind(Config, Result, run)
