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
from dataclasses import dataclass

import torch
from ase.data import atomic_masses
from torch import Tensor

from tlbench.base.units import ACCELERATION, BOLTZMANN
from tlbench.data.frames import Frames

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
        self._n_atoms = torch.as_tensor(start.n_atoms)
        self._system = torch.arange(len(start)).repeat_interleave(self._n_atoms)
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
        ratio = (state.velocities / self._thermal_speed).square().mean(dim=1)
        total = ratio.new_zeros(len(self._counts)).index_add_(0, self._system, ratio)
        return total / self._n_atoms

    def _noise(self) -> Tensor:
        return torch.cat(
            [
                torch.randn((count, 3), generator=generator, dtype=torch.float64)
                for count, generator in zip(self._counts, self._generators, strict=True)
            ]
        )
