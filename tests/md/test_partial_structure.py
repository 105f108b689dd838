"""Distributions by pair of elements: exact shells of compounds, mixtures of ideal gases."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from tlbench.data.frames import Frames
from tlbench.md.structure import (
    N_DISTANCES,
    REACH,
    SHELL,
    StructureCounts,
    averages,
    composition,
    count_frames,
    distances,
)
from tlbench.metrics.structure import shares_of_pairs

WIDTH = REACH / N_DISTANCES


def of(*images):
    """Return the averages of structures, and their counts."""
    frames = Frames.unlabelled(list(images))
    counts = count_frames(frames)
    return averages(counts, frames), counts


def neighbours_at(g, distance, atoms_of_neighbour, volume):
    """Return the coordination number of the shell whose only bin is that of ``distance``."""
    place = int(distance / WIDTH)
    shell = 4 / 3 * np.pi * WIDTH**3 * ((place + 1) ** 3 - place**3)
    return g[place] * shell * atoms_of_neighbour / volume


def test_caesium_chloride_has_the_shells_of_each_pair():
    """8 unlike neighbours at a√3/2 and 24 at a√11/2; 6 like ones at a and 12 at a√2."""
    a = 4.12
    found, counts = of(bulk("CsCl", "cesiumchloride", a=a).repeat(2))
    assert list(found.partial_rdf) == ["Cl–Cl", "Cl–Cs", "Cs–Cs"]
    unlike, like = {a * 3**0.5 / 2: 8}, {a: 6, a * 2**0.5: 12}
    for pair, shells in (("Cl–Cs", unlike), ("Cl–Cl", like), ("Cs–Cs", like)):
        g = found.partial_rdf[pair]
        assert np.flatnonzero(g).tolist() == sorted(int(r / WIDTH) for r in shells)
        for distance, number in shells.items():
            assert neighbours_at(g, distance, 8, (2 * a) ** 3) == pytest.approx(number)
    assert np.array_equal(counts.partial_pairs.sum(axis=1), counts.pairs)


def test_b2_that_is_not_equimolar_has_the_shells_of_its_composition():
    """One atom of NiAl's 16 exchanged: g_ab is what its neighbours are over what they would be."""
    a = 2.88
    atoms = bulk("NiAl", "cesiumchloride", a=a).repeat(2)
    atoms.symbols[0] = "Al"
    found, _ = of(atoms)
    assert composition(Frames.unlabelled([atoms])) == {"Al": 9, "Ni": 7}
    volume, nearest = (2 * a) ** 3, a * 3**0.5 / 2
    # Seven Ni have 8 Al each; of nine Al, eight have 7 Ni and the one that was exchanged none.
    assert neighbours_at(found.partial_rdf["Al–Ni"], nearest, 9, volume) == pytest.approx(8)
    assert neighbours_at(found.partial_rdf["Al–Al"], nearest, 9, volume) == pytest.approx(16 / 9)
    assert neighbours_at(found.partial_rdf["Ni–Ni"], nearest, 7, volume) == 0


def test_a_mixture_of_ideal_gases_has_no_structure():
    generator = np.random.default_rng(0)
    cell = np.eye(3) * 20
    images = [
        Atoms("Si300C100", positions=generator.random((400, 3)) @ cell, cell=cell, pbc=True)
        for _ in range(10)
    ]
    found, counts = of(*images)
    beyond = slice(20, None)
    n = {"C": 100, "Si": 300}
    for number, (pair, g) in enumerate(found.partial_rdf.items()):
        a, b = pair.split("–")
        # An atom is not a neighbour of itself.
        expected = 1 - 1 / n[a] if a == b else 1
        error = 1 / np.sqrt(counts.partial_pairs[:, number, beyond].sum(axis=0) / 2)
        assert np.all(np.abs(g[beyond] - expected) < 4.5 * error)
        assert g[beyond].mean() == pytest.approx(expected, abs=0.01)


def rattled():
    generator = np.random.default_rng(1)
    images = []
    for a in (3.9, 4.1):
        atoms = bulk("Au", cubic=True, a=a).repeat(2)
        atoms.symbols[generator.permutation(32)[:11]] = "Cu"
        atoms.rattle(0.2, seed=3)
        images.append(atoms)
    return images


def test_partial_distributions_add_up_to_that_of_all_atoms():
    """With the shares of pairs as weights, also where cells differ in volume."""
    found, counts = of(*rattled())
    shares = shares_of_pairs({"Cu": 11, "Au": 21})
    assert sum(shares.values()) == pytest.approx(1)
    shares = shares_of_pairs(composition(Frames.unlabelled(rattled())))
    total = sum(share * found.partial_rdf[pair] for pair, share in shares.items())
    np.testing.assert_allclose(total, found.rdf, rtol=1e-12)
    assert np.array_equal(counts.partial_bonds.sum(axis=1), counts.bonds)
    for density in found.partial_adf.values():
        assert density.sum() * np.pi / 90 == pytest.approx(1)


def test_pairs_of_four_elements_are_those_of_a_direct_sum():
    atoms = bulk("W", cubic=True, a=3.2).repeat(2)
    atoms.symbols[:] = ["Nb", "Mo", "Ta", "W", "W", "W", "Mo", "Nb"] * 2
    atoms.rattle(0.3, seed=5)
    found, counts = of(atoms)
    i, j, d = direct_pairs(atoms)
    symbols = np.array(atoms.get_chemical_symbols())
    assert len(found.partial_rdf) == 10
    for number, pair in enumerate(found.partial_rdf):
        expected = np.zeros(N_DISTANCES, dtype=int)
        ends = zip(symbols[i], symbols[j], strict=True)
        of_pair = [sorted(both) == sorted(pair.split("–")) for both in ends]
        np.add.at(expected, (d[of_pair] / WIDTH).astype(int), 1)
        assert expected.any()
        assert np.array_equal(counts.partial_pairs[0, number], expected)


def direct_pairs(atoms):
    images = np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    x = atoms.positions
    vectors = x[None, None] + (images @ atoms.cell.array)[:, None, None] - x[None, :, None]
    length = np.linalg.norm(vectors, axis=-1)
    _, i, j = near = np.nonzero((length > 1e-9) & (length < REACH))
    return i, j, length[near]


def test_angles_are_counted_by_the_element_of_their_atom():
    """Zinc blende: tetrahedra about both; water: an angle at oxygen, none at hydrogen."""
    found, _ = of(bulk("GaAs", "zincblende", a=5.65, cubic=True))
    tetrahedral = int(np.degrees(np.arccos(-1 / 3)) / 2)
    for symbol in ("Ga", "As"):
        assert np.flatnonzero(found.partial_adf[symbol]).tolist() == [tetrahedral]
    water = Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], cell=np.eye(3) * 12, pbc=True)
    found, _ = of(water)
    assert found.partial_adf["O"].any()
    assert not found.partial_adf["H"].any()


def test_first_shells_end_at_the_radii_of_both_atoms():
    """Two hydrogen atoms of water are not bonded, although two oxygen atoms there would be."""
    water = Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], cell=np.eye(3) * 12, pbc=True)
    # H–H is 1.52 Å: beyond 1.25 × 2 × 0.31 Å, within 1.25 × 2 × 0.66 Å.
    assert SHELL * 2 * 0.31 < water.get_distance(1, 2) < SHELL * 2 * 0.66
    found, _ = of(water)
    assert found.coordination == pytest.approx(4 / 3)


def test_one_element_is_not_counted_by_pair():
    found, counts = of(bulk("Si", cubic=True))
    assert counts.partial_pairs is None
    assert found.partial_rdf == {} == found.partial_adf
    assert list(found.rounded()) == ["rdf", "adf", "coordination"]
    assert StructureCounts.none(3).arrays().keys() == counts.arrays().keys()


def test_peaks_are_where_distances_are():
    found, _ = of(bulk("GaAs", "zincblende", a=5.65, cubic=True))
    nearest = distances()[np.argmax(found.partial_rdf["Ga–As"])]
    assert nearest == pytest.approx(5.65 * 3**0.5 / 4, abs=WIDTH)
    assert not found.partial_rdf["Ga–Ga"][: int(3.9 / WIDTH)].any()
