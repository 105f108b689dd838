"""What is compared of structures: crystals with known values, invariances, forms."""

import numpy as np
import pytest
from ase.build import bulk
from scipy.spatial.transform import Rotation

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.metrics.distances.compare import compare_sets
from tlbench.metrics.distances.quantities import DistanceSettings
from tlbench.metrics.distances.structures import StructureSet, nearest_distance
from tlbench.metrics.environments import environments

QUICK = DistanceSettings(values=2000, environments=200, exact=100, resamples=20, halves=2)
SI, GE = 5.43095, 5.653621


def crystal(element, lattice_constant, n_frames=3, rattle=0.0, seed=0):
    images = []
    for number in range(n_frames):
        atoms = bulk(element, "diamond", lattice_constant, cubic=True)
        atoms.rattle(rattle, seed=seed + number)
        images.append(atoms)
    return Frames.unlabelled(images)


def structures(frames, name="a", labelled=True):
    nearest = nearest_distance(frames, name)
    found = environments(frames), environments(frames, nearest)
    return StructureSet(name, frames, nearest, *found, labelled=labelled)


def by_name(found):
    return {(d.name, d.form): d for d in found}


def test_perfect_crystals_of_one_structure_differ_in_size_alone():
    found = by_name(
        compare_sets(structures(crystal("Si", SI)), structures(crystal("Ge", GE)), QUICK)
    )
    for name in ("pair_distance", "angle", "coordination", "sliced", "exact", "discrepancy"):
        assert found[name, "scaled"].value == pytest.approx(0, abs=1e-5), name
    # Both have 28 neighbours within 5 Å, each farther by the ratio of the lattice constants.
    shells = np.sqrt([3] * 4 + [8] * 12 + [11] * 12) / 4
    expected = shells.mean() * (GE - SI)
    assert found["pair_distance", "raw"].value == pytest.approx(expected, abs=1e-6)
    assert found["exact", "raw"].value > 0.05
    assert found["coordination", "raw"].value == 0


def test_a_crystal_has_its_own_angles_and_neighbours():
    samples = structures(crystal("Si", SI)).samples(QUICK, scaled=False)
    assert np.allclose(samples["angle"].values, 109.4712, atol=1e-3)
    assert np.all(samples["coordination"].values == 4)
    assert nearest_distance(crystal("Si", SI), "a") == pytest.approx(SI * np.sqrt(3) / 4)


@pytest.mark.parametrize(
    ("element", "lattice", "a", "nearest"),
    [
        ("Si", "diamond", 5.431, 5.431 * 3**0.5 / 4),
        ("Li", "bcc", 3.44, 3.44 * 3**0.5 / 2),
        ("Cu", "fcc", 3.61, 3.61 / 2**0.5),
    ],
)
@pytest.mark.parametrize(
    ("rattle", "within"), [(0.0, 0.01), (0.05, 0.01), (0.1, 0.01), (0.15, 0.03), (0.2, 0.03)]
)
def test_atoms_that_move_about_their_sites_are_as_far_apart(
    element, lattice, a, nearest, rattle, within
):
    images = []
    for seed in range(4):
        atoms = bulk(element, lattice, a, cubic=True).repeat(3)
        atoms.rattle(rattle, seed=seed)
        images.append(atoms)
    assert nearest_distance(Frames.unlabelled(images), "a") == pytest.approx(nearest, rel=within)


def test_atoms_at_one_place_are_refused():
    from ase import Atoms

    together = Frames.unlabelled([Atoms("Si3", [[0, 0, 0], [0, 0, 0], [0, 0, 2]])] * 2)
    with pytest.raises(InputError, match="two atoms are at the same place"):
        nearest_distance(together, "a")


def test_the_same_structures_under_two_names_are_refused():
    with pytest.raises(InputError, match="a and b hold the same structures"):
        compare_sets(structures(crystal("Si", SI)), structures(crystal("Si", SI), "b"), QUICK)


def test_what_only_one_structure_has_is_left_out():
    from ase import Atoms

    bound = [Atoms("Si2", [[0, 0, 0], [0, 0, 2.3]])]
    apart = [Atoms("Si2", [[0, 0, 0], [0, 0, 30]])] * 3
    one = structures(Frames.unlabelled(bound + apart), "one")
    found = {d.name for d in compare_sets(one, structures(crystal("Si", SI)), QUICK)}
    assert "pair_distance" not in found
    assert "coordination" in found


def turned(frames, rotation):
    matrix = rotation.as_matrix()
    fields = {name: getattr(frames, name) @ matrix.T for name in ("positions", "forces", "cell")}
    return Frames(**{**vars(frames), **fields})


def test_rotations_and_renumbering_change_nothing():
    frames = crystal("Si", SI, rattle=0.1)
    frames = Frames(
        **{**vars(frames), "forces": np.random.default_rng(0).normal(size=frames.forces.shape)}
    )
    other = structures(crystal("Ge", GE, rattle=0.2, seed=9), "b")
    expected = compare_sets(structures(frames), other, QUICK)
    for changed in (
        turned(frames, Rotation.from_euler("xyz", [0.3, 1.0, -0.7])),
        frames.select([2, 0, 1]),
    ):
        found = compare_sets(structures(changed), other, QUICK)
        for one, same in zip(found, expected, strict=True):
            assert one.value == pytest.approx(same.value, rel=1e-5, abs=1e-6), (one.name, one.form)


def test_environments_are_blind_to_elements_and_of_unit_length():
    silicon, germanium = crystal("Si", SI, rattle=0.1), crystal("Ge", SI, rattle=0.1)
    one, other = environments(silicon), environments(germanium)
    assert np.allclose(one, other, atol=1e-12)
    assert np.allclose(np.linalg.norm(one, axis=1), 1)


def test_environments_are_smooth_where_a_neighbour_leaves():
    from ase import Atoms

    def pair(r):
        return environments(Frames.unlabelled([Atoms("Si2", [[0, 0, 0], [0, 0, r]])]))[0]

    assert np.linalg.norm(pair(4.999) - pair(5.001)) < 1e-4
    assert np.isfinite(environments(Frames.unlabelled([Atoms("Si", [[0, 0, 0]])]))).all()


def test_forces_and_energies_are_compared_where_both_have_them():
    a, b = structures(crystal("Si", SI)), structures(crystal("Ge", GE), "b", labelled=False)
    names = {d.name for d in compare_sets(a, b, QUICK)}
    assert names == {"pair_distance", "angle", "coordination", "sliced", "exact", "discrepancy"}


def test_scaled_energies_count_from_the_mean():
    energy = np.array([1.0, 2.0, 3.0]) * 8
    frames = Frames(**{**vars(crystal("Si", SI)), "energy": energy})
    shifted = Frames(**{**vars(crystal("Ge", GE)), "energy": energy + 800})
    found = by_name(compare_sets(structures(frames), structures(shifted, "b"), QUICK))
    assert found["energy", "raw"].value == pytest.approx(100)
    assert found["energy", "scaled"].value == pytest.approx(0, abs=1e-9)


def test_a_single_structure_is_refused():
    a, b = structures(crystal("Si", SI)), structures(crystal("Ge", GE, n_frames=1), "lonely")
    with pytest.raises(InputError, match="lonely has a single structure"):
        compare_sets(a, b, QUICK)


def test_sets_without_a_common_quantity_are_refused():
    from ase import Atoms

    far = Frames.unlabelled([Atoms("Si2", [[0, 0, 0], [0, 0, 30]]) for _ in range(3)])
    with pytest.raises(InputError, match="no two atoms are within 6 Å"):
        nearest_distance(far, "gas")
    empty = StructureSet("empty", crystal("Si", SI), 2.35, labelled=False)
    other = StructureSet("other", crystal("Ge", GE), 2.45, labelled=False)
    with pytest.raises(InputError, match="empty and other have no quantity in common"):
        compare_sets(_without_quantities(empty), _without_quantities(other, "other"), QUICK)


def _without_quantities(of, name="empty"):
    class Nothing(StructureSet):
        def samples(self, settings, scaled):
            return {}

    return Nothing(name, of.frames, of.nearest, labelled=False)


def test_missing_libraries_are_named_with_what_installs_them(monkeypatch):
    from tlbench.metrics.distances import quantities

    quantities.check_packages()
    monkeypatch.setattr(quantities, "find_spec", lambda name: None if name == "ot" else object())
    with pytest.raises(InputError, match=r"need POT; pip install 'tlbench\[distances\]'"):
        quantities.check_packages()
