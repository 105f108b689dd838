"""Which constant energies of elements follow from the compositions of structures."""

import numpy as np
import pytest
from ase import Atoms

from tlbench.data.compositions import compositions, n_undetermined
from tlbench.data.frames import Frames


def frames(*formulas: str) -> Frames:
    atoms = [Atoms(formula) for formula in formulas]
    for each in atoms:
        each.positions[:, 0] = 2.0 * np.arange(len(each))
    return Frames.unlabelled(atoms)


def test_shares_are_of_the_elements_in_ascending_order():
    found = compositions(frames("Au", "Ag3Au", "AuAg"))
    np.testing.assert_allclose(found, [[0, 1], [0.75, 0.25], [0.5, 0.5]])


@pytest.mark.parametrize(
    ("formulas", "undetermined"),
    [
        (["Si8", "Si2"], 0),
        (["GaAs", "Ga4As4"], 1),
        (["GaAs", "Ga4As3"], 0),
        (["TiO2", "Ti2O4", "BaTiO3"], 1),
        (["NbMoTaW", "Nb8Mo8Ta8W8"], 3),
        # One vacancy among many atoms still determines both.
        (["Ga500As500", "Ga500As499"], 0),
    ],
)
def test_compositions_determine_as_many_energies_as_their_rank(formulas, undetermined):
    assert n_undetermined(frames(*formulas)) == undetermined
