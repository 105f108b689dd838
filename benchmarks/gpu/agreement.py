"""Results on the device beside those of the CPU.

Deviations are the largest difference over the largest value. On a GPU sums are done in an order
that changes from run to run, so agreement is within a tolerance; float32 ones are far below what
TF32, which has 10 bits, would give.
"""

import copy
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from ase.build import bulk
from torch import Tensor

import tlbench.training.loop as loop
from gpu.cases import BACKBONES, network, plain_torch, silicon, unbounded
from gpu.findings import Finding, Report
from tlbench.base.tolerances import ACCELERATOR
from tlbench.data.frames import Frames
from tlbench.engine.store.store import Store
from tlbench.graphs import graph_of
from tlbench.kernels.derivatives import scoped
from tlbench.md.batch import ForceField
from tlbench.md.simulation import Simulation
from tlbench.models.backbones import BACKBONES as REGISTERED
from tlbench.models.contract.check import measure
from tlbench.models.potential import Potential, load_potential
from tlbench.training.config import TrainingConfig
from tlbench.training.labels import LabelledSet
from tlbench.transfer.scratch import SCRATCH

Check = Callable[[Report], None]

GRADIENT_TOLERANCE = {"float64": 1e-8, "float32": 1e-3}
"""Of the gradient of a force loss by the parameters."""

TRAINING_TOLERANCE = 1e-6
"""Of losses and of weights after some updates in float64."""

TRAJECTORY_TOLERANCE = 1e-7
"""Of positions after some steps in float64, Å."""

SMOKE_TOLERANCE = 0.02
"""Of force errors of a whole suite in float32, relative."""


def deviation(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference over the largest of what is expected."""
    one, other = (each.detach().to("cpu", torch.float64) for each in (found, expected))
    return float((one - other).abs().max() / other.abs().max())


def results_of(potential: Potential, frames: Frames) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return energies, forces, stresses, and the gradient of a force loss, flattened."""
    data = LabelledSet(frames, potential.cutoff, potential.device, potential.dtype)
    batch = data.batch(torch.arange(len(data)))
    found = potential(batch.graph, stress=True)
    with scoped() as scope:
        forces = potential(batch.graph, training=True).forces
    loss = (forces - batch.forces).square().mean()
    parameters = list(potential.backbone.parameters())
    with scope.backward_for("parameters"):
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    gradient = torch.cat([each.reshape(-1) for each in gradients if each is not None])
    return found.energy, found.forces, found.stress, gradient


def predictions(name: str, quick: bool) -> Check:
    """Return the check of energies, forces, stresses and gradients of a backbone."""

    def check(report: Report) -> None:
        frames = silicon(3, repeat=1)
        for precision, tolerance in ACCELERATOR.items():
            on_cpu = network(name, 4.0, getattr(torch, precision), quick)
            there = results_of(copy.deepcopy(on_cpu).to(report.device), frames)
            with plain_torch():
                plain = results_of(on_cpu, frames)
            for way, here in (("compiled", results_of(on_cpu, frames)), ("plain torch", plain)):
                parts = [deviation(a, b) for a, b in zip(there, here, strict=True)]
                what = f"{name}, {precision}, beside the CPU's {way}"
                report.add(
                    _correct(f"{what}: energies, forces, stresses", max(parts[:3]), "",
                             tolerance),
                    _correct(f"{what}: gradient of a force loss", parts[3], "",
                             GRADIENT_TOLERANCE[precision]),
                )  # fmt: skip

    return check


def no_edges(report: Report) -> None:
    """Check that a lone atom feels no force."""
    lone = bulk("Si", cubic=True)[:1]
    lone.set_cell(10 * lone.cell)
    for name in ("dimenetpp", "schnet"):
        potential = network(name, 4.0, torch.float32).to(report.device)
        graph = graph_of(Frames.unlabelled([lone]), 4.0, report.device, torch.float32)
        largest = float(potential(graph).forces.abs().max())
        report.add(_correct(f"{name}: force on an atom without neighbours", largest, "eV/Å", 0.0))


class _StoppedError(Exception):
    """Raised in the middle of a training run, as a killed worker would end there."""


def trained(
    potential: Potential, frames: Frames, updates: int, folder: Path, stop: int | None = None
) -> tuple[Sequence[float], Tensor]:
    """Train, and return the losses and all weights; ``stop`` ends it after so many updates."""
    data = LabelledSet(frames, potential.cutoff, potential.device, potential.dtype)
    config = TrainingConfig(updates=updates, batch_size=4, dtype="float64", validation_points=1)

    def on_update(done: int, total: int, loss: float | None) -> None:
        if done == stop:
            raise _StoppedError

    folder.mkdir(exist_ok=True)
    seconds, loop.CHECKPOINT_SECONDS = loop.CHECKPOINT_SECONDS, -1.0 if stop else 1e9
    try:
        curve = loop.train(potential, SCRATCH, data, data, config, 0, folder, on_update)
    finally:
        loop.CHECKPOINT_SECONDS = seconds
    weights = [each.detach().cpu().reshape(-1) for each in potential.backbone.parameters()]
    return curve.loss, torch.cat(weights)


def training(name: str, quick: bool) -> Check:
    """Return the check of a training run, of one that is resumed, and of reading its file."""

    def check(report: Report) -> None:
        frames, updates = silicon(8, repeat=1), 6 if quick else 40
        start = network(name, 4.0, torch.float64, quick)
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            here = trained(copy.deepcopy(start), frames, updates, folder / "cpu")
            there_potential = copy.deepcopy(start).to(report.device)
            there = trained(there_potential, frames, updates, folder / "device")
            cut = copy.deepcopy(start).to(report.device)
            with suppress(_StoppedError):
                trained(cut, frames, updates, folder / "cut", stop=updates // 2)
            fresh = copy.deepcopy(start).to(report.device)
            resumed = trained(fresh, frames, updates, folder / "cut")
            path = folder / "potential.safetensors"
            there_potential.save(path)
            read = load_potential(path, report.device)
        graph = graph_of(frames, 4.0, report.device)
        loaded = deviation(read(graph).forces, there_potential(graph).forces)
        losses = [abs(a / b - 1) for a, b in zip(there[0], here[0], strict=True)]
        what = f"{name}, float64, {updates} updates"
        report.add(
            _correct(f"{what}: losses beside the CPU's", max(losses), "", TRAINING_TOLERANCE),
            _correct(f"{what}: weights beside the CPU's", deviation(there[1], here[1]), "",
                     TRAINING_TOLERANCE),
            _correct(f"{what}: weights of a resumed run", deviation(resumed[1], there[1]), "",
                     TRAINING_TOLERANCE),
            _correct(f"{what}: forces once saved and read", loaded, "", TRAINING_TOLERANCE),
        )  # fmt: skip

    return check


def dynamics(name: str, quick: bool) -> Check:
    """Return the check of trajectories of four replicas."""

    def check(report: Report) -> None:
        start = Frames.concatenate([silicon(1, repeat=1 if quick else 2)] * 4)
        steps = 6 if quick else 40
        potential = network(name, 4.3, torch.float64, quick)
        runs: list[Tensor] = []
        for device in ("cpu", report.device):
            force_field = ForceField.of(copy.deepcopy(potential).to(device))
            Simulation(start, force_field, unbounded(steps, steps)).run(
                on_sample=lambda sample: runs.append(torch.tensor(sample.positions))
            )
        gap = float((runs[0] - runs[1]).abs().max())
        what = f"{name}, float64: positions after {steps} steps beside the CPU's"
        report.add(_correct(what, gap, "Å", TRAJECTORY_TOLERANCE))

    return check


def contract(name: str) -> Check:
    """Return the check of all that a backbone promises (``tlbench check-backbone``)."""

    def check(report: Report) -> None:
        broken = 0
        for found in measure(REGISTERED.get(name)(), report.device):
            broken += not found.holds
            if not found.holds:
                print(found.sentence, flush=True)  # noqa: T201
            if report.left() < 0:
                raise TimeoutError("no time was left to measure all properties")
        report.add(_correct(f"{name}: properties of the contract that are broken", broken, "", 0))

    return check


def suite(name: str) -> Check:
    """Return the check of a whole suite, as a user runs it: its force errors beside the CPU's."""

    def check(report: Report) -> None:
        errors = [_force_errors(name, device, report) for device in ("cpu", report.device)]
        if not errors[0] or errors[0].keys() != errors[1].keys():
            raise RuntimeError(f"the records of {name} on the two devices are not of one kind")
        largest = max(abs(errors[1][key] / errors[0][key] - 1) for key in errors[0])
        what = f"suite {Path(name).stem}: {len(errors[0])} force errors beside the CPU's"
        report.add(_correct(what, largest, "", SMOKE_TOLERANCE))

    return check


def _force_errors(suite_name: str, device: str, report: Report) -> dict[str, float]:
    """Run a suite, and return its force errors by what they are of."""
    with tempfile.TemporaryDirectory() as made:
        command = [
            sys.executable, "-m", "tlbench", "run", suite_name, "--device", device,
            "--store", f"{made}/store", "--out", f"{made}/out",
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=max(report.left(), 1.0)
        )
        if done.returncode:
            raise RuntimeError(f"exit code {done.returncode}: {(done.stdout + done.stderr)[-150:]}")
        if device != "cpu":
            what = f"suite {Path(suite_name).stem}: jobs that TF32 was on in"
            report.add(_correct(what, jobs_with_tf32(Path(made, "store")), "", 0))
        lines = Path(made, "out", "records.jsonl").read_text().splitlines()[1:]
    records = [json.loads(line) for line in lines]
    return {
        json.dumps({k: v for k, v in record.items() if k not in ("value", "job", "model")}): float(
            record["value"]
        )
        for record in records
        if record["metric"] == "force_mae"
    }


def jobs_with_tf32(folder: Path) -> int:
    """Return in how many jobs of a store matrix products were rounded to TF32."""
    store = Store(folder, read_only=True)
    return sum(store.provenance(key).tf32 is True for key in store.finished())


def _correct(what: str, value: float, unit: str, bound: float) -> Finding:
    return Finding(what, value, unit, bound, is_correctness=True)


def sections(quick: bool, suite_name: str | None) -> list[tuple[str, Check]]:
    """Return the checks of correctness by their names, in the order of their worth."""
    names = BACKBONES[:2] if quick else BACKBONES
    found = [(f"predictions of {name}", predictions(name, quick)) for name in names]
    found.append(("no edges", no_edges))
    for name in BACKBONES[:2]:
        found.append((f"training of {name}", training(name, quick)))
        found.append((f"dynamics with {name}", dynamics(name, quick)))
    if suite_name is not None:
        found.append((f"suite {suite_name}", suite(suite_name)))
    if not quick:
        found += [(f"contract of {name}", contract(name)) for name in ("schnet", "dimenetpp")]
    return found
