"""Labelled frames sampled from dynamics."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tlbench.data.frames import Floats, Frames
from tlbench.md.langevin import Langevin
from tlbench.md.neighbours import SkinnedNeighbours
from tlbench.reference.stillinger_weber import StillingerWeber


def sample_nvt(
    start: Frames,
    potential: StillingerWeber,
    temperature_k: Sequence[float],
    seeds: Sequence[int],
    *,
    timestep_fs: float,
    friction_per_ps: float,
    equilibration_steps: int,
    interval_steps: int,
    n_frames: int,
    first_temperature_k: Sequence[float] | None = None,
    first_steps: int = 0,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Frames:
    """Run every structure of ``start`` at its temperature and keep labelled frames.

    Parameters
    ----------
    start
        One structure per trajectory.
    temperature_k, seeds
        One of each per trajectory.
    equilibration_steps
        Steps thrown away first.
    interval_steps, n_frames
        Frames kept, and steps between them.
    first_temperature_k, first_steps
        Temperature of each trajectory during steps that come before all others, for instance
        to melt a crystal.
    on_step
        Called with steps done and steps in all, after every step.

    Returns
    -------
    Frames
        Trajectory after trajectory; positions are wrapped into the cell.
    """
    lists = SkinnedNeighbours(start, potential.cutoff)
    first = first_temperature_k if first_steps and first_temperature_k else temperature_k
    dynamics = Langevin(start, first, timestep_fs, friction_per_ps, seeds)
    unused_steps = first_steps + equilibration_steps
    total = unused_steps + interval_steps * n_frames
    state = dynamics.init(lambda x: potential(lists.graph(x)).forces)
    kept: list[Frames] = []
    for step in range(1, total + 1):
        if step == first_steps + 1:
            dynamics.set_temperature(temperature_k)
        state = dynamics.step(state, lambda x: potential(lists.graph(x)).forces)
        since = step - unused_steps
        if since > 0 and since % interval_steps == 0:
            labels = potential(lists.graph(state.positions))
            snapshot = replace(
                start,
                positions=_wrapped(state.positions.numpy(), start),
                forces=labels.forces.numpy(),
                energy=labels.energy.numpy(),
                stress=labels.stress.numpy(),
                temperature_k=np.asarray(temperature_k, dtype=np.float64),
                trajectory=np.arange(len(start), dtype=np.int64),
            )
            kept.append(snapshot)
        on_step(step, total)
    everything = Frames.concatenate(kept)
    by_trajectory = np.argsort(everything.trajectory, kind="stable")
    return everything.select(by_trajectory)


def _wrapped(positions: Floats, frames: Frames) -> Floats:
    cell = np.repeat(frames.cell, frames.n_atoms, axis=0)
    fractional = np.linalg.solve(cell.transpose(0, 2, 1), positions[:, :, None])
    image = np.floor(fractional)[:, None, :, 0]
    wrapped: Floats = positions - (image @ cell)[:, 0]
    return wrapped
