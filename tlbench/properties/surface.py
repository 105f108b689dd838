r"""Property: energies of low-index surfaces, not reconstructed.

.. math::

    γ = \frac{E_\text{slab} − N E_\text{bulk}/N_\text{bulk}}{2A}

A slab repeats one cell of the surface, so that atoms relax outwards and inwards and do not pair up.
Neighbours across the vacuum are further apart than the potential reaches.

Bonds of Stillinger–Weber crystals reach to the first neighbours, so their energies are exact in any
slab, and their surfaces stay as they are cut: 2.356, 1.666 and 1.360 J/m² for silicon (100), (110)
and (111). Those of a DimeNet++ trained on silicon (4.3 Å) differ by less than 0.0001 J/m² between
slabs of 10, 15, 20 and 30 Å; the default is 20 Å.
"""

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, PositiveFloat

from tlbench.base.errors import InputError
from tlbench.base.units import GPA
from tlbench.properties.crystals import relax, relaxed
from tlbench.properties.evaluation import finite, value_of
from tlbench.properties.spec import (
    Computed,
    Condition,
    Property,
    Quantity,
    Report,
    Settings,
    Subject,
)

if TYPE_CHECKING:
    from ase import Atoms

Miller = tuple[int, int, int]

CUBIC: tuple[Miller, ...] = ((1, 0, 0), (1, 1, 0), (1, 1, 1))
HEXAGONAL: tuple[Miller, ...] = ((0, 0, 1), (1, 0, 0))

JOULE_PER_SQUARE_METRE = 0.1 * GPA
"""Energy of a surface in J/m² of 1 eV/Å²."""

TOLERANCE = 1e-3
"""Largest force on an atom of a relaxed slab, eV/Å."""

NOT_FINITE = "the energy is not finite"

GAP = 1.0
"""How much wider than the cutoff the vacuum is at least, Å."""


class SurfaceSettings(Settings):
    """Which surfaces, of slabs of which thickness."""

    thickness: PositiveFloat = Field(default=20.0, le=200, description="of a slab at least, Å")
    tolerance: PositiveFloat = Field(
        default=TOLERANCE, description="largest force on an atom of a relaxed slab, eV/Å"
    )


ENERGY = Quantity("surface_energy", "J/m²", "energy of a surface, not reconstructed", 3)


def compute(subject: Subject, settings: SurfaceSettings, report: Report) -> Computed:
    """Compute the energies of the low-index surfaces, ideal and relaxed.

    Raises
    ------
    InputError
        If the crystal has several elements: energies of their surfaces depend on chemical
        potentials.
    """
    elements = sorted(set(subject.crystal.get_chemical_symbols()))
    if len(elements) > 1:
        raise InputError(
            f"The energy of a surface of {' and '.join(elements)} depends on their chemical "
            "potentials; leave the property 'surface' out for crystals of several elements."
        )
    planes = HEXAGONAL if subject.prototype == "hcp" else CUBIC
    bulk = relaxed(subject)
    values = []
    for done, plane in enumerate(planes):
        report(done, len(planes))
        name = "".join(map(str, plane))
        conditions: list[Condition] = [
            {"surface": name, "ions": ions} for ions in ("ideal", "relaxed")
        ]
        found = (bulk, bulk) if isinstance(bulk, str) else _energies(bulk, plane, subject, settings)
        values += [
            value_of(ENERGY.name, energy, condition)
            for energy, condition in zip(found, conditions, strict=True)
        ]
    report(len(planes), len(planes))
    return Computed(values)


def _energies(
    bulk: "Atoms", plane: Miller, subject: Subject, settings: SurfaceSettings
) -> tuple[float | str, float | str]:
    """Return the energies of the ideal and of the relaxed surface, J/m²."""
    ideal = slab(bulk, subject.prototype, plane, settings.thickness, subject.cutoff + GAP)
    ideal.calc = subject.calculator()
    area = ideal.get_volume() / ideal.cell.lengths()[2]
    lost = bulk.get_potential_energy() / len(bulk) * len(ideal)

    def energy(atoms: "Atoms | str") -> float | str:
        if isinstance(atoms, str):
            return atoms
        found = finite(atoms, "energy")
        if found is None:
            return NOT_FINITE
        return JOULE_PER_SQUARE_METRE * float((found - lost) / (2 * area))

    found = energy(ideal)
    if isinstance(found, str):
        return found, found
    return found, energy(relax(ideal, subject.calculator(), "fixed", settings.tolerance))


def slab(bulk: "Atoms", prototype: str, plane: Miller, thickness: float, vacuum: float) -> "Atoms":
    """Return a slab of one cell of the surface, periodic along all axes, with vacuum between.

    It is cut where atomic planes are furthest apart, so that few bonds are broken: diamond (111)
    between its double layers.

    Parameters
    ----------
    bulk
        Conventional cell of the crystal, of one element.
    prototype
        Its name.
    plane
        Miller indices with respect to ``bulk``.
    thickness, vacuum
        Of the slab, and between slabs, at least, Å.
    """
    from ase.build import bulk as crystal
    from ase.build import surface

    a, _, c = bulk.cell.lengths()
    options = {"a": a, "c": c} if prototype == "hcp" else {"a": a}
    primitive = crystal(bulk.get_chemical_symbols()[0], prototype, **options)
    # With respect to vectors of the primitive cell, which in centred lattices end at halves.
    indices = np.rint(2 * primitive.cell.array @ np.linalg.inv(bulk.cell.array) @ plane).astype(int)
    indices //= np.gcd.reduce(indices)
    height = surface(primitive, indices, 1, periodic=True).cell[2, 2]
    layers = int(np.ceil(thickness / height))
    found = surface(primitive, indices, layers + 1, periodic=True)
    found = found[np.argsort(found.positions[:, 2], kind="stable")]
    first = int(np.argmax(np.diff(found.positions[: len(primitive) + 1, 2].round(6)))) + 1
    found = found[first : first + layers * len(primitive)]
    found.center(vacuum / 2, axis=2)
    return found


SURFACE = Property(
    name="surface",
    summary="energies of low-index surfaces, ideal and relaxed, not reconstructed",
    literature="Stekolnikov, Furthmüller & Bechstedt, Phys. Rev. B 65, 115318 (2002)",
    settings=SurfaceSettings,
    quantities=(ENERGY,),
    compute=compute,
    of_one_element=True,
)
