"""Simulates on the CPU and on the pretended device; writes what differs, as JSON.

``python simulated.py NAME FOLDER``, where the name is that of a backbone or Stillinger–Weber's.
"""

import json
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import tiny
import torch
from ase import Atoms
from pretended import DEVICE, pretending
from structures import diamond

from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.jobs import simulate, speed
from tlbench.jobs.context import MODEL, Context
from tlbench.kernels.library import SWITCH
from tlbench.md.batch import ForceField
from tlbench.md.criteria import Expected
from tlbench.md.protocol import Criteria, Protocol
from tlbench.md.simulation import BLOCK_STEPS, Simulation
from tlbench.md.structure import count_frames, rdf
from tlbench.models.potential import build_potential, load_potential
from tlbench.transfer.potentials.drivers import load_driver

NAME, FOLDER = sys.argv[1], Path(sys.argv[2])
REPLICAS = 3
START = Frames.concatenate([diamond("Ge", rattle=0.1, seed=seed) for seed in range(REPLICAS)])
COLD = replace(START, positions=np.tile(diamond("Ge").positions, (REPLICAS, 1)))
EXPECTED = Expected(energy=(-0.2, 0.3), rdf=rdf(count_frames(START), START).mean(axis=0))
HOT = {"temperature_k": 1500.0, "time_ps": 0.07, "sample_fs": 16.0, "equilibration_ps": 0.02}
if NAME != "stillinger-weber":
    # Steps of networks take long.
    HOT |= {"time_ps": 0.032, "equilibration_ps": 0.0}
PROTOCOLS = {
    # A replica that meets a criterion in the middle of a block leaves, the others go on.
    "langevin": Protocol(**HOT, timestep_fs=1.0, criteria=Criteria(max_force=4.0, rdf_error=None)),
    "extreme": Protocol(
        **HOT, timestep_fs=2.0, stop="extreme", criteria=Criteria(max_force=4.0, window_fs=16.0)
    ),
    "constant energy": Protocol(**HOT, timestep_fs=1.0, friction_per_ps=0.0),
    # Most of its atoms move half the skin.
    "far": Protocol(
        **{**HOT, "temperature_k": 90_000.0}, timestep_fs=2.0, friction_per_ps=100.0,
        criteria=Criteria(**dict.fromkeys(Criteria.model_fields, None) | {"window_fs": 16.0}),
    ),
}  # fmt: skip

rebuilt = []


def force_field(device) -> ForceField:
    """Return what drives the atoms, in float64."""
    if NAME == "stillinger-weber":
        return load_driver("stillinger-weber:Ge", START, device).force_field
    return ForceField.of(tiny.potential(NAME, dtype=torch.float64).to(device))


def simulated(device, protocol, folder=None, interrupt=None):
    """Return everything that one simulation leaves, number by number."""
    found = {}

    def sampled(sample):
        for name in ("positions", "velocities", "energy", "temperature"):
            found[f"{name} {sample.step}"] = getattr(sample, name)

    def stop(done, total, alive):
        if interrupt and done >= interrupt:
            raise KeyboardInterrupt

    simulation = Simulation(START, force_field(device), protocol, EXPECTED)
    try:
        outcome = simulation.run(folder, on_step=stop, on_sample=sampled)
    except KeyboardInterrupt:
        return found
    assert simulation._running().positions.device == torch.device(device)
    rebuilt.append(sum(lists.n_rebuilt for lists in simulation._batch._lists))
    found |= {f"counts {name}": value for name, value in outcome.counts.arrays().items()}
    names = ("steps", "energy_low", "energy_high", "temperature", "msd", "extremes")
    found |= {name: getattr(outcome, name) for name in names}
    return found | {"criterion": np.array(outcome.criterion)}


def gap(one, other):
    """Return the largest difference of any number, relative to the largest of its array."""
    assert one.keys() == other.keys()
    gaps = []
    for name, value in one.items():
        if value.dtype.kind != "f":
            assert np.array_equal(value, other[name]), name
            continue
        scale = np.nanmax(np.abs(value), initial=1e-30)
        assert np.array_equal(np.isnan(value), np.isnan(other[name])), name
        gaps.append(np.nanmax(np.abs(value - other[name]), initial=0.0) / scale)
    return float(max(gaps))


def costs(force_field):
    """Return waits and launches of a block of steps without rebuild or sample.

    Those of the forces are counted by themselves.
    """

    def now():
        return np.array([len(mode.waits), sum(mode.launches.values())])

    inside, marks = np.zeros(2, dtype=int), []
    evaluate = force_field.evaluate

    def counted(graph):
        before = now()
        found = evaluate(graph)
        inside[:] += now() - before
        return found

    time_fs = 3.0 * BLOCK_STEPS
    protocol = Protocol(
        temperature_k=1.0, time_ps=1e-3 * time_fs, timestep_fs=1.0, sample_fs=time_fs,
        equilibration_ps=0.0,
    )  # fmt: skip
    simulation = Simulation(COLD, replace(force_field, evaluate=counted), protocol)
    simulation.run(on_step=lambda *progress: marks.append((now(), inside.copy())))
    (before, forces_before), (after, forces_after), _ = marks
    forces = forces_after - forces_before
    names = ("waits", "launches")
    others = after - before - forces
    return dict(zip(names, others.tolist(), strict=True)) | {
        f"{name} of forces": int(n) for name, n in zip(names, forces, strict=True)
    }


def jobs(device):
    """Return what jobs find that simulate and time a model, and what its ase calculator returns."""
    folder = FOLDER / torch.device(device).type
    reference, model, own = (folder / name for name in ("reference", "model", "own"))
    for each in (reference, model, own):
        each.mkdir(parents=True)
    tiny.potential(NAME, dtype=torch.float64).save(model / MODEL)
    START.save(reference / simulate.START)
    known = {"energy": np.array(EXPECTED.energy), "rdf": EXPECTED.rdf}
    np.savez(reference / simulate.EXPECTED, **known, shell=np.array([]), crystal=True)
    context = Context(own, {"model": model, "reference": reference}, device, lambda done: None)
    found = simulate.run(simulate.Config(protocol=PROTOCOLS["extreme"]), context)
    backbone = {"name": NAME, "config": {**tiny.BACKBONES, **tiny.OTHERS}[NAME]}
    speed.run(speed.Config(backbone=backbone), context)
    assert context.measured["force_call_seconds"] > 0
    with np.load(own / simulate.OUTCOME) as file:
        arrays = {name: file[name] for name in file.files}
    arrays |= {"survival": np.array(found.survival_ps)}
    atoms = Atoms("Ge8", START.positions[:8], cell=START.cell[0], pbc=True)
    atoms.calc = load_potential(model / MODEL, device).calculator()
    arrays |= {"forces": atoms.get_forces(), "energy": np.array([atoms.get_potential_energy()])}
    arrays |= {"stress": atoms.get_stress()}
    return arrays


def force_call(device, dtype):
    """Return energies and forces of one call of a network of the usual size."""
    torch.manual_seed(0)
    potential = build_potential(NAME, {"cutoff": tiny.CUTOFF}, dtype).to(device)
    found = potential(graph_of(START, potential.cutoff, device, dtype), unfitted=0.0)
    return {"energy": found.energy.cpu().numpy(), "forces": found.forces.cpu().numpy()}


def main():
    """Return what differs between the devices, and how often the host waits."""
    is_model = NAME != "stillinger-weber"
    result = {"steps": BLOCK_STEPS}
    for label, protocol in PROTOCOLS.items():
        if is_model and label != "langevin":
            continue
        there = simulated(DEVICE, protocol)
        result[f"rebuilt {label}"] = rebuilt[-1]
        result[label] = gap(simulated("cpu", protocol), there)
        result[f"criteria {label}"] = there["criterion"].tolist()
    if is_model:
        result["jobs"] = gap(jobs("cpu"), jobs(DEVICE))
        os.environ[SWITCH] = "on"
        here = force_call("cpu", torch.float32)
        result["force call in float32"] = gap(here, force_call(DEVICE, torch.float32))
    else:
        (FOLDER / "kept").mkdir()
        simulated(DEVICE, PROTOCOLS["langevin"], FOLDER / "kept", interrupt=33)
        resumed = simulated(DEVICE, PROTOCOLS["langevin"], FOLDER / "kept")
        whole = simulated(DEVICE, PROTOCOLS["langevin"])
        result["resumed"] = gap(resumed, {name: whole[name] for name in resumed})
    return result | costs(force_field(DEVICE))


with warnings.catch_warnings(), pretending() as mode:
    # What an element without a reference energy gives.
    warnings.simplefilter("ignore")
    sys.stdout.write(json.dumps(main()))
sys.stdout.flush()
# The pretended device's thread does not end with the interpreter.
os._exit(0)
