"""The Stillinger–Weber potential has the published crystal and is the textbook double sum."""

from dataclasses import replace

import ase.data
import numpy as np
import pytest
import torch
from ase import Atoms
from matscipy.calculators.manybody import Manybody
from matscipy.calculators.manybody.explicit_forms import stillinger_weber as published
from scipy.optimize import minimize_scalar, root
from structures import LATTICE_CONSTANT, diamond, liquid, skewed

from tlbench.base.errors import InputError
from tlbench.base.units import ACCELERATION, GPA
from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.kernels.library import SWITCH, library_for
from tlbench.reference.stillinger_weber import (
    PARAMETERS,
    Labels,
    StillingerWeber,
    StillingerWeberParameters,
)

ELEMENTS = ("Si", "Ge")

DISORDERED = {
    "hot crystal": lambda element: diamond(element, rattle=0.15, seed=1),
    "hot primitive cell": lambda element: diamond(element, rattle=0.2, seed=2, primitive=True),
    "liquid": lambda element: liquid(element, n_atoms=24, seed=3),
    "skewed cell": lambda element: skewed(element, n_atoms=5, seed=4),
    "skewed cell of one atom": lambda element: skewed(element, n_atoms=1, seed=5),
    "left-handed cell": lambda element: mirrored(skewed(element, n_atoms=2, seed=6)),
}


@pytest.fixture(params=["compiled", "plain torch"], autouse=True)
def implementation(request, monkeypatch):
    """Let every test ask the compiled potential and its twin."""
    if request.param == "compiled":
        if library_for(torch.zeros(1)) is None:
            pytest.skip("the kernels need a C compiler, and none was found")
    else:
        monkeypatch.setenv(SWITCH, "off")
    return request.param


def mirrored(frames: Frames) -> Frames:
    """Return the same crystal described by a left-handed set of lattice vectors."""
    return replace(frames, cell=frames.cell[:, ::-1])


every_element = pytest.mark.parametrize("element", ELEMENTS)
every_disorder = pytest.mark.parametrize("structure", DISORDERED.values(), ids=DISORDERED)


def label(element: str, frames: Frames, skin: float = 0.0) -> Labels:
    potential = StillingerWeber(element)
    return potential(graph_of(frames, potential.cutoff + skin))


def energies(element: str, parts: list[Frames]) -> np.ndarray:
    return label(element, Frames.concatenate(parts)).energy.numpy()


def moved(frames: Frames, displacement: np.ndarray) -> Frames:
    return replace(frames, positions=frames.positions + displacement)


def deformed(frames: Frames, strain: np.ndarray) -> Frames:
    deformation = np.eye(3) + strain
    return replace(
        frames, positions=frames.positions @ deformation.T, cell=frames.cell @ deformation.T
    )


def lattice_constant(element: str) -> float:
    """Return the exact lattice constant: bonds at the minimum 2^(1/6) σ of the pair term."""
    return 4 / np.sqrt(3) * 2 ** (1 / 6) * PARAMETERS[element].sigma


def peer(element: str) -> Manybody:
    """Return matscipy's independent implementation."""
    parameters = dict(published.Stillinger_Weber_PRB_31_5262_Si, costheta0=1 / 3)
    if element == "Ge":
        parameters.update(el="Ge", epsilon=1.93, sigma=2.181, lambda1=31.0)
    return Manybody(**published.StillingerWeber(parameters))


@pytest.mark.parametrize(("element", "expected"), [("Si", 5.430950), ("Ge", 5.653621)])
def test_lattice_constant_minimises_the_energy(element, expected):
    found = minimize_scalar(
        lambda a: energies(element, [diamond(element, lattice_constant=a, primitive=True)])[0],
        bounds=(0.97 * expected, 1.03 * expected),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert found.x == pytest.approx(expected, abs=5e-7)
    assert LATTICE_CONSTANT[element] == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize(("element", "expected"), [("Si", -4.33660), ("Ge", -3.86000)])
def test_cohesive_energy_is_twice_epsilon(element, expected):
    crystal = diamond(element, (2, 1, 1), lattice_constant=lattice_constant(element))
    found = label(element, crystal)
    per_atom = found.energy.item() / 16
    # A and B are published with ten digits.
    assert per_atom == pytest.approx(-2 * PARAMETERS[element].epsilon, rel=1e-9)
    assert per_atom == pytest.approx(expected, abs=5e-6)
    assert found.forces.abs().max() < 1e-12
    assert found.stress.abs().max() < 1e-5


def crystal_stress(element: str, strain: np.ndarray, relax: bool) -> np.ndarray:
    """Return the stress (GPa) of a strained crystal, the two sublattices free to shift or not."""
    crystal = deformed(
        diamond(element, lattice_constant=lattice_constant(element), primitive=True), strain
    )
    if relax:

        def second(shift: np.ndarray) -> Frames:
            return moved(crystal, np.array([np.zeros(3), shift]))

        found = root(
            lambda shift: label(element, second(shift)).forces[1].numpy(), np.zeros(3), tol=1e-13
        )
        crystal = second(found.x)
        assert label(element, crystal).forces.abs().max() < 1e-11
    return label(element, crystal).stress[0].numpy()


def stiffness(element: str, strain: np.ndarray, relax: bool) -> np.ndarray:
    step = 1e-4
    plus, minus = (crystal_stress(element, s * step * strain, relax) for s in (1, -1))
    return (plus - minus) / (2 * step)


STRETCH = np.diag([1.0, 0.0, 0.0])
SHEAR = np.array([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    ("element", "c11", "c12", "c44_relaxed", "c44_clamped", "bulk"),
    [("Si", 151.42, 76.42, 56.45, 109.76, 101.42), ("Ge", 138.26, 50.91, 58.82, 89.73, 80.03)],
)
def test_elastic_constants(element, c11, c12, c44_relaxed, c44_clamped, bulk):
    # The tabulated C12 and B of Ge are off by 1e-4; the test against matscipy is the exact one.
    printed = 2e-4
    for relax in (False, True):
        # A stretch along a cube axis leaves the sublattices where they are.
        found = stiffness(element, STRETCH, relax)
        assert found[0, 0] == pytest.approx(c11, rel=printed)
        assert found[1, 1] == pytest.approx(c12, rel=printed)
        assert found[2, 2] == pytest.approx(c12, rel=printed)
        assert found[0, 1] == pytest.approx(0.0, abs=1e-6)
    assert stiffness(element, SHEAR, relax=False)[0, 1] == pytest.approx(c44_clamped, rel=printed)
    assert stiffness(element, SHEAR, relax=True)[0, 1] == pytest.approx(c44_relaxed, rel=printed)
    pressed = stiffness(element, np.eye(3) / 3, relax=False)
    assert np.trace(pressed) / 3 == pytest.approx(bulk, rel=printed)


@every_element
def test_elastic_constants_agree_with_the_second_derivatives_of_matscipy(element):
    atoms = diamond(element, lattice_constant=lattice_constant(element)).to_ase()[0]
    atoms.calc = peer(element)
    expected = atoms.calc.get_property("elastic_constants", atoms) * GPA
    stretched = stiffness(element, STRETCH, relax=True)
    sheared = stiffness(element, SHEAR, relax=True)
    assert stretched[0, 0] == pytest.approx(expected[0, 0, 0, 0], rel=1e-6)
    assert stretched[1, 1] == pytest.approx(expected[0, 0, 1, 1], rel=1e-6)
    assert sheared[0, 1] == pytest.approx(expected[0, 1, 0, 1], rel=1e-6)


@pytest.mark.parametrize(("element", "expected"), [("Si", 17.832), ("Ge", 10.625)])
def test_optical_frequency_at_gamma(element, expected):
    crystal = diamond(element, lattice_constant=lattice_constant(element), primitive=True)
    step = 1e-4
    directions = step * np.eye(6).reshape(6, 2, 3)
    parts = [moved(crystal, sign * d) for d in directions for sign in (1, -1)]
    forces = label(element, Frames.concatenate(parts)).forces.numpy().reshape(6, 2, 6)
    hessian = -(forces[:, 0] - forces[:, 1]) / (2 * step)
    mass = ase.data.atomic_masses[ase.data.atomic_numbers[element]]
    squared = np.linalg.eigvalsh((hessian + hessian.T) / 2) / mass * ACCELERATION
    per_fs_to_thz = 1000.0
    thz = np.sign(squared) * np.sqrt(np.abs(squared)) / (2 * np.pi) * per_fs_to_thz
    # The square root turns rounding of 1e-10 in ω² into 1e-5 of an acoustic frequency.
    assert thz[:3] == pytest.approx(np.zeros(3), abs=2e-3)
    # One unit of the last digit: tables of the mean mass of Si range from 28.085 to 28.086.
    assert thz[3:] == pytest.approx(np.full(3, expected), abs=1e-3)


def fourth_order(values: np.ndarray, step: float) -> np.ndarray:
    """Return the derivative from values at +2, +1, −1, −2 steps on the last axis."""
    return values @ np.array([-1.0, 8.0, -8.0, 1.0]) / (12 * step)


@every_element
@every_disorder
def test_forces_are_minus_the_gradient_of_the_energy(element, structure):
    frames = structure(element)
    step = 1e-3
    directions = np.eye(3 * len(frames.positions)).reshape(-1, *frames.positions.shape)
    parts = [moved(frames, n * step * d) for d in directions for n in (2, 1, -1, -2)]
    gradient = fourth_order(energies(element, parts).reshape(-1, 4), step)
    found = label(element, frames).forces.numpy()
    if len(found) > 1:
        assert np.abs(found).max() > 0.5
    assert found == pytest.approx(-gradient.reshape(-1, 3), abs=1e-7, rel=1e-7)
    assert found.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-11)


@every_element
@every_disorder
def test_stress_is_the_strain_derivative_of_the_energy(element, structure):
    frames = structure(element)
    step = 1e-4
    directions = np.eye(9).reshape(9, 3, 3)
    parts = [deformed(frames, n * step * d) for d in directions for n in (2, 1, -1, -2)]
    derivative = fourth_order(energies(element, parts).reshape(-1, 4), step).reshape(3, 3)
    volume = abs(np.linalg.det(frames.cell[0]))
    found = label(element, frames).stress[0].numpy()
    assert np.abs(found).max() > 1.0
    assert found == pytest.approx(derivative / volume * GPA, abs=1e-5, rel=1e-7)
    assert found == pytest.approx(found.T, abs=1e-9)


def textbook_energy(s: StillingerWeberParameters, frames: Frames) -> float:
    """Return the energy of one structure as the sums over pairs and triplets are printed."""
    positions, cell = frames.positions, frames.cell[0]
    reach = 6
    shifts = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3), axis=-1).reshape(-1, 3)
    images = (positions[:, None] + shifts @ cell).reshape(-1, 3)

    def range_function(r: float, gamma: float) -> float:
        return np.exp(gamma * s.sigma / (r - s.a * s.sigma))

    total = 0.0
    for centre in positions:
        vectors = images - centre
        distances = np.linalg.norm(vectors, axis=1)
        near = (distances > 1e-9) & (distances < s.a * s.sigma)
        around = list(zip(vectors[near], distances[near], strict=True))
        for j, (r_ij, d_ij) in enumerate(around):
            pair = s.B * (s.sigma / d_ij) ** s.p - (s.sigma / d_ij) ** s.q
            total += 0.5 * s.A * s.epsilon * pair * range_function(d_ij, 1.0)
            for r_ik, d_ik in around[j + 1 :]:
                cosine = r_ij @ r_ik / (d_ij * d_ik)
                total += (
                    s.lambda_
                    * s.epsilon
                    * (cosine + 1 / 3) ** 2
                    * range_function(d_ij, s.gamma)
                    * range_function(d_ik, s.gamma)
                )
    return total


@every_element
@every_disorder
def test_energy_is_the_sum_over_pairs_and_triplets(element, structure):
    frames = structure(element)
    expected = textbook_energy(PARAMETERS[element], frames)
    assert label(element, frames).energy.item() == pytest.approx(expected, rel=1e-12)


def test_every_parameter_enters_as_printed(monkeypatch):
    # The published sets share p, q, a and γ, and have q = 0, which hides the second power.
    odd = StillingerWeberParameters(
        epsilon=1.3, sigma=2.2, lambda_=17.0, A=6.0, B=0.7, p=5, q=2, a=1.7, gamma=0.9
    )
    monkeypatch.setitem(PARAMETERS, "Xx", odd)
    frames = liquid("Si", n_atoms=12, seed=6)
    found = label("Xx", frames)
    assert found.energy.item() == pytest.approx(textbook_energy(odd, frames), rel=1e-12)
    step = 1e-3
    direction = np.random.default_rng(0).standard_normal(frames.positions.shape)
    values = energies("Xx", [moved(frames, n * step * direction) for n in (2, 1, -1, -2)])
    slope = (found.forces.numpy() * direction).sum()
    assert slope == pytest.approx(-fourth_order(values, step), rel=1e-7)


@every_element
@pytest.mark.parametrize(
    "structure",
    [lambda element: diamond(element, (2, 2, 1), lattice_constant=5.3), *DISORDERED.values()],
    ids=["compressed crystal", *DISORDERED],
)
def test_agrees_with_matscipy(element, structure):
    frames = structure(element)
    atoms = frames.to_ase()[0]
    atoms.calc = peer(element)
    found = label(element, frames)
    assert found.energy.item() == pytest.approx(atoms.get_potential_energy(), rel=1e-10)
    assert found.forces.numpy() == pytest.approx(atoms.get_forces(), rel=1e-9, abs=1e-10)
    stress = atoms.get_stress(voigt=False) * GPA
    assert found.stress[0].numpy() == pytest.approx(stress, rel=1e-9, abs=1e-9)


def test_a_structure_has_the_same_labels_alone_and_in_a_batch():
    cluster = replace(diamond(rattle=0.1, seed=7), pbc=np.zeros((1, 3), dtype=bool))
    parts = [
        liquid(n_atoms=9, seed=8),
        Frames.unlabelled([Atoms("Si")]),
        skewed(n_atoms=3, seed=9),
        cluster,
        diamond(rattle=0.1, seed=10, primitive=True),
        *(skewed(n_atoms=n, seed=n) for n in range(1, 9)),
    ]
    together = label("Si", Frames.concatenate(parts))
    start = 0
    for index, part in enumerate(parts):
        alone = label("Si", part)
        stop = start + len(part.positions)
        # To the last bit: a trajectory may not depend on which others share its batch.
        exactly = {"rtol": 0, "atol": 0}
        torch.testing.assert_close(together.energy[index], alone.energy[0], **exactly)
        torch.testing.assert_close(together.forces[start:stop], alone.forces, **exactly)
        torch.testing.assert_close(
            together.stress[index], alone.stress[0], **exactly, equal_nan=True
        )
        assert torch.isnan(alone.stress).all() == (not part.pbc.all())
        start = stop


@every_element
@every_disorder
def test_edges_longer_than_the_cutoff_change_nothing(element, structure):
    frames = structure(element)
    short, long = label(element, frames), label(element, frames, skin=1.5)
    cutoff = StillingerWeber(element).cutoff
    assert (
        graph_of(frames, cutoff + 1.5).edge_index.shape > graph_of(frames, cutoff).edge_index.shape
    )
    close = {"rtol": 1e-12, "atol": 1e-12}
    torch.testing.assert_close(long.energy, short.energy, **close)
    torch.testing.assert_close(long.forces, short.forces, **close)
    torch.testing.assert_close(long.stress, short.stress, **close)


@every_element
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_labels_vanish_smoothly_at_the_cutoff(element, dtype):
    potential = StillingerWeber(element)
    cutoff = potential.cutoff
    gaps = [1e-2, 1e-3, 1e-5, 1e-6, 1e-8, 1e-12, 0.0, -1e-12, -1e-6, -1e-3]
    # A right-angled trimer, so that the three-body term reaches the cutoff too.
    trimers = [
        Frames.unlabelled([Atoms(f"{element}3", [(0, 0, 0), (cutoff - gap, 0, 0), (0, 2.3, 0)])])
        for gap in gaps
    ]
    found = potential(graph_of(Frames.concatenate(trimers), cutoff + 0.1, dtype=dtype))
    assert torch.isfinite(found.energy).all()
    assert torch.isfinite(found.forces).all()
    alone = Frames.unlabelled([Atoms(f"{element}2", [(0, 0, 0), (0, 2.3, 0)])])
    pair = potential(graph_of(alone, cutoff, dtype=dtype))
    tiny = 10 * torch.finfo(dtype).eps
    # exp(σ/(r − aσ)) is below e^-200 at 0.01 Å from the cutoff.
    torch.testing.assert_close(found.energy, pair.energy.expand(len(gaps)), rtol=tiny, atol=tiny)
    forces = found.forces.reshape(-1, 3, 3)
    torch.testing.assert_close(
        forces[:, [0, 2]], pair.forces.expand(len(gaps), 2, 3), rtol=tiny, atol=tiny
    )
    assert forces[:, 1].abs().max() < tiny


@every_element
def test_a_dimer_just_inside_the_cutoff_is_bound(element):
    s = PARAMETERS[element]
    distance = 0.95 * s.cutoff
    dimer = Atoms(f"{element}2", [(0, 0, 0), (distance, 0, 0)])
    found = label(element, Frames.unlabelled([dimer]))
    pair = s.A * s.epsilon * (s.B * (s.sigma / distance) ** 4 - 1)
    expected = pair * np.exp(s.sigma / (distance - s.a * s.sigma))
    assert expected < -1e-6
    assert found.energy.item() == pytest.approx(expected, rel=1e-12)
    assert found.forces[0, 0] > 0
    assert found.forces[1, 0] < 0


@pytest.mark.parametrize("pbc", [False, True])
def test_an_isolated_atom_has_no_energy(pbc):
    atom = Atoms("Si", cell=[20, 20, 20], pbc=pbc)
    found = label("Si", Frames.unlabelled([atom]))
    assert found.energy.tolist() == [0.0]
    assert found.forces.tolist() == [[0.0, 0.0, 0.0]]
    assert (found.stress == 0).all() if pbc else torch.isnan(found.stress).all()


def test_an_element_without_parameters_is_refused():
    with pytest.raises(InputError, match=r"'C'.*Si, Ge"):
        StillingerWeber("C")
