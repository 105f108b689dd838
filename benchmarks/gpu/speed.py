"""Time, launches and waits of updates, force calls and steps of dynamics on the device."""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch

from gpu.agreement import Check
from gpu.cases import BACKBONES, network, silicon, unbounded, update_of
from gpu.findings import Finding, Report
from tlbench.data.frames import Frames
from tlbench.graphs import Graph, graph_of
from tlbench.md.batch import EnergyAndForces, ForceField
from tlbench.md.simulation import Simulation

LAUNCHES = frozenset(
    ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx")
)
"""Calls by which the host starts a kernel, as the profiler names them."""

MOST_LAUNCHES = {"dimenetpp": 1500, "schnet": 700}
MOST_WAITS = 2
"""Of the host for the device, in an update and in a step of dynamics."""

ONLY_GPU = "on a GPU only"


def median_ms(call: Callable[[], object], device: str, seconds: float) -> float:
    """Return the median time of a call that has been warmed up, ms."""
    for _ in range(3):
        call()
    synchronise(device)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        call()
        synchronise(device)
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def synchronise(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def times(name: str, quick: bool) -> Check:
    """Return the measurement of updates and force calls of a backbone."""

    def measure(report: Report) -> None:
        device, seconds = report.device, 0.1 if quick else 1.0
        five = silicon(5)
        potential = network(name, 4.3, torch.float32, quick).to(device)
        graph = graph_of(five, 4.3, device, torch.float32)
        call = median_ms(lambda: potential(graph), device, seconds)
        report.add(Finding(f"{name}, force call of 5 × 64 atoms, 4.3 Å", call, "ms"))
        sizes = (5,) if quick or name not in BACKBONES[:2] else (1, 5, 20, 80)
        for n_frames in sizes:
            fresh = network(name, 4.3, torch.float32, quick).to(device)
            frames = five if n_frames == 5 else silicon(n_frames)
            update = median_ms(update_of(fresh, frames), device, seconds)
            what = f"{name}, training update of {n_frames} × 64 atoms, 4.3 Å"
            report.add(Finding(what, update, "ms"))
        if name in BACKBONES[:2]:
            on_cpu = network(name, 4.3, torch.float32, quick)
            update = median_ms(update_of(on_cpu, five), "cpu", seconds)
            what = f"{name}, training update of 5 × 64 atoms, 4.3 Å, on one thread of the CPU"
            report.add(Finding(what, update, "ms"))
        if device.startswith("cuda"):
            peak = torch.cuda.max_memory_allocated() / 2**20
            report.add(Finding(f"{name}, peak memory so far", peak, "MiB"))

    return measure


def launches_among(names: Iterable[str]) -> int:
    """Return how many events of a profile start a kernel."""
    return sum(name in LAUNCHES for name in names)


def waits_among(said: Iterable[warnings.WarningMessage]) -> int:
    """Return how many of torch's warnings say that the host waited for the device."""
    return sum("synchronizing CUDA operation" in str(each.message) for each in said)


@contextmanager
def waiting() -> Iterator[list[warnings.WarningMessage]]:
    """Yield torch's warnings, as they come, that the host waits for the device."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield said
        finally:
            torch.cuda.set_sync_debug_mode("default")


def launches_and_waits(name: str, quick: bool) -> Check:
    """Return the count of kernels that an update starts, and of times that the host waits."""

    def measure(report: Report) -> None:
        update = update_of(network(name, 4.3, torch.float32, quick).to(report.device), silicon(5))
        for _ in range(3):
            update()
        bound = MOST_LAUNCHES[name]
        launched = f"{name}, kernels launched by an update of 5 × 64 atoms"
        waited = f"{name}, waits for the device in an update of 5 × 64 atoms"
        if not report.device.startswith("cuda"):
            report.add(
                Finding(launched, None, "", bound, note=ONLY_GPU),
                Finding(waited, None, "", MOST_WAITS, note=ONLY_GPU),
            )
            return
        activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
        with torch.profiler.profile(activities=activities) as profile:
            update()
            torch.cuda.synchronize()
        n_launches = launches_among(event.name for event in profile.events())
        with waiting() as said:
            update()
        for each in said:
            print(f"{each.filename}:{each.lineno}: {each.message}", flush=True)  # noqa: T201
        report.add(
            Finding(launched, n_launches, "", bound),
            Finding(waited, waits_among(said), "", MOST_WAITS),
        )

    return measure


def waits_of_step(name: str, quick: bool) -> Check:
    """Return the mean count of waits in a step of dynamics, renewed neighbour lists included."""

    def measure(report: Report) -> None:
        what = f"{name}, waits for the device in a step of 4 × 64 atoms"
        if not report.device.startswith("cuda"):
            report.add(Finding(what, None, "", MOST_WAITS, note=ONLY_GPU))
            return
        potential = network(name, 4.3, torch.float32, quick).to(report.device)
        start, steps, marks = Frames.concatenate([silicon(1)] * 4), 40, list[int]()
        protocol = unbounded(steps, sample_steps=steps)
        simulation = Simulation(start, ForceField.of(potential), protocol)
        with waiting() as said:
            simulation.run(on_step=lambda done, total, alive: marks.append(waits_among(said)))
        # Neither the first step, which begins, nor the last, which samples.
        waits = (marks[-2] - marks[0]) / (len(marks) - 2)
        report.add(Finding(what, waits, "", MOST_WAITS))

    return measure


def step_of_dynamics(name: str, n_replicas: int, quick: bool) -> Check:
    """Return the measurement of a step of batched dynamics, and of its part beside the forces."""

    def measure(report: Report) -> None:
        device, steps, first = report.device, 5 if quick else 40, 2 if quick else 10
        start = Frames.concatenate([silicon(1, repeat=1 if quick else 2)] * n_replicas)
        potential = network(name, 4.3, torch.float32, quick).to(device)
        force_field = ForceField.of(potential)
        inside, marks = [0.0], [(0.0, 0.0)]

        def timed(graph: Graph) -> EnergyAndForces:
            # What was given to the device before belongs to the step, not to its forces.
            synchronise(device)
            began = time.perf_counter()
            found = force_field.evaluate(graph)
            synchronise(device)
            inside[0] += time.perf_counter() - began
            return found

        def on_step(done: int, total: int, alive: int) -> None:
            synchronise(device)
            marks.append((time.perf_counter(), inside[0]))

        simulation = Simulation(
            start, replace(force_field, evaluate=timed), unbounded(steps, sample_steps=steps)
        )
        simulation.run(on_step=on_step)
        # Neither the first steps, which allocate, nor the last, which samples.
        (began, forces_before), (ended, forces_after) = marks[first], marks[-2]
        count = len(marks) - 2 - first
        step = 1e3 * (ended - began) / count
        forces = 1e3 * (forces_after - forces_before) / count
        n_atoms = int(start.n_atoms[0])
        what = f"{name}, a step of {n_replicas} × {n_atoms} atoms, 4.3 Å"
        report.add(
            Finding(what, step, "ms"), Finding(f"{what}, beside forces", step - forces, "ms")
        )

    return measure


def sections(quick: bool) -> list[tuple[str, Check]]:
    """Return the measurements by their names, in the order of their worth."""
    names = BACKBONES[:2]
    found = [(f"launches of {name}", launches_and_waits(name, quick)) for name in names]
    found += [(f"speed of {name}", times(name, quick)) for name in (names if quick else BACKBONES)]
    found += [(f"waits of dynamics with {name}", waits_of_step(name, quick)) for name in names]
    for replicas in (2,) if quick else (32, 100):
        found += [
            (f"dynamics with {name}", step_of_dynamics(name, replicas, quick)) for name in names
        ]
    return found
