"""What ase does with a potential: relaxation, dynamics, phonons, elasticity."""

from typing import Any

import numpy as np
import pytest
import tiny
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.data import atomic_numbers
from ase.filters import FrechetCellFilter
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS
from ase.phonons import Phonons
from structures import LATTICE_CONSTANT

import tlbench
from tlbench.base.units import GPA
from tlbench.data.frames import Frames
from tlbench.graphs import Graph, graph_of
from tlbench.md.langevin import Langevin, LangevinState
from tlbench.md.neighbours import SkinnedNeighbours
from tlbench.models.calculator import PotentialCalculator
from tlbench.models.potential import Prediction
from tlbench.reference.stillinger_weber import StillingerWeber
from tlbench.training.config import TrainingConfig
from tlbench.training.loop import train
from tlbench.transfer.scratch import SCRATCH

THZ = units.fs * 1e3 / (2 * np.pi)
"""Frequency in THz of one reciprocal unit of ase's time as an angular frequency."""


@pytest.fixture(scope="module", params=["dimenetpp", "schnet"])
def potential(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tlbench.Potential:
    """Return a model of silicon in double precision, saved and loaded with one call."""
    folder = tmp_path_factory.mktemp(request.param)
    model = tiny.potential(request.param, dtype=torch.float64)
    data = tiny.labelled(tiny.crystals("Si", 8, strain=0.04), model)
    config = TrainingConfig(
        updates=100,
        batch_size=4,
        learning_rate=0.02,
        dtype="float64",
        validation_points=0,
        loss={"forces": 1, "energy": 1, "stress": 0.01},
    )
    train(model, SCRATCH, data, data, config, 0, folder)
    model.save(folder / "silicon.safetensors")
    return tlbench.load_potential(folder / "silicon.safetensors")


class Reference:
    """Stillinger–Weber in the place of a potential, to hold ase's results against theory."""

    def __init__(self, element: str) -> None:
        self._potential = StillingerWeber(element)
        self.cutoff = self._potential.cutoff
        self.device, self.dtype = torch.device("cpu"), torch.float64
        self.reference_energy = torch.full((119,), torch.nan)
        self.reference_energy[atomic_numbers[element]] = 0.0

    def __call__(self, graph: Graph, stress: bool, unfitted: float) -> Prediction:
        found = self._potential(graph)
        return Prediction(found.energy, found.forces, found.stress if stress else None)


def stillinger_weber(element: str) -> PotentialCalculator:
    return PotentialCalculator(Reference(element))  # type: ignore[arg-type]


def relaxed(calculator: Any, element: str = "Si") -> Atoms:
    """Return the primitive crystal with its cell relaxed, begun too large and with a moved atom."""
    atoms = bulk(element, "diamond", a=5.5)
    atoms.positions[1] += [0.05, -0.03, 0.02]
    atoms.calc = calculator
    assert BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-5, steps=200)
    return atoms


@pytest.fixture(scope="module")
def crystal(potential: tlbench.Potential) -> Atoms:
    """Return the crystal that the model prefers."""
    return relaxed(potential.calculator())


def force_constants(atoms: Atoms, step: float = 1e-3) -> np.ndarray:
    """Return ∂²E/∂x∂x of the atoms of a cell by displacements, (3n, 3n), eV/Å²."""
    found = np.empty((len(atoms), 3, 3 * len(atoms)))
    for index in np.ndindex(len(atoms), 3):
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.calc = atoms.calc
            moved.positions[index] += sign * step
            ends.append(moved.get_forces().ravel())
        found[index] = -(ends[0] - ends[1]) / (2 * step)
    return found.reshape(3 * len(atoms), -1)


def frequencies(atoms: Atoms, constants: np.ndarray) -> np.ndarray:
    """Return ω² of the cell's vibrations at Γ, ascending, THz²."""
    mass = np.sqrt(np.repeat(atoms.get_masses(), 3))
    return np.linalg.eigvalsh(constants / np.outer(mass, mass)) * THZ**2


def test_a_relaxation_ends_in_the_crystal(potential):
    """All of its bonds have one length, and its energy is lower than before."""
    atoms = bulk("Si", "diamond", a=LATTICE_CONSTANT["Si"], cubic=True)
    perfect = atoms.copy()
    atoms.rattle(0.05, seed=1)
    atoms.calc = potential.calculator()
    before = atoms.get_potential_energy()
    assert BFGS(atoms, logfile=None).run(fmax=1e-3, steps=100)
    assert atoms.get_potential_energy() < before - 0.1
    distances = atoms.get_all_distances(mic=True)
    np.testing.assert_allclose(distances, perfect.get_all_distances(mic=True), rtol=0, atol=1e-3)


def test_a_relaxed_cell_is_without_stress_and_of_lowest_energy(crystal):
    atoms = crystal
    np.testing.assert_allclose(atoms.get_stress(), 0, rtol=0, atol=1e-5)
    # Trained on labels of Stillinger and Weber for 100 updates, it finds about their crystal.
    volume = atoms.get_volume()
    assert volume == pytest.approx(LATTICE_CONSTANT["Si"] ** 3 / 4, rel=0.05)
    assert atoms.get_potential_energy() / 2 == pytest.approx(-4.3366, abs=0.05)
    lowest = atoms.get_potential_energy()
    for factor in (0.99, 1.01):
        strained = atoms.copy()
        strained.set_cell(atoms.cell * factor, scale_atoms=True)
        strained.calc = atoms.calc
        assert strained.get_potential_energy() > lowest


def test_verlet_dynamics_conserves_energy_to_second_order(potential):
    """Halving the timestep makes the fluctuation of the total energy a quarter."""
    spread = []
    for timestep in (2.0, 1.0):
        atoms = bulk("Si", "diamond", a=LATTICE_CONSTANT["Si"], cubic=True)
        atoms.rattle(0.1, seed=2)
        atoms.calc = potential.calculator()
        kinetic, energies = [], []

        def note(atoms=atoms, kinetic=kinetic, energies=energies) -> None:
            kinetic.append(atoms.get_kinetic_energy())
            energies.append(atoms.get_total_energy())

        dynamics = VelocityVerlet(atoms, timestep * units.fs)
        dynamics.attach(note)
        dynamics.run(round(200 / timestep))
        assert max(kinetic) > 0.1
        assert np.ptp(energies) < 0.02 * max(kinetic)
        np.testing.assert_allclose(atoms.get_momenta().sum(axis=0), 0, atol=1e-9)
        spread.append(np.ptp(energies))
    assert spread[0] / spread[1] == pytest.approx(4, rel=0.2)


def test_ase_and_tlbench_integrate_alike(potential):
    """Without friction BAOAB is the velocity Verlet method: the same path from the same start."""
    atoms = bulk("Si", "diamond", a=LATTICE_CONSTANT["Si"], cubic=True)
    atoms.rattle(0.1, seed=2)
    start = Frames.unlabelled([atoms])
    lists = SkinnedNeighbours(start, potential.cutoff)

    def forces(positions: torch.Tensor) -> torch.Tensor:
        return potential(lists.graph(positions)).forces

    dynamics = Langevin(start, [600.0], 2.0, 0.0, seeds=[1])
    state: LangevinState = dynamics.init(forces)
    atoms.set_velocities(state.velocities.numpy() / units.fs)
    for _ in range(40):
        state = dynamics.step(state, forces)
    atoms.calc = potential.calculator()
    VelocityVerlet(atoms, 2.0 * units.fs).run(40)
    assert np.abs(atoms.positions - start.positions).max() > 0.1
    np.testing.assert_allclose(state.positions.numpy(), atoms.positions, rtol=0, atol=1e-6)
    velocities = state.velocities.numpy() / units.fs
    np.testing.assert_allclose(velocities, atoms.get_velocities(), rtol=0, atol=1e-6)


def test_force_constants_are_those_of_a_stable_crystal(potential, crystal):
    """Symmetric, blind to translation, without imaginary frequency, and ∂²E/∂x∂x exactly."""
    atoms = crystal
    constants = force_constants(atoms)
    scale = np.abs(constants).max()
    np.testing.assert_allclose(constants, constants.T, rtol=0, atol=1e-5 * scale)
    blocks = constants.reshape(6, 2, 3)
    np.testing.assert_allclose(blocks.sum(axis=1), 0, rtol=0, atol=1e-5 * scale)
    squared = frequencies(atoms, constants)
    np.testing.assert_allclose(squared[:3], 0, atol=1e-4 * squared[3])
    # One optical frequency, threefold by symmetry.
    np.testing.assert_allclose(squared[3:], squared[3], rtol=1e-3)
    assert np.sqrt(squared[3]) == pytest.approx(17.8, rel=0.4)

    graph = graph_of(Frames.unlabelled([atoms]), potential.cutoff)
    positions = graph.positions.clone()
    hessian = torch.autograd.functional.hessian(
        lambda x: potential.backbone(graph.at(x)).sum(), positions
    )
    np.testing.assert_allclose(hessian.numpy().reshape(6, 6), constants, atol=1e-5 * scale)


def test_phonons_by_displacement(potential, crystal, tmp_path):
    """Done by ase in a supercell: real at Γ, L and X, and at Γ those of the primitive cell."""
    phonons = Phonons(crystal, potential.calculator(), (3, 3, 3), delta=0.01, name=tmp_path / "p")
    phonons.run()
    phonons.read(acoustic=True)
    points = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]])
    thz = phonons.band_structure(points, verbose=False) / (units._hplanck / units._e * 1e12)
    assert np.isrealobj(thz)
    np.testing.assert_allclose(thz[0, :3], 0, atol=0.3)
    assert (thz[1:] > 0).all()
    squared = frequencies(crystal, force_constants(crystal))
    np.testing.assert_allclose(thz[0, 3:], np.sqrt(squared[3:]), rtol=0.01)


@pytest.mark.parametrize(
    ("element", "energy", "optical", "c11", "c12"),
    [("Si", -4.33660, 17.832, 151.42, 76.42), ("Ge", -3.86000, 10.625, 138.26, 50.91)],
)
def test_the_published_crystals_of_stillinger_and_weber(element, energy, optical, c11, c12):
    """Found with ase's tools: lattice constant, energy, optical phonon, elastic constants."""
    atoms = relaxed(stillinger_weber(element), element)
    assert (4 * atoms.get_volume()) ** (1 / 3) == pytest.approx(LATTICE_CONSTANT[element], rel=1e-5)
    assert atoms.get_potential_energy() / 2 == pytest.approx(energy, abs=1e-5)
    squared = frequencies(atoms, force_constants(atoms))
    np.testing.assert_allclose(np.sqrt(squared[3:]), optical, rtol=5e-4)
    cubic = bulk(element, "diamond", a=LATTICE_CONSTANT[element], cubic=True)
    stress = []
    for strain in (1e-4, -1e-4):
        strained = cubic.copy()
        strained.set_cell(cubic.cell @ np.diag([1 + strain, 1, 1]), scale_atoms=True)
        strained.calc = stillinger_weber(element)
        stress.append(strained.get_stress())
    elastic = (stress[0] - stress[1]) / 2e-4 * GPA
    np.testing.assert_allclose(elastic, [c11, c12, c12, 0, 0, 0], rtol=1e-3, atol=1e-3)
