"""A simulation that is kept in a folder: its settings, its trajectory and what was observed."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from tlbench.base.errors import InputError, LockedError
from tlbench.base.files import clear_parts, flush
from tlbench.base.formats import Format, later
from tlbench.base.locks import Lock
from tlbench.base.schema import ModelT, Strict
from tlbench.data.frames import Frames
from tlbench.md.checkpoint import Arrays, load_arrays
from tlbench.md.criteria import Outcome
from tlbench.md.inputs import Driver
from tlbench.md.protocol import Protocol
from tlbench.md.simulation import CHECKPOINT, CHECKPOINT_SECONDS, Simulation
from tlbench.md.structure import angles, averages, distances, first_shell
from tlbench.md.trajectory import Trajectory

SETTINGS, TRAJECTORY, OBSERVABLES = "settings.json", "trajectory.extxyz", "observables.json"
LOCK = ".lock"


class Settings(Strict):
    """What is simulated and how; everything the trajectory depends on."""

    potential: str = Field(description="SHA-256 of its file, or the name of a reference potential")
    structure: str = Field(description="SHA-256 of elements, positions and cell")
    protocol: Protocol

    @classmethod
    def of(cls, driver: Driver, structure: Frames, protocol: Protocol) -> "Settings":
        """Return the settings of a simulation."""
        digest = hashlib.sha256()
        for name in ("atomic_numbers", "positions", "cell", "pbc"):
            digest.update(np.ascontiguousarray(getattr(structure, name)).tobytes())
        return cls(potential=driver.identity, structure=digest.hexdigest(), protocol=protocol)


class AveragedStructure(Strict):
    """Structure averaged over samples after equilibration, and over replicas.

    ``rdf`` g(r) at ``distances`` (Å), None unless periodic along all three vectors of the cell;
    ``adf`` density of bond angles, 1/rad, at ``angles`` (degrees); ``coordination`` mean number
    of neighbours in the first shell, which reaches to ``shell`` (Å). Where there are several
    elements, ``partial_rdf`` g_ab(r) by pair and ``partial_adf`` the density of the angles at atoms
    of each; ``shell`` is then that of the largest atoms, of others the shorter the smaller they
    are.
    """

    distances: list[float]
    rdf: list[float] | None
    angles: list[float]
    adf: list[float]
    coordination: float
    shell: float
    partial_rdf: dict[str, list[float]] | None = later(None)
    partial_adf: dict[str, list[float]] | None = later(None)

    @model_serializer(mode="wrap")
    def _to_file(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Of one element it is written as before there were several.
        found: dict[str, Any] = dump(self)
        return {k: v for k, v in found.items() if not k.startswith("partial_") or v is not None}


class Observables(Strict):
    """What was observed; lists have one entry per replica.

    ``survival_ps`` time until a criterion fired, or the end; ``criterion`` which one did, "" where
    none did; ``temperature_k`` mean kinetic temperature after equilibration, None where a replica
    did not come that far; ``msd`` mean-square displacement from the start at each of
    ``times_ps``, Å², as far as a replica came.
    ``structure`` is that of the replicas that no criterion stopped, None if there are none or
    nothing was sampled after equilibration. ``provenance`` is that of the last process that
    worked on it.
    """

    settings: Settings
    survival_ps: list[float]
    criterion: list[str]
    temperature_k: list[float | None]
    times_ps: list[float]
    msd: list[list[float]]
    structure: AveragedStructure | None
    provenance: dict[str, Any]


SETTINGS_FORMAT = Format("description of a simulation", Settings)
OBSERVABLES_FORMAT = Format("outcome of a simulation", Observables)


def finished(folder: Path, settings: Settings) -> Observables | None:
    """Return what a simulation of these settings has found in ``folder``; None if not finished.

    One that is the same but for a shorter time is one that is not finished.

    Raises
    ------
    InputError
        If the folder holds something else, or a shorter simulation that cannot go on.
    """
    path = folder / SETTINGS
    if not path.exists():
        strange = [n for n in (TRAJECTORY, OBSERVABLES, CHECKPOINT) if (folder / n).exists()]
        if strange:
            raise InputError(
                f"{folder} has a file {strange[0]}, but no {SETTINGS} that says what it is of; "
                "choose another folder with --out."
            )
        return None
    found = _read(path, SETTINGS_FORMAT)
    if found != settings:
        _check_longer(folder, found, settings)
        return None
    path = folder / OBSERVABLES
    return _read(path, OBSERVABLES_FORMAT) if path.exists() else None


def simulate(
    folder: Path,
    structure: Frames,
    driver: Driver,
    protocol: Protocol,
    provenance: Callable[[], dict[str, Any]] = dict,
    on_step: Callable[[int, int, int], None] = lambda done, total, alive: None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Observables:
    """Simulate the replicas and leave trajectory and observables in ``folder``.

    Where an earlier attempt was killed, or asked for a shorter time, it is continued, and on a CPU
    ends in the same bytes as one that was never interrupted. A finished simulation is not done
    again.

    Parameters
    ----------
    structure
        The one structure that all replicas start from.
    provenance
        Called at the end; says what code ran where.
    on_step
        As in ``Simulation.run``.

    Raises
    ------
    InputError
        If the folder cannot be written, holds something else, or another process works on it,
        or if the timestep cannot work.
    """
    settings = Settings.of(driver, structure, protocol)
    start = Frames.concatenate([structure] * protocol.replicas)
    simulation = Simulation(start, driver.force_field, protocol, identity=driver.identity)
    done = finished(folder, settings)
    if done is not None:
        return done
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Lock(folder / LOCK, wait=False):
            clear_parts(folder)
            # Another process may have finished it in the meantime.
            done = finished(folder, settings)
            if done is not None:
                return done
            # First what a shorter simulation found: its last step, which is kept, has all of it.
            (folder / OBSERVABLES).unlink(missing_ok=True)
            SETTINGS_FORMAT.write(folder / SETTINGS, settings)
            trajectory = Trajectory(folder / TRAJECTORY, structure, protocol.timestep_fs)
            _match(trajectory, folder / CHECKPOINT, protocol)
            with trajectory:
                outcome = simulation.run(folder, on_step, trajectory.write, checkpoint_seconds)
            flush(trajectory.path)
            found = _observables(settings, outcome, start, provenance())
            OBSERVABLES_FORMAT.write(folder / OBSERVABLES, found)
    except LockedError as error:
        raise InputError(
            f"Another process simulates in {folder} ({error.by}); wait for it, or choose another "
            "folder with --out."
        ) from None
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror or error}); choose another folder with "
            "--out."
        ) from error
    return found


def _match(trajectory: Trajectory, checkpoint: Path, protocol: Protocol) -> None:
    """Cut the trajectory to what the checkpoint knows; begin anew if it has less."""
    arrays = load_arrays(checkpoint)
    if arrays is None:
        trajectory.cut(0)
    elif trajectory.cut(int(arrays["step"])) != _n_sampled(arrays, protocol):
        checkpoint.unlink()
        trajectory.cut(0)


def _n_sampled(arrays: Arrays, protocol: Protocol) -> int:
    """Return how many samples, counted over replicas, there were until a checkpoint."""
    # A replica that is stopped at a step leaves before the sample of that step.
    last = arrays["tally.steps"] - (arrays["tally.code"] >= 0)
    return int((np.maximum(last, 0) // protocol.sample_steps).sum())


def _observables(
    settings: Settings, outcome: Outcome, start: Frames, provenance: dict[str, Any]
) -> Observables:
    protocol = settings.protocol
    equilibrated = outcome.steps > protocol.equilibration_steps
    measured = outcome.stable[outcome.counts.samples[outcome.stable] > 0]
    return Observables(
        settings=settings,
        survival_ps=[round(1e-3 * protocol.timestep_fs * int(n), 6) for n in outcome.steps],
        criterion=outcome.criterion,
        temperature_k=[
            round(float(t), 3) if known else None
            for t, known in zip(outcome.temperature, equilibrated, strict=True)
        ],
        times_ps=protocol.sample_times(np.arange(protocol.n_samples)).round(6).tolist(),
        msd=[row[np.isfinite(row)].round(5).tolist() for row in outcome.msd],
        structure=_structure(outcome, start, measured) if len(measured) else None,
        provenance=provenance,
    )


def _structure(outcome: Outcome, start: Frames, measured: Any) -> AveragedStructure:
    frames = start.select(measured)
    periodic = bool(frames.pbc.all())
    if not periodic:
        # There is no volume that g(r) could refer to; what else is averaged needs none.
        frames = replace(frames, cell=np.broadcast_to(np.eye(3), frames.cell.shape))
    found = averages(outcome.counts.of(measured), frames).rounded()
    return AveragedStructure(
        distances=distances().round(6).tolist(),
        rdf=found["rdf"] if periodic else None,
        angles=angles().round(6).tolist(),
        adf=found["adf"],
        coordination=found["coordination"],
        shell=round(first_shell(frames), 4),
        partial_rdf=found.get("partial_rdf") if periodic else None,
        partial_adf=found.get("partial_adf"),
    )


def held_equilibration(folder: Path) -> float | None:
    """Return after which time (ps) a simulation in ``folder`` averages; None if there is none.

    Raises
    ------
    InputError
        If the folder holds something else.
    """
    path = folder / SETTINGS
    return _read(path, SETTINGS_FORMAT).protocol.equilibration_ps if path.exists() else None


def _read(path: Path, form: Format[ModelT]) -> ModelT:
    try:
        return form.read(path)
    except InputError as error:
        reason = str(error).rstrip(".")
        raise InputError(f"{reason}; choose another folder with --out.") from error


def _check_longer(folder: Path, found: Settings, settings: Settings) -> None:
    """Refuse settings that are not those found in a folder but for a longer time."""
    there, asked = found.protocol, settings.protocol
    other = "choose another folder with --out"
    for name in ("potential", "structure"):
        if getattr(found, name) != getattr(settings, name):
            raise InputError(f"{folder} holds a simulation with another {name}; {other}.")
    different = [n for n in Protocol.model_fields if getattr(there, n) != getattr(asked, n)]
    only_times = set(different) <= {"time_ps", "equilibration_ps"}
    holds = f"{folder} holds a simulation of {there.time_ps:g} ps"
    if only_times and asked.time_ps < there.time_ps:
        raise InputError(
            f"{holds}, longer than the {asked.time_ps:g} ps asked for; read these from its "
            f"{TRAJECTORY}, or {other}."
        )
    if only_times and len(different) == 2:
        raise InputError(
            f"{holds} that averages after {there.equilibration_ps:g} ps instead of "
            f"{asked.equilibration_ps:g} ps; to go on with it add --equilibration "
            f"{there.equilibration_ps:g}, or {other}."
        )
    if different != ["time_ps"]:
        name = next(n for n in different if n != "time_ps")
        raise InputError(
            f"{folder} holds a simulation with {name} = {getattr(there, name)} instead of "
            f"{getattr(asked, name)}; {other}."
        )
    last = load_arrays(folder / CHECKPOINT)
    kept_no_time = last is not None and "time_ps" not in last
    if kept_no_time or (last is None and (folder / OBSERVABLES).exists()):
        raise InputError(
            f"{holds} that cannot go on, because its {CHECKPOINT} is missing, damaged or of an "
            f"older version; {other}."
        )
