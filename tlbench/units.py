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
