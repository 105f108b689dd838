"""Which mistake of units explains a ratio of energies to forces."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import log

from tlbench.units import BOHR, ENERGY_UNITS, FORCE_UNITS

LENGTHS = {"bohr": BOHR, "nm": 10.0, "Å but were converted as if in bohr": 1 / BOHR}
"""Units that positions may be in by mistake, in Å."""

NEAR = 0.25
"""Largest logarithm of found over expected ratio that a mistake is named for."""

SPREAD = 0.1
"""Usual logarithm of that ratio where the mistake is the right one."""

USUAL_FORCE = (0.6, log(4))
"""Usual root-mean-square force component, eV/Å, and the standard deviation of its logarithm."""

USUAL_DISTANCE = (0.95, 0.2)
"""Usual distance of the closest atoms, in sums of covalent radii, and the same of its logarithm."""

UNLIKELY = 5.0
"""Penalty of a second mistake: as bad as a miss by this many squared standard deviations."""


@dataclass(frozen=True)
class Mistake:
    """What was done wrong, and by what to multiply forces and positions to put them right.

    ``ratio`` is that of energies to what forces imply, after the mistake.
    """

    words: tuple[str, ...]
    ratio: float
    force: float = 1.0
    length: float = 1.0


def misreadings(slope: float, force_rms: float, closest: float, n_atoms: float) -> list[str]:
    """Return the mistakes that make energies vary ``slope`` times as forces imply, best first.

    Several may have nearly the same ratio; they are ranked by how near it is, by whether forces
    and distances are of a usual size once corrected, and by how many mistakes are made at once.

    Parameters
    ----------
    slope
        Energies over what forces imply, both as given in the data.
    force_rms
        Root-mean-square force component as given in the data, eV/Å.
    closest
        Distance of the closest atoms in sums of covalent radii; NaN if unknown.
    n_atoms
        Usual number of atoms in a structure.
    """
    if slope == 0 or force_rms == 0:
        return []
    sign = ("forces had the wrong sign",) if slope < 0 else ()
    scores = {}
    for mistake in _single(n_atoms) + _double():
        words = mistake.words + sign
        miss = log(abs(slope) / mistake.ratio)
        if not words or abs(miss) > NEAR:
            continue
        score = (miss / SPREAD) ** 2 + UNLIKELY * (len(words) - 1)
        score += _unusual(force_rms * mistake.force, USUAL_FORCE)
        if closest == closest:  # not NaN
            score += _unusual(closest * mistake.length, USUAL_DISTANCE)
        scores[" and ".join(words)] = score
    ranked = sorted(scores, key=lambda text: scores[text])
    return [text for text in ranked[:3] if scores[text] < scores[ranked[0]] + UNLIKELY]


def _unusual(value: float, usual: tuple[float, float]) -> float:
    return (log(value / usual[0]) / usual[1]) ** 2


def _single(n_atoms: float) -> list[Mistake]:
    mistakes = [Mistake((), 1.0)]
    mistakes += [Mistake((f"energies were in {u}",), 1 / e) for u, e in _foreign(ENERGY_UNITS)]
    mistakes += [Mistake((f"forces were in {u}",), f, force=f) for u, f in _foreign(FORCE_UNITS)]
    mistakes += [
        Mistake((f"positions were in {words}",), length, length=length)
        for words, length in LENGTHS.items()
    ]
    if n_atoms > 1:
        mistakes.append(Mistake(("energies were per atom",), 1 / n_atoms))
    return mistakes


def _double() -> list[Mistake]:
    return [
        Mistake((f"energies were in {e}", f"forces were in {f}"), force / energy, force=force)
        for (e, energy), (f, force) in product(_foreign(ENERGY_UNITS), _foreign(FORCE_UNITS))
        if abs(log(force / energy)) > NEAR
    ]


def _foreign(units: Mapping[str, float]) -> list[tuple[str, float]]:
    return [(unit, size) for unit, size in units.items() if size != 1]
