"""Dynamics obeys mechanics and samples the canonical ensemble; ase's Langevin agrees."""

import numpy as np
import pytest
import torch
from ase import units
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.md.langevin import Langevin as AseLangevin
from structures import diamond

from tlbench.base.units import ACCELERATION, BOLTZMANN
from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.md.batch import ForceField
from tlbench.md.langevin import Langevin
from tlbench.md.protocol import Criteria, Protocol
from tlbench.md.simulation import Simulation
from tlbench.reference.stillinger_weber import StillingerWeber

MASS = 28.085
"""amu, of silicon."""


class Samples(list):
    def __call__(self, sample):
        self.append(sample)


def simulate(start, protocol, force_field=None):
    samples = Samples()
    found = Simulation(start, force_field or ForceField.of(StillingerWeber("Si")), protocol)
    return found.run(on_sample=samples), samples


def crystals(n, repeats=(2, 2, 2)):
    return Frames.concatenate([diamond("Si", repeats)] * n)


@pytest.mark.slow
def test_constant_energy_dynamics_conserves_energy_and_momentum():
    """Over 5 ps at 2 fs; the energy's error stays bounded, it does not drift."""
    protocol = Protocol(
        temperature_k=1500, time_ps=5, equilibration_ps=0, friction_per_ps=0, sample_fs=20
    )
    _, samples = simulate(crystals(1), protocol)
    kinetic = np.array([0.5 * MASS * np.square(s.velocities).sum() for s in samples])
    kinetic /= ACCELERATION
    total = kinetic + np.array([s.energy[0] for s in samples])
    time_ps = np.array([s.step * 2e-3 for s in samples])
    drift = np.polyfit(time_ps, total, 1)[0]
    # Of 64 atoms with 3/2 kT each at first: 12.4 eV.
    assert np.std(total) < 0.02
    assert abs(drift) * 5 < 0.01
    momenta = np.array([s.velocities.sum(axis=0) for s in samples])
    assert np.abs(momenta - momenta[0]).max() < 1e-13


@pytest.mark.slow
def test_the_mean_energy_is_that_of_ases_langevin():
    """Stillinger–Weber silicon at 1200 K, 64 atoms: potential energy per atom, 4.5 errors."""
    temperature, n_replicas = 1200.0, 6
    protocol = Protocol(temperature_k=temperature, time_ps=4, sample_fs=20)
    _, samples = simulate(crystals(n_replicas), protocol)
    ours = np.array([s.energy for s in samples if s.step > protocol.equilibration_steps]) / 64

    class Silicon(Calculator):
        implemented_properties = ("energy", "forces")

        def calculate(self, atoms=None, properties=(), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            potential = StillingerWeber("Si")
            found = potential(graph_of(Frames.unlabelled([self.atoms]), potential.cutoff))
            self.results = {
                "energy": float(found.energy[0]), "forces": found.forces.numpy(),
            }  # fmt: skip

    theirs = []
    for seed in range(n_replicas):
        atoms = bulk("Si", "diamond", a=5.43095, cubic=True).repeat(2)
        atoms.calc = Silicon()
        generator = np.random.default_rng(seed)
        speed = (units.kB * temperature / atoms.get_masses()[:, None]) ** 0.5
        atoms.set_velocities(speed * generator.normal(size=(64, 3)))
        dynamics = AseLangevin(
            atoms,
            2 * units.fs,
            temperature_K=temperature,
            friction=0.01 / units.fs,
            fixcm=False,
            rng=generator,
        )
        energies = []
        dynamics.attach(lambda a=atoms, e=energies: e.append(a.get_potential_energy()), 10)
        dynamics.run(2000)
        theirs.append(np.array(energies[51:]) / 64)
    means = ours.mean(axis=0), np.array([e.mean() for e in theirs])
    error = np.sqrt(sum(m.var(ddof=1) / n_replicas for m in means))
    assert error < 0.003
    assert means[0].mean() == pytest.approx(means[1].mean(), abs=4.5 * error)
    # Both fluctuate as much: the heat capacity is the same.
    assert ours.std() == pytest.approx(np.concatenate(theirs).std(), rel=0.15)


@pytest.mark.slow
def test_the_configurational_temperature_is_the_thermostats():
    """⟨|∇U|²⟩ / ⟨∇²U⟩ = kT (Rugh, Phys. Rev. Lett. 78, 772 (1997)); ∇²U by differences."""
    temperature = 900.0
    potential = StillingerWeber("Si")
    start = crystals(8, (1, 1, 1))
    protocol = Protocol(temperature_k=temperature, time_ps=6, sample_fs=100)
    _, samples = simulate(start, protocol)
    graph = graph_of(start, potential.cutoff + 2.0)
    h, squared, laplacian = 1e-4, [], []
    for sample in samples:
        if sample.step <= protocol.equilibration_steps:
            continue
        x = torch.as_tensor(sample.positions)
        squared.append(potential(graph.at(x)).forces.square().view(8, -1).sum(1).numpy())
        total = np.zeros(8)
        for coordinate in range(24):
            step = torch.zeros(8, 8, 3, dtype=torch.float64)
            step.view(8, 24)[:, coordinate] = h
            step = step.view(-1, 3)
            there, back = (potential(graph.at(x + s)).forces.view(8, 24) for s in (step, -step))
            total += ((back - there)[:, coordinate] / (2 * h)).numpy()
        laplacian.append(total)
    ratio = np.mean(squared, axis=0) / np.mean(laplacian, axis=0) / (BOLTZMANN * temperature)
    error = ratio.std(ddof=1) / 8**0.5
    assert error < 0.03
    assert ratio.mean() == pytest.approx(1, abs=4.5 * error + 0.01)


def test_a_harmonic_crystal_has_the_energy_and_the_modes_of_boltzmann():
    """A ring of coupled springs: each normal mode has ½ kT, whatever its frequency."""
    n_atoms, n_replicas, temperature, stiffness = 8, 60, 500.0, 5.0
    ring = np.eye(n_atoms) * 2.2 - np.roll(np.eye(n_atoms), 1, 0) - np.roll(np.eye(n_atoms), -1, 0)
    values, modes = np.linalg.eigh(stiffness * ring)
    matrix = torch.as_tensor(stiffness * ring)
    rest = torch.as_tensor(crystals(n_replicas, (1, 1, 1)).positions)

    def forces(positions):
        moved = (positions - rest).view(n_replicas, n_atoms, 3)
        return -(matrix @ moved).reshape(-1, 3)

    start = crystals(n_replicas, (1, 1, 1))
    dynamics = Langevin(start, [temperature] * n_replicas, 1.0, 40.0, range(n_replicas))
    state = dynamics.init(forces)
    found = []
    for step in range(1500):
        state = dynamics.step(state, forces)
        if step >= 300 and step % 50 == 0:
            moved = (state.positions - rest).view(n_replicas, n_atoms, 3).numpy()
            found.append((np.einsum("mk,rmx->rkx", modes, moved) ** 2).mean(axis=2))
    energies = 0.5 * values * np.array(found)
    replicas = energies.mean(axis=0) / (0.5 * BOLTZMANN * temperature)
    error = replicas.std(axis=0, ddof=1) / n_replicas**0.5
    assert error.max() < 0.06
    # Eight modes, 4.5 errors each.
    np.testing.assert_array_less(np.abs(replicas.mean(axis=0) - 1), 4.5 * error)


@pytest.mark.parametrize("friction_per_ps", [10.0, 100.0, 2000.0])
def test_the_thermostat_holds_its_temperature_at_any_friction(friction_per_ps):
    n = 16
    protocol = Protocol(
        temperature_k=600, time_ps=1.5, equilibration_ps=0.5, friction_per_ps=friction_per_ps,
        criteria=Criteria(temperature_sigmas=None),
    )  # fmt: skip
    outcome, _ = simulate(crystals(n, (1, 1, 1)), protocol)
    error = outcome.temperature.std(ddof=1) / n**0.5 / 600
    assert error < 0.06
    assert outcome.temperature.mean() / 600 == pytest.approx(1, abs=4.5 * error + 0.01)
