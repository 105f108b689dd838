"""Energies of surfaces against the bonds that are broken, and slabs that come apart."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from ase.neighborlist import neighbor_list
from properties.pairs import pair_subject
from properties.subjects import stillinger_weber, volume_subject

from tlbench.base.errors import InputError
from tlbench.properties.crystals import crystal, relaxed
from tlbench.properties.spec import Subject
from tlbench.properties.surface import (
    CUBIC,
    JOULE_PER_SQUARE_METRE,
    SURFACE,
    SurfaceSettings,
    compute,
    slab,
)
from tlbench.reference.stillinger_weber import PARAMETERS

BOND = 0.5
"""Energy of a bond of the pair potentials of these tests, eV."""


def energies(
    subject: Subject, settings: SurfaceSettings | None = None
) -> dict[tuple[Any, Any], Any]:
    found = compute(subject, settings or SurfaceSettings(), lambda done, total: None)
    return {
        (each.condition["surface"], each.condition["ions"]): each.failure or each.value
        for each in found.values
    }


def morse(length: float, cutoff: float, prototype: str, stiffness: float = 6.0) -> Subject:
    def decay(r: Any) -> Any:
        return np.exp(-stiffness * (r - length))

    return pair_subject(
        lambda r: BOND * decay(r) * (decay(r) - 2),
        lambda r: 2 * stiffness * BOND * decay(r) * (decay(r) - 1),
        cutoff,
        "Cu",
        prototype,
    )


@pytest.mark.parametrize("element", PARAMETERS)
def test_stillinger_weber_surfaces_cost_their_broken_bonds(element: str) -> None:
    # Bonds reach to the first neighbours, whose angles are tetrahedral: each costs epsilon, shared
    # by two surfaces. Per 1×1 cell, (100) breaks 2 on a²/2, (110) 2 on a²/√2, (111) 1 on √3a²/4.
    subject = stillinger_weber(element)
    bulk = relaxed(subject)
    assert not isinstance(bulk, str)
    a, epsilon = bulk.cell.lengths()[0], PARAMETERS[element].epsilon
    expected = {"100": 2.0, "110": np.sqrt(2), "111": 2 / np.sqrt(3)}
    found = energies(subject)
    for (surface, ions), energy in found.items():
        joule = expected[surface] * epsilon / a**2 * JOULE_PER_SQUARE_METRE
        assert energy == pytest.approx(joule, rel=1e-6), (surface, ions)
    assert set(found) == set(product(expected, ("ideal", "relaxed")))


@pytest.mark.parametrize("prototype", ["fcc", "bcc", "sc"])
def test_bonds_across_a_plane_are_counted_in_any_lattice(prototype: str) -> None:
    # Of the bonds b of an atom those that a plane of normal n cuts, per area: Σ |b·n| / 2Ω. A
    # crystal whose only bonds are the shortest is at rest when it is cut, too.
    subject = morse(2.5, 2.7, prototype)
    bulk = relaxed(subject)
    assert not isinstance(bulk, str)
    bonds = neighbor_list("D", bulk, 2.7)[: len(neighbor_list("i", bulk, 2.7)) // len(bulk)]
    volume = bulk.get_volume() / len(bulk)
    found = energies(subject)
    for plane in CUBIC:
        n_cut = np.abs(bonds @ (np.array(plane) / np.linalg.norm(plane))).sum() / (2 * volume)
        for ions in ("ideal", "relaxed"):
            assert found["".join(map(str, plane)), ions] == pytest.approx(
                n_cut * BOND / 2 * JOULE_PER_SQUARE_METRE, rel=1e-4
            )


def test_hexagonal_crystals_have_a_basal_and_a_prism_plane() -> None:
    # Ideal hcp has the basal plane of fcc: 3 bonds on √3 a²/2.
    found = energies(morse(2.5, 2.7, "hcp"))
    assert set(found) == set(product(("001", "100"), ("ideal", "relaxed")))
    expected = 3 * BOND / 2 / (np.sqrt(3) / 2 * 2.5**2) * JOULE_PER_SQUARE_METRE
    assert found["001", "ideal"] == pytest.approx(expected, rel=1e-4)


def test_relaxing_lowers_the_energy_and_thicker_slabs_change_nothing() -> None:
    subject = morse(2.6, 5.5, "fcc", stiffness=1.8)
    found = energies(subject)
    thick = energies(subject, SurfaceSettings(thickness=30.0))
    for plane in ("100", "110", "111"):
        assert found[plane, "relaxed"] < found[plane, "ideal"] - 1e-4
        for ions in ("ideal", "relaxed"):
            assert thick[plane, ions] == pytest.approx(found[plane, ions], abs=2e-4)


@pytest.mark.parametrize("plane", CUBIC)
def test_slabs_are_cut_where_atomic_planes_are_furthest_apart(plane: tuple[int, int, int]) -> None:
    bulk = crystal("diamond", ["Si"])
    found = slab(bulk, "diamond", plane, thickness=15.0, vacuum=6.0)
    heights = np.sort(found.positions[:, 2])
    a = bulk.cell.lengths()[0]
    # Double layers of (111) stay whole: a/4√3 apart, and √3a/4 from the next.
    ends = {(1, 0, 0): a / 4, (1, 1, 0): a / np.sqrt(8), (1, 1, 1): a / np.sqrt(48)}[plane]
    steps = np.diff(heights.round(6))
    assert steps[steps > 0][[0, -1]] == pytest.approx(ends, abs=1e-5)
    thickness = heights[-1] - heights[0]
    assert found.cell.lengths()[2] - thickness == pytest.approx(6.0)
    assert thickness > 15.0 - a / 2
    near, wanted = (np.sort(each.get_all_distances(mic=True)[0])[1] for each in (found, bulk))
    assert near == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("energy", "slope", "failure"),
    [
        (lambda v: v, lambda v: 1.0, "the cell collapsed"),
        (lambda v: -v, lambda v: -1.0, "the cell ran away"),
    ],
)
def test_without_a_crystal_there_is_no_surface(energy: Any, slope: Any, failure: str) -> None:
    assert set(energies(volume_subject(energy, slope)).values()) == {failure}


def test_a_surface_that_flies_off_has_an_ideal_energy_alone() -> None:
    whole = morse(2.5, 2.7, "fcc")

    def torn() -> Any:
        calculator = whole.calculator()
        compute_whole = calculator.calculate

        def calculate(atoms: Any = None, *arguments: Any) -> None:
            compute_whole(atoms, *arguments)
            if len(calculator.atoms) > 4:
                pull = np.zeros(len(calculator.atoms))
                pull[calculator.atoms.positions[:, 2].argmax()] = 30.0
                calculator.results["forces"][:, 2] += pull

        calculator.calculate = calculate
        return calculator

    found = energies(Subject(torn, whole.crystal, "fcc", whole.cutoff))
    for plane in ("100", "110", "111"):
        assert found[plane, "relaxed"] == "an atom ran away"
        assert found[plane, "ideal"] > 0


def test_crystals_of_several_elements_are_refused() -> None:
    salt = Subject(stillinger_weber().calculator, crystal("rocksalt", ["Na", "Cl"]), "rocksalt", 4)
    with pytest.raises(InputError, match="Cl and Na depends on their chemical potentials"):
        SURFACE.compute(salt, SurfaceSettings(), lambda done, total: None)
