"""Force constants: sound travels as elastic constants say, and no net force acts."""

import numpy as np
import pytest
from properties.subjects import stillinger_weber

from tlbench.base.units import ACCELERATION, GPA
from tlbench.properties.crystals import relaxed
from tlbench.properties.force_constants import force_constants, primitive_cell


def test_sound_travels_as_the_elastic_constants_say() -> None:
    crystal = relaxed(stillinger_weber("Si"))
    assert not isinstance(crystal, str)
    phonons = force_constants(crystal, 12.0, lambda done, total: None)
    assert phonons is not None
    density = crystal.get_masses().sum() / crystal.get_volume()
    # Along [100], q in 1/Å: TA from C44, LA from C11.
    step = 0.004
    wave_vector = phonons.primitive.cell @ [step, 0, 0]
    phonons.run_qpoints([wave_vector])
    frequencies = phonons.qpoints.frequencies[0][:3]  # type: ignore[union-attr]
    moduli = np.array([56.45, 56.45, 151.42]) / GPA
    velocity = np.sqrt(moduli / density * ACCELERATION)
    assert frequencies == pytest.approx(velocity * step * 1000, rel=2e-3)
    assert phonons.force_constants.sum(axis=1) == pytest.approx(0, abs=1e-9)  # type: ignore[union-attr]


def test_the_primitive_cell_of_diamond_has_two_atoms() -> None:
    crystal = stillinger_weber().crystal
    found = primitive_cell(crystal)
    assert len(found) == 2
    assert found.volume == pytest.approx(crystal.get_volume() / 4)
    assert found.masses == pytest.approx(crystal.get_masses()[:2])
