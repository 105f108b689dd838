"""Elastic constants: how the stress of a crystal responds to strain.

Strained copies of the relaxed crystal and the regression of stress against strain are those of
`matscipy.elasticity`; which strains are needed, and which constants are independent, follows from
the symmetry of the prototype. The constants are those at zero stress and temperature, with the
atoms relaxed in every strained cell, or clamped: moved with the strain alone. Stillinger–Weber
silicon and germanium give the constants of the analytic second derivatives to 0.01 GPa.
"""

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from tlbench.base.units import GPA
from tlbench.properties.crystals import relax, relaxed
from tlbench.properties.evaluation import Floats, finite, value_of
from tlbench.properties.spec import Computed, Property, Quantity, Report, Settings, Subject, Value

if TYPE_CHECKING:
    from ase import Atoms

COMPONENTS = {
    "cubic": ("C11", "C12", "C44"),
    "hexagonal": ("C11", "C12", "C13", "C33", "C44"),
}
"""Independent constants of a symmetry, in Voigt's notation."""

STRAINS = 5
"""Strains of a pattern, from −2 to 2 steps."""


class ElasticSettings(Settings):
    """Settings of elastic constants.

    Attributes
    ----------
    strain
        Step between strains. What is cubic in the strain changes the constants by about its square
        times 100, and noise of the stress by the noise over the strain.
    """

    strain: float = Field(default=1e-3, gt=0, le=0.02)


def compute(subject: Subject, settings: ElasticSettings, report: Report) -> Computed:
    """Compute the elastic constants."""
    from matscipy.elasticity import generate_strained_configs

    symmetry = "hexagonal" if subject.prototype == "hcp" else "cubic"
    crystal = relaxed(subject)
    if isinstance(crystal, str):
        return Computed(
            _values("elastic_constant", symmetry, crystal)
            + _values("clamped_elastic_constant", symmetry, crystal)
        )
    strained = list(generate_strained_configs(crystal, symmetry, STRAINS, settings.strain))
    clamped = _constants(strained, symmetry, settings.strain)
    after: list[Atoms] = []
    for step, atoms in enumerate(strained):
        moved = relax(atoms, crystal.calc)
        if isinstance(moved, str):
            return Computed(
                _values("elastic_constant", symmetry, moved)
                + _values("clamped_elastic_constant", symmetry, clamped)
            )
        after.append(moved)
        report(step + 1, len(strained))
    return Computed(
        _values("elastic_constant", symmetry, _constants(after, symmetry, settings.strain))
        + _values("clamped_elastic_constant", symmetry, clamped)
    )


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
    summary="Elastic constants, with the atoms relaxed and clamped.",
    literature="M. Born & K. Huang, Dynamical Theory of Crystal Lattices (1954); matscipy, "
    "P. Grigorev et al., J. Open Source Softw. 9, 5668 (2024)",
    settings=ElasticSettings,
    quantities=(
        Quantity("elastic_constant", "GPa", "Elastic constants, atoms relaxed."),
        Quantity("clamped_elastic_constant", "GPa", "Elastic constants, atoms clamped."),
    ),
    compute=compute,
)
