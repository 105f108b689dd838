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
from tlbench.md.segments import Segments
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

    Random numbers are drawn on the CPU, whatever the device: trajectories on another device are
    those of the CPU but for rounding errors, which chaos lets grow with time.

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
    device
        Where the state lives.
    """

    def __init__(
        self,
        start: Frames,
        temperature_k: Sequence[float],
        timestep_fs: float,
        friction_per_ps: float,
        seeds: Sequence[int],
        device: torch.device | str = "cpu",
    ) -> None:
        self._device = torch.device(device)
        self._counts = [int(n) for n in start.n_atoms]
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        masses = atomic_masses[start.atomic_numbers]
        self._mass = torch.as_tensor(masses, dtype=torch.float64).unsqueeze(1)
        self._half_kick = (0.5 * timestep_fs * ACCELERATION / self._mass).to(device)
        self._half_drift = 0.5 * timestep_fs
        self._keep = math.exp(-friction_per_ps * 1e-3 * timestep_fs)
        self._renew = math.sqrt(1.0 - self._keep**2)
        positions = torch.as_tensor(start.positions)
        self._start = positions.to(device, copy=True)
        self._noise_here = torch.empty_like(positions)
        self._noises_here = torch.split(self._noise_here, self._counts)
        self._noise_there: list[Tensor] = []
        self._segments = Segments(start.n_atoms, device)
        self.set_temperature(temperature_k)

    @property
    def generators(self) -> list[torch.Generator]:
        """The random generator of each structure."""
        return self._generators

    def set_temperature(self, temperature_k: Sequence[float]) -> None:
        """Let the thermostat of each structure hold another temperature from now on, K."""
        temperature = torch.as_tensor(temperature_k, dtype=torch.float64)
        per_atom = temperature.repeat_interleave(torch.as_tensor(self._counts)).unsqueeze(1)
        speed = (BOLTZMANN * per_atom * ACCELERATION / self._mass).sqrt()
        self._thermal_speed = speed.to(self._device)

    def init(self, force_call: ForceCall) -> LangevinState:
        """Return the first state, with velocities drawn from the Maxwell–Boltzmann distribution."""
        positions = self._start.clone()
        velocities = self._thermal_speed * self._noise()
        return LangevinState(positions, velocities, force_call(positions))

    def prepare(self, n_steps: int) -> None:
        """Draw the random numbers of the next steps, and copy them to the device at once.

        Steps that are not prepared copy their own. On a CPU nothing is copied, and this does
        nothing.
        """
        if self._device.type == "cpu" or not self._renew:
            return
        drawn = self._noise_here.new_empty((n_steps, *self._noise_here.shape))
        for of_step in drawn:
            self._draw(torch.split(of_step, self._counts))
        self._noise_there = list(drawn.to(self._device, non_blocking=True).unbind())

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
        ratio = state.velocities / self._thermal_speed
        return self._segments.sums(ratio * ratio) / (3 * self._segments.n_atoms)

    def _noise(self) -> Tensor:
        """Return standard normal numbers, which the next call overwrites."""
        if self._noise_there:
            return self._noise_there.pop(0)
        self._draw(self._noises_here)
        return self._noise_here.to(self._device)

    def _draw(self, noises: Sequence[Tensor]) -> None:
        for part, generator in zip(noises, self._generators, strict=True):
            part.normal_(generator=generator)


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
