"""Formation energies of vacancies against theory, LAMMPS and what broken potentials do."""

from typing import Any

import numpy as np
import pytest
from properties.pairs import pair_subject
from properties.subjects import stillinger_weber, volume_subject

from tlbench.base.errors import InputError
from tlbench.properties.crystals import crystal
from tlbench.properties.spec import Subject
from tlbench.properties.vacancy import VACANCY, VacancySettings, compute, vacancies
from tlbench.reference.stillinger_weber import PARAMETERS

SMALL = VacancySettings(width=10.0)
"""A cell of 64 atoms of silicon."""

LAMMPS = {"Si": (2.8353210, 2.6941847), "Ge": (3.7897477, 3.7069846)}
"""Formation energies (eV) in cells of 64 and 216 sites, of LAMMPS (29 Sep 2021): pair_style sw,
minimize 0 1e-7 from neighbours that are moved inwards by a quarter of a bond."""


def energies(subject: Subject, settings: VacancySettings = SMALL) -> dict[Any, Any]:
    found = compute(subject, settings, lambda done, total: None).values
    return {each.condition["ions"]: each.failure or each.value for each in found}


@pytest.mark.parametrize("element", PARAMETERS)
def test_stillinger_weber_vacancies_are_those_of_theory_and_of_lammps(element: str) -> None:
    found = energies(stillinger_weber(element))
    # Four bonds of epsilon are broken, and an atom's two epsilon put back elsewhere.
    assert found["ideal"] == pytest.approx(2 * PARAMETERS[element].epsilon, abs=1e-6)
    assert found["relaxed"] == pytest.approx(LAMMPS[element][0], abs=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("element", PARAMETERS)
def test_so_they_are_in_the_cell_of_the_default_width(element: str) -> None:
    found = energies(stillinger_weber(element), VacancySettings())
    assert found["relaxed"] == pytest.approx(LAMMPS[element][1], abs=2e-4)


def test_starting_from_the_ideal_vacancy_alone_misses_the_deeper_minimum() -> None:
    still = energies(stillinger_weber(), SMALL.model_copy(update={"inwards": 0.0}))
    assert still["relaxed"] == pytest.approx(still["ideal"], abs=2e-4)


def bound(r: Any) -> Any:
    decay = np.exp(-6 * (r - 2.5))
    return 0.5 * decay * (decay - 2)


def push(r: Any) -> Any:
    decay = np.exp(-6 * (r - 2.5))
    return 6 * decay * (decay - 1)


def test_of_bonds_between_pairs_it_is_the_cohesive_energy() -> None:
    # Bonds of the first shell alone: 12 of them are broken, and six are gained.
    settings = VacancySettings(width=7.0, inwards=0.0)
    found = energies(pair_subject(bound, push, 2.7, "Cu", "fcc"), settings)
    assert found["ideal"] == pytest.approx(6 * 0.5, abs=1e-6)
    assert found["relaxed"] == pytest.approx(6 * 0.5, abs=1e-3)


def test_neighbours_move_towards_the_vacancy() -> None:
    big = crystal("diamond", ["Si"]).repeat(2)
    ideal, inwards = vacancies(big, 0.25)
    assert len(ideal) == len(inwards) == len(big) - 1
    bond = np.sqrt(3) / 4 * big.cell.lengths()[0] / 2
    moved = np.linalg.norm(inwards.positions - ideal.positions, axis=1)
    moved = moved[moved > 1e-9]
    assert moved == pytest.approx([0.25 * bond] * 4)
    vacant = inwards.copy()
    vacant.append("Si")
    vacant.positions[-1] = big.positions[0]
    near = np.sort(vacant.get_distances(-1, range(len(inwards)), mic=True))
    assert near[:4] == pytest.approx([0.75 * bond] * 4)


@pytest.mark.parametrize(
    ("energy", "slope", "failure"),
    [
        (lambda v: v, lambda v: 1.0, "the cell collapsed"),
        (lambda v: -v, lambda v: -1.0, "the cell ran away"),
        (lambda v: v, lambda v: np.nan, "the forces are not finite"),
    ],
)
def test_without_a_crystal_there_is_no_vacancy(energy: Any, slope: Any, failure: str) -> None:
    assert set(energies(volume_subject(energy, slope)).values()) == {failure}


def test_a_crystal_that_needs_all_its_atoms_falls_apart() -> None:
    # Forces with a random part as soon as an atom is missing: nothing comes to rest.
    whole = pair_subject(bound, push, 2.7, "Cu", "fcc")

    def restless() -> Any:
        calculator = whole.calculator()
        compute_whole, random = calculator.calculate, np.random.default_rng(0)

        def calculate(atoms: Any = None, *arguments: Any) -> None:
            compute_whole(atoms, *arguments)
            forces = calculator.results["forces"]
            if len(forces) % 2:
                forces += random.normal(0, 1, forces.shape)

        calculator.calculate = calculate
        return calculator

    found = energies(
        Subject(restless, whole.crystal, "fcc", whole.cutoff), VacancySettings(width=7.0)
    )
    assert found["ideal"] == pytest.approx(3.0, abs=1e-6)
    assert isinstance(found["relaxed"], str)


def test_neighbours_that_fall_into_each_other_are_a_failure() -> None:
    # Below 2 Å the pairs attract: only the second start comes so near.
    def energy(r: Any) -> Any:
        return np.where(r < 2.0, bound(2.0) - 40 * (2.0 - r), bound(r))

    def force(r: Any) -> Any:
        return np.where(r < 2.0, -40.0, push(r))

    subject = pair_subject(energy, force, 2.7, "Cu", "fcc")
    still, moved = (
        energies(subject, VacancySettings(width=7.0, inwards=inwards)) for inwards in (0.0, 0.4)
    )
    assert still["relaxed"] == pytest.approx(3.0, abs=1e-3)
    assert moved["ideal"] == still["ideal"]
    assert isinstance(moved["relaxed"], str)


def test_crystals_of_several_elements_are_refused() -> None:
    salt = Subject(stillinger_weber().calculator, crystal("rocksalt", ["Na", "Cl"]), "rocksalt", 4)
    with pytest.raises(InputError, match="Cl and Na depends on their chemical potentials"):
        VACANCY.compute(salt, SMALL, lambda done, total: None)
