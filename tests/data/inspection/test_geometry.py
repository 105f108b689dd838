"""Distances and widths against brute force and against numbers known by hand."""

from itertools import product

import numpy as np
import pytest
from structures import diamond, liquid, skewed

from tlbench.data.inspection.geometry import (
    NONE_NEAR,
    Structure,
    flatness,
    nearest,
    structures_of,
    widths,
)

ALL = np.ones(3, dtype=bool)


def boxed(cell, pbc=(True, True, True)):
    return Structure(np.array([14]), np.zeros((1, 3)), np.array(cell, dtype=float), np.array(pbc))


def test_frames_fall_apart_into_their_structures():
    frames = type(diamond()).concatenate([diamond(), skewed()])
    both = structures_of(frames)
    assert [len(s) for s in both] == [8, 4]
    np.testing.assert_array_equal(both[1].positions, frames.select([1]).positions)
    np.testing.assert_array_equal(both[1].positions, skewed().positions)


@pytest.mark.parametrize("frames", [diamond(rattle=0.1), skewed(n_atoms=3), liquid(n_atoms=12)])
def test_nearest_neighbours_against_brute_force(frames):
    structure = structures_of(frames)[0]
    count = 20
    images = np.array(list(product(range(-4, 5), repeat=3))) @ structure.cell
    x = structure.positions
    d = np.linalg.norm(x[None, :, None] + images[None, None] - x[:, None, None], axis=-1)
    d = d.reshape(len(x), -1)
    distance, index = nearest(structure, count)
    np.testing.assert_allclose(distance, np.sort(d, axis=1)[:, 1 : count + 1], atol=1e-12)
    assert index.min() >= 0


def test_a_molecule_has_no_more_neighbours_than_atoms():
    x = np.array([[0.0, 0, 0], [50.0, 0, 0]])
    pair = Structure(np.array([14, 14]), x, np.zeros((3, 3)), ~ALL)
    distance, index = nearest(pair, 3)
    assert distance[0].tolist() == [50.0, np.inf, np.inf]
    assert index[0].tolist() == [1, NONE_NEAR, NONE_NEAR]
    alone = Structure(np.array([14]), x[:1], np.zeros((3, 3)), ~ALL)
    assert nearest(alone, 1)[0].tolist() == [[np.inf]]


def test_widths_of_a_sheared_cell():
    found = widths(boxed([[4, 0, 0], [3, 4, 0], [0, 0, 10]]))
    # The faces spanned by the second and third vector are 4·4/5 apart.
    np.testing.assert_allclose(found, [3.2, 4.0, 10.0])


def test_widths_of_a_slab_do_not_depend_on_its_third_vector():
    cell = [[4, 0, 0], [3, 4, 0], [7, 5, 1]]
    np.testing.assert_allclose(widths(boxed(cell, (True, True, False))), [3.2, 4.0, np.inf])
    assert np.isinf(widths(boxed(cell, (False, False, False)))).all()


def test_flatness():
    assert flatness(boxed(np.diag([2, 3, 4]))) == pytest.approx(1)
    assert flatness(boxed([[1, 0, 0], [1, 1, 0], [0, 0, 9]])) == pytest.approx(np.sqrt(0.5))
    assert flatness(boxed([[1, 0, 0], [0, 1, 0], [1, 1, 0]])) == pytest.approx(0, abs=1e-7)
    assert flatness(boxed(np.zeros((3, 3)))) == 0
    assert flatness(boxed(np.zeros((3, 3)), (False, False, False))) == 1
