"""Environments that are aware of elements: what they distinguish, and how elements are mapped."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk

from tlbench.data.frames import Frames
from tlbench.metrics.distances.structures import nearest_distance
from tlbench.metrics.environments import environments

SPECIES = ["Ga", "As"]


def zinc_blende(formula, a, rattle=0.1, n_frames=2):
    """Return the same crystals, of one seed, with another lattice constant and other elements."""
    images = []
    for number in range(n_frames):
        atoms = bulk(formula, "zincblende", a=1.0, cubic=True)
        atoms.rattle(rattle / 5.65, seed=number)
        atoms.set_cell(a * atoms.cell, scale_atoms=True)
        images.append(atoms)
    return Frames.unlabelled(images)


GAAS, INP = zinc_blende("GaAs", 5.65), zinc_blende("InP", 5.87)


def with_exchanged(frames, first, second):
    """Return structures in which two atoms have exchanged their elements."""
    numbers = frames.atomic_numbers.copy()
    numbers[[first, second]] = numbers[[second, first]]
    return replace(frames, atomic_numbers=numbers)


def test_one_species_is_blind():
    blind = environments(GAAS)
    aware = environments(GAAS, None, ["Si"], {"Ga": "Si", "As": "Si"})
    np.testing.assert_allclose(aware, blind, atol=1e-12)


def test_indium_is_compared_with_the_gallium_that_it_starts_as():
    """In units of nearest neighbours both are the same crystal, with the map or blind."""
    forms = [(f, nearest_distance(f, "a")) for f in (GAAS, INP)]
    mapped = {"In": "Ga", "P": "As"}
    one, other = (environments(*form, SPECIES, mapped) for form in forms)
    np.testing.assert_allclose(one, other, atol=1e-4)
    # The other way round they are not.
    crossed = environments(*forms[1], SPECIES, {"In": "As", "P": "Ga"})
    assert np.linalg.norm(one - crossed, axis=1).min() > 0.5


def test_elements_that_have_changed_places_are_seen():
    changed = with_exchanged(GAAS, 0, 1)
    np.testing.assert_allclose(environments(GAAS), environments(changed), atol=1e-12)
    apart = np.linalg.norm(
        environments(GAAS, None, SPECIES) - environments(changed, None, SPECIES), axis=1
    )
    assert apart[:8].min() > 0.05
    # The second structure is as it was.
    assert apart[8:].max() == 0


def test_two_that_share_no_species_are_as_far_apart_as_can_be():
    species = ["P", "Ga", "As", "In"]
    one, other = environments(GAAS, None, species), environments(INP, None, species)
    np.testing.assert_allclose(np.linalg.norm(one - other, axis=1), 2**0.5)
    assert one.shape == (16, 10 * environments(GAAS).shape[1])


def test_an_atom_is_of_its_own_species():
    """Two atoms in the same surroundings of a third element differ."""
    lone = Frames.unlabelled([bulk(s, "sc", a=20) for s in SPECIES])
    one, other = environments(lone, None, SPECIES)
    assert np.linalg.norm(one - other) == pytest.approx(2**0.5)


def test_power_spectra_of_pairs_add_up_to_that_of_all():
    """The density of all atoms is the sum of those of the species, so spectra add up."""
    n = environments(GAAS).shape[1]
    aware = environments(GAAS, None, SPECIES)
    parts = {pair: aware[:, i * n : (i + 1) * n] for i, pair in enumerate(["aa", "ab", "bb"])}
    # Within a degree of the harmonics, rows and columns of radial functions.
    degrees = round(n / 36)
    square = parts["ab"].reshape(len(aware), degrees, 6, 6)
    both = (square + square.swapaxes(2, 3)).reshape(len(aware), n) / 2**0.5
    total = parts["aa"] + parts["bb"] + both
    total /= np.linalg.norm(total, axis=1, keepdims=True)
    np.testing.assert_allclose(total, environments(GAAS), atol=1e-10)


def test_the_order_of_atoms_and_structures_stays():
    order = [1, 0]
    turned = environments(GAAS.select(order), None, SPECIES)
    expected = environments(GAAS, None, SPECIES).reshape(2, 8, -1)[order].reshape(16, -1)
    np.testing.assert_array_equal(turned, expected)


def test_labels_may_be_permuted():
    """Species are names: in another order every distance is the same."""
    atoms = environments(GAAS, None, SPECIES), environments(GAAS, None, SPECIES[::-1])
    for i, j in itertools.combinations(range(0, 16, 3), 2):
        one, other = (np.linalg.norm(a[i] - a[j]) for a in atoms)
        assert one == pytest.approx(other, abs=1e-10)


def test_an_element_that_is_of_no_species_is_an_error_of_the_caller():
    with pytest.raises(ValueError, match="In, P is none of the species Ga, As"):
        environments(INP, None, SPECIES)
