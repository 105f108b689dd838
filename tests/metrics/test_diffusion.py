"""Diffusion coefficients of displacements whose truth is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import bulk
from made_up_dynamics import reference

from tlbench.base.units import ACCELERATION, BOLTZMANN
from tlbench.data.frames import Frames
from tlbench.md.batch import ForceField
from tlbench.md.protocol import Criteria, Protocol
from tlbench.md.simulation import Simulation
from tlbench.md.structure import msd_samples
from tlbench.metrics import METRICS, of_every_simulation
from tlbench.metrics.diffusion import DIFFUSION_ERROR, diffusion_coefficient
from tlbench.metrics.statistics.interval import mean_interval
from tlbench.reference.stillinger_weber import Labels

TIMES = np.linspace(0.1, 10.0, 100)


def test_it_is_a_sixth_of_the_slope_after_the_first_fifth() -> None:
    flying = np.where(TIMES <= 2.0, 40 * TIMES**2, 0.0)
    assert diffusion_coefficient(TIMES, 0.7 + 6 * 0.45 * TIMES + flying) == pytest.approx(0.45)
    assert diffusion_coefficient(TIMES, np.full(100, 0.3)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_of_too_few_points_there_is_none(n: int) -> None:
    assert math.isnan(diffusion_coefficient(TIMES[:n], TIMES[:n]))


def test_the_interval_over_replicas_covers_the_truth_of_random_walks() -> None:
    random, truth, covered, n_sets = np.random.default_rng(0), 0.5, 0, 300
    for _ in range(n_sets):
        # Six replicas of 32 atoms; each component of a step has the variance 2 D dt.
        steps = random.normal(0, math.sqrt(2 * truth * 0.1), (6, 100, 32, 3))
        msd = steps.cumsum(axis=1).__pow__(2).sum(axis=3).mean(axis=2)
        found = np.array([diffusion_coefficient(TIMES, each) for each in msd])
        low, high = mean_interval(found)
        covered += bool(low <= truth <= high)
    assert 0.92 < covered / n_sets < 0.98


def test_free_atoms_of_langevin_dynamics_obey_einstein() -> None:
    # Without forces D = k T / m γ; with the centre at rest, 1 - 1/N of that.
    def nothing(graph: object) -> Labels:
        n_atoms, n = graph.n_atoms, graph.n_systems  # type: ignore[attr-defined]
        zeros = torch.zeros(n, dtype=torch.float64)
        return Labels(zeros, torch.zeros(n_atoms, 3, dtype=torch.float64), zeros)

    temperature, friction = 1500.0, 20.0
    bounds = Criteria(
        temperature_sigmas=None, closest_pair=None, max_force=None, energy_margin=None,
        rdf_error=None,
    )  # fmt: skip
    protocol = Protocol(
        temperature_k=temperature, time_ps=4.0, timestep_fs=10.0, friction_per_ps=friction,
        replicas=6, equilibration_ps=0.5, criteria=bounds, seed=3,
    )  # fmt: skip
    atoms = bulk("Ge", "diamond", a=5.65, cubic=True).repeat(2)
    start = Frames.concatenate([Frames.unlabelled([atoms])] * protocol.replicas)
    outcome = Simulation(start, ForceField(nothing, 0.5), protocol).run()
    some = msd_samples(protocol.n_samples)
    times = protocol.sample_times(some)
    found = np.array([diffusion_coefficient(times, row[some]) for row in outcome.msd])
    mobility = BOLTZMANN * temperature / (atoms.get_masses()[0] * friction / 1000)
    truth = mobility * ACCELERATION * 1000 * (1 - 1 / len(atoms))
    low, high = mean_interval(found)
    assert low < truth < high
    assert found.mean() == pytest.approx(truth, rel=0.15)


def test_the_error_is_the_distance_from_the_reference() -> None:
    liquid = reference(msd=[5.0, 10.0, 15.0, 20.0])
    found = liquid.comparison([10.0], [""], None, [6.0, 12.0, 18.0, 24.0])
    assert DIFFUSION_ERROR.function(found) == pytest.approx((2.4 - 2.0) / 6)
    assert math.isnan(DIFFUSION_ERROR.function(replace(found, msd=None)))
    of_frames = reference(msd=None).comparison([10.0], [""], None, [6.0, 12.0, 18.0, 24.0])
    assert math.isnan(DIFFUSION_ERROR.function(of_frames))


def test_it_is_measured_where_it_is_named() -> None:
    assert METRICS.get("diffusion_error") is DIFFUSION_ERROR
    assert "diffusion_error" not in of_every_simulation()
