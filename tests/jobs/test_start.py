"""What simulations start from: frames of the nearest temperature or of a phase, or a melt."""

from dataclasses import replace

import numpy as np
import pytest
from structures import diamond

from tlbench.base.errors import InputError
from tlbench.data.cards import load_card
from tlbench.data.frames import Frames
from tlbench.jobs.context import Context
from tlbench.jobs.reference import EXPECTED, KIND, START, load_expected
from tlbench.jobs.reference_run import ReferenceRun
from tlbench.jobs.start import HOTTEST_START
from tlbench.md.batch import ForceField
from tlbench.md.protocol import STABLE, TEMPERATURE, Protocol
from tlbench.md.simulation import Simulation
from tlbench.metrics.structure import rdf_error_beyond_core
from tlbench.reference.stillinger_weber import StillingerWeber
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

SAMPLED = {300.0: "crystal", 1000.0: "liquid", 2000.0: "liquid"}
KB = 8.617e-5


def sampled() -> Frames:
    """Return four frames at each temperature, the hotter the more disordered."""
    parts = []
    for temperature, phase in SAMPLED.items():
        frames = Frames.concatenate(
            [diamond("Ge", (2, 1, 1), temperature / 3000, seed=i) for i in range(4)]
        )
        changed = {"temperature_k": np.full(4, temperature), "phase": np.full(4, phase)}
        parts.append(replace(frames, **changed, energy=np.full(4, -60.0)))
    return Frames.concatenate([*parts, diamond("Ge", (2, 1, 1))])


@pytest.fixture
def context(tmp_path):
    folders = {name: tmp_path / name for name in ("data", "job")}
    for folder in folders.values():
        folder.mkdir()
    everything = sampled()
    # The last has no temperature; one of each temperature is in another part.
    parts = {
        "train": [0, 1, 2, 4, 5, 6, 8, 9, 10],
        "validation": [3, 7, 12],
        "test": [11],
    }
    for split, some in parts.items():
        everything.select(some).save(folders["data"] / f"{split}.npz")
    return Context(folders["job"], {"data": folders["data"]}, "cpu", lambda progress: None)


def found(context, temperature, start, of=None, **settings):
    usual = {"time_ps": 2.0, "replicas": 4, **settings}
    protocol = Protocol(temperature_k=temperature, **usual)
    config = {
        "protocol": protocol.model_dump(mode="json"), "element": "Ge",
        "start": of or {"kind": "frames"}, "start_structure": start,
    }  # fmt: skip
    return ReferenceRun.model_validate_json(
        KIND.result.of(**KIND.perform(config, context)).run.model_dump_json()
    )


@pytest.mark.parametrize(
    ("temperature", "start", "of", "phase"),
    [
        (1200, "nearest", 1000.0, "liquid"),
        (1800, "nearest", 2000.0, "liquid"),
        (500, "nearest", 300.0, "crystal"),
        (1000, "nearest", 1000.0, "liquid"),
        (1200, "crystal", 300.0, "crystal"),
        (600, "liquid", 1000.0, "liquid"),
    ],
)
def test_frames_are_of_the_nearest_temperature(context, temperature, start, of, phase):
    run = found(context, temperature, start)
    assert (run.start_structure, run.frames_temperature_k, run.start_phase) == (start, of, phase)
    assert run.temperature_k == temperature
    assert run.origin == "4 frames of the data set"
    assert load_expected(context.folder / EXPECTED).crystal == (phase == "crystal")
    begin = Frames.load(context.folder / START)
    assert set(begin.temperature_k) == {of}
    # Positions and cells are those of the frames.
    everything = sampled()
    (wanted,) = {tuple(row) for row in everything.select(everything.temperature_k == of).cell[:, 0]}
    assert {tuple(row) for row in begin.cell[:, 0]} == {wanted}
    assert len({part.tobytes() for part in np.split(begin.positions, 4)}) == 4


def test_structures_that_are_much_too_hot_are_refused(context):
    with pytest.raises(InputError, match=r"sampled at 1000 K; at 300 K .* Simulate at 500 K or"):
        found(context, 300, "liquid")


@pytest.mark.slow
def test_half_of_the_heat_of_a_hot_start_is_as_much_as_stable_dynamics_can_have():
    """Some crystals of three times the temperature end by theirs, though the potential is exact."""
    frames = load_card("sw-si-64").read({})["train"]
    frames = frames.select(frames.temperature_k == 900.0).select(np.arange(0, 40, 10))
    truth = ForceField.of(StillingerWeber("Si"))
    ended: dict[float, set[str]] = {}
    for temperature in (900 / 3, 900 / HOTTEST_START):
        protocol = Protocol(temperature_k=temperature, time_ps=1.5, replicas=4)
        ended[temperature] = set(Simulation(frames, truth, protocol).run().criterion)
    assert TEMPERATURE in ended[300]
    assert ended[450] == {STABLE}


def test_structure_of_a_liquid_is_that_of_its_frames(context):
    run = found(context, 1200, "nearest")
    exact = found(context, 1000, None)
    assert run.structure == exact.structure
    assert run.rdf_floor == exact.rdf_floor


def test_potential_energy_may_follow_the_temperature(context):
    found(context, 1200, "nearest")
    low, high = load_expected(context.folder / EXPECTED).energy
    assert (low, high) == pytest.approx((0, 1.5 * KB * 200), abs=1e-3)
    found(context, 700, "nearest")
    low, high = load_expected(context.folder / EXPECTED).energy
    assert (low, high) == pytest.approx((-1.5 * KB * 300, 0), abs=1e-3)


def test_any_frames_are_taken_the_calmest_first_and_their_energies_bound_nothing(context):
    everything = sampled()
    forces = np.random.default_rng(0).normal(size=everything.positions.shape)
    # Those of the frame without a temperature are the smallest.
    last = everything.n_atoms[-1]
    forces[-last:] *= 0.1
    labelled = replace(everything, forces=forces)
    for split, some in {"train": [0, 12, 4], "validation": [5], "test": [8]}.items():
        labelled.select(some).save(context.parents["data"] / f"{split}.npz")
    run = found(context, 700, "any", replicas=1)
    assert (run.start_structure, run.frames_temperature_k, run.start_phase) == ("any", None, None)
    assert load_expected(context.folder / EXPECTED).energy is None
    start = Frames.load(context.folder / START)
    assert np.array_equal(start.positions, everything.select([12]).positions)


def test_data_of_unknown_temperature_can_be_simulated_from_any_frame_alone(context):
    for split in ("train", "validation", "test"):
        path = context.parents["data"] / f"{split}.npz"
        frames = Frames.load(path)
        replace(frames, temperature_k=np.full(len(frames), np.nan)).save(path)
    with pytest.raises(InputError, match="temperatures there are: none"):
        found(context, 600, "nearest")
    assert found(context, 600, "any").temperature_k == 600


def test_without_a_choice_only_the_exact_temperature_is_taken(context):
    with pytest.raises(InputError, match=r"at 1200 K, so .*: 300, 1000, 2000\. With dynamics\.st"):
        found(context, 1200, None)
    run = found(context, 1000, None)
    assert (run.start_structure, run.frames_temperature_k, run.start_phase) == (None, None, None)


def test_a_phase_that_the_data_do_not_have_is_refused(context):
    for split in ("train", "validation", "test"):
        path = context.parents["data"] / f"{split}.npz"
        frames = Frames.load(path)
        replace(frames, phase=np.full(len(frames), "crystal")).save(path)
    with pytest.raises(InputError, match=r"is a liquid, so .* the data set are: crystal\.$"):
        found(context, 300, "liquid")


def stillinger_weber(context, temperature, start, **settings):
    of = load_card("sw-ge").origin.start(temperature)
    return found(
        context, temperature, start, of, time_ps=1.0, equilibration_ps=0.4, replicas=2, **settings
    )


@pytest.mark.slow
def test_a_reference_potential_starts_from_its_crystal_its_melt_or_a_frame(context):
    crystal = stillinger_weber(context, 1500, "crystal")
    assert crystal.structure == stillinger_weber(context, 1500, None).structure
    assert (crystal.start_phase, crystal.frames_temperature_k) == ("crystal", None)
    assert load_expected(context.folder / EXPECTED).crystal
    liquid = stillinger_weber(context, 3000, "liquid")
    assert liquid.start_phase == "liquid"
    assert not load_expected(context.folder / EXPECTED).crystal
    begin = Frames.load(context.folder / START)
    assert not np.allclose(*np.split(begin.positions, 2), atol=0.5)
    superheated = stillinger_weber(context, 3000, "crystal")
    off = rdf_error_beyond_core(liquid.distances, liquid.structure.rdf, superheated.structure.rdf)
    assert off > 0.3
    assert liquid.structure.rdf != superheated.structure.rdf
    nearest = stillinger_weber(context, 500, "nearest")
    assert (nearest.frames_temperature_k, nearest.start_phase) == (300.0, "crystal")
    assert set(Frames.load(context.folder / START).temperature_k) == {300.0}


def test_a_reference_that_states_no_start_has_the_digest_that_it_had(context):
    run = found(context, 1000, None)
    assert not [name for name in run.model_dump() if name.startswith(("start", "frames", "extr"))]
    stated = run.model_copy(update={"start_structure": "nearest"})
    assert stated.digest() != run.digest()


def with_start(name: str, start: str | None):
    suite = load_suite(name)
    dynamics = suite.dynamics.model_copy(update={"start": start})
    return plan(resolve(suite.model_copy(update={"dynamics": dynamics})))


@pytest.mark.parametrize("name", ["stability-sw-cpu", "stability-dft"])
def test_a_start_is_planned_with_what_it_needs(name):
    before, after = with_start(name, None), with_start(name, "nearest")
    assert before.reference != after.reference
    job = after.jobs[after.reference]
    assert job.config["start_structure"] == "nearest"
    assert "start_structure" not in before.jobs[before.reference].config
    assert after.jobs[job.parents["data"]].kind == "dataset"
    assert before.study.digest != after.study.digest
