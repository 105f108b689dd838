"""How much elements are alike."""

import pytest

from tlbench.metrics.chemistry import differences


def test_silicon_and_germanium_are_neighbours():
    found = differences("Si", "Ge")
    assert found["group"] == found["valence electrons"] == 0
    assert found["period"] == 1
    # Pauling: 1.90 and 2.01; Pyykkö: 116 and 121 pm.
    assert found["electronegativity"] == pytest.approx(0.11)
    assert found["covalent radius"] == pytest.approx(5)


def test_differences_are_symmetric_and_none_of_an_element_to_itself():
    assert differences("Li", "Mo") == differences("Mo", "Li")
    assert set(differences("Mo", "Mo").values()) == {0.0}


def test_what_is_not_known_is_left_out():
    assert "electronegativity" not in differences("He", "Li")
