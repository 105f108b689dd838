"""Phonons: analytic Hessians, sound velocities, finite size, and broken potentials."""

import numpy as np
import pytest
from ase.build import bulk
from properties.many_body import analytic
from properties.subjects import VolumeEnergy, stillinger_weber, volume_subject

from tlbench.base.units import ACCELERATION
from tlbench.properties.crystals import crystal
from tlbench.properties.phonons import (
    IMAGINARY_MODES,
    NO_SPREAD,
    SHARES,
    PhononSettings,
    compute,
    density_of_states_error,
    points,
    quantiles,
)
from tlbench.properties.spec import Computed, Subject, Value

SMALL = PhononSettings(mesh=8, path_points=50)


def phonons_of(subject: Subject, settings: PhononSettings = SMALL) -> Computed:
    return compute(subject, settings, lambda done, total: None)


def at(computed: Computed, point: str) -> list[float | None]:
    return [v.value for v in computed.values if v.condition.get("point") == point]


@pytest.fixture(scope="module")
def silicon() -> Computed:
    return phonons_of(stillinger_weber("Si"), PhononSettings(mesh=12))


@pytest.mark.parametrize(("element", "optical"), [("Si", 17.8327), ("Ge", 10.6254)])
def test_frequencies_are_those_of_an_analytic_hessian(element: str, optical: float) -> None:
    found = phonons_of(stillinger_weber(element))
    assert at(found, "Γ") == pytest.approx([optical] * 3, abs=3e-4)
    # The 2 × 2 × 2 primitive cell has the modes of Γ, of three X and of four L.
    a = {"Si": 5.430950, "Ge": 5.653621}[element]
    atoms = bulk(element, "diamond", a=a) * (2, 2, 2)
    hessian = analytic(element).get_property("hessian", atoms).toarray()
    squares = np.linalg.eigvalsh(hessian / atoms.get_masses()[0] * ACCELERATION)
    modes = [0.0] * 3 + at(found, "Γ") + 3 * at(found, "X") + 4 * at(found, "L")
    assert sorted(modes) == pytest.approx(  # type: ignore[type-var]
        np.sqrt(np.abs(squares)) / (2 * np.pi) * 1000, abs=2e-3
    )


@pytest.mark.slow
def test_a_wider_supercell_changes_nothing_once_forces_do_not_reach_across(
    silicon: Computed,
) -> None:
    narrow, enough = (
        phonons_of(stillinger_weber("Si"), PhononSettings(mesh=12, width=width))
        for width in (6.0, 14.0)
    )
    for point in "ΓXL":
        assert at(narrow, point) == pytest.approx(at(enough, point), abs=1e-5)
    assert density_of_states_error(silicon.values, enough.values) < 1e-5
    assert 0.05 < density_of_states_error(narrow.values, enough.values) < 0.2


def test_the_density_of_states_holds_every_mode_of_the_cell(silicon: Computed) -> None:
    curve = silicon.curves[-1]
    assert curve.name == "phonon_dos"
    assert curve.x[0] == 0
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(6, rel=0.02)
    shares = np.cumsum(curve.y) / np.sum(curve.y)
    for value in silicon.values:
        if "share" in value.condition:
            below = np.interp(value.value, curve.x, shares)  # type: ignore[arg-type]
            assert below == pytest.approx(value.condition["share"], abs=0.03)


def test_bands_pass_the_points_of_high_symmetry(silicon: Computed) -> None:
    bands = silicon.curves[:-1]
    assert [band.condition for band in bands] == [{"branch": n} for n in range(1, 7)]
    names = [name for _, name in bands[0].marks]
    assert names == ["Γ", "X", "W", "K", "Γ", "L", "U", "W", "L", "K|U", "X"]
    assert bands[0].x[0] == 0
    assert bands[0].x[-1] == 1
    for place, name in bands[0].marks:
        if name in "ΓXL":
            here = [band.y[int(np.argmin(np.abs(np.array(band.x) - place)))] for band in bands]
            acoustic = [0.0] * 3 if name == "Γ" else []
            assert here == pytest.approx(acoustic + at(silicon, name), abs=1e-4)


def test_points_are_those_that_equal_their_opposite() -> None:
    for prototype, names in (("fcc", "ΓLX"), ("bcc", "ΓHN"), ("sc", "ΓMRX"), ("hcp", "ΓALM")):
        found = points(bulk("Cu", prototype, a=3.0).cell[:])
        assert "".join(found) == names
        for q in found.values():
            assert np.round(2 * q) == pytest.approx(2 * q)


def test_quantiles_are_frequencies_below_which_shares_of_the_modes_lie() -> None:
    frequencies = np.random.default_rng(0).permutation(np.linspace(0, 10, 2001))
    assert quantiles(frequencies, np.ones(2001)) == pytest.approx(10 * np.array(SHARES), abs=0.01)
    weights = np.where(frequencies < 5, 3.0, 1.0)
    # Three quarters of the modes lie below 5.
    assert quantiles(frequencies, weights)[2] == pytest.approx(0.25 / 0.75 * 5, abs=0.02)


def test_densities_of_states_differ_by_how_far_one_is_shifted(silicon: Computed) -> None:
    shifted = [
        v if v.value is None else v.model_copy(update={"value": v.value + 0.3})
        for v in silicon.values
    ]
    assert density_of_states_error(shifted, silicon.values) == pytest.approx(0.3)
    failed = [
        Value(quantity=v.quantity, condition=v.condition, failure="the cell collapsed")
        for v in silicon.values
    ]
    assert np.isnan(density_of_states_error(failed, silicon.values))
    half = failed[:-6] + shifted[-6:]
    assert density_of_states_error(half, silicon.values) == pytest.approx(0.3)


def test_imaginary_modes_are_failures_and_are_counted(silicon: Computed) -> None:
    assert silicon.values[-1].value == 0
    # Planes of Stillinger–Weber silicon that are packed as in hcp slide.
    found = phonons_of(stillinger_weber("Si", "hcp"))
    first = next(v for v in found.values if v.condition == {"point": "A", "branch": 1})
    assert str(first.failure).startswith("the mode is imaginary (1.2")
    # Two optical modes of Γ are imaginary, and lie below the translations.
    at_gamma = [v for v in found.values if v.condition.get("point") == "Γ"]
    assert ["imaginary" in str(v.failure) for v in at_gamma] == [True, True, False]
    assert [v.condition["branch"] for v in at_gamma] == [4, 5, 6]
    assert found.values[-1].quantity == IMAGINARY_MODES
    assert 0.01 < found.values[-1].value < 0.3  # type: ignore[operator]
    assert min(found.curves[0].y) < -1
    assert found.curves[-1].x[0] < -1


@pytest.mark.parametrize(
    ("slope", "failure"), [(1.0, "the cell collapsed"), (-1.0, "the cell ran away")]
)
def test_a_crystal_that_does_not_relax_fails_in_every_value(
    slope: float, failure: str, silicon: Computed
) -> None:
    found = phonons_of(volume_subject(lambda v: slope * v, lambda v: slope))
    assert {v.failure for v in found.values} == {failure}
    assert [v.condition for v in found.values] == [v.condition for v in silicon.values]
    assert not found.curves


def test_a_liquid_has_no_frequencies(silicon: Computed) -> None:
    found = phonons_of(volume_subject(lambda v: 0.01 * (v - 20) ** 2, lambda v: 0.02 * (v - 20)))
    assert {v.failure for v in found.values} == {NO_SPREAD}
    assert [v.condition for v in found.values] == [v.condition for v in silicon.values]
    assert not found.curves


class Brittle(VolumeEnergy):
    """A potential whose forces are not finite where an atom is displaced."""

    def calculate(self, *args: object, **kwargs: object) -> None:
        super().calculate(*args, **kwargs)  # type: ignore[arg-type]
        if len(self.atoms) > 8:
            forces = self.results["forces"].copy()
            forces[0] = np.nan
            self.results["forces"] = forces


def test_forces_that_are_not_finite_are_a_failure() -> None:
    def brittle() -> Brittle:
        return Brittle(lambda v: 0.01 * (v - 20) ** 2, lambda v: 0.02 * (v - 20))

    found = phonons_of(Subject(brittle, crystal("diamond", ["Si"]), "diamond", 5.0))
    assert {v.failure for v in found.values} == {"the forces are not finite"}
