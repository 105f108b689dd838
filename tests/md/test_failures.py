"""Simulations that fail: what is wrong is seen, at the threshold at which it should be."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from structures import diamond

from tlbench.data.frames import Frames
from tlbench.graphs import Graph
from tlbench.md.batch import Batch, ForceField
from tlbench.md.checkpoint import load_arrays
from tlbench.md.criteria import Expected
from tlbench.md.extremes import APART, POINTS, QUANTITIES, ExtremeTally, extreme_samples
from tlbench.md.protocol import STABLE, STRUCTURE, Criteria, Protocol
from tlbench.md.simulation import Simulation
from tlbench.md.structure import averages, distances, rdf
from tlbench.metrics.structure import rdf_error, rdf_error_beyond_core
from tlbench.reference.stillinger_weber import Labels, StillingerWeber

NOT_JUDGED = Criteria(
    temperature_sigmas=None, closest_pair=None, max_force=None, energy_margin=None, rdf_error=None
)
PROTOCOL = Protocol(
    temperature_k=900, time_ps=1, equilibration_ps=0.2, sample_fs=20, stop="extreme",
    criteria=Criteria(window_fs=200),
)  # fmt: skip


def crystals(n: int) -> Frames:
    return Frames.concatenate([diamond("Ge", (2, 2, 2))] * n)


def with_a_hole(depth: float = 0.5, width: float = 0.15, at: float = 2.2) -> ForceField:
    """Return Stillinger–Weber germanium whose repulsion has a well, in eV and Å."""
    true = StillingerWeber("Ge")

    def evaluate(graph: Graph) -> Labels:
        found = true(graph)
        vectors = graph.edge_vectors()
        r = vectors.norm(dim=1, keepdim=True)
        well = depth * (-(((r - at) / width) ** 2)).exp()
        # dE/dr of -well / 2 per edge; an atom is in two edges of a pair.
        slope = 2 * (r - at) / width**2 * well
        force = torch.zeros_like(graph.positions).index_add_(
            0, graph.edge_index[0], slope * vectors / r
        )
        system = graph.system[graph.edge_index[0]]
        energy = found.energy.index_add(0, system, -well[:, 0] / 2)
        return Labels(energy, found.forces + force, found.stress)

    return ForceField(evaluate, true.cutoff)


def column(found, name):
    """Return the worst of a quantity over the whole simulation, (n,)."""
    return found[:, QUANTITIES.index(name), -1]


@pytest.fixture(scope="module")
def expected() -> Expected:
    start = crystals(2)
    truth = ForceField.of(StillingerWeber("Ge"))
    found = Simulation(start, truth, PROTOCOL, numbers=[8, 9]).run()
    energy = float(found.energy_low.min()), float(found.energy_high.max())
    return Expected(energy, rdf(found.counts, start).mean(axis=0))


def test_the_well_is_a_well():
    """Forces are minus the derivative of the energy."""
    start = diamond("Ge", (2, 2, 2), rattle=0.2)

    def energy(shift: float) -> float:
        batch = Batch(start, with_a_hole())
        moved = torch.as_tensor(start.positions).clone()
        moved[3, 1] += shift
        batch.forces(moved)
        return float(batch.energy)

    force = Batch(start, with_a_hole()).forces(torch.as_tensor(start.positions))[3, 1]
    assert (energy(-1e-4) - energy(1e-4)) / 2e-4 == pytest.approx(float(force), rel=1e-5)


def test_a_hole_in_the_potential_fails_at_thresholds_that_the_truth_passes(expected):
    start = crystals(2)
    truth = Simulation(start, ForceField.of(StillingerWeber("Ge")), PROTOCOL, expected).run()
    flawed = Simulation(start, with_a_hole(), PROTOCOL, expected).run()
    # The usual criteria see nothing in either.
    assert truth.criterion == flawed.criterion == [STABLE] * 2
    right, wrong = (column(found.extremes, STRUCTURE) for found in (truth, flawed))
    assert (right < 0.15).all()
    assert (wrong > 0.3).all()
    strict = PROTOCOL.criteria.model_copy(update={"structure_error": 0.25})
    judged = PROTOCOL.model_copy(update={"criteria": strict, "stop": "criteria"})
    assert Simulation(start, with_a_hole(), judged, expected).run().criterion == [STRUCTURE] * 2


def test_what_would_be_stopped_goes_on_and_is_known_at_any_threshold(expected):
    """A judgement by one criterion is the same whether or not a replica leaves for it."""
    strict = PROTOCOL.criteria.model_copy(update={"closest_pair": 0.92})
    judged = PROTOCOL.model_copy(update={"criteria": strict})
    on = Simulation(crystals(3), with_a_hole(), judged, expected).run()
    leaving = judged.model_copy(update={"stop": "criteria"})
    off = Simulation(crystals(3), with_a_hole(), leaving, expected).run()
    assert set(on.criterion) == {"closest-pair"}
    assert on.criterion == off.criterion
    assert on.steps.tolist() == off.steps.tolist()
    assert on.temperature.tolist() == off.temperature.tolist()
    assert np.isfinite(on.extremes).all()
    assert np.isnan(off.extremes[:, :, -1]).all()


def test_a_replica_beyond_everything_leaves_all_the_same(expected):
    blown = replace(expected, energy=None)

    def evaluate(graph: Graph) -> Labels:
        found = StillingerWeber("Ge")(graph)
        return Labels(found.energy, found.forces * -30, found.stress)

    protocol = PROTOCOL.model_copy(update={"criteria": NOT_JUDGED, "temperature_k": 3000})
    found = Simulation(crystals(2), ForceField(evaluate, 3.9), protocol, blown).run()
    assert STABLE not in found.criterion
    assert (found.steps < protocol.n_steps).all()


def test_extremes_never_get_better(expected):
    found = Simulation(crystals(2), with_a_hole(), PROTOCOL, expected).run().extremes
    assert found.shape == (2, len(QUANTITIES), POINTS)
    closest = QUANTITIES.index("closest-pair")
    found[:, closest] *= -1
    assert (np.diff(found, axis=2) >= 0).all()


def test_the_smallest_distance_is_the_worst():
    found = ExtremeTally.new(3, 10)
    found.add(np.array([0, 2]), "closest-pair", np.array([0.9, 0.8]))
    found.add(np.array([0, 2]), "closest-pair", np.array([1.0, 0.7]))
    found.add(np.array([1]), "force", np.array([3.0]))
    found.sample(np.array([0, 2]), 9, 10)
    assert found.series[0, :, -1].tolist() == [0, 0.9, 0, 0, 0]
    assert found.series[2, :, -1].tolist() == [0, 0.7, 0, 0, 0]
    assert np.isnan(found.series[1]).all()
    assert found.worst[1].tolist() == [0, APART, 3, 0, 0]


@pytest.mark.parametrize("n", [1, 3, 20, 47, 2000])
def test_extremes_are_reported_up_to_the_last_sample(n):
    samples = extreme_samples(n)
    assert samples[-1] == n - 1
    assert (np.diff(samples) > 0).all()
    assert len(samples) == min(n, POINTS)
    assert samples[0] >= 0


def test_extremes_survive_an_interruption(expected, tmp_path):
    whole = Simulation(crystals(2), with_a_hole(), PROTOCOL, expected).run()

    def interrupt(done: int, total: int, alive: int) -> None:
        if done == 333:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Simulation(crystals(2), with_a_hole(), PROTOCOL, expected).run(tmp_path, interrupt)
    assert load_arrays(tmp_path / "simulation.npz") is not None
    again = Simulation(crystals(2), with_a_hole(), PROTOCOL, expected).run(tmp_path)
    assert np.array_equal(whole.extremes, again.extremes)


def test_a_structure_is_judged_in_liquids_too(expected):
    """The old bound is of crystals; the one without the core holds whatever the reference is."""
    liquid = replace(expected, crystal=False, rdf=np.ones_like(expected.rdf) * 1.2)
    asked = {name: Criteria(**{"window_fs": 200, "energy_margin": None, name: 0.3}) for name in (
        "rdf_error", "structure_error")}  # fmt: skip
    truth = ForceField.of(StillingerWeber("Ge"))
    fired = {
        name: Simulation(
            crystals(1), truth, PROTOCOL.model_copy(update={"criteria": criteria}), liquid
        ).run().criterion
        for name, criteria in asked.items()
    }  # fmt: skip
    assert fired == {"rdf_error": [STABLE], "structure_error": [STRUCTURE]}


@pytest.mark.slow
def test_a_melt_and_a_liquid_that_is_too_hot_are_far_off_without_the_core():
    """What the docstring of the error states, of silicon."""
    truth = ForceField.of(StillingerWeber("Si"))
    start = Frames.concatenate([diamond("Si", (2, 2, 2))] * 4)

    def run(begin: Frames, temperature: float) -> tuple[np.ndarray, Frames]:
        protocol = Protocol(
            temperature_k=temperature, time_ps=6, equilibration_ps=2, criteria=NOT_JUDGED
        )
        last = {}
        found = Simulation(begin, truth, protocol).run(
            on_sample=lambda sample: last.update(positions=sample.positions.copy())
        )
        return averages(found.counts, begin).rdf, replace(begin, **last)

    crystal, _ = run(start, 1500)
    _, melt = run(start, 4000)
    liquid = {temperature: run(melt, temperature)[0] for temperature in (1700, 2200, 2700)}
    r = distances()
    assert rdf_error(r, liquid[2700], crystal) == pytest.approx(0.62, abs=0.04)
    assert rdf_error_beyond_core(r, liquid[2700], crystal) == pytest.approx(1.02, abs=0.06)
    assert rdf_error(r, liquid[2200], liquid[1700]) == pytest.approx(0.11, abs=0.04)
    assert rdf_error_beyond_core(r, liquid[2200], liquid[1700]) == pytest.approx(0.36, abs=0.1)
