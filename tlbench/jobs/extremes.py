"""How near the replicas of a simulation came to instability, as results have it."""

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from tlbench.jobs import kind
from tlbench.jobs.kind import MOST, Curve
from tlbench.md.protocol import ENERGY, STRUCTURE, Protocol

if TYPE_CHECKING:
    from tlbench.md.criteria import Expected, Outcome

FARTHEST = 1e6
"""A value beyond any threshold; larger ones are given as this."""

Extreme = Annotated[list[Curve], Field(max_length=MOST)]
"""The worst value of a quantity up to some times, of each replica."""


class Extremes(kind.Result):
    """The worst of what the criteria look at, replica by replica, up to each of ``times_ps``.

    A replica that left the simulation has no values from then on. ``temperature`` over the
    thermostat's; ``closest_pair`` over the sum of covalent radii; ``force`` eV/Å; ``energy`` beyond
    the range of the reference dynamics, eV/atom; ``structure`` error of g(r) of a window of time,
    on a scale without the core. The last two are None where there is no reference, or no window.
    """

    times_ps: Curve
    temperature: Extreme
    closest_pair: Extreme
    force: Extreme
    energy: Extreme | None
    structure: Extreme | None

    @model_validator(mode="after")
    def _records(self) -> "Extremes":
        lengths = [len(values) for values in self.temperature]
        for name in ("temperature", "closest_pair", "force", "energy", "structure"):
            found = getattr(self, name)
            if found is None:
                continue
            if [len(values) for values in found] != lengths:
                raise ValueError(f"{name}: there should be as many values as of the temperature")
            sign = -1 if name == "closest_pair" else 1
            if any(sign * b < sign * a for values in found for a, b in pairwise(values)):
                raise ValueError(f"{name}: the worst so far cannot become better")
        if max(lengths, default=0) > len(self.times_ps):
            raise ValueError("there are more values than times")
        return self

    @property
    def lasted(self) -> list[bool]:
        """Whether each replica was simulated to the end."""
        return [len(values) == len(self.times_ps) for values in self.temperature]


def extremes_of(found: "Outcome", protocol: Protocol, expected: "Expected") -> dict[str, Any]:
    """Return the extremes as JSON values, to four digits."""
    from tlbench.md.extremes import QUANTITIES, extreme_samples

    known = dict.fromkeys(QUANTITIES, True)
    known[ENERGY] = expected.energy is not None
    known[STRUCTURE] = expected.rdf is not None and protocol.has_windows
    values = {}
    for number, name in enumerate(QUANTITIES):
        series = found.extremes[:, number]
        of_replicas = [
            [_rounded(value) for value in replica[np.isfinite(replica)]] for replica in series
        ]
        values[name.replace("-", "_")] = of_replicas if known[name] else None
    times = protocol.sample_times(extreme_samples(protocol.n_samples))
    return {"times_ps": times.round(6).tolist(), **values}


def _rounded(value: float) -> float:
    """Return a value to four digits, if it is neither tiny nor beyond all thresholds."""
    return round(min(float(f"{value:.4g}"), FARTHEST), 6)
