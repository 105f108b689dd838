"""How near each replica came to instability: what the criteria look at, at its worst so far.

From these records of one run it follows which replicas would have been stable at any other
threshold, as long as none was stopped earlier.
"""

from dataclasses import dataclass

import numpy as np

from tlbench.data.frames import Floats, Ints
from tlbench.md.protocol import CLOSEST_PAIR, ENERGY, FORCE, STRUCTURE, TEMPERATURE

QUANTITIES = (TEMPERATURE, CLOSEST_PAIR, FORCE, ENERGY, STRUCTURE)
"""Names of what is recorded, those of the criteria that ask it."""

POINTS = 20
"""Times, spread evenly over a simulation, at which the worst so far is reported."""

APART = 10.0
"""Closest pair, over the sum of covalent radii, of atoms that are out of each other's reach."""


def extreme_samples(n_samples: int) -> Ints:
    """Return after which of so many samples the extremes are reported; the last is among them."""
    points = min(n_samples, POINTS)
    return (np.arange(1, points + 1) * n_samples) // points - 1


@dataclass
class ExtremeTally:
    """The worst value of every quantity up to each reported sample.

    ``worst`` (n, quantities) so far; ``series`` (n, quantities, points), NaN where a replica had
    left. Kinetic temperature over the thermostat's; closest pair over the sum of covalent radii,
    whose worst is the smallest; force, eV/Å; energy beyond the range of the reference, eV/atom;
    error of g(r) of a window of time (`rdf_error_beyond_core`).
    """

    worst: Floats
    series: Floats

    @classmethod
    def new(cls, n: int, n_samples: int) -> "ExtremeTally":
        """Return the extremes of nothing."""
        worst = np.zeros((n, len(QUANTITIES)))
        worst[:, QUANTITIES.index(CLOSEST_PAIR)] = APART
        return cls(worst, np.full((*worst.shape, len(extreme_samples(n_samples))), np.nan))

    def lengthen(self, n_samples: int) -> None:
        """Report a simulation that goes on at the points of its new length."""
        points = len(extreme_samples(n_samples))
        self.series = np.full((*self.worst.shape, points), np.nan)

    def add(self, replicas: Ints, name: str, values: Floats) -> None:
        """Take ``values`` (n,) of a quantity of some replicas into account."""
        column = QUANTITIES.index(name)
        worse = np.minimum if name == CLOSEST_PAIR else np.maximum
        self.worst[replicas, column] = worse(self.worst[replicas, column], values)

    def sample(self, replicas: Ints, number: int, n_samples: int) -> None:
        """Report the extremes of the replicas that still run after sample ``number``."""
        for point in np.flatnonzero(extreme_samples(n_samples) == number):
            self.series[replicas, :, point] = self.worst[replicas]
