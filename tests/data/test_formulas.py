"""Formulas and counts of elements, by hand and as ase has them."""

import numpy as np
import pytest
from ase import Atoms
from ase.formula import Formula
from hypothesis import given
from hypothesis import strategies as st

from tlbench.data.formulas import formulas
from tlbench.data.frames import Frames


@pytest.mark.parametrize(
    ("atoms", "formula"),
    [
        ("Mo12W4", "Mo3W"),
        ("WMo3", "Mo3W"),
        ("W2", "W"),
        ("As4Ga4", "GaAs"),
        ("In2P2", "PIn"),
        ("O4Si2", "O2Si"),
        ("TaNbWMo", "NbMoTaW"),
        ("Mo53W", "Mo53W"),
    ],
)
def test_a_formula_is_that_of_any_size_and_order(atoms, formula):
    assert Frames.unlabelled([Atoms(atoms)]).composition.tolist() == [formula]


SYMBOLS = st.lists(st.sampled_from(["Ga", "In", "As", "P", "H"]), min_size=1, max_size=12)


@given(st.lists(SYMBOLS, min_size=1, max_size=6))
def test_structures_of_one_composition_and_no_others_share_a_formula(structures):
    images = [Atoms(symbols) for symbols in structures]
    frames = Frames.unlabelled(images)
    # Empirical as ase has it, whatever the order of the elements.
    assert [Formula(name).format("hill") for name in frames.composition] == [
        image.get_chemical_formula("hill", empirical=True) for image in images
    ]
    for symbol, counts in frames.element_counts.items():
        assert counts.tolist() == [symbols.count(symbol) for symbols in structures]
    total = np.sum(list(frames.element_counts.values()), axis=0)
    assert total.tolist() == frames.n_atoms.tolist()
    some = frames.select([0])
    assert set(some.element_counts) == set(structures[0])


def test_nothing_has_no_formula():
    assert Frames.empty().composition.tolist() == []
    assert formulas({}).tolist() == []
