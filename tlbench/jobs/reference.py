"""Job: what the dynamics of a data set looks like, as the measure of the models' dynamics."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tlbench.data.frames import Frames
from tlbench.data.origins import ORIGINS, SPLITS
from tlbench.data.origins.base import Reference
from tlbench.errors import InputError
from tlbench.jobs.context import EXPECTED, START, Context, Progress
from tlbench.md.criteria import Expected
from tlbench.md.forces import ForceField
from tlbench.md.outcome import Outcome
from tlbench.md.protocol import Protocol
from tlbench.md.simulation import Simulation
from tlbench.md.structure import (
    Averages,
    angles,
    averages,
    count_frames,
    distances,
    first_minimum,
    mean_msd,
    msd_samples,
    rdf,
)
from tlbench.metrics.structure import adf_error, rdf_error

FIRST_NUMBERS = (1_000_000, 2_000_000)
"""Numbers of the first replica of both reference runs: other random streams than any model's."""


def run(config: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write ``start.npz`` and ``expected.npz``; return the reference as ``ReferenceRun`` has it.

    ``config`` has: protocol, element, and start, which is what `Origin.start` returned:
    {kind: frames} for the frames of the data set at the temperature, or the kind of an origin that
    has a reference potential, and what it starts from.
    """
    protocol = Protocol.model_validate(config["protocol"])
    if config["start"]["kind"] == "frames":
        start, expected, found = _of_frames(protocol, context)
    else:
        origin = ORIGINS.get(config["start"]["kind"])
        reference = origin.reference(config["start"], config["element"])
        start, expected, found = _of_potential(protocol, reference, context)
    start.save(context.folder / START)
    np.savez(
        context.folder / EXPECTED,
        energy=np.array(expected.energy or []),
        rdf=np.array([]) if expected.rdf is None else expected.rdf,
        shell=np.array([] if expected.shell is None else [expected.shell]),
    )
    return {
        "run": {
            "temperature_k": protocol.temperature_k,
            "time_ps": protocol.time_ps,
            "n_atoms": int(start.n_atoms[0]),
            "element": config["element"],
            "distances": distances().round(6).tolist(),
            "angles": angles().round(6).tolist(),
            "times_ps": protocol.sample_times(msd_samples(protocol.n_samples)).round(6).tolist(),
            **found,
        }
    }


def load_expected(path: Any) -> Expected:
    """Read what ``run`` wrote."""
    with np.load(path, allow_pickle=False) as file:
        energy, rdf, shell = file["energy"], file["rdf"], file["shell"]
    return Expected(
        energy=(float(energy[0]), float(energy[1])) if len(energy) else None,
        rdf=rdf if len(rdf) else None,
        shell=float(shell[0]) if len(shell) else None,
    )


def _of_potential(
    protocol: Protocol, reference: Reference, context: Context
) -> tuple[Frames, Expected, dict[str, Any]]:
    """Run the potential itself twice: as the reference, and to see how far two runs differ."""
    start = reference.start.select([0] * protocol.replicas)
    force_field = ForceField.of(reference.potential)
    first = _simulate(0, start, protocol, force_field, Expected(), context)
    averaged = [averages(first.counts.of(first.stable), start.select(first.stable))]
    stable = first.stable
    energy = float(first.energy_low[stable].min()), float(first.energy_high[stable].max())
    expected = Expected(energy, averaged[0].rdf if reference.crystal else None)
    other = _simulate(1, start, protocol, force_field, expected, context)
    averaged.append(averages(other.counts.of(other.stable), start.select(other.stable)))
    for number in range(len(FIRST_NUMBERS)):
        shutil.rmtree(_folder(context, number))
    found = {
        "origin": f"{reference.name}, {protocol.replicas} simulations",
        "replicas": protocol.replicas,
        "false_alarms": protocol.replicas - len(other.stable),
        "structure": averaged[0].rounded(),
        "msd": mean_msd(first.msd[stable]),
        **_floors(*averaged),
    }
    return start, expected, found


def _simulate(
    number: int,
    start: Frames,
    protocol: Protocol,
    force_field: ForceField,
    expected: Expected,
    context: Context,
) -> Outcome:
    folder = _folder(context, number)
    folder.mkdir(exist_ok=True)
    first = FIRST_NUMBERS[number]
    numbers = range(first, first + protocol.replicas)
    simulation = Simulation(start, force_field, protocol, expected, numbers)
    total = protocol.n_steps * len(FIRST_NUMBERS)
    outcome = simulation.run(
        folder,
        lambda done, _, alive: context.report(Progress(number * protocol.n_steps + done, total)),
    )
    if not len(outcome.stable):
        raise InputError(
            f"The reference dynamics at {protocol.temperature_k:g} K is unstable "
            f"({outcome.criterion[0]}); choose a shorter timestep or wider criteria."
        )
    return outcome


def _folder(context: Context, number: int) -> Path:
    """Return where a reference run is kept until both are done."""
    return context.folder / f"run-{number}"


def _of_frames(protocol: Protocol, context: Context) -> tuple[Frames, Expected, dict[str, Any]]:
    """Take the frames at the temperature; replicas start from them, spread over their order."""
    folder = context.parents["data"]
    everything = Frames.concatenate([Frames.load(folder / f"{s}.npz") for s in SPLITS])
    at = everything.temperature_k == protocol.temperature_k
    if not at.any():
        known = np.unique(everything.temperature_k[np.isfinite(everything.temperature_k)])
        there = ", ".join(f"{t:g}" for t in known) or "none"
        raise InputError(
            f"No frame was sampled at {protocol.temperature_k:g} K, so dynamics there has nothing "
            f"to be compared with; temperatures there are: {there}."
        )
    frames = everything.select(at)
    # Frames with vacancies are other systems.
    frames = frames.select(frames.n_atoms == frames.n_atoms.max())
    n = len(frames)
    shell = first_minimum(rdf(count_frames(frames), frames).mean(axis=0))
    counts, per_atom = count_frames(frames, shell), frames.energy / frames.n_atoms
    spread = float(np.ptp(per_atom))
    energy = (-spread, spread) if np.isfinite(spread) else None
    whole = averages(counts, frames)
    parts = np.arange(0, n, 2), np.arange(1, n, 2)
    halves = [averages(counts.of(half), frames.select(half)) for half in parts]
    crystal = set(frames.phase.tolist()) == {"crystal"}
    start = frames.select(np.arange(protocol.replicas) * n // protocol.replicas % n)
    found = {
        "origin": f"{n} frames of the data set",
        "structure": whole.rounded(),
        "msd": None,
        **(_half(_floors(*halves)) if n > 1 else {"rdf_floor": None, "adf_floor": None}),
    }
    return start, Expected(energy, whole.rdf if crystal else None, shell), found


def _half(floors: dict[str, float]) -> dict[str, float]:
    """Return the floors of a model that is perfect.

    Halves differ by the noise of two of half the frames each, which has twice the standard
    deviation of that of all frames; a model is compared with all of them. Frames are taken to be
    independent.
    """
    return {name: floor / 2 for name, floor in floors.items()}


def _floors(one: Averages, other: Averages) -> dict[str, float]:
    """Return the errors of one run of the reference against another."""
    r, theta = distances(), np.radians(angles())
    return {
        "rdf_floor": (rdf_error(r, one.rdf, other.rdf) + rdf_error(r, other.rdf, one.rdf)) / 2,
        "adf_floor": (adf_error(theta, one.adf, other.adf) + adf_error(theta, other.adf, one.adf))
        / 2,
    }
