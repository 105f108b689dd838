"""Trajectories as extended XYZ, which a killed simulation takes up where its checkpoint is."""

import os
import re
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from ase.data import atomic_masses, chemical_symbols
from ase.units import fs

from tlbench.data.frames import Floats, Frames
from tlbench.md.criteria import Snapshot

_STEP = re.compile(rb"\bstep=(\d+)\b")


class Trajectory:
    """A file of samples: one frame per replica and sample, in the order of time, then replica.

    A frame has the positions in Å, **not wrapped** into the cell, so that displacements can be
    read off; momenta in ase's units, from which ``Atoms.get_velocities`` follows; the potential
    energy in eV; and ``replica``, ``step``, ``time_fs`` and ``temperature_k``, the kinetic
    temperature of this moment.

    Parameters
    ----------
    path
        The file. One that is there is continued.
    structure
        The one structure that all replicas start from.
    timestep_fs
        Time between steps.
    """

    def __init__(self, path: Path, structure: Frames, timestep_fs: float) -> None:
        self.path = path
        self._timestep_fs = timestep_fs
        numbers = structure.atomic_numbers
        self._symbols = [chemical_symbols[z] for z in numbers]
        self._momentum = atomic_masses[numbers][:, None] / fs
        self._header = _header(structure)
        self._file: BinaryIO | None = None

    def __enter__(self) -> "Trajectory":
        self._file = self.path.open("ab")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def cut(self, step: int) -> int:
        """Drop what comes after ``step`` or is damaged; return how many frames are left."""
        kept = frames = 0
        self.path.touch()
        with self.path.open("rb") as file:
            while (size := self._frame_until(step, file)) is not None:
                kept += size
                frames += 1
        os.truncate(self.path, kept)
        return frames

    def write(self, sample: Snapshot) -> None:
        """Append a sample of the replicas that still run.

        Nothing of it is left in this process, so a checkpoint that is written afterwards never
        knows of a sample that the file does not have.
        """
        if self._file is None:
            raise RuntimeError("the trajectory is not open")
        n_atoms = len(self._symbols)
        frames = []
        for place, replica in enumerate(sample.replicas.tolist()):
            atoms = slice(place * n_atoms, (place + 1) * n_atoms)
            frames.append(
                f"{n_atoms}\n{self._header} replica={replica} step={sample.step} "
                f"time_fs={sample.step * self._timestep_fs:.10g} "
                f"energy={sample.energy[place]:.8f} "
                f"temperature_k={sample.temperature[place]:.4f}\n"
                + self._atoms(sample.positions[atoms], sample.velocities[atoms])
            )
        self._file.write("".join(frames).encode())
        self._file.flush()

    def _atoms(self, positions: Floats, velocities: Floats) -> str:
        columns = np.concatenate([positions, velocities * self._momentum], axis=1)
        return "".join(
            f"{symbol:<2s} {' '.join(f'{x:.8f}' for x in row)}\n"
            for symbol, row in zip(self._symbols, columns.tolist(), strict=True)
        )

    def _frame_until(self, step: int, file: BinaryIO) -> int | None:
        """Return the length of the next frame; None if it is later, not whole, or not there."""
        n_atoms = len(self._symbols)
        lines = list(islice(file, n_atoms + 2))
        whole = len(lines) == n_atoms + 2 and lines[-1].endswith(b"\n")
        if not whole or lines[0].strip() != str(n_atoms).encode():
            return None
        found = _STEP.search(lines[1])
        if found is None or int(found[1]) > step:
            return None
        return sum(map(len, lines))


def _header(structure: Frames) -> str:
    """Return the part of a frame's second line that is the same in all frames."""
    cell, pbc = structure.cell[0], structure.pbc[0]
    flags = " ".join("T" if periodic else "F" for periodic in pbc)
    lattice = " ".join(repr(float(x)) for x in cell.ravel())
    shown = f'Lattice="{lattice}" ' if cell.any() else ""
    return f'{shown}Properties=species:S:1:pos:R:3:momenta:R:3 pbc="{flags}"'
