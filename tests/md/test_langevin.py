"""Dynamics keep energy and temperature; sampled frames are labelled, wrapped and in order."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from ase import Atoms
from scipy import constants, stats
from structures import diamond, skewed

from tlbench.base.units import BOLTZMANN
from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.md.langevin import Langevin, LangevinState, sample_nvt
from tlbench.md.neighbours import SkinnedNeighbours
from tlbench.reference.stillinger_weber import PARAMETERS, StillingerWeber

# Conversions from scipy's constants, so that those of tlbench.base.units are tested too.
KT_PER_K = constants.k / constants.e  # eV/K
SPEED2_PER_K = constants.k / constants.atomic_mass * 1e-10  # (Å/fs)² amu/K
ACCELERATION = constants.e / constants.atomic_mass * 1e-10  # Å/fs² per eV/Å/amu
SILICON_MASS = 28.085  # amu
GERMANIUM_MASS = 72.63  # amu


def independent_atoms(n_atoms: int, element: str = "Si") -> Frames:
    return Frames.unlabelled([Atoms(f"{element}{n_atoms}", positions=np.zeros((n_atoms, 3)))])


def free(positions: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(positions)


def run(
    start: Frames, temperature_k: list[float], seeds: list[int], n_steps: int, **settings: float
) -> LangevinState:
    """Run Stillinger–Weber silicon."""
    potential = StillingerWeber("Si")
    lists = SkinnedNeighbours(start, potential.cutoff)
    settings = {"timestep_fs": 2.0, "friction_per_ps": 10.0} | settings
    dynamics = Langevin(start, temperature_k, seeds=seeds, **settings)
    state = dynamics.init(lambda x: potential(lists.graph(x)).forces)
    for _ in range(n_steps):
        state = dynamics.step(state, lambda x: potential(lists.graph(x)).forces)
    return state


@pytest.mark.parametrize("omega_dt", [0.2, 0.6, 1.0])
def test_harmonic_oscillators_have_the_exact_variance_at_any_timestep(omega_dt):
    """BAOAB: ⟨x²⟩ = kT/k and ⟨v²⟩ = (kT/m)(1 − ω²Δt²/4), Leimkuhler & Matthews 2013."""
    timestep, temperature, n_atoms, n_samples = 2.0, 700.0, 10_000, 10
    omega = omega_dt / timestep
    stiffness = omega**2 * SILICON_MASS / ACCELERATION
    dynamics = Langevin(independent_atoms(n_atoms), [temperature], timestep, 1e3 * omega, seeds=[3])

    def spring(positions: torch.Tensor) -> torch.Tensor:
        return -stiffness * positions

    state = dynamics.init(spring)
    # With γ = ω correlations decay as exp(−ωt/2): 20/ω between samples makes them independent.
    apart = round(20 / omega_dt)
    position2, kinetic = [], []
    for step in range(1, (n_samples + 1) * apart + 1):
        state = dynamics.step(state, spring)
        if step % apart == 0 and step > apart:
            position2.append(float(state.positions.square().mean()))
            kinetic.append(float(dynamics.temperature(state)))

    # A variance from n deviates has the relative standard error √(2/n): 0.26 %; 4.5 of them.
    tolerance = 4.5 * (2 / (3 * n_atoms * n_samples)) ** 0.5
    assert np.mean(position2) == pytest.approx(KT_PER_K * temperature / stiffness, rel=tolerance)
    assert np.mean(kinetic) == pytest.approx(1 - omega_dt**2 / 4, rel=tolerance)


@pytest.mark.parametrize("friction_per_ps", [20.0, 100.0])
def test_free_atoms_diffuse_as_ornstein_and_uhlenbeck_say(friction_per_ps):
    """⟨x²⟩ = 2D (t − (1 − e^{−γt})/γ) with D = kT/(mγ), from ballistic to diffusive."""
    timestep, temperature, n_atoms = 1.0, 500.0, 10_000
    dynamics = Langevin(
        independent_atoms(n_atoms, "Ge"), [temperature], timestep, friction_per_ps, seeds=[5]
    )
    gamma = 1e-3 * friction_per_ps
    diffusion = SPEED2_PER_K * temperature / GERMANIUM_MASS / gamma
    # √(2/n) = 0.8 %, of which 4.5; the discretisation adds (γΔt)²/12 < 0.1 %.
    tolerance = 4.5 * (2 / (3 * n_atoms)) ** 0.5 + gamma**2 / 12
    state = dynamics.init(free)
    times = [5, round(3 / gamma), round(10 / gamma)]
    for time in range(1, times[-1] + 1):
        state = dynamics.step(state, free)
        if time in times:
            expected = 2 * diffusion * (time - (1 - np.exp(-gamma * time)) / gamma)
            assert float(state.positions.square().mean()) == pytest.approx(expected, rel=tolerance)


def test_initial_velocities_are_those_of_maxwell_and_boltzmann():
    start = Frames.concatenate([independent_atoms(5000, "Si"), independent_atoms(3000, "Ge")])
    temperatures, masses = [300.0, 2000.0], [SILICON_MASS, GERMANIUM_MASS]
    dynamics = Langevin(start, temperatures, 2.0, 10.0, seeds=[1, 2])

    state = dynamics.init(free)

    assert torch.equal(state.positions, torch.zeros_like(state.positions))
    parts = torch.split(state.velocities, [5000, 3000])
    for velocity, temperature, mass in zip(parts, temperatures, masses, strict=True):
        speed = (SPEED2_PER_K * temperature / mass) ** 0.5
        # A Kolmogorov–Smirnov test sees a width that is off by about 2 %; fixed seed.
        assert stats.kstest(velocity.flatten().numpy(), stats.norm(0, speed).cdf).pvalue > 0.01
        # The variance itself to 4.5 standard errors.
        tolerance = 4.5 * (2 / velocity.numel()) ** 0.5
        assert float(velocity.square().mean()) == pytest.approx(speed**2, rel=tolerance)
    assert dynamics.temperature(state).tolist() == pytest.approx([1, 1], rel=0.06)


def test_without_friction_velocities_are_never_renewed():
    dynamics = Langevin(independent_atoms(4), [300.0], 2.0, 0.0, seeds=[0])
    first = dynamics.init(free)

    later = dynamics.step(dynamics.step(first, free), free)

    torch.testing.assert_close(later.velocities, first.velocities, rtol=1e-15, atol=0)
    torch.testing.assert_close(later.positions, 4.0 * first.velocities, rtol=1e-14, atol=0)


@pytest.mark.parametrize("repeats", [(1, 1, 1), (2, 2, 2)], ids=["8 atoms", "64 atoms"])
def test_without_friction_the_energy_error_is_of_second_order(repeats):
    start = diamond("Si", repeats)
    potential = StillingerWeber("Si")
    mass = SILICON_MASS / ACCELERATION

    def energy_error(timestep: float) -> float:
        lists = SkinnedNeighbours(start, potential.cutoff)
        dynamics = Langevin(start, [1500.0], timestep, 0.0, seeds=[4])
        state = dynamics.init(lambda x: potential(lists.graph(x)).forces)
        energies = []
        for step in range(round(120 / timestep) + 1):
            if step * timestep % 4 == 0:
                kinetic = 0.5 * mass * float(state.velocities.square().sum())
                energies.append(kinetic + float(potential(lists.graph(state.positions)).energy))
            state = dynamics.step(state, lambda x: potential(lists.graph(x)).forces)
        kinetic = 0.5 * mass * float(dynamics.init(free).velocities.square().sum())
        assert np.ptp(energies) < 0.02 * kinetic
        return float(np.std(energies))

    coarse, medium, fine = (energy_error(timestep) for timestep in (2.0, 1.0, 0.5))

    # The next order is (ωΔt)² ≈ 5 % of the leading one at the coarsest step.
    assert coarse / medium == pytest.approx(4, rel=0.1)
    assert medium / fine == pytest.approx(4, rel=0.03)


def test_a_hot_crystal_keeps_its_temperature():
    """The kinetic temperature of Stillinger–Weber silicon averages to the thermostat's."""
    n_replicas, temperature = 8, 1200.0
    start = Frames.concatenate([diamond()] * n_replicas)
    potential = StillingerWeber("Si")
    lists = SkinnedNeighbours(start, potential.cutoff)
    dynamics = Langevin(start, [temperature] * n_replicas, 2.0, 50.0, range(n_replicas))
    state = dynamics.init(lambda x: potential(lists.graph(x)).forces)
    found = []
    for step in range(700):
        state = dynamics.step(state, lambda x: potential(lists.graph(x)).forces)
        if step >= 100:
            found.append(dynamics.temperature(state).numpy())
    replicas = np.mean(found, axis=0)
    # Replicas are independent, so their scatter is the error: 4.5 of it, below 9 %. The bias of
    # BAOAB, −ω²Δt²/4, is 1 % for the fastest phonon.
    error = replicas.std(ddof=1) / n_replicas**0.5
    assert error < 0.02
    assert replicas.mean() == pytest.approx(1, abs=4.5 * error + 0.01)


def test_a_replica_does_not_depend_on_its_batch():
    """To the last bit, in positions, velocities and forces, whatever the others are."""
    starts = [
        diamond(rattle=0.05, seed=1),
        diamond(repeats=(2, 1, 1), rattle=0.05, seed=2),
        diamond(rattle=0.05, seed=3, primitive=True),
        diamond(rattle=0.05, seed=4),
    ]
    temperatures, seeds = [900.0, 2000.0, 3000.0, 300.0], [11, 12, 13, 14]
    together = run(Frames.concatenate(starts), temperatures, seeds, 150)

    n_atoms = [int(start.n_atoms[0]) for start in starts]
    for name in ("positions", "velocities", "forces"):
        parts = torch.split(getattr(together, name), n_atoms)
        for part, *alone in zip(parts, starts, temperatures, seeds, strict=True):
            start, temperature, seed = alone
            found = run(start, [temperature], [seed], 150)
            assert torch.equal(getattr(found, name), part), name


def test_the_seed_decides_the_trajectory():
    start = diamond()
    first, same, other = (run(start, [600.0], [seed], 20) for seed in (7, 7, 8))

    assert torch.equal(first.positions, same.positions)
    assert torch.equal(first.velocities, same.velocities)
    assert not torch.isclose(first.velocities, other.velocities, rtol=1e-6).any()


def test_replicas_with_different_seeds_are_independent():
    start = Frames.concatenate([independent_atoms(2000)] * 2)
    dynamics = Langevin(start, [300.0, 300.0], 2.0, 100.0, seeds=[1, 2])
    state = dynamics.init(free)
    for _ in range(10):
        state = dynamics.step(state, free)
    one, two = torch.split(state.positions, [2000, 2000])
    correlation = np.corrcoef(one.flatten().numpy(), two.flatten().numpy())[0, 1]
    # 1/√n = 1.3 %, of which 4.5.
    assert abs(correlation) < 4.5 / 6000**0.5


def test_a_step_leaves_the_state_it_starts_from_as_it_was():
    dynamics = Langevin(diamond(rattle=0.1), [300.0], 2.0, 10.0, seeds=[0])
    before = dynamics.init(lambda x: -x)
    copies = [before.positions.clone(), before.velocities.clone(), before.forces.clone()]

    dynamics.step(before, lambda x: -x)

    found = [before.positions, before.velocities, before.forces]
    assert all(torch.equal(a, b) for a, b in zip(found, copies, strict=True))


TEMPERATURES = [2000.0, 1000.0, 3000.0]
SEEDS = [5, 6, 7]
DYNAMICS = {"timestep_fs": 2.0, "friction_per_ps": 20.0}
PLAN = {"equilibration_steps": 7, "interval_steps": 4, "n_frames": 3}


def starts() -> Frames:
    """Three structures of different sizes and cells, the first far outside its cell."""
    outside, primitive = diamond(rattle=0.05, seed=1), diamond(primitive=True)
    outside.positions[:] += [40.0, -25.0, 3.0]
    return Frames.concatenate([outside, primitive, skewed(n_atoms=3)])


@pytest.fixture(scope="module")
def potential() -> StillingerWeber:
    return StillingerWeber("Si")


@pytest.fixture(scope="module")
def sampled(potential: StillingerWeber) -> Frames:
    return sample_nvt(starts(), potential, TEMPERATURES, SEEDS, **DYNAMICS, **PLAN)


def fractional(frames: Frames, positions: np.ndarray) -> np.ndarray:
    cells = np.repeat(frames.cell, frames.n_atoms, axis=0)
    return np.einsum("ai,aij->aj", positions, np.linalg.inv(cells))


def test_frames_come_trajectory_by_trajectory(sampled):
    assert sampled.trajectory.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert sampled.temperature_k.tolist() == np.repeat(TEMPERATURES, 3).tolist()
    assert sampled.n_atoms.tolist() == np.repeat([8, 2, 3], 3).tolist()
    assert np.array_equal(sampled.cell, np.repeat(starts().cell, 3, axis=0))
    assert sampled.pbc.all()


def test_frames_are_the_states_of_the_dynamics_at_the_planned_steps(sampled, potential):
    start = starts()
    lists = SkinnedNeighbours(start, potential.cutoff)
    dynamics = Langevin(start, TEMPERATURES, seeds=SEEDS, **DYNAMICS)
    state = dynamics.init(lambda x: potential(lists.graph(x)).forces)
    visited = []
    for _ in range(7 + 3 * 4):
        state = dynamics.step(state, lambda x: potential(lists.graph(x)).forces)
        visited.append(torch.split(state.positions, start.n_atoms.tolist()))
    kept = [visited[step - 1][system] for system in range(3) for step in (11, 15, 19)]

    images = fractional(sampled, np.concatenate(kept) - sampled.positions)

    np.testing.assert_allclose(images, np.rint(images), atol=1e-10)
    # The first structure started outside: something had to be wrapped.
    assert np.abs(np.rint(images[: 3 * 8])).min(axis=0).tolist() == [7, 4, 0]


def test_positions_are_inside_the_cell(sampled):
    inside = fractional(sampled, sampled.positions)
    assert inside.min() > -1e-12
    assert inside.max() < 1 + 1e-12


def test_labels_are_those_of_the_stored_positions(sampled, potential):
    fresh = potential(graph_of(sampled, potential.cutoff))
    np.testing.assert_allclose(sampled.energy, fresh.energy.numpy(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(sampled.forces, fresh.forces.numpy(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(sampled.stress, fresh.stress.numpy(), rtol=0, atol=1e-9)


def test_a_trajectory_is_the_same_alone(sampled, potential):
    single = starts().select([2])
    alone = sample_nvt(single, potential, TEMPERATURES[2:], SEEDS[2:], **DYNAMICS, **PLAN)
    batched = sampled.select([6, 7, 8])
    for field in fields(Frames):
        if field.name != "trajectory":
            assert np.array_equal(getattr(alone, field.name), getattr(batched, field.name))


def test_every_step_is_reported(potential):
    calls = []
    sample_nvt(
        diamond(),
        potential,
        [300.0],
        [0],
        **DYNAMICS,
        **PLAN,
        on_step=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(step, 19) for step in range(1, 20)]


def test_the_cold_crystal_has_the_energy_of_equipartition(potential):
    """⟨U⟩ = E₀ + (3N − 3) kT/2: each of the vibrations has kT/2; the crystal may drift."""
    n_trajectories, temperature, n_atoms = 16, 300.0, 8
    frames = sample_nvt(
        Frames.concatenate([diamond()] * n_trajectories),
        potential,
        [temperature] * n_trajectories,
        range(n_trajectories),
        timestep_fs=4.0,
        friction_per_ps=20.0,
        equilibration_steps=100,
        interval_steps=10,
        n_frames=90,
    )
    ground_state = -2 * PARAMETERS["Si"].epsilon
    equipartition = 1.5 * BOLTZMANN * temperature * (n_atoms - 1) / n_atoms
    above = (frames.energy / n_atoms - ground_state) / equipartition
    trajectories = above.reshape(n_trajectories, -1).mean(axis=1)
    # The scatter of independent trajectories gives the error: about 1 %, of which 4.5.
    # Anharmonicity at 300 K is below that.
    error = trajectories.std(ddof=1) / n_trajectories**0.5
    assert error < 0.015
    assert trajectories.mean() == pytest.approx(1, abs=4.5 * error)
    # A harmonic crystal's energy fluctuates by √(2/f) of its mean, f = 21 degrees of freedom.
    assert above.std() == pytest.approx((2 / 21) ** 0.5, rel=0.15)


def test_a_first_temperature_holds_for_the_first_steps_only(potential):
    start, hot = starts(), [6000.0, 1000.0, 8000.0]
    sampled = sample_nvt(
        start, potential, TEMPERATURES, SEEDS, **DYNAMICS, **PLAN,
        first_temperature_k=hot, first_steps=5,
    )  # fmt: skip
    lists = SkinnedNeighbours(start, potential.cutoff)
    dynamics = Langevin(start, hot, seeds=SEEDS, **DYNAMICS)

    def forces(x):
        return potential(lists.graph(x)).forces

    state = dynamics.init(forces)
    for step in range(5 + 7 + 3 * 4):
        if step == 5:
            dynamics.set_temperature(TEMPERATURES)
        state = dynamics.step(state, forces)
    ends = sampled.select([2, 5, 8])
    assert np.array_equal(ends.forces, forces(state.positions).numpy())
    assert sampled.temperature_k.tolist() == np.repeat(TEMPERATURES, 3).tolist()
