"""How a structure is simulated, and when a simulation counts as unstable."""

import math
from typing import Literal

import numpy as np
from ase.data import atomic_masses, chemical_symbols
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from tlbench.base.errors import InputError
from tlbench.base.formats import later
from tlbench.base.schema import LARGEST, Strict
from tlbench.data.frames import Floats, Ints

FASTEST_FS = 2.0
"""Timestep at which the stiffest bonds of an atom of 1 amu are no longer integrated, fs."""


MOST_SAMPLES = 1_000_000
"""Samples that a simulation may take at most; some of what they show is kept in memory."""


LONGEST_PS = 10_000_000.0
"""Simulated time: ten microseconds, beyond what learned potentials have been run for."""

MOST_REPLICAS = 100_000
"""Simulations from one model, which rates of failure of 1 in 10,000 take."""


STABLE = ""
NOT_FINITE = "not-finite"
TEMPERATURE = "temperature"
CLOSEST_PAIR = "closest-pair"
FORCE = "force"
ENERGY = "energy"
STRUCTURE = "structure"

CRITERIA = (NOT_FINITE, TEMPERATURE, CLOSEST_PAIR, FORCE, ENERGY, STRUCTURE)
"""Names of all criteria, in the order in which they are asked; the first that fires is named."""


FEWEST_POINTS = 8
"""Samples of velocities in a window of a spectrum at least."""


class Criteria(Strict):
    """Bounds beyond which a simulation is unstable; None lifts one.

    That a number is not finite, or that an atom moves 5 Å in one step, always counts.
    """

    temperature_sigmas: PositiveFloat | None = Field(
        default=10.0,
        description="kinetic temperature above the thermostat's, in standard deviations of its "
        "thermal fluctuation, √(2/3N), and at least twice as hot",
    )
    closest_pair: PositiveFloat | None = Field(
        default=0.6,
        description="shortest distance over the sum of the covalent radii of both atoms",
    )
    max_force: PositiveFloat | None = Field(default=50.0, description="largest force, eV/Å")
    energy_margin: PositiveFloat | None = Field(
        default=0.25,
        description="potential energy beyond the range of the reference dynamics, eV/atom, both "
        "counted from the start",
    )
    rdf_error: PositiveFloat | None = Field(
        default=0.5,
        description="error of the radial distribution function of a window of time, where the "
        "reference is a crystal",
    )
    structure_error: PositiveFloat | None = later(
        None,
        description="the same on a scale without the empty core, in crystals and in liquids, "
        "after equilibration",
    )
    window_fs: PositiveFloat = Field(
        default=1000.0, le=1000 * LONGEST_PS, description="length of that window"
    )


EXTREME = Criteria(
    temperature_sigmas=100.0,
    closest_pair=0.3,
    max_force=1000.0,
    energy_margin=None,
    rdf_error=None,
)
"""Bounds beyond which a simulation is not worth going on with, whatever it is judged by."""


class Spectrum(Strict):
    """How velocities are recorded whose spectrum is taken."""

    interval_fs: PositiveFloat = Field(
        default=10.0, le=1000.0, description="time between samples of velocities"
    )
    window_fs: PositiveFloat = Field(
        default=2000.0,
        le=1_000_000.0,
        description="length of the windows of time whose spectra are averaged",
    )


class Protocol(Strict):
    """Dynamics at constant volume: Langevin, or without friction at constant energy."""

    temperature_k: PositiveFloat = Field(le=100_000)
    time_ps: PositiveFloat = Field(le=LONGEST_PS)
    timestep_fs: PositiveFloat = Field(default=2.0, ge=0.001)
    friction_per_ps: NonNegativeFloat = 10.0
    replicas: PositiveInt = Field(default=1, le=MOST_REPLICAS)
    seed: int = Field(default=0, ge=-LARGEST, le=LARGEST)
    equilibration_ps: NonNegativeFloat = Field(
        default=1.0, description="time before structure is averaged"
    )
    sample_fs: PositiveFloat = Field(
        default=50.0, le=1000 * LONGEST_PS, description="time between samples of structure"
    )
    criteria: Criteria = Criteria()
    stop: Literal["criteria", "extreme"] = later(
        "criteria",
        description="extreme: a replica for which a criterion fires counts as unstable from then "
        "on, but goes on up to extreme values, so that its stability is known for any threshold",
    )
    spectrum: Spectrum | None = later(
        None, description="record the spectrum of velocities after equilibration"
    )

    @model_validator(mode="after")
    def _times_fit(self) -> "Protocol":
        if self.equilibration_ps >= self.time_ps:
            raise ValueError(
                f"equilibration_ps ({self.equilibration_ps:g} ps) should be shorter than time_ps "
                f"({self.time_ps:g} ps)"
            )
        if self.sample_fs < self.timestep_fs:
            raise ValueError(
                f"sample_fs ({self.sample_fs:g} fs) should not be shorter than timestep_fs "
                f"({self.timestep_fs:g} fs)"
            )
        if self.n_samples * self.sample_steps <= self.equilibration_steps:
            raise ValueError(
                f"no sample is taken after equilibration: time_ps ({self.time_ps:g} ps) should be "
                f"longer than equilibration_ps ({self.equilibration_ps:g} ps) by at least "
                f"sample_fs ({self.sample_fs:g} fs)"
            )
        if self.n_samples > MOST_SAMPLES:
            raise ValueError(
                f"{self.n_samples:,} samples are more than {MOST_SAMPLES:,}; choose a longer "
                "sample_fs or a shorter time_ps"
            )
        if self.spectrum is not None:
            if self.spectrum_points < FEWEST_POINTS:
                raise ValueError(
                    f"spectrum.window_fs ({self.spectrum.window_fs:g} fs) should be at least "
                    f"{FEWEST_POINTS} times spectrum.interval_fs and timestep_fs"
                )
            window_steps = self.spectrum_points * self.spectrum_steps
            if self.equilibration_steps + window_steps + self.spectrum_steps > self.n_steps:
                raise ValueError(
                    f"no window of spectrum.window_fs ({self.spectrum.window_fs:g} fs) ends "
                    f"between equilibration_ps and time_ps ({self.time_ps:g} ps)"
                )
        return self

    @property
    def n_steps(self) -> int:
        """Number of timesteps."""
        return max(1, round(1000 * self.time_ps / self.timestep_fs))

    @property
    def sample_steps(self) -> int:
        """Number of timesteps between samples."""
        return max(1, round(self.sample_fs / self.timestep_fs))

    @property
    def n_samples(self) -> int:
        """Number of samples of structure."""
        return self.n_steps // self.sample_steps

    def sample_times(self, some: Ints) -> Floats:
        """Return the times of samples, counted from 0, in ps."""
        apart = 1e-3 * self.timestep_fs * self.sample_steps
        times: Floats = (some + 1).astype(np.float64) * apart
        return times

    @property
    def equilibration_steps(self) -> int:
        """Number of timesteps before structure is averaged."""
        return round(1000 * self.equilibration_ps / self.timestep_fs)

    @property
    def window_samples(self) -> int:
        """Number of samples in a window of the structure's criterion."""
        return max(1, round(self.criteria.window_fs / (self.sample_steps * self.timestep_fs)))

    @property
    def has_windows(self) -> bool:
        """Whether a window of time of the structure's criterion begins after equilibration."""
        before = -(-self.equilibration_steps // (self.window_samples * self.sample_steps))
        return (before + 1) * self.window_samples <= self.n_samples

    @property
    def spectrum_steps(self) -> int:
        """Number of timesteps between samples of velocities, of a protocol with a spectrum."""
        assert self.spectrum is not None
        return max(1, round(self.spectrum.interval_fs / self.timestep_fs))

    def is_velocity_sample(self, step: int) -> bool:
        """Return whether the velocities after a step are recorded."""
        return (
            self.spectrum is not None
            and step > self.equilibration_steps
            and step % self.spectrum_steps == 0
        )

    def steps_to_velocities(self, step: int) -> int:
        """Return after how many steps more velocities are recorded; all if they never are."""
        if self.spectrum is None:
            return self.n_steps
        return self.spectrum_steps - step % self.spectrum_steps

    @property
    def spectrum_points(self) -> int:
        """Number of samples of velocities in a window of the spectrum."""
        assert self.spectrum is not None
        return round(self.spectrum.window_fs / (self.spectrum_steps * self.timestep_fs))

    def check(self, atomic_numbers: Ints) -> None:
        """Refuse a timestep that cannot work for some of the elements.

        Raises
        ------
        InputError
            Saying which timestep does.
        """
        lightest = int(atomic_numbers[np.argmin(atomic_masses[atomic_numbers])])
        limit = FASTEST_FS * math.sqrt(atomic_masses[lightest])
        if self.timestep_fs > limit:
            raise InputError(
                f"A timestep of {self.timestep_fs:g} fs is too long for "
                f"{chemical_symbols[lightest]}; choose one below {limit:.1f} fs, "
                f"for instance {limit / 4:.1f}."
            )
