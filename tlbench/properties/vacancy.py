r"""Property: the energy that a vacancy takes to form.

.. math::

    E_\text{f} = E_{N-1} − \frac{N-1}{N} E_N,

for a crystal of one element, at the volume of the relaxed crystal. Vacancies have several minima:
in Stillinger–Weber silicon the ideal one, whose atoms stay where they are (4.34 eV), and one whose
neighbours have moved inwards until they meet (2.66 eV). So the relaxation starts from both, with a
symmetry that is broken, and the lower energy counts. If either relaxation fails, so has the value:
a potential whose atoms run away from neighbours that have moved inwards lacks repulsion.

Convergence with the size of the cell, measured with Stillinger–Weber silicon and germanium (eV):

====== ===== ======= =======
atoms  width Si      Ge
====== ===== ======= =======
63     10.9  2.8353  3.7898
215    16.3  2.6942  3.7070
511    21.7  2.6646  3.6905
====== ===== ======= =======

The default width of 12 Å is thus right to 0.05 eV. Errors of models are smaller by far, as the
reference is computed in the same cell.
"""

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat

from tlbench.base.errors import InputError
from tlbench.properties.crystals import relax, relaxed, supercell
from tlbench.properties.evaluation import finite, value_of
from tlbench.properties.spec import (
    Computed,
    Property,
    Quantity,
    Report,
    Settings,
    Subject,
)

if TYPE_CHECKING:
    from ase import Atoms

NOT_FINITE = "the energy is not finite"

NEAREST = 1.2
"""Distance up to which atoms are neighbours of the vacancy, over that of the nearest."""


class VacancySettings(Settings):
    """The cell of a vacancy, and where its relaxation starts."""

    width: PositiveFloat = Field(default=12.0, le=60, description="of the supercell at least, Å")
    tolerance: PositiveFloat = Field(
        default=0.005, description="largest force on an atom of a relaxed structure, eV/Å"
    )
    inwards: NonNegativeFloat = Field(
        default=0.25,
        lt=0.5,
        description="how far the neighbours are moved into the vacancy at the start of the second "
        "relaxation, over their distance from it",
    )
    rattle: NonNegativeFloat = Field(
        default=0.02, le=0.2, description="random displacements at the start, Å"
    )


ENERGY = Quantity("vacancy_formation_energy", "eV", "energy that a vacancy takes to form", 3)


def compute(subject: Subject, settings: VacancySettings, report: Report) -> Computed:
    """Compute the formation energy of the ideal and of the relaxed vacancy.

    Raises
    ------
    InputError
        If the crystal has several elements: the energy depends on their chemical potentials.
    """
    elements = sorted(set(subject.crystal.get_chemical_symbols()))
    if len(elements) > 1:
        raise InputError(
            f"The energy of a vacancy in {' and '.join(elements)} depends on their chemical "
            "potentials; leave the property 'vacancy' out for crystals of several elements."
        )
    bulk = relaxed(subject)
    if isinstance(bulk, str):
        return _computed(bulk, bulk)
    lost = bulk.get_potential_energy() / len(bulk)
    ideal, inwards = vacancies(supercell(bulk, settings.width), settings.inwards)
    ideal.calc = subject.calculator()
    at_first = finite(ideal, "energy")
    if at_first is None:
        return _computed(NOT_FINITE, NOT_FINITE)
    found: list[float | str] = []
    for done, start in enumerate((ideal, inwards)):
        report(done, 2)
        start.rattle(settings.rattle, seed=0)
        end = relax(start, subject.calculator(), "fixed", settings.tolerance)
        if isinstance(end, str):
            found.append(end)
        else:
            found.append(float(end.get_potential_energy() - lost * len(end)))
    report(2, 2)
    failure = next((each for each in found if isinstance(each, str)), None)
    lowest = (
        min(each for each in found if not isinstance(each, str)) if failure is None else failure
    )
    return _computed(float(at_first - lost * len(ideal)), lowest)


def _computed(ideal: float | str, relaxed: float | str) -> Computed:
    return Computed(
        [
            value_of(ENERGY.name, found, {"ions": ions})
            for ions, found in (("ideal", ideal), ("relaxed", relaxed))
        ]
    )


def vacancies(crystal: "Atoms", inwards: float) -> tuple["Atoms", "Atoms"]:
    """Return a crystal without its first atom, and the same with the neighbours moved inwards.

    Parameters
    ----------
    crystal
        A supercell.
    inwards
        By how much of their distance from the vacancy.
    """
    from ase.geometry import find_mic

    vectors, lengths = find_mic(crystal.positions - crystal.positions[0], crystal.cell)
    near = (lengths > 0) & (lengths < NEAREST * np.sort(lengths)[1])
    moved = crystal.copy()
    moved.positions[near] -= inwards * vectors[near]
    ideal = crystal.copy()
    del ideal[0], moved[0]
    return ideal, moved


VACANCY = Property(
    name="vacancy",
    summary="formation energy of a vacancy, ideal and relaxed",
    literature="Balamane, Halicioglu & Tiller, Phys. Rev. B 46, 2250 (1992)",
    settings=VacancySettings,
    quantities=(ENERGY,),
    compute=compute,
    of_one_element=True,
)
