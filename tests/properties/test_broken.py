"""Potentials that are broken on purpose fail in every property of the crystal, and in words."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase.calculators.lj import LennardJones
from properties.subjects import stillinger_weber, volume_subject

from tlbench.properties import PROPERTIES
from tlbench.properties.crystals import crystal
from tlbench.properties.eos import EosSettings, compute
from tlbench.properties.spec import Subject
from tlbench.reference.calculator import ReferenceCalculator
from tlbench.reference.stillinger_weber import StillingerWeber


def without_repulsion() -> Subject:
    """Return Stillinger–Weber silicon whose pairs and angles only attract."""
    potential = StillingerWeber("Si")
    potential.parameters = replace(potential.parameters, B=0.0, lambda_=0.0)
    return replace(
        stillinger_weber(), calculator=lambda: ReferenceCalculator(potential, potential.cutoff)
    )


class Inverted(ReferenceCalculator):
    """A potential of the wrong sign."""

    def calculate(self, *args: Any, **kwargs: Any) -> None:
        super().calculate(*args, **kwargs)
        self.results = {name: -value for name, value in self.results.items()}


def wrong_sign() -> Subject:
    potential = StillingerWeber("Si")
    stretched = crystal("diamond", ["Si"])
    # Shorter bonds than those at the maximum would collapse.
    stretched.set_cell(stretched.cell * 1.01, scale_atoms=True)
    return replace(
        stillinger_weber(),
        calculator=lambda: Inverted(potential, potential.cutoff),
        crystal=stretched,
    )


def flat() -> Subject:
    """Return a potential that has lost every dependence on the structure."""
    return volume_subject(lambda v: 0.0, lambda v: 0.0)


@pytest.mark.parametrize("name", ["eos", "elastic", "phonons"])
@pytest.mark.parametrize(
    ("broken", "failure"),
    [
        (without_repulsion, "the cell collapsed"),
        (wrong_sign, "the cell ran away"),
        (flat, "the energy has no minimum in volume"),
    ],
)
def test_a_crystal_that_is_not_stable_fails_in_every_value(
    name: str, broken: Callable[[], Subject], failure: str
) -> None:
    asked = PROPERTIES.get(name)
    found = asked.compute(broken(), asked.settings(), lambda done, total: None)
    assert {each.failure for each in found.values} == {failure}
    assert {each.quantity for each in found.values} == {each.name for each in asked.quantities}


def test_forces_that_jump_at_the_cutoff_make_the_energy_rough() -> None:
    # The second neighbours of diamond leave the cutoff at 1.1 of the volume at 5.43 Å.
    def subject(smooth: bool) -> Subject:
        reach = 5.43 / np.sqrt(2) * 1.1 ** (1 / 3)
        return Subject(
            lambda: LennardJones(sigma=2.1, epsilon=1.0, rc=reach, ro=0.7 * reach, smooth=smooth),
            crystal("diamond", ["Si"]),
            "diamond",
            reach,
        )

    rough, smooth = (
        next(
            each.value
            for each in compute(subject(kind), EosSettings(), lambda done, total: None).values
            if each.quantity == "eos_roughness"
        )
        for kind in (False, True)
    )
    assert rough is not None
    assert smooth is not None
    assert rough > 5 * smooth
