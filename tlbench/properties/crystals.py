"""Crystals: prototypes, cells relaxed with a potential, and supercells of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np

from tlbench.base.errors import InputError, NotFiniteError
from tlbench.base.registry import near_names
from tlbench.base.units import GPA
from tlbench.properties.evaluation import finite
from tlbench.properties.spec import Subject

if TYPE_CHECKING:
    from ase import Atoms

PROTOTYPES: dict[str, tuple[int, int]] = {
    "diamond": (1, 4),
    "fcc": (1, 12),
    "bcc": (1, 8),
    "hcp": (1, 12),
    "sc": (1, 6),
    "zincblende": (2, 4),
    "rocksalt": (2, 6),
    "cesiumchloride": (2, 8),
}
"""Name, as `ase.build.bulk` has it, → number of elements, and nearest neighbours of an atom."""

_NEAREST = {
    "diamond": np.sqrt(3) / 4,
    "zincblende": np.sqrt(3) / 4,
    "fcc": np.sqrt(1 / 2),
    "bcc": np.sqrt(3) / 2,
    "cesiumchloride": np.sqrt(3) / 2,
    "hcp": 1.0,
    "sc": 1.0,
    "rocksalt": 0.5,
}
"""Distance of nearest neighbours over the lattice constant a."""

_PER_DECADE = 0.6
"""How much longer bonds are for each decade of coordination, Å (Pauling, J. Am. Chem. Soc. 69, 542
(1947), eq. 1)."""

FORCE_TOLERANCE = 1e-5
"""Largest force on an atom, and on the cell per atom, of a relaxed structure, eV/Å."""

STEPS = 300
"""Steps of a relaxation at most."""

LONGEST_STEP = 0.1
"""Distance that an atom moves in a step at most, Å."""

COMPRESSED, EXPANDED = 0.65, 2.5
"""Volume over that at the start at which a cell has collapsed, or run away.

The start is a guess of the volume. Five phases of Stillinger–Weber silicon and germanium relax to
1.0 to 1.5 of it; bonds at the lower bound are 13 % shorter than the guess.
"""

SOFTEST = 0.1
"""Bulk modulus that a crystal has at least, GPa; that of solid neon is 1 GPa."""

STRETCH = 0.005
"""Linear strain at which the bulk modulus is tested."""

NO_MINIMUM = "the energy has no minimum in volume"

FAR = 5.0
"""Distance, Å, that no atom moves while a structure relaxes to one like it."""

Cell = Literal["fixed", "isotropic", "free"]


def prototype_of(name: str, elements: Sequence[str]) -> str:
    """Return the name of a prototype as `PROTOTYPES` has it, for some elements.

    ``b2`` is another name of ``cesiumchloride``.

    Raises
    ------
    InputError
        If there is no such prototype, or it is one of another number of elements.
    """
    found = "cesiumchloride" if name == "b2" else name
    if found not in PROTOTYPES:
        raise InputError(f"There is no prototype {name!r}; {near_names(name, PROTOTYPES)}")
    wanted = PROTOTYPES[found][0]
    if len(elements) != wanted:
        possible = fitting(elements)
        raise InputError(
            f"The prototype {name!r} is of {wanted} element{'s' * (wanted > 1)}, but there "
            f"{'is' if len(elements) == 1 else 'are'} {', '.join(elements)}; "
            + (f"choose one of {', '.join(possible)}." if possible else "none has so many.")
        )
    return found


def fitting(elements: Sequence[str]) -> list[str]:
    """Return the prototypes of so many elements."""
    return [name for name, (n_elements, _) in PROTOTYPES.items() if n_elements == len(elements)]


def ground_state(elements: Sequence[str]) -> str | None:
    """Return the prototype that an element has in nature, None if it is none of `PROTOTYPES`."""
    from ase.data import atomic_numbers, reference_states

    if len(elements) != 1:
        return None
    state = reference_states[atomic_numbers[elements[0]]]
    name = (state or {}).get("symmetry")
    return name if name in PROTOTYPES else None


def crystal(prototype: str, elements: Sequence[str]) -> "Atoms":
    """Return the conventional cell of a crystal, with bonds about as long as they should be.

    The lattice constant is where a relaxation starts. It follows from that of the element in
    nature, or from covalent radii, and from how bonds lengthen with coordination.

    Parameters
    ----------
    prototype
        Name in `PROTOTYPES`, or ``b2``.
    elements
        Symbols.

    Raises
    ------
    InputError
        If the prototype does not fit the elements.
    """
    from ase.build import bulk

    name = prototype_of(prototype, elements)
    a = _bond_length(name, elements) / _NEAREST[name]
    cubic = {} if name == "hcp" else {"cubic": True}
    return bulk("".join(elements), name, a=a, **cubic)


def _bond_length(prototype: str, elements: Sequence[str]) -> float:
    """Return about how long bonds are, Å."""
    from ase.data import atomic_numbers, covalent_radii, reference_states

    numbers = [atomic_numbers[each] for each in elements]
    state = reference_states[numbers[0]] or {}
    natural = ground_state(elements)
    if natural is None or "a" not in state:
        return float(sum(covalent_radii[numbers])) * (2 if len(numbers) == 1 else 1)
    length = state["a"] * _NEAREST[natural]
    ratio = PROTOTYPES[prototype][1] / PROTOTYPES[natural][1]
    return float(length + _PER_DECADE * np.log10(ratio))


_relaxed: "WeakKeyDictionary[Subject, Atoms | str]" = WeakKeyDictionary()


def relaxed(subject: Subject) -> "Atoms | str":
    """Return the relaxed crystal of a subject, or how the relaxation failed, in words.

    The symmetry of the prototype is kept: cubic cells stay cubic. The relaxation has also failed if
    the energy of the final cell hardly depends on its volume, or has a maximum there: where forces
    and stress vanish everywhere, any cell is at rest. The crystal has a calculator, and is a copy,
    which may be changed.
    """
    if subject not in _relaxed:
        cell: Cell = "free" if subject.prototype == "hcp" else "isotropic"
        end = relax(subject.crystal, subject.calculator(), cell)
        _relaxed[subject] = end if isinstance(end, str) else _soft(end) or end
    found = _relaxed[subject]
    if isinstance(found, str):
        return found
    copy = found.copy()
    copy.calc = subject.calculator()
    return copy


def _soft(atoms: "Atoms") -> str | None:
    """Return in words what is wrong if a relaxed crystal does not resist a change of its volume.

    The bulk modulus is (σ(ε) − σ(−ε)) / (6 ε), where σ is the mean normal stress, the derivative of
    the energy, at a linear strain ε. Energies themselves jump where atoms cross a sharp cutoff.
    """
    stresses = []
    for strain in (-STRETCH, STRETCH):
        scaled = atoms.copy()
        scaled.calc = atoms.calc
        scaled.set_cell(atoms.cell * (1 + strain), scale_atoms=True)
        stress = finite(scaled, "stress")
        if stress is None:
            return "the stress is not finite"
        stresses.append(float(stress[:3].mean()))
    modulus = (stresses[1] - stresses[0]) / (6 * STRETCH) * GPA
    return None if modulus > SOFTEST else NO_MINIMUM


def relax(
    atoms: "Atoms", calculator: Any, cell: Cell = "fixed", tolerance: float = FORCE_TOLERANCE
) -> "Atoms | str":
    """Return a structure relaxed with a potential, or how the relaxation failed, in words.

    Parameters
    ----------
    atoms
        The structure, which stays as it is; its constraints hold.
    calculator
        An ase calculator.
    cell
        ``fixed``; ``isotropic``: changes its volume alone; ``free``: lengths and angles change.
    tolerance
        Largest force, eV/Å.
    """
    from ase.calculators.calculator import CalculationFailed
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS

    found = atoms.copy()
    found.calc = calculator
    relaxing = found
    if cell != "fixed":
        relaxing = FrechetCellFilter(found, hydrostatic_strain=cell == "isotropic")
    start = found.positions.copy()
    volume = abs(np.linalg.det(found.cell.array))
    optimizer = BFGS(relaxing, logfile=None, maxstep=LONGEST_STEP)
    try:
        for converged in optimizer.irun(fmax=tolerance, steps=STEPS):
            if not np.isfinite(relaxing.get_forces()).all():
                return "the forces are not finite"
            if cell != "fixed":
                ratio = abs(np.linalg.det(found.cell.array)) / volume
                if ratio < COMPRESSED:
                    return "the cell collapsed"
                if ratio > EXPANDED:
                    return "the cell ran away"
            elif np.abs(found.positions - start).max() > FAR:
                return "an atom ran away"
            if converged:
                return found
    except (NotFiniteError, CalculationFailed):
        return "the forces are not finite"
    return f"the relaxation did not converge within {STEPS} steps"


def supercell(atoms: "Atoms", width: float) -> "Atoms":
    """Return the cell repeated until its faces are at least ``width`` (Å) apart."""
    heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    repeats = np.ceil(width / heights - 1e-9).astype(int)
    return atoms.repeat(np.maximum(repeats, 1).tolist())
