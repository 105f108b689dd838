"""What simulations find, replica by replica."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tlbench.data.frames import Floats, Ints
from tlbench.md.criteria import Instant
from tlbench.md.protocol import CRITERIA, STABLE
from tlbench.md.structure import StructureCounts


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
    """

    steps: Ints
    criterion: list[str]
    energy_low: Floats
    energy_high: Floats
    temperature: Floats
    msd: Floats
    counts: StructureCounts

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

    def add(
        self,
        alive: Ints,
        step: int,
        now: Instant,
        equilibrated: bool,
        gone: npt.NDArray[np.bool_],
    ) -> None:
        """Count one step of the replicas ``alive``; averages are of those that are not gone."""
        self.steps[alive] = step
        stay, staying = alive[~gone], ~gone
        if equilibrated:
            self.temperature_sum[stay] += now.temperature.numpy()[staying]
            self.temperature_n[stay] += 1
        energy = now.energy.numpy()[staying]
        self.energy_low[stay] = np.minimum(self.energy_low[stay], energy)
        self.energy_high[stay] = np.maximum(self.energy_high[stay], energy)

    def stop(self, alive: Ints, fired: dict[str, npt.NDArray[np.bool_]]) -> npt.NDArray[np.bool_]:
        """Note the first criterion that fires for each replica; return who is stopped."""
        gone = np.zeros(len(alive), dtype=bool)
        for name, mask in fired.items():
            self.code[alive[mask & ~gone]] = CRITERIA.index(name)
            gone |= mask
        return gone

    def outcome(self, temperature_k: float, counts: StructureCounts) -> Outcome:
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
        )


def arrays_of(kept: Any, group: str) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a dataclass, named after it."""
    return {f"{group}.{name}": value for name, value in vars(kept).items()}


def restore(kept: Any, group: str, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Give a dataclass the arrays that ``arrays_of`` returned."""
    for name in vars(kept):
        setattr(kept, name, arrays[f"{group}.{name}"])
