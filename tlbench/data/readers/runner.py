"""Files ``input.data`` of RuNNer and n2p2.

A frame is a block of lines from ``begin`` to ``end``: three lines ``lattice`` or none, ``atom``
with position, element, charge, an unused number and force, ``energy``, ``charge``, ``comment``. The
units are not stated in the files (they are usually hartree and bohr), so a card has to state
them. Behler, J. Chem. Phys. 145, 170901 (2016); Singraber et al., J. Chem. Theory Comput. 15, 1827
(2019).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from tlbench.base.errors import InputError
from tlbench.base.units import BOHR, ENERGY_UNITS
from tlbench.data.frames import Frames
from tlbench.data.readers.base import Reader, check_is_file
from tlbench.data.readers.isolated import IsolatedAtoms, without_isolated

LENGTH_UNITS = {"angstrom": 1.0, "bohr": BOHR}
"""Length in Å of one of each unit."""

LONGEST_LINE = 1 << 12


class RunnerOptions(IsolatedAtoms):
    """Settings of the runner reader: the units, which the files do not state."""

    energy_unit: Literal[tuple(ENERGY_UNITS)] = Field(  # type: ignore[valid-type]
        description="that of forces follows from both"
    )
    length_unit: Literal[tuple(LENGTH_UNITS)]  # type: ignore[valid-type]


@dataclass
class _Block:
    """The numbers of one frame."""

    line: int
    force_column: int = 6
    lattice: list[list[float]] = field(default_factory=list)
    positions: list[list[float]] = field(default_factory=list)
    forces: list[list[float]] = field(default_factory=list)
    elements: list[str] = field(default_factory=list)
    energy: float | None = None


def frames(path: Path, options: RunnerOptions) -> Iterator[tuple[int, Frames | InputError]]:
    """Yield the structures of one file."""
    yield from without_isolated(_every_frame(path, options), options)


def _every_frame(path: Path, options: RunnerOptions) -> Iterator[tuple[int, Frames | InputError]]:
    check_is_file(path, f"{path}: cannot be read (there is no such file).")
    index = -1
    for index, block in enumerate(_blocks(path)):
        try:
            yield index, _frame(index, block, options)
        except InputError as error:
            yield index, error
    if index < 0:
        raise InputError(f"{path}: has no frames.")


def _blocks(path: Path) -> Iterator[_Block]:
    block: _Block | None = None
    number = 0
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            at = f"{path}: line {number}:"
            if len(line) > LONGEST_LINE:
                raise InputError(f"{at} is longer than {LONGEST_LINE} bytes.")
            words = line.decode(errors="replace").split()
            if not words or words[0].startswith(("#", "!")) or words[0] == "comment":
                continue
            if words[0] == "begin" and block is None:
                block = _Block(number, _force_column(words[1:], at))
            elif words == ["end"] and block is not None:
                yield block
                block = None
            elif block is not None:
                _add(block, words, at)
            else:
                raise InputError(f"{at} expected 'begin', found {' '.join(words)[:40]!r}.")
    if block is not None:
        raise InputError(f"{path}: the frame that begins on line {block.line} has no 'end'.")


def _force_column(columns: list[str], at: str) -> int:
    """Return where forces are on lines of atoms; RuNNer 2 names the columns behind ``begin``."""
    place = 0
    for column in columns or ["position(3)", "element", "charge", "unused", "force(3)"]:
        name, _, count = column.removesuffix(")").partition("(")
        if name in ("force", "forces"):
            return place
        if count and not count.isdecimal():
            break
        place += int(count or 1)
    raise InputError(f"{at} {' '.join(columns)[:80]!r} names no column force(3).")


def _add(block: _Block, words: list[str], at: str) -> None:
    """Add a line of a block."""
    key, *values = words
    try:
        if key == "lattice":
            block.lattice.append(_numbers(values, 3))
        elif key == "atom":
            block.positions.append(_numbers(values[:3], 3))
            block.elements.append(values[3])
            first = block.force_column
            block.forces.append(_numbers(values[first : first + 3], 3))
        elif key == "energy":
            (block.energy,) = _numbers(values, 1)
        elif key not in ("charge", "magmom", "stress"):
            raise ValueError(f"unknown key {key!r}")
    except (ValueError, IndexError) as error:
        raise InputError(f"{at} {' '.join(words)[:80]!r} is not understood ({error}).") from error


def _numbers(words: list[str], count: int) -> list[float]:
    if len(words) != count:
        raise ValueError(f"{count} numbers are missing" if not words else f"not {count} numbers")
    found = [float(word) for word in words]
    if not np.isfinite(found).all():
        raise ValueError("not finite")
    return found


def _frame(index: int, block: _Block, options: RunnerOptions) -> Frames:
    from ase import Atoms
    from ase.data import atomic_numbers

    where = f"(line {block.line})"
    if not block.positions:
        raise InputError(f"has no atoms {where}.")
    if block.energy is None:
        raise InputError(f"has no energy {where}.")
    if len(block.lattice) not in (0, 3):
        raise InputError(f"has {len(block.lattice)} lattice vectors instead of 3 or none {where}.")
    unknown = [element for element in block.elements if element not in atomic_numbers]
    if unknown:
        raise InputError(f"has atoms of {unknown[0]!r}, which is not an element {where}.")
    energy, length = ENERGY_UNITS[options.energy_unit], LENGTH_UNITS[options.length_unit]
    cell = length * np.array(block.lattice) if block.lattice else None
    positions = length * np.array(block.positions)
    atoms = Atoms(block.elements, positions, cell=cell, pbc=cell is not None)
    return replace(
        Frames.unlabelled([atoms]),
        forces=energy / length * np.array(block.forces),
        energy=np.array([energy * block.energy]),
        trajectory=np.array([index], dtype=np.int64),
    )


READER = Reader(
    name="runner",
    summary="input.data of RuNNer and n2p2, in units that the card states",
    options=RunnerOptions,
    frames=frames,
)
