"""Elastic constants: analytic second derivatives, symmetry, and broken potentials."""

import numpy as np
import pytest
from ase.calculators.calculator import Calculator
from ase.calculators.lj import LennardJones
from ase.optimize import BFGS
from properties.many_body import analytic
from properties.subjects import VolumeEnergy, stillinger_weber, volume_subject

from tlbench.base.units import GPA
from tlbench.properties.crystals import crystal, relaxed
from tlbench.properties.elastic import ElasticSettings, compute
from tlbench.properties.spec import Subject, Value

RELAXED, CLAMPED = "elastic_constant", "clamped_elastic_constant"


def values_of(subject: Subject) -> dict[tuple[str, str], Value]:
    found = compute(subject, ElasticSettings(), lambda done, total: None)
    assert not found.curves
    return {(v.quantity, str(v.condition["component"])): v for v in found.values}


def numbers_of(subject: Subject, quantity: str) -> list[float | None]:
    return [v.value for (name, _), v in values_of(subject).items() if name == quantity]


@pytest.mark.parametrize(
    ("element", "ions_relaxed", "c44_clamped"),
    [("Si", [151.42, 76.42, 56.45], 109.76), ("Ge", [138.26, 50.905, 58.82], 89.73)],
)
def test_stillinger_weber_crystals_have_their_published_constants(
    element: str, ions_relaxed: list[float], c44_clamped: float
) -> None:
    subject = stillinger_weber(element)
    assert numbers_of(subject, RELAXED) == pytest.approx(ions_relaxed, abs=0.005)
    assert numbers_of(subject, CLAMPED) == pytest.approx(
        [*ions_relaxed[:2], c44_clamped], abs=0.005
    )


@pytest.mark.parametrize("element", ["Si", "Ge"])
def test_constants_are_the_analytic_second_derivatives_of_independent_code(element: str) -> None:
    from matscipy.elasticity import full_3x3x3x3_to_Voigt_6x6, nonaffine_elastic_contribution

    subject = stillinger_weber(element)
    atoms = relaxed(subject)
    assert not isinstance(atoms, str)
    atoms.calc = analytic(element)
    clamped = atoms.calc.get_property("born_constants", atoms)
    # Without the three translations.
    squares, modes = np.linalg.eigh(atoms.calc.get_property("hessian", atoms).toarray())
    moved = clamped + nonaffine_elastic_contribution(atoms, squares[3:], modes[:, 3:])
    for quantity, tensor in ((CLAMPED, clamped), (RELAXED, moved)):
        voigt = full_3x3x3x3_to_Voigt_6x6(tensor, check_symmetry=False) * GPA
        assert numbers_of(subject, quantity) == pytest.approx(
            [voigt[0, 0], voigt[0, 1], voigt[3, 3]], rel=1e-4
        )


def test_a_hexagonal_crystal_has_five_constants() -> None:
    from matscipy.elasticity import (
        full_3x3x3x3_to_Voigt_6x6,
        measure_triclinic_elastic_constants,
    )

    def calculator() -> Calculator:
        return LennardJones(sigma=2.85, epsilon=0.2, rc=6.0, smooth=True)

    subject = Subject(calculator, crystal("hcp", ["Mg"]), "hcp", 6.0)
    values = values_of(subject)
    atoms = relaxed(subject)
    assert not isinstance(atoms, str)
    full = measure_triclinic_elastic_constants(atoms, delta=1e-3, optimizer=BFGS, fmax=1e-5)
    voigt = full_3x3x3x3_to_Voigt_6x6(full, check_symmetry=False) * GPA
    assert voigt[5, 5] == pytest.approx((voigt[0, 0] - voigt[0, 1]) / 2, rel=1e-3)
    for name in ("C11", "C12", "C13", "C33", "C44"):
        wanted = voigt[int(name[1]) - 1, int(name[2]) - 1]
        assert values[RELAXED, name].value == pytest.approx(wanted, rel=1e-3)
    # Atoms of hcp move when the basal plane is strained.
    assert values[CLAMPED, "C11"].value > 1.01 * values[RELAXED, "C11"].value  # type: ignore[operator]
    assert len(values) == 10


def test_steps_are_reported() -> None:
    steps: list[tuple[int, int]] = []
    compute(stillinger_weber(), ElasticSettings(), lambda done, total: steps.append((done, total)))
    assert steps == [(done, 5) for done in range(1, 6)]


@pytest.mark.parametrize(
    ("slope", "failure"), [(1.0, "the cell collapsed"), (-1.0, "the cell ran away")]
)
def test_a_crystal_that_does_not_relax_fails_in_every_value(slope: float, failure: str) -> None:
    values = values_of(volume_subject(lambda v: slope * v, lambda v: slope))
    assert {v.failure for v in values.values()} == {failure}
    assert len(values) == 6


def test_atoms_that_do_not_relax_fail_beside_clamped_constants() -> None:
    # Close-packed planes of Stillinger–Weber silicon slide: hcp is a saddle point.
    values = values_of(stillinger_weber("Si", "hcp"))
    for name in ("C11", "C12", "C13", "C33", "C44"):
        assert values[RELAXED, name].failure == "atoms left their sites in a strained cell"
        assert values[CLAMPED, name].value is not None


class Sheared(VolumeEnergy):
    """A potential that has no stress where the cell is sheared."""

    def calculate(self, *args: object, **kwargs: object) -> None:
        super().calculate(*args, **kwargs)  # type: ignore[arg-type]
        if np.abs(self.atoms.cell.angles() - 90).max() > 1e-6:
            self.results["stress"] = np.full(6, np.nan)


def test_a_stress_that_is_not_finite_is_a_failure() -> None:
    broken = volume_subject(lambda v: 0.0, lambda v: 0.0)
    subject = Subject(
        lambda: Sheared(lambda v: 0.01 * (v - 20) ** 2, lambda v: 0.02 * (v - 20)),
        broken.crystal,
        "diamond",
        5.0,
    )
    assert {v.failure for v in values_of(subject).values()} == {"the stress is not finite"}


def test_a_potential_of_the_volume_alone_resists_compression_alone() -> None:
    # A liquid: C11 = C12 = B = V d²E/dV², and no shear modulus.
    found = numbers_of(
        volume_subject(lambda v: 0.01 * (v - 20) ** 2, lambda v: 0.02 * (v - 20)), CLAMPED
    )
    assert found == pytest.approx([0.4 * GPA, 0.4 * GPA, 0.0], abs=1e-3)
