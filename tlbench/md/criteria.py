"""What makes a simulation unstable, and what simulations find, replica by replica."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tlbench.data.frames import Floats, Ints
from tlbench.md.protocol import (
    CLOSEST_PAIR,
    CRITERIA,
    ENERGY,
    FORCE,
    NOT_FINITE,
    STABLE,
    TEMPERATURE,
    Criteria,
)
from tlbench.md.structure import StructureCounts


@dataclass(frozen=True)
class Expected:
    """What is seen in reference dynamics.

    ``energy`` lowest and highest potential energy per atom counted from the start, eV, or None
    if unknown; ``rdf`` g(r) at the sampled distances, or None if unknown, and whether it is that
    of a ``crystal``. ``shell`` reach of the first shell, Å, or None for that of a crystal.
    """

    energy: tuple[float, float] | None = None
    rdf: Floats | None = None
    shell: float | None = None
    crystal: bool = True

    def energy_excess(self, energy: Tensor) -> Tensor:
        """Return how far energies (n,) are beyond the range, eV/atom; 0 where it is unknown."""
        if self.energy is None:
            return torch.zeros_like(energy)
        low, high = self.energy
        return torch.maximum(low - energy, energy - high).clamp(min=0)


@dataclass(frozen=True)
class Instant:
    """What the criteria look at, for each replica: (n_replicas,) each.

    ``temperature`` is relative to the thermostat's, ``closest`` relative to the sum of covalent
    radii, ``force`` eV/Å, ``energy`` eV per atom counted from the start.
    """

    finite: Tensor
    temperature: Tensor
    closest: Tensor
    force: Tensor
    energy: Tensor


def on_cpu(instants: Sequence[Instant]) -> Sequence[Instant]:
    """Return the instants on the CPU; from another device they come in one copy."""
    if all(now.energy.is_cpu for now in instants):
        return instants
    rows = [
        torch.stack([each.to(torch.float64) for each in vars(now).values()]) for now in instants
    ]
    copied = torch.stack(rows).cpu()
    return [Instant(finite > 0, *others) for finite, *others in copied.unbind()]


class Watch:
    """Asks all criteria that can be asked at every step.

    Parameters
    ----------
    n_atoms
        Of each replica, (n_replicas,).
    """

    def __init__(self, criteria: Criteria, expected: Expected, n_atoms: Tensor) -> None:
        self._criteria, self._expected = criteria, expected
        fluctuation = (2 / (3 * n_atoms.to(torch.float64))).sqrt()
        sigmas = criteria.temperature_sigmas
        # In large systems thermal fluctuations are small beside the heat of a rough start.
        self._hottest = None if sigmas is None else 1 + (sigmas * fluctuation).clamp(min=1)

    def fired(self, now: Instant) -> dict[str, Tensor]:
        """Return the mask of replicas, (n_replicas,), for which each criterion fires."""
        found = {NOT_FINITE: ~now.finite}
        bounds, expected = self._criteria, self._expected
        if self._hottest is not None:
            found[TEMPERATURE] = now.temperature > self._hottest
        if bounds.closest_pair is not None:
            found[CLOSEST_PAIR] = now.closest < bounds.closest_pair
        if bounds.max_force is not None:
            found[FORCE] = now.force > bounds.max_force
        if bounds.energy_margin is not None and expected.energy is not None:
            found[ENERGY] = expected.energy_excess(now.energy) > bounds.energy_margin
        return found


@dataclass(frozen=True)
class Snapshot:
    """One moment of the replicas that still run.

    ``replicas`` (n,) their numbers; ``positions`` Å, not wrapped, and ``velocities`` Å/fs,
    (n_atoms, 3) of all their atoms; ``energy`` eV and ``temperature`` K, (n,).
    """

    step: int
    replicas: Ints
    positions: Floats
    velocities: Floats
    energy: Floats
    temperature: Floats


@dataclass(frozen=True)
class Outcome:
    """What simulations found; arrays (n,).

    ``steps`` survived; ``criterion`` which fired, "" where none did; ``energy_low`` and
    ``energy_high`` eV per atom counted from the start; ``temperature`` mean kinetic temperature
    after equilibration, K; ``counts`` of pairs and angles after equilibration. ``msd``
    (n, n_samples) mean-square displacement from the start, Å²; NaN where a replica had stopped.
    ``extremes`` (n, quantities, points) the worst so far, see `tlbench.md.extremes.ExtremeTally`.
    ``power`` (n, frequencies) spectra of velocities, see `tlbench.md.spectrum.SpectrumTally`; None
    if they are not recorded.
    """

    steps: Ints
    criterion: list[str]
    energy_low: Floats
    energy_high: Floats
    temperature: Floats
    msd: Floats
    counts: StructureCounts
    extremes: Floats
    power: Floats | None = None

    @property
    def stable(self) -> Ints:
        """Numbers of the replicas that no criterion stopped."""
        return np.flatnonzero([name == STABLE for name in self.criterion])


@dataclass
class Tally:
    """What is kept of every replica, running or not; arrays (n,), ``msd`` (n, n_samples)."""

    steps: Ints
    code: Ints
    energy_low: Floats
    energy_high: Floats
    temperature_sum: Floats
    temperature_n: Ints
    msd: Floats
    start_energy: Floats

    @classmethod
    def new(cls, n: int, n_samples: int) -> "Tally":
        """Return a tally of nothing."""
        zeros, none = np.zeros(n), np.zeros(n, dtype=np.int64)
        return cls(
            steps=none.copy(),
            code=none - 1,
            energy_low=zeros.copy(),
            energy_high=zeros.copy(),
            temperature_sum=zeros.copy(),
            temperature_n=none.copy(),
            msd=np.full((n, n_samples), np.nan),
            start_energy=np.full(n, np.nan),
        )

    def lengthen(self, n_samples: int) -> None:
        """Make room for as many samples."""
        more = n_samples - self.msd.shape[1]
        self.msd = np.pad(self.msd, ((0, 0), (0, more)), constant_values=np.nan)

    def add(self, alive: Ints, step: int, now: Instant, equilibrated: bool) -> None:
        """Count one step of the replicas ``alive`` for which no criterion has fired."""
        staying = self.code[alive] < 0
        stay = alive[staying]
        self.steps[stay] = step
        if equilibrated:
            self.temperature_sum[stay] += now.temperature.numpy()[staying]
            self.temperature_n[stay] += 1
        energy = now.energy.numpy()[staying]
        self.energy_low[stay] = np.minimum(self.energy_low[stay], energy)
        self.energy_high[stay] = np.maximum(self.energy_high[stay], energy)

    def note(
        self, alive: Ints, step: int, fired: dict[str, npt.NDArray[np.bool_]]
    ) -> npt.NDArray[np.bool_]:
        """Note the first criterion that ever fires for each replica; return for which one does."""
        any_fired = np.zeros(len(alive), dtype=bool)
        for name, mask in fired.items():
            first = alive[mask & (self.code[alive] < 0)]
            self.code[first], self.steps[first] = CRITERIA.index(name), step
            any_fired |= mask
        return any_fired

    def outcome(self, temperature_k: float, counts: StructureCounts, extremes: Floats) -> Outcome:
        """Return what has been found so far."""
        mean = self.temperature_sum / np.maximum(self.temperature_n, 1)
        return Outcome(
            steps=self.steps,
            criterion=[STABLE if code < 0 else CRITERIA[code] for code in self.code],
            energy_low=self.energy_low,
            energy_high=self.energy_high,
            temperature=mean * temperature_k,
            msd=self.msd,
            counts=counts,
            extremes=extremes,
        )


def arrays_of(kept: Any, group: str) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a dataclass, named after it; those that it lacks are None."""
    return {f"{group}.{name}": v for name, v in vars(kept).items() if v is not None}


def restore(kept: Any, group: str, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Give a dataclass the arrays that ``arrays_of`` returned."""
    for name in [name for name, value in vars(kept).items() if value is not None]:
        setattr(kept, name, arrays[f"{group}.{name}"])
