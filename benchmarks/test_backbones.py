"""Speed of the backbones beside torch-geometric's layers, run eagerly on the same graphs.

A training update is what the training loop does with a batch: energies, forces, the gradient of
a force loss by the parameters, and a step of Adam. The peer's gradient is taken by
``loss.backward()``, as one would write it.
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import bulk
from package_steps import PACKAGE_STEPS
from peers import PEERS
from steps import update_of

from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.models.potential import Potential, build_potential

BATCH = 5
TARGETS = {
    "dimenetpp": {4.3: 5.0, 5.0: 8.0, 6.0: 12.0},
    "schnet": {4.3: 3.0, 5.0: 3.0, 6.0: 3.0},
}
CASES = [(name, cutoff) for name, targets in TARGETS.items() for cutoff in targets]
PACKAGE_CUTOFF = 4.3
PEER = "torch-geometric's layers"


def pair(name, cutoff):
    """Return our potential, and the peer's with the same weights."""
    torch.manual_seed(0)
    ours = build_potential(name, {"cutoff": cutoff})
    theirs = Potential(name, PEERS[name](ours.backbone.config))
    theirs.backbone.load_state_dict(ours.backbone.state_dict())
    return ours, theirs


@pytest.mark.parametrize(("name", "cutoff"), CASES)
def test_training_update(race, threads, thermal_silicon, name, cutoff):
    graph = graph_of(Frames.unlabelled(thermal_silicon(BATCH)), cutoff, dtype=torch.float32)
    ours, theirs = pair(name, cutoff)
    row = race(
        f"{name}, training update of {BATCH} × 64 atoms, {cutoff} Å, {threads}",
        update_of(ours, graph),
        update_of(theirs, graph, for_parameters=False),
        peer=PEER,
        target=TARGETS[name][cutoff],
    )
    # Noise leaves the order of magnitude.
    assert row.ratio > 0.5 * TARGETS[name][cutoff]


@pytest.mark.parametrize("name", PACKAGE_STEPS)
def test_training_update_beside_the_networks_own_package(race, thermal_silicon, name):
    frames = Frames.unlabelled(thermal_silicon(BATCH))
    torch.manual_seed(0)
    ours = build_potential(name, {"cutoff": PACKAGE_CUTOFF})
    step, peer = PACKAGE_STEPS[name]
    row = race(
        f"{name}, training update of {BATCH} × 64 atoms, {PACKAGE_CUTOFF} Å, 1 thread",
        update_of(ours, graph_of(frames, PACKAGE_CUTOFF, dtype=torch.float32)),
        step(ours, frames)[1],
        peer=peer,
        target=1.0,
        rounds=9,
    )
    assert row.ratio > 0.8


@pytest.mark.parametrize(("name", "cutoff"), CASES)
def test_force_call(race, threads, thermal_silicon, name, cutoff):
    graph = graph_of(Frames.unlabelled(thermal_silicon(BATCH)), cutoff, dtype=torch.float32)
    ours, theirs = pair(name, cutoff)
    row = race(
        f"{name}, force call of {BATCH} × 64 atoms, {cutoff} Å, {threads}",
        lambda: ours(graph),
        lambda: theirs(graph),
        peer=PEER,
        target=TARGETS[name][cutoff],
    )
    assert row.ratio > 0.4 * TARGETS[name][cutoff]


def median_seconds(function, rounds=5):
    """Return the median time of a call."""
    function()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return sorted(times)[rounds // 2]


def test_cost_is_linear_in_edges(note, thermal_silicon):
    frames = Frames.unlabelled(thermal_silicon(BATCH))
    edges, seconds = [], []
    for cutoff in (3.5, 4.3, 5.0, 6.0, 7.0):
        graph = graph_of(frames, cutoff, dtype=torch.float32)
        potential = build_potential("dimenetpp", {"cutoff": cutoff})
        edges.append(graph.edge_index.shape[1])
        seconds.append(median_seconds(update_of(potential, graph)))
    exponent = np.polyfit(np.log(edges), np.log(seconds), 1)[0]
    note(
        f"dimenetpp, training update: exponent of time against edges, 3.5–7 Å "
        f"({edges[0]}–{edges[-1]} edges)",
        float(exponent),
        "",
        target=1.1,
    )
    assert exponent < 1.2


def test_cost_is_linear_in_atoms(note):
    atoms, seconds = [], []
    for repeats in (2, 3, 4, 6):
        crystal = bulk("Si", "diamond", a=5.43, cubic=True).repeat(repeats)
        crystal.rattle(0.1, seed=0)
        graph = graph_of(Frames.unlabelled([crystal]), 4.3, dtype=torch.float32)
        potential = build_potential("dimenetpp", {"cutoff": 4.3})
        atoms.append(len(crystal))
        seconds.append(median_seconds(lambda p=potential, g=graph: p(g), rounds=3))
    exponent = np.polyfit(np.log(atoms), np.log(seconds), 1)[0]
    note(
        f"dimenetpp, force call: exponent of time against atoms, {atoms[0]}–{atoms[-1]} atoms",
        float(exponent),
        "",
        target=1.1,
    )
    assert exponent < 1.2


def peak_memory(contestant):
    """Return what training updates at 6 Å add to the peak memory of a process, MiB."""
    command = [sys.executable, __file__, contestant]
    shown = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    return float(shown.stdout.split()[-1])


def test_peak_memory(note):
    row = note(
        f"dimenetpp, memory of a training update of {BATCH} × 64 atoms, 6.0 Å",
        peak_memory("ours"),
        "MiB",
        target=4.0,
        peer=PEER,
        theirs=peak_memory("peer's"),
    )
    assert row.ratio > 4


def peak_kib():
    """Return the peak memory of this process; getrusage's would include its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def measure_memory(contestant):
    """Print the memory that three updates need."""
    images = []
    for seed in range(BATCH):
        atoms = bulk("Si", "diamond", a=5.43, cubic=True).repeat(2)
        atoms.rattle(0.1, seed=seed)
        images.append(atoms)
    torch.set_num_threads(1)
    small = graph_of(Frames.unlabelled(images[:1]), 3.0, dtype=torch.float32)
    graph = graph_of(Frames.unlabelled(images), 6.0, dtype=torch.float32)
    ours, theirs = pair("dimenetpp", 6.0)
    potential = ours if contestant == "ours" else theirs
    # Whatever is loaded and compiled at the first call does not count.
    update_of(potential, small)()
    before = peak_kib()
    update = update_of(potential, graph)
    for _ in range(3):
        update()
    print((peak_kib() - before) / 1024)  # noqa: T201


if __name__ == "__main__":
    measure_memory(sys.argv[1])
