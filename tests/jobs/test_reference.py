"""Reference dynamics from frames of a data set, as from DFT."""

from dataclasses import replace

import numpy as np
import pytest
from structures import diamond

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.jobs.context import Context
from tlbench.jobs.reference import EXPECTED, KIND, START, load_expected
from tlbench.md.protocol import Protocol
from tlbench.md.structure import first_minimum


def frames_at(temperature: float, n: int, rattle: float, phase: str, seed: int = 0) -> Frames:
    parts = [diamond("Ge", (2, 2, 1), rattle=rattle, seed=seed + i) for i in range(n)]
    frames = Frames.concatenate(parts)
    return replace(
        frames,
        temperature_k=np.full(n, temperature),
        phase=np.full(n, phase),
        energy=-3.0 * frames.n_atoms + np.arange(n) * 0.32,
    )


@pytest.fixture
def context(tmp_path):
    data, folder = tmp_path / "data", tmp_path / "job"
    data.mkdir()
    folder.mkdir()
    train = Frames.concatenate(
        [frames_at(300, 6, 0.05, "crystal"), frames_at(900, 9, 0.6, "liquid", seed=50)]
    )
    train.save(data / "train.npz")
    frames_at(300, 4, 0.05, "crystal", seed=20).save(data / "validation.npz")
    vacancy = diamond("Ge", (2, 1, 1))
    replace(vacancy, temperature_k=np.array([300.0])).save(data / "test.npz")
    return Context(folder, {"data": data}, "cpu", lambda progress: None)


def config(temperature: float, replicas: int) -> dict:
    protocol = Protocol(temperature_k=temperature, time_ps=2, replicas=replicas)
    return {
        "protocol": protocol.model_dump(mode="json"),
        "element": "Ge",
        "start": {"kind": "frames"},
    }


def test_a_crystal_is_compared_with_all_its_frames(context):
    found = KIND.perform(config(300, 5), context)["run"]
    assert found["n_atoms"] == 32
    assert "10 frames" in found["origin"]
    assert found["structure"]["coordination"] == 4
    assert 0 < found["rdf_floor"] < 0.6
    expected = load_expected(context.folder / EXPECTED)
    # Nine of ten frames 0.01 eV per atom apart, in two parts: at most five steps.
    assert expected.energy == pytest.approx((-0.05, 0.05))
    assert expected.rdf is not None
    assert expected.crystal
    # Behind the bonds and before the second shell.
    assert 2.6 < expected.shell < 3.8


def test_replicas_start_from_frames_spread_over_all(context):
    KIND.perform(config(300, 5), context)
    start = Frames.load(context.folder / START)
    everything = Frames.load(context.parents["data"] / "train.npz").select(range(6))
    assert len(start) == 5
    assert np.array_equal(start.select([1]).positions, everything.select([2]).positions)
    assert len({part.tobytes() for part in np.split(start.positions, 5)}) == 5


def test_more_replicas_than_frames_share_them(context):
    KIND.perform(config(300, 25), context)
    start = Frames.load(context.folder / START)
    assert len({part.tobytes() for part in np.split(start.positions, 25)}) == 10


def test_a_liquid_is_no_measure_of_crystals(context):
    KIND.perform(config(900, 2), context)
    assert not load_expected(context.folder / EXPECTED).crystal


def test_without_energies_the_energy_is_not_judged(context):
    path = context.parents["data"] / "train.npz"
    frames = Frames.load(path)
    replace(frames, energy=np.full(len(frames), np.nan)).save(path)
    KIND.perform(config(900, 2), context)
    assert load_expected(context.folder / EXPECTED).energy is None


def test_a_temperature_without_frames_is_refused(context):
    with pytest.raises(InputError, match=r"at 1200 K, so .* temperatures there are: 300, 900"):
        KIND.perform(config(1200, 2), context)


def test_the_first_shell_ends_at_the_first_minimum():
    r = (np.arange(120) + 0.5) * 0.05
    g = np.exp(-(((r - 2.5) / 0.2) ** 2)) * 3 + 1 / (1 + np.exp(-(r - 3.6) / 0.1))
    assert first_minimum(g) == pytest.approx(3.15, abs=0.15)


def test_the_first_shell_of_long_bonds_and_of_none():
    """Of potassium, whose neighbours are at 4.5 Å, with some closer pairs as heat makes them."""
    r = (np.arange(120) + 0.5) * 0.05
    peak = np.exp(-(((r - 4.5) / 0.3) ** 2)) * 4 + 1 / (1 + np.exp(-(r - 5.9) / 0.1))
    assert first_minimum(peak) == pytest.approx(5.4, abs=0.15)
    assert first_minimum(np.where(r < 3.6, 0.0, peak)) == first_minimum(peak)
    assert first_minimum(np.zeros(120)) is None
    assert first_minimum(np.full(120, 0.9)) is None


def test_of_any_frames_replicas_start_from_those_of_the_smallest_forces(context):
    path = context.parents["data"] / "train.npz"
    frames = Frames.load(path)
    forces = np.repeat(np.arange(len(frames), 0.0, -1), frames.n_atoms)[:, None] * [1, 0, 0]
    replace(frames, forces=forces).save(path)
    for name in ("validation.npz", "test.npz"):
        other = Frames.load(context.parents["data"] / name)
        replace(other, forces=np.full_like(other.forces, 99)).save(context.parents["data"] / name)
    KIND.perform({**config(300, 3), "start_structure": "any"}, context)
    start = Frames.load(context.folder / START)
    smallest = frames.select([14, 13, 12])
    assert np.array_equal(start.positions, smallest.positions)


def test_frames_without_a_volume_are_refused(context):
    path = context.parents["data"] / "train.npz"
    frames = Frames.load(path)
    replace(frames, pbc=np.tile([True, True, False], (len(frames), 1))).save(path)
    with pytest.raises(InputError, match=r"not periodic, so that there is no volume .* to null"):
        KIND.perform(config(300, 2), context)
