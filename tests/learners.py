"""Arms whose learning is known: at which error they end, and how fast they get there."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from tlbench.metrics.conditions import Weights
from tlbench.study.model_key import ModelKey

POINTS = 20
"""Points of validation; the best weights are those of the one with the lowest error."""


@dataclass(frozen=True)
class Learner:
    """An error of ``asymptote`` · (1 + ``excess`` · exp(−updates / ``rate``)), with noise.

    Attributes
    ----------
    asymptote
        Error after infinitely many updates, meV/Å or meV/atom.
    excess
        What the error begins with beyond the asymptote, as a share of it; below 0 it rises.
    rate
        Number of updates in which the excess falls by a factor e.
    noise
        Width of the logarithm of the error of one model.
    """

    asymptote: float
    excess: float = 2.0
    rate: float = 80.0
    noise: float = 0.002

    def error(self, updates: float) -> float:
        """Return the error of the last weights, without noise."""
        return self.asymptote * (1 + self.excess * math.exp(-updates / self.rate))

    def lowest(self, updates: int) -> float:
        """Return the error of the best weights, without noise."""
        return min(self.error(updates * n / POINTS) for n in range(1, POINTS + 1))


@dataclass(frozen=True)
class Learners:
    """The learners of a suite by arm: of forces and, where they go another way, of energies.

    Other arms learn as scratch does. All arms of a pair share a factor, the rest of the noise is
    that of each model; both are log-normal.
    """

    forces: Mapping[str, Learner]
    energies: Mapping[str, Learner] = field(default_factory=dict)

    def errors(self, model: ModelKey, weights: Weights = "last") -> tuple[float, float]:
        """Return mean errors of force components (meV/Å) and of energies per atom (meV/atom)."""
        forces = self.forces.get(model.strategy, self.forces["scratch"])
        energies = self.energies.get(model.strategy, forces)
        found = []
        for name, learner in (("forces", forces), ("energies", energies)):
            error = (learner.lowest if weights == "best" else learner.error)(model.updates or 0)
            own = learner.noise * _normal(name, model.model_dump_json())
            found.append(error * math.exp(0.1 * _normal(*model.pair) + own))
        return found[0], found[1]


def _normal(*names: object) -> float:
    """Return a number from the normal distribution that depends on nothing but names."""
    seed = int.from_bytes(sha256(repr(names).encode()).digest()[:8], "big")
    return float(np.random.default_rng(seed).standard_normal())


BUDGETS = [100, 400, 1600]

SCRATCH = Learner(100.0)
ONLY_FASTER = Learner(100.0, excess=0.3)
LOWER = Learner(70.0, excess=0.3)
SLOWER_BUT_LOWER = Learner(70.0, excess=6.0, rate=70.0)
HIGHER = Learner(130.0)
FASTER_BUT_HIGHER = Learner(130.0, excess=0.1)
RISING = Learner(150.0, excess=-0.6, rate=700.0)
OPEN = Learner(50.0, excess=1.0, rate=2000.0)
UNCLEAR = Learner(70.0, excess=-0.1, rate=800.0, noise=0.2)
"""What an arm may do beside scratch; with `BUDGETS`, all but the last two are converged."""
