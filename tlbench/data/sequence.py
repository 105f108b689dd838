"""Whether successive frames of a file are those of a trajectory, and where one ends."""

import numpy as np

from tlbench.data.frames import Floats, Frames, Ints

ALIKE = 0.5
"""Largest displacement between successive frames, relative to frames half a block apart."""

SMALL_STRAIN = 0.05
"""Largest change of a cell vector from frame to frame, relative to its length, in one block."""

STILL = 1e-4
"""Displacement (Å) below which atoms have not moved, as in perfect crystals that are strained."""

JUMP = 2.5
"""Step, in median steps of its block, from which another trajectory begins."""

FEWEST_STEPS = 5

LONG = 10
"""Frames of a block from which a tenth can be held back."""


def blocks(frames: Frames) -> Ints:
    """Return the number of the block that each frame belongs to, shape (frames,).

    A block is a run of successive frames with the same atoms in the same order, of the same group
    and temperature, and nearly the same cell, without a jump of the positions.
    """
    if not len(frames):
        return np.empty(0, dtype=np.int64)
    new = np.array([not _continues(frames, index) for index in range(1, len(frames))], dtype=bool)
    steps = np.array([0.0 if n else _displacement(frames, k, k + 1) for k, n in enumerate(new)])
    block = np.concatenate([[0], np.cumsum(new)]).astype(np.int64)
    for number in range(block[-1] + 1):
        own = np.flatnonzero((block[:-1] == number) & ~new)
        moving = steps[own] > STILL
        # Where atoms begin or cease to move, something else begins.
        new[own[1:][moving[1:] != moving[:-1]]] = True
        # In a smooth trajectory no step is much longer than the others.
        if moving.sum() >= FEWEST_STEPS:
            new[own[steps[own] > JUMP * np.median(steps[own][moving])]] = True
    return np.concatenate([[0], np.cumsum(new)]).astype(np.int64)


def place_in_block(block: Ints) -> Floats:
    """Return how far along its block each frame is, from 0 to 1, shape (frames,)."""
    _, start, count = np.unique(block, return_index=True, return_counts=True)
    index = np.arange(len(block)) - start[block]
    place: Floats = (index + 0.5) / count[block]
    return place


def is_smooth(frames: Frames) -> bool:
    """Return whether successive frames of one block are much more alike than frames far apart.

    Compared are root mean square displacements: next to each other, against half the block away.
    """
    near, far = [], []
    half = len(frames) // 2
    # Enough pairs to decide, few enough to be quick.
    for first in np.unique(np.linspace(0, len(frames) - 2, 50).astype(int)):
        near.append(_displacement(frames, int(first), int(first) + 1))
        far.append(_displacement(frames, int(first), (int(first) + half) % len(frames)))
    known = np.isfinite(near) & np.isfinite(far)
    if known.sum() < 3:
        return False
    apart = np.median(np.array(far)[known])
    return bool(apart > STILL and np.median(np.array(near)[known]) < ALIKE * apart)


def order_of(frames: Frames) -> str:
    """Return how a file of unknown origin is best divided: "last", "blocks" or "random".

    "last" if it is one trajectory, "blocks" if at least nine of ten frames are in trajectories of
    ``LONG`` frames or more, else "random".
    """
    smooth, n_blocks = _smooth_blocks(frames)
    if n_blocks == 1:
        return "last" if smooth else "random"
    return "blocks" if _n_long(smooth) >= 0.9 * len(frames) else "random"


def n_in_trajectories(frames: Frames) -> int:
    """Return how many frames are in trajectories of ``LONG`` frames or more."""
    return _n_long(_smooth_blocks(frames)[0])


def _n_long(smooth: list[Ints]) -> int:
    return sum(len(own) for own in smooth if len(own) >= LONG)


def _smooth_blocks(frames: Frames) -> tuple[list[Ints], int]:
    """Return the indices of each block that is a trajectory, and how many blocks there are."""
    block = blocks(frames)
    members = [np.flatnonzero(block == number) for number in range(block[-1] + 1)]
    smooth = [own for own in members if len(own) >= 3 and is_smooth(frames.select(own))]
    return smooth, len(members)


def _continues(frames: Frames, index: int) -> bool:
    """Return whether a frame belongs to the block of the one before."""
    before = index - 1
    temperatures = frames.temperature_k[[before, index]]
    if (
        frames.n_atoms[index] != frames.n_atoms[before]
        or frames.group[index] != frames.group[before]
        or not np.array_equal(temperatures[:1], temperatures[1:], equal_nan=True)
    ):
        return False
    one, other = (slice(s, s + frames.n_atoms[before]) for s in frames.atom_start[[before, index]])
    if not (frames.atomic_numbers[one] == frames.atomic_numbers[other]).all():
        return False
    cells = frames.cell[[before, index]]
    length = max(float(np.linalg.norm(cells[0], axis=1).max()), 1.0)
    return bool(
        (frames.pbc[before] == frames.pbc[index]).all()
        and np.abs(cells[1] - cells[0]).max() < SMALL_STRAIN * length
    )


def _displacement(frames: Frames, i: int, j: int) -> float:
    """Return the root mean square displacement (Å) between two frames of a block.

    Where they are periodic, it is that of fractional coordinates in the cell of the first; NaN if
    the cell is flat.
    """
    n = int(frames.n_atoms[i])
    one, other = (frames.positions[s : s + n] for s in frames.atom_start[[i, j]])
    if not frames.pbc[i].all():
        return float(np.sqrt(np.square(other - one).mean()))
    if np.linalg.det(frames.cell[i]) == 0 or np.linalg.det(frames.cell[j]) == 0:
        return float("nan")
    shift = np.linalg.solve(frames.cell[i].T, one.T) - np.linalg.solve(frames.cell[j].T, other.T)
    shift -= np.round(shift)
    return float(np.sqrt(np.square(frames.cell[i].T @ shift).mean()))
