"""What cards say of crystals at the level of theory of their data, against the data themselves."""

import numpy as np
import pytest
from real_data import mirror_of, needs_mlearn

from tlbench.data.cards import card_names, load_card
from tlbench.data.fetch import fetch
from tlbench.data.frames import Frames
from tlbench.metrics.conditions import key_of
from tlbench.properties import PROPERTIES

ATOMS = {"diamond": 8, "bcc": 2}
NEAR = 0.055
"""Relative changes of the volume that pressures are fitted over."""


@pytest.mark.parametrize("name", card_names())
def test_values_are_of_known_quantities_and_given_once(name):
    values = load_card(name).properties
    places = {(v.property, v.quantity, key_of(v.condition)) for v in values}
    assert len(places) == len(values)
    for value in values:
        quantities = {q.name for q in PROPERTIES.get(value.property).quantities if q.compared}
        assert value.quantity in quantities


@needs_mlearn
@pytest.mark.parametrize("name", ["mlearn-si", "mlearn-ge", "mlearn-li", "mlearn-mo"])
def test_lattice_constant_and_bulk_modulus_are_those_of_the_strained_crystals(name):
    """A parabola through the pressures of crystals under uniaxial strain, against volume."""
    card = load_card(name)
    stated = {value.quantity: value for value in card.properties}
    parts = card.read(fetch(card, mirror_of(name))).values()
    frames = Frames.concatenate([*parts])
    sheared = np.abs(frames.cell * (1 - np.eye(3))).max(axis=(1, 2)) > 1e-4
    frames = frames.select(~sheared & (frames.group == "Elastic"))
    n_atoms = ATOMS[str(stated["lattice_constant"].condition["phase"])]
    a = np.cbrt(np.abs(np.linalg.det(frames.cell)) / frames.n_atoms * n_atoms)
    near = abs(a**3 / np.median(a) ** 3 - 1) < NEAR
    tension = np.trace(frames.stress, axis1=1, axis2=2) / 3
    curve = np.polynomial.Polynomial.fit(a[near], tension[near], 2)
    (relaxed,) = (r.real for r in curve.roots() if abs(r - np.median(a)) < 0.2)
    assert stated["lattice_constant"].value == pytest.approx(relaxed, abs=1e-3)
    bulk_modulus = curve.deriv()(relaxed) * relaxed / 3
    assert stated["bulk_modulus"].value == pytest.approx(bulk_modulus, rel=0.01)
