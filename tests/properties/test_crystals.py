"""Crystals relax to what theory says, and fail in words where a potential is broken."""

import numpy as np
import pytest
from ase.build import bulk
from properties.subjects import stillinger_weber, volume_subject

from tlbench.base.errors import InputError
from tlbench.properties.crystals import (
    PROTOTYPES,
    crystal,
    ground_state,
    prototype_of,
    relax,
    relaxed,
    supercell,
)


@pytest.mark.parametrize(
    ("element", "a", "energy"), [("Si", 5.430950, 2.1683), ("Ge", 5.653621, 1.93)]
)
def test_diamond_relaxes_to_the_lattice_constant_of_theory(
    element: str, a: float, energy: float
) -> None:
    found = relaxed(stillinger_weber(element))
    assert not isinstance(found, str)
    assert found.cell.lengths() == pytest.approx(a, abs=2e-6)
    assert found.cell.angles() == pytest.approx(90)
    assert found.get_potential_energy() / len(found) == pytest.approx(-2 * energy, abs=1e-9)


def test_close_packed_cells_of_a_short_ranged_potential_have_one_energy() -> None:
    # fcc and ideal hcp have the same 12 neighbours and angles up to the cutoff of SW silicon.
    found = [relaxed(stillinger_weber("Si", name)) for name in ("fcc", "hcp")]
    assert not any(isinstance(each, str) for each in found)
    energies = [each.get_potential_energy() / len(each) for each in found]  # type: ignore[union-attr]
    assert energies[0] == pytest.approx(energies[1], abs=1e-8)
    assert found[1].cell.lengths()[2] / found[1].cell.lengths()[0] == pytest.approx(  # type: ignore[union-attr]
        np.sqrt(8 / 3), rel=1e-4
    )


def test_a_relaxed_crystal_is_computed_once_and_handed_out_as_copies() -> None:
    subject = stillinger_weber()
    first = relaxed(subject)
    assert not isinstance(first, str)
    first.positions += 1.0
    again = relaxed(subject)
    assert not isinstance(again, str)
    assert again.positions[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("energy", "slope", "failure"),
    [
        (lambda v: v, lambda v: 1.0, "the cell collapsed"),
        (lambda v: -v, lambda v: -1.0, "the cell ran away"),
        (lambda v: v, lambda v: np.nan, "the forces are not finite"),
        (lambda v: 0.0, lambda v: 0.0, "the energy has no minimum in volume"),
        (lambda v: 1e-6 * (v - 20) ** 2, lambda v: 2e-6 * (v - 20), "the energy has no minimum"),
        (lambda v: 0.01 * abs(v - 19), lambda v: 0.01 * np.sign(v - 19), "the relaxation did not"),
    ],
)
def test_a_broken_potential_fails_in_words(energy, slope, failure) -> None:  # type: ignore[no-untyped-def]
    found = relaxed(volume_subject(energy, slope))
    assert isinstance(found, str)
    assert found.startswith(failure)


@pytest.mark.parametrize(("ratio", "collapsed"), [(0.63, True), (0.68, False)])
def test_a_cell_of_less_than_two_thirds_of_the_volume_guessed_has_collapsed(
    ratio: float, collapsed: bool
) -> None:
    guess = crystal("diamond", ["Si"]).get_volume() / 8
    v0 = ratio * guess
    found = relaxed(volume_subject(lambda v: 0.05 * (v - v0) ** 2, lambda v: 0.1 * (v - v0)))
    assert (found == "the cell collapsed") if collapsed else not isinstance(found, str)


def test_a_crystal_at_a_maximum_of_its_energy_is_not_relaxed() -> None:
    v0 = crystal("diamond", ["Si"]).get_volume() / 8
    found = relaxed(volume_subject(lambda v: -0.01 * (v - v0) ** 2, lambda v: -0.02 * (v - v0)))
    assert found == "the energy has no minimum in volume"


def test_what_is_relaxed_stays_as_it_is() -> None:
    subject = stillinger_weber()
    atoms = subject.crystal.copy()
    atoms.rattle(0.05, seed=1)
    before = atoms.positions.copy()
    found = relax(atoms, subject.calculator())
    assert not isinstance(found, str)
    assert np.abs(found.get_forces()).max() < 1e-5
    assert (atoms.positions == before).all()


@pytest.mark.parametrize("name", PROTOTYPES)
def test_every_prototype_has_its_neighbours(name: str) -> None:
    n_elements, coordination = PROTOTYPES[name]
    elements = ["Na", "Cl"][:n_elements] if n_elements == 2 else ["Cu"]
    atoms = crystal(name, elements)
    assert set(atoms.symbols) == set(elements)
    around = supercell(atoms, 12.0).get_distances(0, range(len(supercell(atoms, 12.0))), mic=True)
    near = np.sort(around[around > 0])
    assert (near < 1.05 * near[0]).sum() == coordination


def test_bonds_start_about_as_long_as_in_nature() -> None:
    for element, prototype, a in (
        ("Si", "diamond", 5.43),
        ("Li", "bcc", 3.49),
        ("Cu", "fcc", 3.61),
    ):
        assert ground_state([element]) == prototype
        assert crystal(prototype, [element]).cell.lengths()[0] == pytest.approx(a, abs=0.01)
    # Rock salt, 5.64 Å.
    assert crystal("rocksalt", ["Na", "Cl"]).cell.lengths()[0] == pytest.approx(5.64, rel=0.1)


def test_a_prototype_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="'rocksalt' is of 2 elements, but there is Si"):
        prototype_of("rocksalt", ["Si"])
    with pytest.raises(InputError, match="'fcc' is of 1 element, but there are Si, Ge"):
        prototype_of("fcc", ["Si", "Ge"])
    with pytest.raises(InputError, match=r"no prototype 'dimond'.*diamond"):
        prototype_of("dimond", ["Si"])
    assert prototype_of("b2", ["Ni", "Al"]) == "cesiumchloride"


def test_faces_of_a_supercell_are_as_far_apart_as_asked() -> None:
    primitive = bulk("Si", "diamond", a=5.43)
    found = supercell(primitive, 10.0)
    heights = found.get_volume() / np.array(
        [np.linalg.norm(np.cross(*np.delete(found.cell.array, i, 0))) for i in range(3)]
    )
    assert (heights >= 10.0).all()
    assert (heights < 10.0 + 3.2).all()
