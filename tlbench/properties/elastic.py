"""Elastic constants: how the stress of a crystal responds to strain.

Strained copies of the relaxed crystal and the regression of stress against strain are those of
`matscipy.elasticity`; which strains are needed follows from the symmetry of the prototype. The
constants are those at zero stress and temperature, with the atoms relaxed in every strained cell,
or clamped: moved with the strain alone. Those of Stillinger–Weber silicon and germanium agree with
analytic second derivatives to 0.01 GPa.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tlbench.base.units import GPA
from tlbench.properties.crystals import relax, relaxed
from tlbench.properties.evaluation import Floats, finite, value_of
from tlbench.properties.spec import Computed, Property, Quantity, Report, Settings, Subject, Value

if TYPE_CHECKING:
    from ase import Atoms

RELAXED, CLAMPED = "elastic_constant", "clamped_elastic_constant"

COMPONENTS = {
    "cubic": ("C11", "C12", "C44"),
    "triclinic": ("C11", "C12", "C13", "C33", "C44"),
}
"""Constants that are reported, in Voigt's notation, where the cell is strained as for a symmetry.

The only prototype that is not cubic is hcp, whose independent constants are these five. It is
strained in all six ways.
"""

STRAINS = 5
"""Strains of a pattern, from −2 to 2 steps."""

FARTHEST = 0.1
"""Distance beyond which an atom that moves in a strained cell has left its site, Å.

In a stable crystal it moves by about the strain times the length of a bond.
"""


class ElasticSettings(Settings):
    """How far the crystal is strained.

    Terms of higher order change the constants of Stillinger–Weber silicon by about 20 times the
    square of the step, as a share; noise of the stress changes them by the noise over the step.
    """

    strain: float = Field(default=5e-4, gt=0, le=0.02, description="step between strains")


def compute(subject: Subject, settings: ElasticSettings, report: Report) -> Computed:
    """Compute the elastic constants."""
    from matscipy.elasticity import generate_strained_configs

    symmetry = "triclinic" if subject.prototype == "hcp" else "cubic"
    crystal = relaxed(subject)
    if isinstance(crystal, str):
        return Computed(_values(RELAXED, symmetry, crystal) + _values(CLAMPED, symmetry, crystal))
    strained = list(generate_strained_configs(crystal, symmetry, STRAINS, settings.strain))
    clamped = _constants(strained, symmetry, settings.strain)
    moved = _moved(strained, crystal.calc, report)
    free = moved if isinstance(moved, str) else _constants(moved, symmetry, settings.strain)
    return Computed(_values(RELAXED, symmetry, free) + _values(CLAMPED, symmetry, clamped))


def _moved(strained: "list[Atoms]", calculator: Any, report: Report) -> "list[Atoms] | str":
    """Return strained cells whose atoms are relaxed, or how that failed, in words."""
    moved = []
    for step, atoms in enumerate(strained):
        found = relax(atoms, calculator)
        if isinstance(found, str):
            return found
        shift = found.positions - atoms.positions
        if np.abs(shift - shift.mean(axis=0)).max() > FARTHEST:
            return "atoms left their sites in a strained cell"
        moved.append(found)
        report(step + 1, len(strained))
    return moved


def _constants(strained: "list[Atoms]", symmetry: str, strain: float) -> Floats | str:
    """Return the 6 × 6 elastic constants in GPa, or how they failed, in words."""
    from ase.calculators.singlepoint import SinglePointCalculator
    from matscipy.elasticity import fit_elastic_constants

    frozen = []
    for atoms in strained:
        stress = finite(atoms, "stress")
        if stress is None:
            return "the stress is not finite"
        copy = atoms.copy()
        copy.calc = SinglePointCalculator(copy, stress=stress)
        frozen.append(copy)
    constants, _ = fit_elastic_constants(
        frozen, symmetry, N_steps=STRAINS, delta=strain, verbose=False, graphics=False
    )
    return np.asarray(constants) * GPA


def _values(quantity: str, symmetry: str, found: Floats | str) -> list[Value]:
    """Return one value for each independent constant."""
    return [
        value_of(
            quantity,
            found if isinstance(found, str) else found[int(name[1]) - 1, int(name[2]) - 1],
            {"component": name},
        )
        for name in COMPONENTS[symmetry]
    ]


ELASTIC = Property(
    name="elastic",
    summary="elastic constants, with the atoms relaxed and clamped",
    literature="M. Born & K. Huang, Dynamical Theory of Crystal Lattices (1954); strains and "
    "regression of matscipy, P. Grigorev et al., J. Open Source Softw. 9, 5668 (2024)",
    settings=ElasticSettings,
    quantities=(
        Quantity(RELAXED, "GPa", "elastic constants, atoms relaxed"),
        Quantity(CLAMPED, "GPa", "elastic constants, atoms clamped"),
    ),
    compute=compute,
    packages=("matscipy",),
)
