r"""Dynamics of many structures at once, at constant temperature or constant energy.

The integrator is BAOAB (Leimkuhler & Matthews, Appl. Math. Res. Express 2013, 34, eq. 10): half
a kick, half a drift, an exact Ornstein–Uhlenbeck step of the velocities, half a drift, half a
kick.

.. math::

    v ← e^{-γΔt} v + \sqrt{(1 - e^{-2γΔt}) k_B T / m} \; R

Without friction it is the velocity Verlet method.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from ase.data import atomic_masses
from torch import Tensor

from tlbench.base.units import ACCELERATION, BOLTZMANN
from tlbench.data.frames import Floats, Frames
from tlbench.md.neighbours import SkinnedNeighbours
from tlbench.reference.stillinger_weber import StillingerWeber

ForceCall = Callable[[Tensor], Tensor]
"""Maps positions (n_atoms, 3) in Å to forces (n_atoms, 3) in eV/Å."""


@dataclass
class LangevinState:
    """Positions (Å), velocities (Å/fs) and forces (eV/Å) of all atoms, (n_atoms, 3) each."""

    positions: Tensor
    velocities: Tensor
    forces: Tensor


class Langevin:
    """BAOAB Langevin dynamics in float64, one random generator per structure.

    Parameters
    ----------
    start
        Structures at their first positions.
    temperature_k
        Temperature of each structure, K.
    timestep_fs, friction_per_ps
        Timestep Δt and friction γ.
    seeds
        Seed of each structure's generator.
    """

    def __init__(
        self,
        start: Frames,
        temperature_k: Sequence[float],
        timestep_fs: float,
        friction_per_ps: float,
        seeds: Sequence[int],
    ) -> None:
        self._counts = [int(n) for n in start.n_atoms]
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        masses = atomic_masses[start.atomic_numbers]
        self._mass = torch.as_tensor(masses, dtype=torch.float64).unsqueeze(1)
        self._half_kick = 0.5 * timestep_fs * ACCELERATION / self._mass
        self._half_drift = 0.5 * timestep_fs
        self._keep = math.exp(-friction_per_ps * 1e-3 * timestep_fs)
        self._renew = math.sqrt(1.0 - self._keep**2)
        self._start = torch.as_tensor(start.positions).clone()
        self._all_noise = torch.empty_like(self._start)
        self._noises = torch.split(self._all_noise, self._counts)
        self._n_atoms = torch.as_tensor(start.n_atoms)
        self._first = np.cumsum(start.n_atoms) - start.n_atoms
        self.set_temperature(temperature_k)

    @property
    def generators(self) -> list[torch.Generator]:
        """The random generator of each structure."""
        return self._generators

    def set_temperature(self, temperature_k: Sequence[float]) -> None:
        """Let the thermostat of each structure hold another temperature from now on, K."""
        temperature = torch.as_tensor(temperature_k, dtype=torch.float64)
        per_atom = temperature.repeat_interleave(torch.as_tensor(self._counts)).unsqueeze(1)
        self._thermal_speed = (BOLTZMANN * per_atom * ACCELERATION / self._mass).sqrt()

    def init(self, force_call: ForceCall) -> LangevinState:
        """Return the first state, with velocities drawn from the Maxwell–Boltzmann distribution."""
        positions = self._start.clone()
        velocities = self._thermal_speed * self._noise()
        return LangevinState(positions, velocities, force_call(positions))

    def step(self, state: LangevinState, force_call: ForceCall) -> LangevinState:
        """Return the state one timestep later."""
        velocities = state.velocities + self._half_kick * state.forces
        positions = state.positions + self._half_drift * velocities
        if self._renew:
            velocities = self._keep * velocities + self._renew * self._thermal_speed * self._noise()
        positions = positions + self._half_drift * velocities
        forces = force_call(positions)
        return LangevinState(positions, velocities + self._half_kick * forces, forces)

    def temperature(self, state: LangevinState) -> Tensor:
        """Return the kinetic temperature of each structure relative to its target."""
        ratio = (state.velocities / self._thermal_speed).numpy().ravel()
        total = np.add.reduceat(ratio * ratio, 3 * self._first)
        return torch.as_tensor(total) / (3 * self._n_atoms)

    def _noise(self) -> Tensor:
        """Return standard normal numbers, which the next call overwrites."""
        for part, generator in zip(self._noises, self._generators, strict=True):
            part.normal_(generator=generator)
        return self._all_noise


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
