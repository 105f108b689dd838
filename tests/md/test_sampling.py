"""Sampled frames are those of the dynamics, labelled, wrapped, in order, and canonical."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from structures import diamond, skewed

from tlbench.base.units import BOLTZMANN
from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.md.langevin import Langevin, sample_nvt
from tlbench.md.neighbours import SkinnedNeighbours
from tlbench.reference.stillinger_weber import PARAMETERS, StillingerWeber

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
