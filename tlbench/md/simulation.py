"""Many replicas in one batch: watched, measured, and resumable, on a CPU to the last bit."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tlbench.base.errors import InputError
from tlbench.base.seeds import stream
from tlbench.data.frames import Frames
from tlbench.md.batch import Batch, ForceField
from tlbench.md.checkpoint import Arrays, load_arrays, save_arrays
from tlbench.md.criteria import (
    Expected,
    Instant,
    Outcome,
    Snapshot,
    Tally,
    Watch,
    arrays_of,
    on_cpu,
    restore,
)
from tlbench.md.extremes import ExtremeTally
from tlbench.md.langevin import Langevin, LangevinState
from tlbench.md.protocol import (
    CLOSEST_PAIR,
    ENERGY,
    EXTREME,
    FORCE,
    STRUCTURE,
    TEMPERATURE,
    Protocol,
)
from tlbench.md.spectrum import SpectrumTally
from tlbench.md.structure import StructureCounts, Structures, distances, rdf
from tlbench.metrics.structure import rdf_error, rdf_error_beyond_core

CHECKPOINT = "simulation.npz"
CHECKPOINT_SECONDS = 30.0
BLOCK_STEPS = 20
"""Most steps after which the criteria are asked of all of them, if the state is not on the CPU."""

FORMAT = 4
"""Number of what a checkpoint holds; one of another number is that of another simulation."""


class Simulation:
    """Replicas of structures under one protocol.

    Each replica has a random stream of its own, and on a CPU its trajectory does not depend on
    which others share the batch. One for which a criterion fires leaves the batch, or goes on up to
    extreme values if the protocol says so.

    Parameters
    ----------
    start
        One structure per replica.
    force_field, protocol
        What drives the atoms, and how.
    expected
        What reference dynamics looks like; without it, three criteria are not asked.
    numbers
        Number of each replica, which names its random stream; by default 0, 1, ….
    identity
        Names the force field, so that a simulation with another is not resumed.

    Raises
    ------
    InputError
        If the timestep cannot work.
    """

    def __init__(
        self,
        start: Frames,
        force_field: ForceField,
        protocol: Protocol,
        expected: Expected | None = None,
        numbers: Sequence[int] | None = None,
        identity: str = "",
    ) -> None:
        self._dynamics: Langevin
        protocol.check(start.atomic_numbers)
        self.start, self.protocol = start, protocol
        self.expected = expected or Expected()
        self.step = 0
        self._force_field = force_field
        self._numbers = list(range(len(start)) if numbers is None else numbers)
        self._identity = identity
        self._alive = np.arange(len(start), dtype=np.int64)
        self._state: LangevinState | None = None
        self._tally = Tally.new(len(start), protocol.n_samples)
        self._extremes = ExtremeTally.new(len(start), protocol.n_samples)
        self._elements = start.elements()
        self._counts = StructureCounts.none(len(start), len(self._elements))
        self._window = StructureCounts.none(len(start), len(self._elements))
        self._spectrum: SpectrumTally | None = None
        if protocol.spectrum is not None:
            self._spectrum = SpectrumTally.new(protocol, start)
        self._gather()

    def run(
        self,
        folder: Path | None = None,
        on_step: Callable[[int, int, int], None] = lambda done, total, alive: None,
        on_sample: Callable[[Snapshot], None] = lambda sample: None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> Outcome:
        """Simulate to the end, or until no replica is left.

        Parameters
        ----------
        folder
            Where the state is kept; one that is there is resumed, also that of a simulation which
            is the same but for a shorter time.
        on_step
            Called with steps done, steps in all, and replicas that still run: on a CPU after every
            step, otherwise after every block of up to ``BLOCK_STEPS``. If it raises
            ``KeyboardInterrupt``, the state is kept first.
        on_sample
            Called with every sample; after an interruption again with those that came after
            the last checkpoint.
        checkpoint_seconds
            Time between checkpoints.

        Raises
        ------
        InputError
            If the folder holds another simulation.
        """
        total = self.protocol.n_steps
        if self._state is None and not (folder and self._resume(folder)):
            self._begin()
        saved = time.monotonic()
        while self.step < total and len(self._alive):
            self._judge(self._advance(total))
            self._record_velocities()
            if self.step % self.protocol.sample_steps == 0 and len(self._alive):
                self._sample(on_sample)
            try:
                on_step(self.step, total, len(self._alive))
            except KeyboardInterrupt:
                # Between two steps the state is whole.
                if folder is not None and len(self._alive):
                    self._save(folder)
                raise
            due = time.monotonic() - saved > checkpoint_seconds
            if folder is not None and due and len(self._alive):
                self._save(folder)
                saved = time.monotonic()
        if folder is not None:
            self._save(folder)
        found = self._tally.outcome(
            self.protocol.temperature_k, self._counts, self._extremes.series
        )
        return replace(found, power=None if self._spectrum is None else self._spectrum.power)

    def _begin(self) -> None:
        # The first call is of the start itself, whose energy is where others are counted from.
        self._state = self._dynamics.init(self._batch.forces)
        self._start_energy = self._batch.energy
        self._tally.start_energy[:] = self._start_energy.cpu().numpy()
        self._judge([self._now()])

    def _advance(self, total: int) -> list[Instant]:
        """Take some steps, none of them past a sample; return what criteria look at after each.

        Whether a replica should have left before the last of them makes no difference to the
        others. Asking a device other than the CPU after each step would have both wait.
        """
        sample = self.protocol.sample_steps
        steps = min(BLOCK_STEPS, sample - self.step % sample, total - self.step)
        steps = min(steps, self.protocol.steps_to_velocities(self.step))
        if self._batch.device.type == "cpu":
            steps = 1
        found = []
        self._dynamics.prepare(steps)
        for _ in range(steps):
            self._state = self._dynamics.step(self._running(), self._batch.forces)
            found.append(self._now())
        self.step += steps
        return found

    def _now(self) -> Instant:
        state = self._running()
        return self._batch.now(state, self._dynamics.temperature(state), self._start_energy)

    def _running(self) -> LangevinState:
        if self._state is None:
            raise RuntimeError("the simulation has not begun")
        return self._state

    def _gather(self, generators: Sequence[Tensor] = ()) -> None:
        """Set up the batch of the replicas that still run, with the states of their generators."""
        protocol, alive = self.protocol, self._alive
        if not len(alive):
            return
        frames = self.start.select(alive)
        self._batch = Batch(frames, self._force_field)
        self._structures = Structures(frames, self.expected.shell, self._elements)
        self._start_energy = self._there(self._tally.start_energy[alive])
        n_atoms = torch.as_tensor(frames.n_atoms)
        self._watch = Watch(protocol.criteria, self.expected, n_atoms)
        self._limit = None
        if protocol.stop == "extreme":
            self._limit = Watch(EXTREME, self.expected, n_atoms)
        self._dynamics = Langevin(
            frames,
            [protocol.temperature_k] * len(alive),
            protocol.timestep_fs,
            protocol.friction_per_ps,
            [stream("replica", protocol.seed, self._numbers[i]) for i in alive],
            self._batch.device,
        )
        for generator, state in zip(self._dynamics.generators, generators, strict=False):
            generator.set_state(state)

    def _judge(self, instants: Sequence[Instant]) -> None:
        """Ask the criteria of each of the last steps; for whom one fires leaves after them all."""
        alive = self._alive
        gone = np.zeros(len(alive), dtype=bool)
        for step, now in enumerate(on_cpu(instants), self.step + 1 - len(instants)):
            fired = self._note(step, self._watch.fired(now))
            if self._limit is not None:
                fired = self._note(step, self._limit.fired(now))
            gone |= fired
            # Of those for which a criterion has fired, also at an earlier step, it counts nothing.
            self._tally.add(alive, step, now, step > self.protocol.equilibration_steps)
            stay = ~gone
            for name, values in (
                (TEMPERATURE, now.temperature),
                (CLOSEST_PAIR, now.closest),
                (FORCE, now.force),
                (ENERGY, self.expected.energy_excess(now.energy)),
            ):
                self._extremes.add(alive[stay], name, values.numpy()[stay])
        self._remove(gone)

    def _note(self, step: int, fired: dict[str, Tensor]) -> npt.NDArray[np.bool_]:
        masks = {name: mask.numpy() for name, mask in fired.items()}
        return self._tally.note(self._alive, step, masks)

    def _there(self, array: npt.NDArray[Any]) -> Tensor:
        """Return an array on the device of the force field."""
        return torch.as_tensor(array).to(self._batch.device)

    def _remove(self, gone: npt.NDArray[np.bool_]) -> None:
        """Let replicas leave the batch."""
        if not gone.any():
            return
        state, batch = self._running(), self._batch
        stay = np.flatnonzero(~gone)
        systems = self._there(stay)
        staying = np.flatnonzero(~np.repeat(gone, batch.frames.n_atoms))
        if self._spectrum is not None:
            self._spectrum.keep(staying)
        atoms = self._there(staying)
        generators = [self._dynamics.generators[i].get_state() for i in stay]
        self._alive = self._alive[stay]
        self._state = LangevinState(
            state.positions[atoms], state.velocities[atoms], state.forces[atoms]
        )
        self._gather(generators)
        energy, closest = batch.energy[systems], batch.closest[systems]
        self._batch.continue_from(self._state.positions, energy, closest)

    def _record_velocities(self) -> None:
        if self._spectrum is None or not len(self._alive):
            return
        if self.protocol.is_velocity_sample(self.step):
            velocities = self._running().velocities.cpu().numpy()
            self._spectrum.add(self._alive, self._batch.frames, velocities)

    def _sample(self, on_sample: Callable[[Snapshot], None]) -> None:
        state, alive, batch = self._running(), self._alive, self._batch
        temperature = self._dynamics.temperature(state).cpu().numpy() * self.protocol.temperature_k
        positions = state.positions.cpu()
        on_sample(
            Snapshot(
                self.step,
                alive,
                positions.numpy(),
                state.velocities.cpu().numpy(),
                batch.energy.cpu().numpy(),
                temperature,
            )
        )
        number = self.step // self.protocol.sample_steps - 1
        self._tally.msd[alive, number] = batch.displacement(state.positions)
        counts = self._structures.count(positions)
        if self.step > self.protocol.equilibration_steps:
            self._counts.add(alive, counts)
        self._judge_structure(counts)
        self._extremes.sample(self._alive, number, self.protocol.n_samples)

    def _judge_structure(self, counts: StructureCounts) -> None:
        """Ask whether the structure of the last window of time is that of the reference."""
        alive, reference, protocol = self._alive, self.expected.rdf, self.protocol
        if reference is None:
            return
        self._window.add(alive, counts)
        if self._window.samples[alive[0]] < protocol.window_samples:
            return
        found = rdf(self._window.of(alive), self._batch.frames)
        self._window = StructureCounts.none(len(self.start), len(self._elements))
        bounds, fired = protocol.criteria, np.zeros(len(alive), dtype=bool)
        if self.expected.crystal and bounds.rdf_error is not None:
            errors = np.array([rdf_error(distances(), g, reference) for g in found])
            fired |= errors > bounds.rdf_error
        length = protocol.window_samples * protocol.sample_steps
        if self.step - length >= protocol.equilibration_steps:
            errors = np.array([rdf_error_beyond_core(distances(), g, reference) for g in found])
            self._extremes.add(alive, STRUCTURE, errors)
            if bounds.structure_error is not None:
                fired |= errors > bounds.structure_error
        self._tally.note(alive, self.step, {STRUCTURE: fired})
        if self._limit is None:
            self._remove(fired)

    def _save(self, folder: Path) -> None:
        state = self._running()
        arrays: Arrays = {
            "digest": np.array(self._digest(self.protocol)),
            "time_ps": np.array(self.protocol.time_ps),
            "step": np.array(self.step),
            "alive": self._alive,
            "positions": state.positions.cpu().numpy(),
            "velocities": state.velocities.cpu().numpy(),
            "forces": state.forces.cpu().numpy(),
            "energy": self._batch.energy.cpu().numpy(),
            "closest": self._batch.closest.cpu().numpy(),
            "generators": np.array([g.get_state().numpy() for g in self._generators()]),
        }
        for group, kept in self._kept().items():
            arrays |= arrays_of(kept, group)
        save_arrays(folder / CHECKPOINT, arrays)

    def _resume(self, folder: Path) -> bool:
        """Take up what ``_save`` wrote; return whether there is something."""
        arrays = load_arrays(folder / CHECKPOINT)
        if arrays is None:
            return False
        # Older versions kept no time; theirs has to be the same.
        time_ps = float(arrays.get("time_ps", self.protocol.time_ps))
        written_by = self.protocol.model_copy(update={"time_ps": time_ps})
        if str(arrays["digest"]) != self._digest(written_by) or time_ps > self.protocol.time_ps:
            raise InputError(
                f"{folder} holds another simulation; continue that with its own settings, or "
                "choose another folder."
            )
        self.step, self._alive = int(arrays["step"]), arrays["alive"]
        for group, kept in self._kept().items():
            restore(kept, group, arrays)
        self._tally.lengthen(self.protocol.n_samples)
        if time_ps < self.protocol.time_ps:
            self._extremes.lengthen(self.protocol.n_samples)
        positions, velocities, forces, energy, closest = (
            self._there(arrays[name])
            for name in ("positions", "velocities", "forces", "energy", "closest")
        )
        self._state = LangevinState(positions, velocities, forces)
        self._gather([torch.as_tensor(row) for row in arrays["generators"]])
        self._batch.continue_from(positions, energy, closest)
        return True

    def _generators(self) -> list[torch.Generator]:
        return self._dynamics.generators if len(self._alive) else []

    def _kept(self) -> dict[str, Tally | StructureCounts | ExtremeTally | SpectrumTally]:
        found: dict[str, Tally | StructureCounts | ExtremeTally | SpectrumTally] = {
            "tally": self._tally,
            "counts": self._counts,
            "window": self._window,
            "extremes": self._extremes,
        }
        return found if self._spectrum is None else {**found, "spectrum": self._spectrum}

    def _digest(self, protocol: Protocol) -> str:
        """Return a digest of everything that determines the trajectories, and of their length."""
        # Of several elements more is counted than checkpoints of this number once held.
        form = f"{FORMAT}" if len(self._elements) == 1 else f"{FORMAT} by element "
        found = hashlib.sha256(f"{form}{self._identity}{self._numbers}{self.expected}".encode())
        # Without a spectrum it is that of checkpoints from before there was one.
        unstated = {"spectrum"} if protocol.spectrum is None else None
        found.update(protocol.model_dump_json(exclude=unstated).encode())
        start = self.start
        for array in (start.atomic_numbers, start.positions, start.cell, start.pbc):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()
