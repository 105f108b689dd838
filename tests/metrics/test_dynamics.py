"""Errors of structure of several elements: means over pairs, weighted by their number."""

import math

import numpy as np
import pytest

from tlbench.metrics.dynamics import (
    Comparison,
    adf_error_of,
    partials,
    rdf_error_beyond_core_of,
    rdf_error_of,
)
from tlbench.metrics.structure import random_adf, shares_of_atoms, shares_of_pairs

DISTANCES = np.arange(0.05, 6, 0.1)
ANGLES = (np.arange(90) + 0.5) * math.pi / 90
COMPOSITION = {"Mo": 3, "W": 1}
WAVE = 1 + 0.5 * np.sin(2 * math.pi * DISTANCES)
PEAK = np.where(abs(ANGLES - 1.9) < 0.1, 1.0, 0.0)
NONE = np.zeros_like(DISTANCES)


def compared(rdf_errors, adf_errors=(0, 0), reference=None, found=None):
    """Return distributions with these errors of Mo–Mo, Mo–W and W–W, and at Mo and W."""
    pairs, atoms = shares_of_pairs(COMPOSITION), shares_of_atoms(COMPOSITION)
    wanted = dict.fromkeys(pairs, WAVE) | (reference or {})
    # Mixed with an ideal gas, a structure has the share of it as its error.
    g = {p: (1 - e) * wanted[p] + e for p, e in zip(pairs, rdf_errors, strict=True)}
    random = random_adf(ANGLES) / random_adf(ANGLES).sum() * PEAK.sum()
    p = {s: (1 - e) * PEAK + e * random for s, e in zip(atoms, adf_errors, strict=True)}
    return Comparison(
        survival_ps=np.ones(1), stable=np.ones(1, dtype=bool), distances=DISTANCES, angles=ANGLES,
        rdf=WAVE, adf=PEAK, reference_rdf=WAVE, reference_adf=PEAK,
        partial_rdf=partials(pairs, g | (found or {}), wanted),
        partial_adf=partials(atoms, p, dict.fromkeys(atoms, PEAK)),
    )  # fmt: skip


def test_shares_of_pairs_are_those_of_a_draw_of_two_atoms():
    assert shares_of_pairs(COMPOSITION) == {"Mo–Mo": 9 / 16, "Mo–W": 6 / 16, "W–W": 1 / 16}
    assert shares_of_pairs({"Si": 8}) == {"Si–Si": 1}


@pytest.mark.parametrize("error", [rdf_error_of, rdf_error_beyond_core_of])
def test_the_rdf_error_is_the_mean_weighted_by_pairs(error):
    assert error(compared([0.1, 0.2, 0.8])) == pytest.approx((0.9 + 1.2 + 0.8) / 16)
    assert error(compared([0.3, 0.3, 0.3])) == pytest.approx(0.3)


def test_the_adf_error_is_the_mean_weighted_by_atoms():
    found = compared([0, 0, 0], [0.1, 0.5])
    assert adf_error_of(found) == pytest.approx(0.75 * 0.1 + 0.25 * 0.5)


def test_what_all_atoms_have_right_pairs_may_have_wrong():
    """The distributions of all atoms are those of the reference in every case here."""
    assert rdf_error_of(compared([0, 0, 0])) == 0
    assert rdf_error_of(compared([0, 1, 0])) == pytest.approx(6 / 16)


@pytest.mark.parametrize("error", [rdf_error_of, rdf_error_beyond_core_of])
def test_a_pair_that_the_reference_does_not_have_within_reach_is_left_out(error):
    found = compared([0.1, 0.2, 0], reference={"W–W": NONE})
    assert error(found) == pytest.approx((0.9 + 1.2) / 15)


def test_an_element_whose_bonds_are_gone_has_no_error():
    found = compared([0, 0, 0])
    none = {"Mo": PEAK, "W": np.zeros_like(PEAK)}
    parts = partials(shares_of_atoms(COMPOSITION), none, {"Mo": PEAK, "W": PEAK})
    assert math.isnan(adf_error_of(Comparison(**{**vars(found), "partial_adf": parts})))
    # As it has none in the reference either, the other counts alone.
    parts = partials(shares_of_atoms(COMPOSITION), none, none)
    assert adf_error_of(Comparison(**{**vars(found), "partial_adf": parts})) == 0


def test_distributions_that_are_missing_are_not_taken_for_none():
    with pytest.raises(ValueError, match="are missing"):
        partials(shares_of_pairs(COMPOSITION), {"Mo–Mo": WAVE}, {"Mo–Mo": WAVE})
