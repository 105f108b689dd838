"""What simulations start from: the frames of a data set, or a melt of a reference potential."""

from pathlib import Path
from typing import Literal

import numpy as np

from tlbench.base.errors import InputError
from tlbench.base.seeds import stream
from tlbench.data.compositions import compositions
from tlbench.data.frames import Floats, Frames
from tlbench.data.origins import SPLITS
from tlbench.data.origins.base import Reference
from tlbench.md.protocol import Protocol

Phase = Literal["crystal", "liquid"]
Start = Literal["nearest", "crystal", "liquid", "any"]
"""What simulations start from: structures of the nearest temperature that has any, whichever their
phase, those of one phase, or any, of known temperature or not, those of the smallest forces first.
Velocities are always drawn at the temperature of the simulations."""

HOTTEST_START = 2.0
"""Temperature of structures over that of simulations that may start from them.

Half of the excess becomes heat: 1.5 times the temperature here, where 2 counts as unstable.
"""

MELTING_K, MELTING_PS, COOLING_PS = 6000.0, 4.0, 4.0
"""How the crystal of a reference potential is melted, and brought to the temperature asked for."""


def frames_near(folder: Path, temperature_k: float, wanted: Start | None) -> Frames:
    """Return the frames of a data set at a temperature, or the nearest that has any.

    They are all of one composition: that with the most elements, atoms and frames, in this order.

    Parameters
    ----------
    folder
        Of the job that has made the data set.
    temperature_k
        Of the simulations.
    wanted
        None: of exactly this temperature; "any": all, those of the smallest forces first.

    Raises
    ------
    InputError
        If there is none.
    """
    frames = Frames.concatenate([Frames.load(folder / f"{s}.npz") for s in SPLITS])
    if wanted == "any":
        some = _of_one_composition(frames)
        return some.select(np.argsort(_rms_forces(some), kind="stable"))
    frames = frames.select(np.isfinite(frames.temperature_k))
    if wanted in ("crystal", "liquid"):
        phases = sorted({*frames.phase.tolist()} - {""})
        frames = frames.select(frames.phase == wanted)
        if not len(frames):
            raise InputError(
                f"No frame of a known temperature is a {wanted}, so no simulation can start from "
                f"one; the phases of the data set are: {', '.join(phases) or 'unknown'}."
            )
    known = np.unique(frames.temperature_k)
    if len(known) and wanted is not None:
        nearest = float(known[np.argmin(abs(known - temperature_k))])
        if nearest > HOTTEST_START * temperature_k:
            raise InputError(
                f"The nearest structures were sampled at {nearest:g} K; at {temperature_k:g} K "
                "their potential energy would heat any simulation so much that it counts as "
                f"unstable. Simulate at {nearest / HOTTEST_START:g} K or more."
            )
        temperature_k = nearest
    frames = frames.select(frames.temperature_k == temperature_k)
    if not len(frames):
        there = ", ".join(f"{t:g}" for t in known) or "none"
        raise InputError(
            f"No frame was sampled at {temperature_k:g} K, so dynamics there has nothing to be "
            f"compared with; temperatures there are: {there}. With dynamics.start: nearest, "
            "simulations start from frames of the nearest one."
        )
    return _of_one_composition(frames)


def _rms_forces(frames: Frames) -> Floats:
    """Return the root-mean-square force of each frame, eV/Å."""
    squares = np.add.reduceat((frames.forces**2).sum(axis=1), frames.atom_start)
    found: Floats = np.sqrt(squares / frames.n_atoms)
    return found


def _of_one_composition(frames: Frames) -> Frames:
    """Return the frames of the composition that is simulated.

    It is one of those with the most elements, of these with the most atoms (frames with vacancies
    are other systems), and of these the one that most frames have; of several, that of the first
    frame.
    """
    counts = (compositions(frames) * frames.n_atoms[:, None]).round().astype(np.int64)
    _, which = np.unique(counts, axis=0, return_inverse=True)
    which = which.reshape(-1)
    n_frames = np.bincount(which)[which]
    ranks = [*zip((counts > 0).sum(axis=1), counts.sum(axis=1), n_frames, strict=True)]
    # Of equal ranks the first is the largest.
    best = max(range(len(frames)), key=lambda index: ranks[index])
    return frames.select(which == which[best])


def for_replicas(frames: Frames, replicas: int, wanted: Start | None) -> Frames:
    """Return a frame for each replica of those of `frames_near`, in whose order they are spread.

    Of any frames these are the first, whose forces are the smallest.
    """
    number = np.arange(replicas)
    which = number if wanted == "any" else number * len(frames) // replicas
    return frames.select(which % len(frames))


def melted(crystals: Frames, reference: Reference, protocol: Protocol) -> Frames:
    """Return crystals melted and then brought to the temperature, each with a random stream."""
    from tlbench.md.langevin import sample_nvt

    timestep_fs, n = min(protocol.timestep_fs, 2.0), len(crystals)
    return sample_nvt(
        crystals,
        reference.potential,
        [protocol.temperature_k] * n,
        [stream("melt", protocol.seed, number) for number in range(n)],
        timestep_fs=timestep_fs,
        friction_per_ps=10.0,
        equilibration_steps=round(1000 * COOLING_PS / timestep_fs),
        interval_steps=1,
        n_frames=1,
        first_temperature_k=[MELTING_K] * n,
        first_steps=round(1000 * MELTING_PS / timestep_fs),
    )
