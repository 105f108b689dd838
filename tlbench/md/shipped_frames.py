"""Files of structures that were sampled once, so that a data set is the same on every machine.

A file holds what dynamics yields, without the labels, which follow from the potential. Dynamics is
chaotic: sampled on another kind of processor, all structures would differ. Positions are whole
numbers of 10⁻⁶ Å, which every machine reads as the same numbers, and which compress.
"""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames

STEPS_PER_ANGSTROM = 1_000_000
"""Positions are held in steps of 10⁻⁶ Å; rattled by half of one, forces change by 10⁻⁵ eV/Å."""

_HELD = ("atomic_numbers", "n_atoms", "cell", "pbc", "temperature_k", "phase", "trajectory")


def write_frames(path: Path, parts: Mapping[str, Frames]) -> None:
    """Write the structures of a data set, without labels, to an ``.npz`` file.

    Parameters
    ----------
    parts
        Name → structures of each part.
    """
    frames = Frames.concatenate(list(parts.values()))
    positions = np.rint(frames.positions * STEPS_PER_ANGSTROM).astype(np.int32)
    np.savez_compressed(
        path,
        part=np.repeat(list(parts), [len(part) for part in parts.values()]),
        positions=positions,
        **{name: getattr(frames, name) for name in _HELD},
    )


def read_frames(path: Path) -> dict[str, Frames]:
    """Return the parts that `write_frames` wrote, without labels.

    Energies and forces are zero and stresses unknown; positions are rounded to 10⁻⁶ Å.

    Raises
    ------
    InputError
        If the file is not such a file.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            part, positions = held["part"], held["positions"] / STEPS_PER_ANGSTROM
            arrays = {name: held[name] for name in _HELD}
    except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: does not hold structures of tlbench ({error}).") from error
    n_frames = len(part)
    frames = Frames(
        positions=positions,
        forces=np.zeros_like(positions),
        energy=np.zeros(n_frames),
        stress=np.full((n_frames, 3, 3), np.nan),
        group=np.full(n_frames, ""),
        **arrays,
    )
    return {name: frames.select(part == name) for name in dict.fromkeys(part.tolist())}


def first_of(frames: Frames, temperature_k: float, trajectories: int, n_frames: int) -> Frames:
    """Return the first structures of the first trajectories at a temperature.

    Raises
    ------
    InputError
        If there are fewer.
    """
    there = np.flatnonzero(frames.temperature_k == temperature_k)
    numbers = list(dict.fromkeys(frames.trajectory[there].tolist()))[:trajectories]
    kept = [there[frames.trajectory[there] == number][:n_frames] for number in numbers]
    if len(kept) < trajectories or min(map(len, kept), default=0) < n_frames:
        raise InputError(
            f"At {temperature_k:g} K there are not {trajectories} trajectories of {n_frames} "
            "structures; ask for fewer."
        )
    return frames.select(np.concatenate(kept))


def with_labels(frames: Frames, element: str) -> Frames:
    """Return structures with the energies, forces and stresses of the Stillinger–Weber potential.

    Structures of up to a few hundred atoms are taken in batches, which bounds the memory.
    """
    from tlbench.graphs import graph_of
    from tlbench.reference.stillinger_weber import StillingerWeber

    potential = StillingerWeber(element)
    labelled = []
    for start in range(0, len(frames), 100):
        some = frames.select(range(start, min(start + 100, len(frames))))
        labels = potential(graph_of(some, potential.cutoff))
        labelled.append(
            replace(
                some,
                energy=labels.energy.numpy(),
                forces=labels.forces.numpy(),
                stress=labels.stress.numpy(),
            )
        )
    return Frames.concatenate(labelled)
