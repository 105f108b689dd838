r"""Spectrum of the velocities of moving atoms: the vibrations that dynamics shows.

By Welch's method (*IEEE Trans. Audio Electroacoust.* 15, 70, 1967): simulations are cut into
windows of time, each is multiplied by Hann's function w, and power spectra are averaged over them,

.. math::

    g(ν) ∝ \sum_i m_i \left| \sum_t w(t) v_i(t) e^{-2πiνt} \right|^2 .

That is the Fourier transform of the mass-weighted velocity autocorrelation (Wiener–Khinchin), which
in a harmonic crystal is the phonon density of states (Dickey & Paskin, *Phys. Rev.* 188, 1407,
1969). A window of length T blurs it by about 1.5/T, 0.7 THz for 2 ps, and the friction γ of a
thermostat by γ/2π, 1.6 THz for 10 ps⁻¹: models are compared with a reference under the same one.
"""

from dataclasses import dataclass

import numpy as np
from ase.data import atomic_masses

from tlbench.data.frames import Floats, Frames, Ints
from tlbench.md.protocol import Protocol

DECIMALS = 7
"""Decimals of spectra, 1/THz; a flat one up to 50 THz is 0.02."""


def frequencies(protocol: Protocol) -> Floats:
    """Return the frequencies of spectra under a protocol that has them, (points // 2 + 1,), THz."""
    apart_ps = 1e-3 * protocol.timestep_fs * protocol.spectrum_steps
    found: Floats = np.fft.rfftfreq(protocol.spectrum_points, apart_ps).astype(np.float64)
    return found


@dataclass
class SpectrumTally:
    """Power spectra of each replica.

    ``power`` (n, frequencies) is the sum over windows and atoms, in amu (Å/fs)²; ``window``
    (points, n_atoms, 3) the velocities of the running replicas in the current window, Å/fs, and
    ``filled`` (1,) how many of its points are there.
    """

    power: Floats
    window: Floats
    filled: Ints

    @classmethod
    def new(cls, protocol: Protocol, start: Frames) -> "SpectrumTally":
        """Return the spectra of nothing, of replicas that begin as ``start``."""
        points = protocol.spectrum_points
        return cls(
            np.zeros((len(start), points // 2 + 1)),
            np.zeros((points, *start.positions.shape)),
            np.zeros(1, dtype=np.int64),
        )

    def add(self, replicas: Ints, frames: Frames, velocities: Floats) -> None:
        """Take velocities (n_atoms, 3) of the running replicas into account, Å/fs.

        Parameters
        ----------
        replicas
            Their numbers.
        frames
            Their structures.
        """
        points = len(self.window)
        self.window[self.filled[0]] = velocities
        self.filled += 1
        if self.filled[0] < points:
            return
        self.filled[:] = 0
        taper = np.sin(np.pi * (np.arange(points) + 0.5) / points) ** 2
        found = np.fft.rfft(self.window * taper[:, None, None], axis=0)
        masses = atomic_masses[frames.atomic_numbers]
        of_atoms = masses[:, None] * np.square(np.abs(found)).sum(axis=2).T
        first = np.concatenate([[0], np.cumsum(frames.n_atoms)[:-1]])
        self.power[replicas] += np.add.reduceat(of_atoms, first, axis=0)

    def keep(self, atoms: Ints) -> None:
        """Keep these atoms of the running replicas; the others have left."""
        self.window = self.window[:, atoms]


def mean_spectrum(power: Floats, apart_thz: float) -> list[float] | None:
    """Return the mean spectrum of replicas, 1/THz, of integral 1; None if no window was complete.

    It is rounded to `DECIMALS`.

    Parameters
    ----------
    power
        Of each replica, (n, frequencies).
    apart_thz
        Distance of the frequencies.
    """
    total = power.sum(axis=0)
    if not total.sum() > 0:
        return None
    found: list[float] = (total / (total.sum() * apart_thz)).round(DECIMALS).tolist()
    return found
