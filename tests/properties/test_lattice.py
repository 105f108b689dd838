"""Lattice constants and energies of phases, and what happens to those that cannot be relaxed."""

import math

import pytest
from properties.subjects import stillinger_weber, volume_subject
from pydantic import ValidationError

from tlbench.properties.crystals import crystal
from tlbench.properties.lattice import LATTICE, LatticeSettings, order
from tlbench.properties.spec import Subject, Value


def computed(subject: Subject, **settings: object) -> dict[tuple[str, object], Value]:
    found = LATTICE.compute(subject, LatticeSettings(**settings), lambda done, total: None)  # type: ignore[arg-type]
    return {
        (v.quantity, v.condition["phase"]): v
        for v in found.values
        if v.condition.get("axis") != "c"
    }


def test_germanium_has_the_constants_and_energies_of_theory() -> None:
    found = computed(stillinger_weber("Ge"))
    assert found["lattice_constant", "diamond"].value == pytest.approx(5.653621, abs=2e-6)
    # The prototype is what the others are above, so it is not among them.
    assert ("cohesive_energy_difference", "diamond") not in found
    fcc = found["cohesive_energy_difference", "fcc"].value
    assert fcc == pytest.approx(1115.876, abs=1e-3)
    assert found["cohesive_energy_difference", "hcp"].value == pytest.approx(fcc, abs=1e-6)


def test_simple_cubic_silicon_agrees_with_its_potential_written_out() -> None:
    # An atom has six neighbours, at angles of 90° and 180°; those at √2 a are so near the cutoff
    # that they add some 10⁻¹⁰ eV.
    found = computed(stillinger_weber("Si"), phases=["sc"])
    a = found["lattice_constant", "sc"].value
    difference = found["cohesive_energy_difference", "sc"].value
    assert a is not None
    assert difference is not None

    def energy(r: float) -> float:
        epsilon, sigma, cutoff = 2.1683, 2.0951, 1.8
        x = r / sigma
        pair = 7.049556277 * (0.6022245584 * x**-4 - 1) * math.exp(1 / (x - cutoff))
        angles = 12 * (1 / 3) ** 2 + 3 * (-1 + 1 / 3) ** 2
        return epsilon * (3 * pair + 21 * angles * math.exp(2.4 / (x - cutoff)))

    assert energy(a) == pytest.approx(-2 * 2.1683 + 1e-3 * difference, abs=1e-6)
    # It is the energy of a minimum.
    assert energy(a) < min(energy(0.99 * a), energy(1.01 * a))


def test_energies_are_those_of_relaxed_cells_or_have_failed() -> None:
    # All phases have the same energy at the same volume.
    subject = volume_subject(lambda v: 0.01 * (v - 20) ** 2, lambda v: 0.02 * (v - 20))
    found = computed(subject, phases=["fcc"])
    assert found["cohesive_energy_difference", "fcc"].value == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("slope", "failure"),
    [(1.0, "the cell collapsed"), (0.0, "the energy has no minimum in volume")],
)
def test_phases_that_are_not_bound_have_neither_constants_nor_energies(
    slope: float, failure: str
) -> None:
    broken = volume_subject(lambda v: slope * v, lambda v: slope)
    failed = computed(broken, phases=["fcc"])
    assert {each.failure for each in failed.values()} == {failure}
    assert len(failed) == 3


def energies(**values: float | None) -> list[Value]:
    return [
        Value(
            quantity="cohesive_energy_difference",
            condition={"phase": phase},
            value=value,
            failure="the cell collapsed" if value is None else None,
        )
        for phase, value in values.items()
    ]


@pytest.mark.parametrize(
    ("found", "share"),
    [
        (energies(fcc=10.0, bcc=20.0), 1.0),
        # Of the pairs diamond–fcc, diamond–bcc and fcc–bcc the last is in the wrong order.
        (energies(fcc=20.0, bcc=10.0), 2 / 3),
        (energies(fcc=-10.0, bcc=-20.0), 0.0),
        # What failed is in no order.
        (energies(fcc=None, bcc=20.0), 1 / 3),
        (energies(fcc=None, bcc=None), 0.0),
    ],
)
def test_order_is_the_share_of_pairs_that_are_as_in_the_reference(
    found: list[Value], share: float
) -> None:
    assert order(found, energies(fcc=300.0, bcc=400.0)) == pytest.approx(share)


def test_what_is_degenerate_in_the_reference_has_no_order() -> None:
    reference = energies(fcc=300.0, hcp=300.0)
    assert order(energies(fcc=300.0, hcp=200.0), reference) == 1.0
    assert math.isnan(order(energies(fcc=300.0), []))


def test_an_unknown_phase_is_refused() -> None:
    with pytest.raises(ValidationError, match="no prototype 'fc'"):
        LatticeSettings(phases=["fc"])


def test_phases_of_other_numbers_of_elements_are_left_out() -> None:
    subject = stillinger_weber("Si")
    found = computed(
        Subject(subject.calculator, crystal("fcc", ["Si"]), "fcc", subject.cutoff),
        phases=["rocksalt", "sc"],
    )
    assert {phase for _, phase in found} == {"fcc", "sc"}
