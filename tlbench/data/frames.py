"""Labelled structures stored end to end, and their file format."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from tlbench.base.errors import InputError
from tlbench.data.formulas import Counts, count_elements, formulas

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.str_]

_PER_ATOM = ("atomic_numbers", "positions", "forces")
_LABELS = ("energy", "forces", "stress")
_COMPONENTS = {"positions": (3,), "forces": (3,), "cell": (3, 3), "pbc": (3,), "stress": (3, 3)}


@dataclass(frozen=True)
class Frames:
    """A set of labelled structures.

    Attributes of all atoms are stored one structure after the other; ``n_atoms`` says where
    one ends and the next begins.

    =================  ===============  ======  ==============================================
    attribute          shape            unit    meaning
    =================  ===============  ======  ==============================================
    atomic_numbers     (atoms,)                 atomic number of each atom
    positions          (atoms, 3)       Å       Cartesian positions
    forces             (atoms, 3)       eV/Å    forces
    n_atoms            (frames,)                atoms in each structure
    cell               (frames, 3, 3)   Å       lattice vectors as rows
    pbc                (frames, 3)              periodic along each lattice vector
    energy             (frames,)        eV      total energy
    stress             (frames, 3, 3)   GPa     Cauchy stress, positive in tension; NaN if unknown
    temperature_k      (frames,)        K       temperature it was sampled at; NaN if unknown
    phase              (frames,)                "crystal", "liquid", …; empty if unknown
    group              (frames,)                kind of structure, as the source names it; or empty
    trajectory         (frames,)                frames of one trajectory share a number
    =================  ===============  ======  ==============================================
    """

    atomic_numbers: Ints
    positions: Floats
    forces: Floats
    n_atoms: Ints
    cell: Floats
    pbc: npt.NDArray[np.bool_]
    energy: Floats
    stress: Floats
    temperature_k: Floats
    phase: Words
    group: Words
    trajectory: Ints

    def __post_init__(self) -> None:
        atoms, frames = int(self.n_atoms.sum()), len(self.n_atoms)
        for f in fields(self):
            found = getattr(self, f.name).shape
            shape = (atoms if f.name in _PER_ATOM else frames, *_COMPONENTS.get(f.name, ()))
            if found != shape:
                raise InputError(f"Frames: {f.name} has shape {found}, but should have {shape}.")

    def __len__(self) -> int:
        return len(self.n_atoms)

    @property
    def atom_start(self) -> Ints:
        """Index of each structure's first atom, shape (frames,)."""
        return (np.cumsum(self.n_atoms) - self.n_atoms).astype(np.int64)

    def elements(self) -> list[int]:
        """Return the atomic numbers that occur, sorted."""
        return [int(z) for z in np.unique(self.atomic_numbers)]

    @cached_property
    def element_counts(self) -> Counts:
        """Atoms of each element in each structure; see `tlbench.data.formulas`."""
        return count_elements(self.atomic_numbers, self.n_atoms)

    @cached_property
    def composition(self) -> Words:
        """Empirical formula of each structure, as ``"Mo3W"``, shape (frames,)."""
        return formulas(self.element_counts)

    def digest(self, labels: bool = True) -> str:
        """Return the SHA-256 of all structures: the same for the same numbers.

        Parameters
        ----------
        labels
            Whether energies, forces and stresses count.
        """
        found = hashlib.sha256()
        for f in fields(self):
            if f.name in _LABELS and not labels:
                continue
            array = getattr(self, f.name)
            found.update(f"{f.name} {array.shape}\n".encode())
            words = array.dtype.kind == "U"
            found.update("\0".join(array.tolist()).encode() if words else array.tobytes())
        return found.hexdigest()

    def select(self, indices: Iterable[int] | npt.NDArray[Any]) -> "Frames":
        """Return the structures at ``indices``, in that order; a mask (frames,) works too."""
        asked = np.asarray(list(indices))
        chosen = np.flatnonzero(asked) if asked.dtype == bool else asked.astype(np.int64)
        starts, counts = self.atom_start[chosen], self.n_atoms[chosen]
        spans = [np.arange(s, s + c) for s, c in zip(starts, counts, strict=True)]
        atoms = np.concatenate(spans) if spans else np.empty(0, dtype=np.int64)
        parts = {
            f.name: getattr(self, f.name)[atoms if f.name in _PER_ATOM else chosen]
            for f in fields(self)
        }
        return Frames(**parts)

    @staticmethod
    def concatenate(parts: Sequence["Frames"]) -> "Frames":
        """Return the structures of all ``parts``, one after the other."""
        return Frames(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Frames)}
        )

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file; the same frames give the same bytes."""
        # The memory order of an array, or the width of its words, would otherwise be written too.
        arrays: dict[str, Any] = {
            f.name: np.ascontiguousarray(getattr(self, f.name)) for f in fields(self)
        }
        for name in ("phase", "group"):
            arrays[name] = np.array(arrays[name].tolist(), dtype=np.str_)
        np.savez(path, **arrays)

    @staticmethod
    def load(path: Path) -> "Frames":
        """Read a file written by ``save``.

        Raises
        ------
        InputError
            If the file is not such a file.
        """
        # numpy does not close a file that it opened itself and cannot read.
        try:
            file = path.open("rb")
        except OSError as error:
            raise InputError(f"{path}: is not a tlbench frames file ({error.strerror}).") from error
        with file:
            return Frames.read(file, str(path))

    @staticmethod
    def read(file: BinaryIO, name: str) -> "Frames":
        """Read what ``save`` wrote from an open file, called ``name`` in errors.

        Raises
        ------
        InputError
            If the file is not such a file.
        """
        try:
            with np.load(file, allow_pickle=False) as archive:
                return Frames(**{f.name: archive[f.name] for f in fields(Frames)})
        except Exception as error:  # zipfile, zlib and numpy each have their own
            raise InputError(f"{name}: is not a tlbench frames file ({error}).") from error

    @staticmethod
    def empty() -> "Frames":
        """Return no structures."""
        from ase import Atoms

        return Frames.unlabelled([Atoms("H")]).select([])

    @staticmethod
    def unlabelled(images: Sequence[Any]) -> "Frames":
        """Return ``ase.Atoms`` as structures with zero energy and forces and unknown stress."""
        n_atoms = np.array([len(atoms) for atoms in images], dtype=np.int64)
        n_frames = len(images)
        return Frames(
            atomic_numbers=np.concatenate([atoms.numbers for atoms in images]).astype(np.int64),
            positions=np.concatenate([atoms.positions for atoms in images]).astype(np.float64),
            forces=np.zeros((int(n_atoms.sum()), 3)),
            n_atoms=n_atoms,
            cell=np.array([np.asarray(atoms.cell, dtype=np.float64) for atoms in images]),
            pbc=np.array([np.asarray(atoms.pbc, dtype=bool) for atoms in images]),
            energy=np.zeros(n_frames),
            stress=np.full((n_frames, 3, 3), np.nan),
            temperature_k=np.full(n_frames, np.nan),
            phase=np.full(n_frames, ""),
            group=np.full(n_frames, ""),
            trajectory=np.arange(n_frames, dtype=np.int64),
        )

    def to_ase(self) -> list[Any]:
        """Return the structures as ``ase.Atoms`` with their labels attached (stress in eV/Å³)."""
        from ase import Atoms
        from ase.calculators.singlepoint import SinglePointCalculator

        from tlbench.base.units import GPA

        images = []
        for index, (start, count) in enumerate(zip(self.atom_start, self.n_atoms, strict=True)):
            span = slice(int(start), int(start + count))
            atoms = Atoms(
                numbers=self.atomic_numbers[span],
                positions=self.positions[span],
                cell=self.cell[index],
                pbc=self.pbc[index],
                info=self._info(index),
            )
            labels = {"energy": float(self.energy[index]), "forces": self.forces[span]}
            stress = self.stress[index]
            if np.isfinite(stress).all():
                voigt = stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
                labels["stress"] = voigt / GPA
            atoms.calc = SinglePointCalculator(atoms, **labels)
            images.append(atoms)
        return images

    def _info(self, index: int) -> dict[str, Any]:
        known = {"phase": str(self.phase[index]), "config_type": str(self.group[index])}
        info: dict[str, Any] = {name: word for name, word in known.items() if word}
        if np.isfinite(self.temperature_k[index]):
            info["temperature_k"] = float(self.temperature_k[index])
        return info
