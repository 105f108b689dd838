"""The Materials Project trajectories, which several published potentials were trained on."""

from ase.data import chemical_symbols

TRAINED_ON = (
    "MPtrj (Deng et al., Nature Machine Intelligence 5, 1031 (2023)): 1.58 million frames of "
    "relaxations and static calculations of 146,000 inorganic crystals of the Materials Project, "
    "PBE and PBE+U; no surfaces and no liquids, but crystals of every element that it has"
)

_ABSENT = ("Po", "At", "Rn", "Fr", "Ra")

ELEMENTS = tuple(each for each in chemical_symbols[1:95] if each not in _ABSENT)
"""Elements that it has: those up to Pu without Po, At, Rn, Fr and Ra."""
