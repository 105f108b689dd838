"""A potential as an ``ase`` calculator."""

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from ase.calculators.calculator import Calculator, all_changes

from tlbench.base.errors import NotFiniteError
from tlbench.base.units import GPA
from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.models.applicability import check_elements, check_structure
from tlbench.models.potential import Potential

LARGE = 5000
"""Atoms from which torch's threads are used.

Threads wait for each other in each of a call's many steps. On two cores that two other programs
kept busy, a call took two threads 2 s more than one, whatever the size: 200 times as long with 100
atoms, 5 times with 2,000. Where nothing else ran, it took 0.8 and 0.6 times as long.
"""

_INTERNAL = ("ase", "tlbench")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_THREADS_AT_IMPORT = torch.get_num_threads()


class PotentialCalculator(Calculator):  # type: ignore[misc]  # ase has no types
    """Energy (eV), forces (eV/Å) and, for periodic cells, stress (eV/Å³) of a potential.

    An element that the potential has never seen is refused. One that zero-shot transfer takes for
    another has no reference energy: it counts as zero, with one warning.

    On a CPU, structures of fewer than `LARGE` atoms are computed by one thread, unless
    ``OMP_NUM_THREADS`` is set, or torch's number of threads is not its default.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]

    def __init__(self, potential: Potential) -> None:
        super().__init__()
        self.potential = potential
        self._checked: set[int] = set()

    def calculate(
        self,
        atoms: Any = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute the properties of ``atoms``; see ``ase.calculators.calculator``.

        Raises
        ------
        InputError
            If the structure cannot be, or has an element that the potential has never seen.
        NotFiniteError
            If the potential gives an energy or forces that are not finite.
        """
        super().calculate(atoms, properties, system_changes)
        potential = self.potential
        structure = Frames.unlabelled([self.atoms])
        self._check(structure)
        with _threads_for(len(structure.atomic_numbers), potential.device), _without_subnormals():
            graph = graph_of(structure, potential.cutoff, dtype=potential.dtype)
            # Few ask for the stress, and it costs time.
            periodic = bool((graph.volume > 0).all())
            there = graph.to(potential.device, potential.dtype)
            found = potential(there, stress=periodic and "stress" in properties, unfitted=0.0)
        energy = float(found.energy[0])
        forces = found.forces.to(torch.float64).cpu().numpy()
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise NotFiniteError(
                "The potential gives an energy or forces that are not finite for this structure; "
                "it may be far from what the potential was trained on, or two atoms coincide."
            )
        self.results = {"energy": energy, "forces": forces}
        if found.stress is not None:
            voigt = found.stress[0].to(torch.float64).cpu().numpy()
            self.results["stress"] = voigt[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] / GPA

    def _check(self, structure: Frames) -> None:
        """Refuse what the potential cannot be applied to; warn of each element once."""
        check_structure("The structure", structure)
        new = [z for z in structure.elements() if z not in self._checked]
        if not new:
            return
        for note in check_elements("The potential", self.potential, new):
            warnings.warn(note, stacklevel=_stacklevel_of_the_user())
        self._checked.update(new)


def _stacklevel_of_the_user() -> int:
    """Return the ``stacklevel`` by which a warning of the caller names the user's own line.

    How many calls of ase lie between depends on what was asked for, and by what.
    """
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _INTERNAL:
        level, frame = level + 1, frame.f_back
    return level


@contextmanager
def _threads_for(n_atoms: int, device: torch.device) -> Iterator[None]:
    """Compute with one thread what is small, and leave torch as it was."""
    before = torch.get_num_threads()
    if n_atoms >= LARGE or before == 1 or device.type != "cpu" or _threads_are_chosen(before):
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _without_subnormals() -> Iterator[None]:
    """Compute with zero instead of numbers below 1.2e-38, which are slow; leave torch as it was."""
    if not torch.tensor(1e-30).mul(1e-9):
        yield
        return
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _threads_are_chosen(now: int) -> bool:
    """Return whether the user has chosen the number of threads, as far as that can be known.

    By itself torch uses as many as there are cores, or half as many where each appears twice.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    by_itself = now == _THREADS_AT_IMPORT and now in (cores, cores // 2)
    return not by_itself or any(name in os.environ for name in _THREAD_VARIABLES)
