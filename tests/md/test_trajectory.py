"""Trajectory files say what ase understands, and are cut back to any step."""

from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from structures import diamond, skewed

from tlbench.data.frames import Frames
from tlbench.md.batch import ForceField
from tlbench.md.criteria import Snapshot
from tlbench.md.protocol import Protocol
from tlbench.md.simulation import Simulation
from tlbench.md.trajectory import Trajectory
from tlbench.reference.stillinger_weber import StillingerWeber

TIMESTEP = 1.5


@pytest.fixture
def structure() -> Frames:
    return skewed("Ge", n_atoms=4)


def samples(structure: Frames, steps: list[int], replicas: list[int]) -> list[Snapshot]:
    """Return samples at random far outside the cell."""
    generator = np.random.default_rng(0)
    shape = (len(replicas) * int(structure.n_atoms[0]), 3)
    return [
        Snapshot(
            step,
            np.array(replicas),
            30 * generator.standard_normal(shape),
            0.01 * generator.standard_normal(shape),
            generator.standard_normal(len(replicas)),
            900 * generator.random(len(replicas)),
        )
        for step in steps
    ]


def write(path: Path, structure: Frames, made: list[Snapshot]) -> Trajectory:
    trajectory = Trajectory(path, structure, TIMESTEP)
    with trajectory:
        for sample in made:
            trajectory.write(sample)
    return trajectory


def test_ase_reads_what_was_written(structure, tmp_path):
    made = samples(structure, [10, 20], [0, 3])
    write(tmp_path / "t.extxyz", structure, made)
    frames = ase.io.read(tmp_path / "t.extxyz", index=":")
    assert [f.info["step"] for f in frames] == [10, 10, 20, 20]
    assert [f.info["time_fs"] for f in frames] == [15, 15, 30, 30]
    assert [f.info["replica"] for f in frames] == [0, 3, 0, 3]
    for number, atoms in enumerate(frames):
        sample, place = made[number // 2], number % 2
        span = slice(4 * place, 4 * place + 4)
        assert atoms.get_chemical_symbols() == ["Ge"] * 4
        assert atoms.pbc.all()
        np.testing.assert_array_equal(atoms.cell.array, structure.cell[0])
        np.testing.assert_allclose(atoms.positions, sample.positions[span], rtol=0, atol=1e-8)
        velocities = atoms.get_velocities() * units.fs
        np.testing.assert_allclose(velocities, sample.velocities[span], rtol=0, atol=1e-10)
        assert atoms.get_potential_energy() == pytest.approx(sample.energy[place], abs=1e-8)
        assert atoms.info["temperature_k"] == pytest.approx(sample.temperature[place], abs=1e-4)


def test_ase_finds_the_temperature_that_is_written(tmp_path):
    """Of a simulation, whose momenta ase turns into kinetic energy with units of its own."""
    structure = diamond("Ge")
    protocol = Protocol(temperature_k=900, time_ps=0.04, equilibration_ps=0, sample_fs=20)
    trajectory = Trajectory(tmp_path / "t.extxyz", structure, protocol.timestep_fs)
    force_field = ForceField.of(StillingerWeber("Ge"))
    with trajectory:
        Simulation(structure, force_field, protocol).run(on_sample=trajectory.write)
    frames = ase.io.read(tmp_path / "t.extxyz", index=":")
    assert [f.info["step"] for f in frames] == [10, 20]
    for atoms in frames:
        assert atoms.get_temperature() == pytest.approx(atoms.info["temperature_k"], rel=1e-5)


def test_a_molecule_has_no_lattice(tmp_path):
    structure = Frames.unlabelled([Atoms("GeH", positions=[[0, 0, 0], [0, 0, 1.5]])])
    write(tmp_path / "t.extxyz", structure, samples(structure, [1], [0]))
    atoms = ase.io.read(tmp_path / "t.extxyz")
    assert atoms.get_chemical_symbols() == ["Ge", "H"]
    assert not atoms.pbc.any()
    assert not atoms.cell.array.any()


def test_periodic_along_two_vectors(structure, tmp_path):
    slab = replace(structure, pbc=np.array([[True, True, False]]))
    write(tmp_path / "t.extxyz", slab, samples(slab, [1], [0]))
    assert ase.io.read(tmp_path / "t.extxyz").pbc.tolist() == [True, True, False]


@pytest.mark.parametrize("step", [0, 9, 10, 25, 30, 99])
def test_it_is_cut_to_a_step_and_continued(structure, tmp_path, step):
    path = tmp_path / "t.extxyz"
    made = samples(structure, [10, 20, 30], [0, 1])
    trajectory = write(path, structure, made)
    whole = path.read_bytes()
    kept = [sample for sample in made if sample.step <= step]
    assert trajectory.cut(step) == 2 * len(kept)
    write(path, structure, made[len(kept) :])
    assert path.read_bytes() == whole


def test_a_frame_that_is_not_whole_is_dropped_wherever_it_was_cut_off(structure, tmp_path):
    path = tmp_path / "t.extxyz"
    trajectory = write(path, structure, samples(structure, [10, 20], [0]))
    whole = path.read_bytes()
    end = whole.index(b"\n4\n") + 1
    for length in range(end, len(whole), 3):
        path.write_bytes(whole[:length])
        assert trajectory.cut(99) == 1
        assert path.read_bytes() == whole[:end]
    for length in range(0, end, 3):
        path.write_bytes(whole[:length])
        assert trajectory.cut(99) == 0
        assert path.read_bytes() == b""


def test_what_is_no_frame_ends_it(structure, tmp_path):
    path = tmp_path / "t.extxyz"
    trajectory = write(path, structure, samples(structure, [10], [0]))
    first = path.read_bytes()
    write(path, structure, samples(structure, [20], [0]))
    second = path.read_bytes()[len(first) :]
    for noise in (b"\0" * 4096, b"\n" * 20, second.replace(b"4\n", b"5\n", 1)):
        path.write_bytes(first + noise + second)
        assert trajectory.cut(99) == 1
        assert path.read_bytes() == first


def test_there_need_not_be_a_file(structure, tmp_path):
    assert Trajectory(tmp_path / "t.extxyz", structure, TIMESTEP).cut(5) == 0
