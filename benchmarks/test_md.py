"""Speed of molecular dynamics beside ase's and LAMMPS's."""

import shutil
import subprocess
import time

import numpy as np
import pytest
import torch
from ase import units
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.io import write
from ase.md.langevin import Langevin as AseLangevin
from steps import TEMPERATURE_K, advance, begun, crystals

from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.md.batch import ForceField
from tlbench.models.potential import build_potential
from tlbench.reference.stillinger_weber import PARAMETERS, StillingerWeber

REPLICAS = 32


class SiliconCalculator(Calculator):
    """Our Stillinger–Weber potential as ase calls it."""

    implemented_properties = ("energy", "forces")

    def __init__(self):
        super().__init__()
        self.potential = StillingerWeber("Si")

    def calculate(self, atoms=None, properties=(), system_changes=all_changes):
        """Compute energy and forces."""
        super().calculate(atoms, properties, system_changes)
        found = self.potential(graph_of(Frames.unlabelled([self.atoms]), self.potential.cutoff))
        self.results = {"energy": float(found.energy[0]), "forces": found.forces.numpy()}


def potential_called(name):
    """Return our force field, and what gives ase a calculator of the same potential."""
    if name == "Stillinger–Weber":
        return ForceField.of(StillingerWeber("Si")), SiliconCalculator
    torch.manual_seed(0)
    potential = build_potential(name, {"cutoff": 4.3})
    # The calculator warns of elements that it knows no reference energy of.
    potential.reference_energy[14] = 0.0
    return ForceField.of(potential), potential.calculator


@pytest.mark.parametrize(
    ("name", "steps", "target"),
    [("Stillinger–Weber", 20, 5.0), ("schnet", 4, 3.0), ("dimenetpp", 2, 3.0)],
)
def test_batched_dynamics(race, threads, name, steps, target):
    force_field, calculator = potential_called(name)
    simulation = begun(force_field, REPLICAS)
    runs = []
    for seed, atoms in enumerate(crystals(REPLICAS)):
        atoms.calc = calculator()
        generator = np.random.default_rng(seed)
        speed = (units.kB * TEMPERATURE_K / atoms.get_masses()[:, None]) ** 0.5
        atoms.set_velocities(speed * generator.normal(size=(len(atoms), 3)))
        runs.append(
            AseLangevin(
                atoms, units.fs, temperature_K=TEMPERATURE_K, friction=0.01 / units.fs,
                fixcm=False, rng=generator,
            )
        )  # fmt: skip

    def one_after_the_other():
        for dynamics in runs:
            dynamics.run(steps)

    row = race(
        f"{steps} steps of Langevin dynamics of {REPLICAS} × 64 atoms, {name}, {threads}",
        lambda: advance(simulation, steps),
        one_after_the_other,
        peer="ase, replica by replica",
        target=target,
        rounds=3,
    )
    assert row.ratio > 1


def test_bookkeeping_of_a_step(note):
    """All that a step needs beyond forces: noise, kicks, closest pairs, criteria."""
    force_field = ForceField.of(StillingerWeber("Si"))
    inside = []

    def timed(graph):
        start = time.perf_counter()
        found = force_field.evaluate(graph)
        inside.append(time.perf_counter() - start)
        return found

    simulation = begun(ForceField(timed, force_field.cutoff), REPLICAS, sample_fs=1e6)
    totals = []
    for _ in range(5):
        inside.clear()
        start = time.perf_counter()
        advance(simulation, 40)
        totals.append((time.perf_counter() - start - sum(inside)) / 40)
    value = 1e3 * sorted(totals)[2]
    row = note(
        f"a step of {REPLICAS} × 64 atoms beyond its forces, neighbour lists included",
        value, "ms", target=1.0,
    )  # fmt: skip
    assert row.ours < 10


def test_sampling_of_structure(note):
    """RDF and ADF every 50 fs, as by default, on top of the cheapest potential there is."""
    simulation = begun(ForceField.of(StillingerWeber("Si")), REPLICAS, sample_fs=1e6)
    steps = []
    for _ in range(5):
        start = time.perf_counter()
        advance(simulation, 25)
        steps.append(time.perf_counter() - start)
    samples = []
    for _ in range(5):
        start = time.perf_counter()
        simulation._sample(lambda sample: None)
        samples.append(time.perf_counter() - start)
    share = 100 * sorted(samples)[2] / sorted(steps)[2]
    row = note("RDF and ADF of a run with Stillinger–Weber, every 25 steps", share, "%", target=5.0)
    # Of the potential's step 25 are 20 ms, of DimeNet++'s ten times as long.
    assert row.ours < 50


@pytest.mark.skipif(shutil.which("lmp") is None, reason="LAMMPS is not installed")
def test_stillinger_weber_beside_lammps(note, tmp_path):
    """Dynamics of 2048 atoms in one cell for LAMMPS, in 32 for us; one thread each."""
    sw = PARAMETERS["Si"]
    (tmp_path / "Si.sw").write_text(
        f"Si Si Si {sw.epsilon} {sw.sigma} {sw.a} {sw.lambda_} {sw.gamma} -0.333333333333 "
        f"{sw.A} {sw.B} {sw.p} {sw.q} 0.0\n"
    )
    crystal = bulk("Si", "diamond", a=5.43, cubic=True).repeat((8, 8, 4))
    write(tmp_path / "data", crystal, format="lammps-data")
    steps = 100
    (tmp_path / "in").write_text(
        f"""units metal
read_data data
pair_style sw
pair_coeff * * Si.sw Si
mass 1 28.085
velocity all create {TEMPERATURE_K} 1
fix 1 all nve
fix 2 all langevin {TEMPERATURE_K} {TEMPERATURE_K} 0.1 1
timestep 0.001
run {steps}
"""
    )
    environment = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin"}

    def lammps():
        shown = subprocess.run(
            ["lmp", "-in", "in"], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        line = next(s for s in shown.stdout.splitlines() if s.startswith("Loop time of"))
        return float(line.split()[3])

    simulation = begun(ForceField.of(StillingerWeber("Si")), REPLICAS, sample_fs=1e6)
    ours, theirs = [], []
    for _ in range(3):
        theirs.append(lammps())
        start = time.perf_counter()
        advance(simulation, steps)
        ours.append(time.perf_counter() - start)
    row = note(
        f"{steps} steps of {REPLICAS * 64} atoms, Stillinger–Weber, 1 thread",
        1e3 * sorted(ours)[1],
        "ms",
        peer="LAMMPS pair_style sw, its loop alone",
        theirs=1e3 * sorted(theirs)[1],
        target=0.7,
    )
    assert row.ratio > 0.3
