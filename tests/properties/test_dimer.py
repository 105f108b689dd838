"""Two atoms in vacuum: a sound potential, and those that are broken where dynamics would see it."""

from typing import Any

import numpy as np
import pytest
from properties.pairs import pair_subject
from properties.subjects import stillinger_weber

from tlbench.properties.crystals import crystal
from tlbench.properties.dimer import DIMER, DimerSettings
from tlbench.properties.spec import Computed, Subject
from tlbench.reference.stillinger_weber import PARAMETERS

SETTINGS = DimerSettings()
WELL = 2.0
"""Where the Morse potential of these tests has its minimum, Å."""


def of(subject: Subject) -> dict[str, Any]:
    return {
        value.quantity.removeprefix("dimer_"): value.value
        if value.failure is None
        else value.failure
        for value in computed(subject).values
    }


def computed(subject: Subject) -> Computed:
    return DIMER.compute(subject, SETTINGS, lambda done, total: None)


def morse(r: Any) -> Any:
    """Energy (eV) of two atoms bound by 1 eV, at 4 Å next to nothing."""
    decay = np.exp(-4 * (np.asarray(r) - WELL))
    return decay * (decay - 2)


def morse_force(r: Any) -> Any:
    decay = np.exp(-4 * (np.asarray(r) - WELL))
    return 8 * decay * (decay - 1)


@pytest.mark.parametrize("element", PARAMETERS)
def test_stillinger_weber_atoms_are_bound_by_epsilon(element: str) -> None:
    # Stillinger & Weber 1985: A and B are such that f(2^(1/6)) = -1 is the minimum.
    parameters = PARAMETERS[element]
    found = of(stillinger_weber(element))
    assert found["distance"] == pytest.approx(2 ** (1 / 6) * parameters.sigma, abs=2e-4)
    assert found["depth"] == pytest.approx(parameters.epsilon, abs=1e-4)
    assert found["repulsion"] == SETTINGS.shortest
    assert found["spurious_minima"] == found["disagreement"] == 0


def test_the_curve_reaches_from_the_shortest_distance_to_the_cutoff() -> None:
    subject = stillinger_weber()
    (curve,) = computed(subject).curves
    r, energy = np.array(curve.x), np.array(curve.y)
    assert curve.condition == {"pair": "Si-Si"}
    assert r[0] == SETTINGS.shortest
    assert r[-1] > subject.cutoff
    assert np.diff(r).max() <= SETTINGS.spacing + 1e-5
    s = PARAMETERS["Si"]
    inside = r < s.cutoff - 1e-3
    x = r[inside] / s.sigma
    expected = s.A * s.epsilon * (s.B * x**-4 - 1) * np.exp(1 / (x - s.a))
    np.testing.assert_allclose(energy[inside], expected, atol=1e-6)


def test_what_never_repels_says_so() -> None:
    found = of(pair_subject(lambda r: -np.exp(-r), lambda r: -np.exp(-r)))
    assert found["repulsion"] == "the atoms repel at no distance"
    assert found["distance"] == found["depth"] == "the curve has no minimum"
    assert found["spurious_minima"] == 0


def test_of_the_wrong_sign_it_repels_down_to_the_bond_length_alone() -> None:
    found = of(pair_subject(lambda r: -morse(r), lambda r: -morse_force(r)))
    assert found["repulsion"] == pytest.approx(WELL, abs=SETTINGS.spacing)
    assert found["distance"] == "the curve has no minimum"


def test_a_hole_behind_the_barrier_is_found() -> None:
    def with_hole(depth: float) -> dict[str, Any]:
        def hole(r: Any) -> Any:
            return depth * np.exp(-(((r - 0.8) / 0.1) ** 2))

        def pull(r: Any) -> Any:
            return 200 * (r - 0.8) * hole(r)

        return of(pair_subject(lambda r: morse(r) - hole(r), lambda r: morse_force(r) - pull(r)))

    # Two atoms that come over the edge of a deep hole stay in there.
    deep = with_hole(30_000)
    assert deep["distance"] == pytest.approx(0.8, abs=0.05)
    assert deep["depth"] > 10_000
    assert deep["spurious_minima"] == 1
    # One above the energy of the bond does not become its minimum, and still ends the repulsion.
    high = with_hole(12_000)
    assert high["distance"] == pytest.approx(WELL, abs=0.01)
    assert high["spurious_minima"] == 1
    assert 0.8 < high["repulsion"] < 1.2
    # A dent is harmless.
    dent = with_hole(100)
    assert dent["repulsion"] == SETTINGS.shortest
    assert dent["spurious_minima"] == 0
    assert deep["disagreement"] == high["disagreement"] == dent["disagreement"] == 0


@pytest.mark.parametrize(("height", "minima"), [(-0.5, 1), (0.5, 0)])
def test_a_step_of_the_energy_is_not_the_work_of_the_force(height: float, minima: int) -> None:
    # Upwards it leaves the curve repulsive; only the force, which does not have it, shows it.
    broken = pair_subject(lambda r: morse(r) + height * (r < 1.81), morse_force)
    found = of(broken)
    # Two of the differences over two steps include it.
    (curve,) = computed(broken).curves
    assert found["disagreement"] == pytest.approx(2 / (len(curve.x) - 2))
    assert found["spurious_minima"] == minima
    assert (found["repulsion"] == SETTINGS.shortest) == (height > 0)


def test_forces_of_the_wrong_sign_disagree_wherever_they_are_not_small() -> None:
    subject = pair_subject(morse, lambda r: -morse_force(r))
    found = of(subject)
    assert found["repulsion"] == SETTINGS.shortest
    # Twice the work of two steps is at least 0.01 eV.
    r = np.linspace(SETTINGS.shortest, 4.1, 181)[1:-1]
    strong = np.abs(4 * SETTINGS.spacing * morse_force(r)) > 0.01
    assert found["disagreement"] == pytest.approx(strong.mean(), abs=0.03)


def test_purely_repulsive_atoms_repel_all_the_way_and_are_not_bound() -> None:
    found = of(pair_subject(lambda r: np.exp(-4 * r) * 1000, lambda r: 4000 * np.exp(-4 * r)))
    assert found["repulsion"] == SETTINGS.shortest
    assert found["depth"] == "the curve has no minimum"


def test_where_there_are_no_numbers_it_does_not_repel() -> None:
    subject = pair_subject(lambda r: np.where(r < 1.2, np.nan, morse(r)), morse_force)
    found = of(subject)
    assert found["repulsion"] == pytest.approx(1.2, abs=SETTINGS.spacing)
    assert found["distance"] == pytest.approx(WELL, abs=1e-3)
    (curve,) = computed(subject).curves
    assert min(curve.x) >= 1.2


def test_without_any_number_everything_has_failed() -> None:
    broken = pair_subject(lambda r: np.nan * r, lambda r: r, cutoff=9.0)
    found = of(Subject(broken.calculator, broken.crystal, "diamond", 4.0))
    assert len(found) == len(DIMER.quantities)
    assert set(found.values()) == {"the energy of free atoms is not finite"}


@pytest.mark.parametrize("known", [1, 2])
def test_a_number_or_two_at_the_end_are_no_curve(known: int) -> None:
    end = 4.1 - (known - 0.5) * SETTINGS.spacing
    broken = pair_subject(lambda r: np.where(r < end, np.nan, morse(r)), morse_force, cutoff=9.0)
    found = of(Subject(broken.calculator, broken.crystal, "diamond", 4.0))
    assert set(found.values()) == {"the energy of two atoms is finite at hardly any distance"}


def test_a_scan_that_would_begin_beyond_the_cutoff_reaches_farther() -> None:
    subject = pair_subject(lambda r: 0.0 * r, lambda r: 0.0 * r, cutoff=1.0)
    settings = DimerSettings(shortest=2.0)
    (curve,) = DIMER.compute(subject, settings, lambda done, total: None).curves
    assert (curve.x[0], curve.x[-1]) == (2.0, 2.1)


def test_every_pair_of_elements_has_a_curve() -> None:
    subject = pair_subject(morse, morse_force)
    alloy = Subject(subject.calculator, crystal("rocksalt", ["Na", "Cl"]), "rocksalt", 4.0)
    found = computed(alloy)
    assert [curve.condition["pair"] for curve in found.curves] == ["Cl-Cl", "Cl-Na", "Na-Na"]
    assert {value.quantity for value in found.values} == {each.name for each in DIMER.quantities}
