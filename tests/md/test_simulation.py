"""Simulations: independent replicas, exact resumption, criteria that fire and that do not."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from structures import diamond

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.graphs import Graph
from tlbench.kernels.library import SWITCH
from tlbench.md.batch import Batch, ForceField
from tlbench.md.checkpoint import load_arrays, save_arrays
from tlbench.md.criteria import Expected
from tlbench.md.protocol import STABLE, Criteria, Protocol
from tlbench.md.simulation import CHECKPOINT, Simulation
from tlbench.md.structure import distances, rdf
from tlbench.metrics.structure import rdf_error
from tlbench.models.potential import build_potential
from tlbench.reference.stillinger_weber import Labels, StillingerWeber

NO_BOUNDS = Criteria(
    temperature_sigmas=None, closest_pair=None, max_force=None, energy_margin=None, rdf_error=None
)
SHORT = Protocol(temperature_k=900, time_ps=0.2, equilibration_ps=0.0, sample_fs=20)


def crystals(n: int, element: str = "Ge", repeats: tuple[int, int, int] = (1, 1, 1)) -> Frames:
    return Frames.concatenate([diamond(element, repeats=repeats)] * n)


def stillinger_weber(element: str = "Ge") -> ForceField:
    return ForceField.of(StillingerWeber(element))


def model(name: str, cutoff: float = 4.0) -> ForceField:
    torch.manual_seed(0)
    return ForceField.of(build_potential(name, {"cutoff": cutoff}))


@dataclass
class Last:
    """Keeps the last sample of every replica."""

    n_atoms: int

    def __post_init__(self) -> None:
        self.found: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __call__(self, sample) -> None:
        for place, replica in enumerate(sample.replicas.tolist()):
            atoms = slice(place * self.n_atoms, (place + 1) * self.n_atoms)
            kept = sample.positions[atoms].copy(), sample.velocities[atoms].copy()
            self.found[replica] = kept


def trajectories(start, force_field, protocol, numbers, **options):
    last = Last(int(start.n_atoms[0]))
    Simulation(start, force_field, protocol, numbers=numbers).run(on_sample=last, **options)
    return {numbers[replica]: kept for replica, kept in last.found.items()}


@pytest.mark.parametrize("name", ["stillinger-weber", "dimenetpp", "schnet"])
def test_a_replica_is_the_same_alone_and_in_any_batch(name):
    """To the last bit, for more replicas than are evaluated at once."""
    force_field = stillinger_weber() if name == "stillinger-weber" else model(name)
    protocol = SHORT.model_copy(update={"time_ps": 0.06, "criteria": NO_BOUNDS})
    everyone = list(range(10))
    together = trajectories(crystals(10), force_field, protocol, everyone)
    for chosen in ([3], [9, 0], [1, 2, 3, 4, 5, 6, 7, 8, 9]):
        found = trajectories(crystals(len(chosen)), force_field, protocol, chosen)
        for number in chosen:
            assert np.array_equal(found[number][0], together[number][0])
            assert np.array_equal(found[number][1], together[number][1])


@pytest.mark.parametrize("kernels", ["on", "off"])
@pytest.mark.parametrize("name", ["dimenetpp", "schnet", "visnet", "equivariant"])
def test_forces_of_a_model_do_not_depend_on_the_batch(name, kernels, monkeypatch):
    """Of cells as large as those of suites, where matrix products are split."""
    monkeypatch.setenv(SWITCH, kernels)
    force_field = model(name)
    start = Frames.concatenate(
        [diamond("Ge", repeats=(2, 2, 2), rattle=0.1, seed=seed) for seed in range(4)]
    )
    whole = Batch(start, force_field).forces(torch.as_tensor(start.positions)).view(4, 64, 3)
    for chosen in ([2], [3, 0], [1, 2, 3]):
        some = start.select(chosen)
        found = Batch(some, force_field).forces(torch.as_tensor(some.positions))
        assert torch.equal(found.view(-1, 64, 3), whole[chosen])


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"time_ps": 1.02}, "no sample is taken after equilibration"),
        ({"time_ps": 0.04, "equilibration_ps": 0.0}, "no sample is taken after equilibration"),
        ({"time_ps": 1e6}, "20,000,000 samples are more than 1,000,000"),
    ],
)
def test_a_protocol_without_samples_or_with_too_many_is_refused(settings, complaint):
    with pytest.raises(ValidationError, match=complaint):
        Protocol(temperature_k=300, **settings)


def test_an_interruption_between_steps_loses_nothing(tmp_path):
    start, whole = crystals(2), Last(8)
    Simulation(start, stillinger_weber(), SHORT).run(on_sample=whole)

    def stop(done, total, alive):
        if done == 37:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Simulation(start, stillinger_weber(), SHORT).run(tmp_path, stop)
    steps, again = [], Last(8)
    resumed = Simulation(start, stillinger_weber(), SHORT)
    resumed.run(tmp_path, lambda done, total, alive: steps.append(done), again)
    assert steps[0] == 38
    for replica, (positions, _) in again.found.items():
        assert np.array_equal(positions, whole.found[replica][0])


@pytest.mark.parametrize("name", ["stillinger-weber", "schnet"])
def test_an_interrupted_simulation_resumes_to_the_last_bit(tmp_path, name):
    force_field = stillinger_weber() if name == "stillinger-weber" else model(name)
    protocol = SHORT.model_copy(update={"criteria": Criteria(temperature_sigmas=5.0)})
    start = crystals(4)
    expected = Expected((0.0, 0.3), np.ones(120) * 2)
    whole, last = Simulation(start, force_field, protocol, expected), Last(8)
    undisturbed = whole.run(on_sample=last)

    class InterruptionError(Exception):
        pass

    def stop(done, total, alive):
        if done == 63:
            raise InterruptionError

    first = Simulation(start, force_field, protocol, expected)
    with pytest.raises(InterruptionError):
        first.run(tmp_path, stop, checkpoint_seconds=0)
    resumed, again = Simulation(start, force_field, protocol, expected), Last(8)
    steps = []
    outcome = resumed.run(tmp_path, lambda done, total, alive: steps.append(done), again)

    assert steps[0] == 63  # the 62nd was the last that was saved
    assert outcome.criterion == undisturbed.criterion
    for name in ("steps", "energy_low", "energy_high", "temperature", "msd"):
        assert np.array_equal(getattr(outcome, name), getattr(undisturbed, name), equal_nan=True), (
            name
        )
    for name, value in vars(outcome.counts).items():
        assert np.array_equal(value, getattr(undisturbed.counts, name)), name
    for replica, (positions, velocities) in again.found.items():
        assert np.array_equal(positions, last.found[replica][0])
        assert np.array_equal(velocities, last.found[replica][1])


def test_a_folder_of_another_simulation_is_refused(tmp_path):
    start, other = crystals(1), SHORT.model_copy(update={"temperature_k": 500.0})
    Simulation(start, stillinger_weber(), SHORT).run(tmp_path, checkpoint_seconds=0)
    with pytest.raises(InputError, match="holds another simulation"):
        Simulation(start, stillinger_weber(), other).run(tmp_path)
    with pytest.raises(InputError, match="holds another simulation"):
        Simulation(start, stillinger_weber(), SHORT, identity="other").run(tmp_path)


def test_a_damaged_checkpoint_is_begun_anew(tmp_path):
    start = crystals(1)
    (tmp_path / CHECKPOINT).write_bytes(b"PK nothing")
    outcome = Simulation(start, stillinger_weber(), SHORT).run(tmp_path)
    assert outcome.steps.tolist() == [100]


def test_a_checkpoint_with_a_flipped_bit_anywhere_is_none(tmp_path):
    save_arrays(tmp_path / "arrays", {"step": np.array(7), "positions": np.arange(6.0)})
    whole = (tmp_path / "arrays").read_bytes()
    assert load_arrays(tmp_path / "arrays")["step"] == 7
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        (tmp_path / "arrays").write_bytes(flipped)
        assert load_arrays(tmp_path / "arrays") is None


@dataclass(frozen=True)
class Broken:
    """Stillinger–Weber, but for one fault of one replica at one step."""

    fault: str
    replica: int
    step: int

    def force_field(self) -> ForceField:
        potential, calls = StillingerWeber("Ge"), []

        def evaluate(graph: Graph) -> Labels:
            calls.append(graph.n_systems)
            found = potential(graph)
            if len(calls) == self.step + 1:
                atoms = torch.nonzero(graph.system == self.replica).flatten()
                if self.fault == "nan":
                    found.forces[atoms[0]] = torch.nan
                elif self.fault == "nan energy":
                    found.energy[self.replica] = torch.nan
                elif self.fault == "explosion":
                    found.forces[atoms] *= 1e8
                elif self.fault == "energy":
                    found.energy[self.replica] -= 8 * 0.4
                elif self.fault == "push":
                    found.forces[atoms[0], 0] += 60.0
            return found

        return ForceField(evaluate, potential.cutoff)


@pytest.mark.parametrize(
    ("fault", "criterion"),
    [
        ("nan", "not-finite"),
        ("nan energy", "not-finite"),
        ("explosion", "temperature"),
        ("energy", "energy"),
        ("push", "force"),
    ],
)
def test_a_fault_stops_its_replica_at_once_and_no_other(fault, criterion):
    start, n_atoms = crystals(3), 8
    expected = Expected(energy=(0.0, 0.3))
    healthy = Last(n_atoms)
    Simulation(start, stillinger_weber(), SHORT, expected).run(on_sample=healthy)

    broken = Broken(fault, replica=1, step=40)
    last = Last(n_atoms)
    outcome = Simulation(start, broken.force_field(), SHORT, expected).run(on_sample=last)

    assert outcome.criterion == [STABLE, criterion, STABLE]
    assert outcome.steps.tolist() == [100, 40, 100]
    assert outcome.stable.tolist() == [0, 2]
    for replica in (0, 2):
        assert np.array_equal(last.found[replica][0], healthy.found[replica][0])


def test_an_explosion_without_any_bound_is_lost_and_not_fatal():
    start = crystals(2)
    protocol = SHORT.model_copy(update={"criteria": NO_BOUNDS})
    broken = Broken("explosion", replica=0, step=10)
    outcome = Simulation(start, broken.force_field(), protocol).run()
    assert outcome.criterion == ["not-finite", STABLE]


def test_a_hole_without_repulsion_lets_a_pair_come_too_close():
    """Bonds attract, and at short distances nothing repels: atoms fall into each other."""

    def evaluate(graph: Graph) -> Labels:
        vectors = graph.edge_vectors()
        r = vectors.norm(dim=1, keepdim=True)
        pull = 30.0 * (3.0 - r).clamp(min=0) * vectors / r
        forces = torch.zeros_like(graph.positions).index_add_(0, graph.edge_index[0], pull)
        zeros = torch.zeros(graph.n_systems, dtype=torch.float64)
        return Labels(zeros, forces, zeros)

    bounds = Criteria(temperature_sigmas=None, max_force=None)
    protocol = SHORT.model_copy(update={"criteria": bounds, "time_ps": 1.0})
    outcome = Simulation(crystals(3), ForceField(evaluate, 4.0), protocol).run()
    assert set(outcome.criterion) == {"closest-pair"}
    assert (outcome.steps > 0).all()


def test_heating_is_noticed_by_the_temperature():
    """Without forces and with velocities from 10 000 K, under a thermostat for 300 K."""
    start = crystals(2)
    protocol = SHORT.model_copy(update={"temperature_k": 300.0})
    simulation = Simulation(start, stillinger_weber(), protocol)
    simulation._begin()
    simulation._state = replace(
        simulation._running(), velocities=simulation._running().velocities * 33**0.5
    )
    outcome = simulation.run()
    assert outcome.criterion == ["temperature"] * 2
    assert outcome.steps.tolist() == [1, 1]


@pytest.fixture(scope="module")
def silicon():
    """Return g(r) of crystalline silicon at 900 K."""
    protocol = Protocol(temperature_k=900, time_ps=1.5, equilibration_ps=0.5)
    start = crystals(4, "Si", (2, 2, 2))
    outcome = Simulation(start, stillinger_weber("Si"), protocol).run()
    energy = float(outcome.energy_low.min()), float(outcome.energy_high.max())
    return Expected(energy, rdf(outcome.counts, start).mean(axis=0))


@pytest.mark.slow
def test_melting_is_noticed_by_the_structure(silicon):
    start = crystals(2, "Si", (2, 2, 2))
    bounds = Criteria(temperature_sigmas=None, energy_margin=None, max_force=None)
    protocol = Protocol(temperature_k=5000, time_ps=5, criteria=bounds)
    outcome = Simulation(start, stillinger_weber("Si"), protocol, silicon).run()
    assert outcome.criterion == ["structure"] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("element", "temperature"),
    [("Ge", 300.0), ("Ge", 1200.0), ("Ge", 2100.0), ("Ge", 3300.0), ("Si", 300.0), ("Si", 2100.0)],
)
def test_no_criterion_fires_on_the_reference_potential(element, temperature):
    """Of a crystal, with the bounds that another run of it suggests."""
    start = crystals(4, element, (2, 2, 2))
    potential = stillinger_weber(element)
    protocol = Protocol(temperature_k=temperature, time_ps=2.0, equilibration_ps=0.5)
    first = Simulation(start, potential, protocol, numbers=[10, 11, 12, 13]).run()
    energy = float(first.energy_low.min()), float(first.energy_high.max())
    expected = Expected(energy, rdf(first.counts, start).mean(axis=0))
    other = Simulation(start, potential, protocol, expected).run()
    assert other.criterion == [STABLE] * 4
    g = rdf(other.counts, start).mean(axis=0)
    assert rdf_error(distances(), g, expected.rdf) < 0.05


@pytest.mark.parametrize("timestep", [18.0, 100.0])
def test_a_timestep_that_cannot_work_is_refused(timestep):
    protocol = Protocol(temperature_k=300, time_ps=2, timestep_fs=timestep, sample_fs=200)
    with pytest.raises(InputError, match=r"too long for Ge; choose one below 17\.0 fs"):
        Simulation(crystals(1), stillinger_weber(), protocol)


def test_replicas_begin_alike_whatever_drives_them():
    """The same structures, velocities and random forces; only the forces differ."""
    begun = []
    for force_field in (stillinger_weber(), model("schnet")):
        simulation = Simulation(crystals(3), force_field, SHORT)
        simulation._begin()
        begun.append(simulation)
    one, other = (s._running() for s in begun)
    assert torch.equal(one.velocities, other.velocities)
    assert not torch.equal(one.velocities[:8], one.velocities[8:16])
    noise = [s._dynamics._noise() for s in begun]
    assert torch.equal(*noise)


def test_a_force_field_leaves_its_potential_as_it_was():
    potential = build_potential("schnet", {"cutoff": 4.0})
    Simulation(crystals(1), ForceField.of(potential), SHORT)
    assert potential.reference_energy.isnan().all()


def test_the_step_of_a_fault_enters_no_average():
    broken = Broken("explosion", replica=1, step=40)
    outcome = Simulation(crystals(3), broken.force_field(), SHORT, Expected((0.0, 0.3))).run()
    assert np.isfinite(outcome.temperature).all()
    assert (outcome.temperature < 5000).all()
    assert (outcome.energy_high < 1).all()


def test_a_finished_simulation_is_taken_up_at_its_end(tmp_path):
    start = crystals(2)
    first = Simulation(start, stillinger_weber(), SHORT).run(tmp_path)
    steps = []
    again = Simulation(start, stillinger_weber(), SHORT).run(tmp_path, lambda *s: steps.append(s))
    assert not steps
    assert np.array_equal(first.temperature, again.temperature)
    assert np.array_equal(first.counts.pairs, again.counts.pairs)
