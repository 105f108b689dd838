"""What makes a simulation unstable."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tlbench.data.frames import Floats
from tlbench.md.protocol import CLOSEST_PAIR, ENERGY, FORCE, NOT_FINITE, TEMPERATURE, Criteria


@dataclass(frozen=True)
class Expected:
    """What is seen in reference dynamics.

    ``energy`` lowest and highest potential energy per atom counted from the start, eV, or None
    if unknown; ``rdf`` g(r) of a crystal at the sampled distances, or None where the reference
    is no crystal. ``shell`` reach of the first shell, Å, or None for that of a crystal.
    """

    energy: tuple[float, float] | None = None
    rdf: Floats | None = None
    shell: float | None = None


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
            low, high = expected.energy
            margin = bounds.energy_margin
            found[ENERGY] = (now.energy < low - margin) | (now.energy > high + margin)
        return found
