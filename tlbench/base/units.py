"""Units and physical constants (CODATA 2018).

Everywhere in tlbench: length Å, energy eV, force eV/Å, time fs, temperature K,
mass amu, stress GPa (positive in tension). Published errors are in meV.
"""

BOLTZMANN = 8.617333262e-5
"""Boltzmann constant, eV/K."""

ACCELERATION = 9.648533212e-3
"""Acceleration in Å/fs² of 1 amu under a force of 1 eV/Å."""

GPA = 160.2176634
"""Stress in GPa of 1 eV/Å³."""

MEV = 1000.0
"""Milli-electronvolts in 1 eV."""

KILOBAR = 0.1
"""Stress in GPa of 1 kbar."""

STRESS_UNITS = {"eV/angstrom^3": GPA, "GPa": 1.0, "kbar": KILOBAR, "bar": KILOBAR / 1000}
"""Stress in GPa of one of each unit."""

ENERGY_UNITS = {
    "eV": 1.0,
    "hartree": 27.211386245988,
    "rydberg": 13.605693122994,
    "kcal/mol": 0.0433641153,
    "kJ/mol": 0.0103642697,
}
"""Energy in eV of one of each unit."""

BOHR = 0.529177210903
"""Length in Å of 1 bohr."""

FORCE_UNITS = {
    "eV/angstrom": 1.0,
    "eV/bohr": 1 / BOHR,
    "hartree/angstrom": ENERGY_UNITS["hartree"],
    "hartree/bohr": ENERGY_UNITS["hartree"] / BOHR,
    "rydberg/bohr": ENERGY_UNITS["rydberg"] / BOHR,
    "kcal/mol/angstrom": ENERGY_UNITS["kcal/mol"],
    "kJ/mol/angstrom": ENERGY_UNITS["kJ/mol"],
    "kJ/mol/nm": ENERGY_UNITS["kJ/mol"] / 10,
}
"""Force in eV/Å of one of each unit."""
