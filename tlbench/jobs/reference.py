"""Job: what the dynamics of a data set looks like, as the measure of the models' dynamics."""

import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ase import units
from pydantic import model_validator

from tlbench.base.errors import InputError
from tlbench.base.formats import later
from tlbench.data.frames import Frames
from tlbench.data.origins import ORIGINS, SPLITS
from tlbench.data.origins.base import Reference
from tlbench.jobs import kind
from tlbench.jobs.amount import Amount, Facts, Sizes
from tlbench.jobs.context import Context, Progress
from tlbench.jobs.extremes import extremes_of
from tlbench.jobs.kind import Kind
from tlbench.jobs.reference_run import ReferenceRun, beside, frames_label, simulations_label
from tlbench.jobs.start import Start, for_replicas, frames_near, melted
from tlbench.md.protocol import Protocol
from tlbench.metrics.dynamics import (
    Comparison,
    adf_error_of,
    partial_adf_errors,
    partial_rdf_errors,
    rdf_error_of,
)
from tlbench.metrics.structure import rdf_error

if TYPE_CHECKING:
    from tlbench.md.batch import ForceField
    from tlbench.md.criteria import Expected, Outcome
    from tlbench.md.structure import Averages

START, EXPECTED = "start.npz", "expected.npz"

FIRST_NUMBERS = (1_000_000, 2_000_000)
"""Numbers of the first replica of both reference runs: other random streams than any model's."""


class Config(kind.Config):
    """How reference dynamics is run, of which element, and what it starts from.

    ``start`` is what `Origin.start` returned: {kind: frames} for the frames of the data set at the
    temperature, or the kind of an origin that has a reference potential, and what it starts from.
    """

    kind: ClassVar = "reference"

    protocol: Protocol
    element: str
    start: dict[str, Any]
    start_structure: Start | None = later(
        None,
        description="by default frames of exactly the temperature, or the crystal of a reference "
        "potential",
    )


class Result(kind.Result):
    """The reference dynamics, whose own distributions are on its bins."""

    run: ReferenceRun

    @model_validator(mode="after")
    def _on_its_own_bins(self) -> "Result":
        if not self.run.fits(self.run.structure, self.run.msd, self.run.spectrum):
            raise ValueError("distributions and bins are of different lengths")
        return self


def run(config: Config, context: Context) -> Result:
    """Write ``start.npz`` and ``expected.npz``; return the reference."""
    from tlbench.md.structure import angles, composition, distances, msd_samples

    protocol = config.protocol
    if config.start["kind"] == "frames":
        start, expected, found = _of_frames(config, context)
    else:
        origin = ORIGINS.get(config.start["kind"])
        reference = origin.reference(config.start, config.element)
        start, expected, found = _of_potential(config, reference, context)
        name = origin.reference_name(config.element)
        found["origin"] = simulations_label(name, protocol.replicas)
    of_start = composition(start)
    if [*of_start] != [config.element]:
        found["composition"] = of_start
    start.save(context.folder / START)
    np.savez(
        context.folder / EXPECTED,
        energy=np.array(expected.energy or []),
        rdf=np.array([]) if expected.rdf is None else expected.rdf,
        shell=np.array([] if expected.shell is None else [expected.shell]),
        crystal=np.array(expected.crystal),
    )
    if protocol.spectrum is not None:
        from tlbench.md.spectrum import frequencies

        found["frequencies"] = frequencies(protocol).round(6).tolist()
    return Result.of(
        run={
            "temperature_k": protocol.temperature_k,
            "time_ps": protocol.time_ps,
            "n_atoms": int(start.n_atoms[0]),
            "element": config.element,
            "distances": distances().round(6).tolist(),
            "angles": angles().round(6).tolist(),
            "times_ps": protocol.sample_times(msd_samples(protocol.n_samples)).round(6).tolist(),
            **found,
        }
    )


def load_expected(path: Path) -> "Expected":
    """Read what ``run`` wrote."""
    from tlbench.md.criteria import Expected

    with np.load(path, allow_pickle=False) as file:
        energy, rdf, shell = file["energy"], file["rdf"], file["shell"]
        crystal = bool(file["crystal"])
    return Expected(
        energy=(float(energy[0]), float(energy[1])) if len(energy) else None,
        rdf=rdf if len(rdf) else None,
        shell=float(shell[0]) if len(shell) else None,
        crystal=crystal,
    )


def _of_potential(
    config: Config, reference: Reference, context: Context
) -> tuple[Frames, "Expected", dict[str, Any]]:
    """Run the potential itself twice: as the reference, and to see how far two runs differ."""
    from tlbench.md.batch import ForceField
    from tlbench.md.criteria import Expected
    from tlbench.md.spectrum import frequencies, mean_spectrum
    from tlbench.md.structure import averages, composition, mean_msd

    protocol = config.protocol
    start, crystal, started = _start_of_potential(config, reference, context)
    force_field = ForceField.of(reference.potential)
    first = _simulate(0, start, protocol, force_field, Expected(), context)
    own = averages(first.counts.of(first.stable), start.select(first.stable))
    stable = first.stable
    energy = float(first.energy_low[stable].min()), float(first.energy_high[stable].max())
    expected = Expected(energy, own.rdf, crystal=crystal)
    other = _simulate(1, start, protocol, force_field, expected, context)
    again = averages(other.counts.of(other.stable), start.select(other.stable))
    for number in range(len(FIRST_NUMBERS)):
        shutil.rmtree(_folder(context, number))
    found = {
        "replicas": protocol.replicas,
        "false_alarms": protocol.replicas - len(other.stable),
        "structure": own.rounded(),
        "msd": mean_msd(first.msd[stable]),
        "extremes": extremes_of(other, protocol, expected),
        "spectrum": None
        if first.power is None
        else mean_spectrum(first.power[stable], frequencies(protocol)[1]),
        **_floors(own, again, composition(start)),
        **started,
    }
    return start, expected, found


def _start_of_potential(
    config: Config, reference: Reference, context: Context
) -> tuple[Frames, bool, dict[str, Any]]:
    """Return a structure for each replica, whether they are crystals, and what is said of them."""
    protocol, wanted = config.protocol, config.start_structure
    crystals = reference.start.select([0] * protocol.replicas)
    if wanted is None:
        return crystals, reference.crystal, {}
    said: dict[str, Any] = {"start_structure": wanted, "start_phase": wanted}
    if wanted == "crystal":
        return crystals, reference.crystal, said
    if wanted == "liquid":
        return melted(crystals, reference, protocol), False, said
    frames = frames_near(
        context.parents["data"], config.protocol.temperature_k, config.start_structure
    )
    said = _said_of_frames(config, frames)
    start = for_replicas(frames, protocol.replicas, wanted)
    return start, said["start_phase"] == "crystal", said


def _simulate(
    number: int,
    start: Frames,
    protocol: Protocol,
    force_field: "ForceField",
    expected: "Expected",
    context: Context,
) -> "Outcome":
    from tlbench.md.simulation import Simulation

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


def _said_of_frames(config: Config, frames: Frames) -> dict[str, Any]:
    """Return what a reference says of the frames that simulations start from."""
    if config.start_structure is None:
        return {}
    phases = set(frames.phase.tolist())
    known = next(iter(phases)) if len(phases) == 1 else None
    any_ = config.start_structure == "any"
    return {
        "start_structure": config.start_structure,
        "start_phase": known if known in ("crystal", "liquid") else None,
        "frames_temperature_k": None if any_ else float(frames.temperature_k[0]),
    }


def _of_frames(config: Config, context: Context) -> tuple[Frames, "Expected", dict[str, Any]]:
    """Take frames of the temperature, or near it; replicas start from them."""
    from tlbench.md.criteria import Expected
    from tlbench.md.structure import averages, composition, count_frames, first_minimum, rdf

    frames = frames_near(
        context.parents["data"], config.protocol.temperature_k, config.start_structure
    )
    if not frames.pbc.all():
        raise InputError(
            "The structures of the data set are not periodic, so that there is no volume that g(r) "
            "could refer to, and simulations have nothing to be compared with; leave out "
            "'dynamics', or set it to null."
        )
    n = len(frames)
    shell = first_minimum(rdf(count_frames(frames), frames).mean(axis=0))
    counts, per_atom = count_frames(frames, shell), frames.energy / frames.n_atoms
    spread = float(np.ptp(per_atom))
    # Equipartition: harmonic atoms have 3/2 kT of potential energy. Of any frames, the temperature
    # is unknown, and so are the energies that simulations may reach.
    sampled_at = np.nan if config.start_structure == "any" else float(frames.temperature_k[0])
    warmer = 1.5 * units.kB * (config.protocol.temperature_k - sampled_at)
    low, high = min(warmer, 0) - spread, max(warmer, 0) + spread
    energy = (low, high) if np.isfinite([low, high]).all() else None
    whole = averages(counts, frames)
    floors: dict[str, Any] = {"rdf_floor": None, "adf_floor": None}
    if n > 1:
        parts = np.arange(0, n, 2), np.arange(1, n, 2)
        one, other = (averages(counts.of(half), frames.select(half)) for half in parts)
        floors = _half(_floors(one, other, composition(frames)))
    crystal = set(frames.phase.tolist()) == {"crystal"}
    found = {
        "origin": frames_label(n),
        "structure": whole.rounded(),
        "msd": None,
        **floors,
        **_said_of_frames(config, frames),
    }
    start = for_replicas(frames, config.protocol.replicas, config.start_structure)
    return start, Expected(energy, whole.rdf, shell, crystal), found


def _half(floors: dict[str, Any]) -> dict[str, Any]:
    """Return the floors of a model that is perfect.

    Halves differ by the noise of two of half the frames each, which has twice the standard
    deviation of that of all frames; a model is compared with all of them. Frames are taken to be
    independent.
    """
    return {
        name: _half(floor) if isinstance(floor, dict) else floor and floor / 2
        for name, floor in floors.items()
    }


def _floors(one: "Averages", other: "Averages", composition: Mapping[str, int]) -> dict[str, Any]:
    """Return the errors of one run of the reference against another, averaged over both ways."""
    from tlbench.md.structure import angles, distances

    grid = distances(), np.radians(angles())
    ways = [beside(a, b, composition, *grid) for a, b in ((one, other), (other, one))]

    def both(error: Callable[[Comparison], float]) -> float | None:
        found = (error(ways[0]) + error(ways[1])) / 2
        return found if math.isfinite(found) else None

    found: dict[str, Any] = {"rdf_floor": both(rdf_error_of), "adf_floor": both(adf_error_of)}
    if len(composition) > 1:
        errors = [partial_rdf_errors(way, rdf_error) | partial_adf_errors(way) for way in ways]
        means = {n: (errors[0][n] + errors[1][n]) / 2 for n in errors[0] if n in errors[1]}
        found["partial_floors"] = {n: mean for n, mean in means.items() if math.isfinite(mean)}
    return found


def atoms_at_start(config: Config, data: Sizes | None) -> float | None:
    """Return the number of atoms of one replica, None if unknown; ``data`` has the frames."""
    if config.start["kind"] == "frames":
        return None if data is None else data.atoms["train"]
    return float(ORIGINS.get(config.start["kind"]).n_atoms_at_start(config.start))


def amount(config: Config, facts: Facts) -> Amount | None:
    """Return the number of atoms over all steps and replicas of both runs, or of the frames."""
    if config.start["kind"] == "frames":
        data = facts.sizes.get("data")
        return None if data is None else Amount(data.atoms_in(*SPLITS), "frames")
    atoms = ORIGINS.get(config.start["kind"]).n_atoms_at_start(config.start)
    steps = 2 * config.protocol.n_steps * config.protocol.replicas
    return Amount(steps * atoms, config.start["kind"])


KIND = Kind(Config, Result, run, amount, outputs=(START, EXPECTED))
