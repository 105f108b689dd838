"""The JSON files of github.com/materialsvirtuallab/mlearn and of its sister, snap.

Zuo et al., J. Phys. Chem. A 124, 731 (2020), and Li et al., npj Comput. Mater. 6, 70 (2020). Each
file is a list of structures (pymatgen's dictionaries) with total energy (eV), forces (eV/Å) and
stress (kbar, positive in compression). In mlearn it is ``virial_stress``, xx yy zz xy and then,
depending on the data, yz xz or xz yz (see ``_stress``), and ``group`` and ``description`` say what
a structure is; in snap it is ``stress``, xx yy zz xy yz xz, and ``tags`` and ``notes`` say it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from tlbench.base.errors import InputError
from tlbench.base.schema import Strict
from tlbench.base.units import KILOBAR
from tlbench.data.frames import Floats, Frames
from tlbench.data.readers.base import Reader

BULK_DYNAMICS = "AIMD-NVT"
SNAP_DYNAMICS = "Md"
"""Dynamics at the equilibrium volume; ``Md_90`` and ``Md_110`` are at 90 and 110 % of it."""
CRYSTAL_ABOVE = 0.4
"""Relative Bragg intensity between that of hot crystals (> 0.6) and of liquids (< 0.25)."""


class MlearnOptions(Strict):
    """Settings of the mlearn reader."""

    bragg_peak: tuple[int, int, int] = Field(
        description="strong reflection of the perfect crystal, in reciprocal vectors of the "
        "supercell, by which crystal and liquid are distinguished"
    )


@dataclass(frozen=True)
class About:
    """What a file says of a structure.

    ``temperature_k`` is NaN where there is none to rely on; ``moving`` is whether it is a snapshot
    of dynamics.
    """

    group: str
    temperature_k: float
    moving: bool


def frames(path: Path, options: MlearnOptions) -> Iterator[tuple[int, Frames | InputError]]:
    """Yield the structures of one file.

    ``phase`` is that of the structure: of dynamics, by the intensity of a Bragg peak; strained
    crystals, solid solutions and surfaces are crystals. In mlearn, ``group`` is the file's, and
    ``temperature_k`` that of the description for bulk dynamics only: the vacancy frames carry
    temperatures that contradict their structures (of the 32 silicon frames described as 300 K, 31
    are liquid). In snap, ``group`` is the first tag; of test structures, which are all tagged
    "test", it is that of training structures of their kind. Temperatures are those of dynamics at
    the equilibrium volume, so that one temperature is of one crystal.
    """
    try:
        entries = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: is not whole JSON ({error}); fetch or copy the file again."
        ) from error
    if not isinstance(entries, list):
        raise InputError(f"{path}: should be a list of structures, as the mlearn files are.")
    for index, entry in enumerate(entries):
        try:
            yield index, _frame(entry, index, options)
        except InputError as error:
            yield index, error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            said = f"{type(error).__name__}: {error}"
            yield index, InputError(f"is not an mlearn structure ({said}).")


def _frame(entry: dict[str, Any], index: int, options: MlearnOptions) -> Frames:
    from ase.data import atomic_numbers

    sites = entry["structure"]["sites"]
    symbols = [site["species"][0]["element"] for site in sites]
    numbers = np.array([atomic_numbers[symbol] for symbol in symbols], dtype=np.int64)
    positions = _array([site["xyz"] for site in sites], (len(sites), 3), "positions")
    cell = _array(entry["structure"]["lattice"]["matrix"], (3, 3), "cell")
    outputs = entry["outputs"]
    if outputs.get("forces") is None:
        raise InputError("has no forces.")
    if outputs.get("energy") is None:
        raise InputError("has no energy.")
    if "tags" in entry:
        about = _about_snap(entry)
        stress = _tensor(outputs.get("stress"), about.group, yz_first=True)
    else:
        about = _about_mlearn(entry)
        stress = _stress(outputs.get("virial_stress"), symbols[0], about.group)
    phase = _phase(positions, cell, options.bragg_peak) if about.moving else "crystal"
    return Frames(
        atomic_numbers=numbers,
        positions=positions,
        forces=_array(outputs["forces"], (len(sites), 3), "forces"),
        n_atoms=np.array([len(sites)], dtype=np.int64),
        cell=cell[None],
        pbc=np.ones((1, 3), dtype=bool),
        energy=_array([outputs["energy"]], (1,), "energy"),
        stress=stress[None],
        temperature_k=np.array([about.temperature_k]),
        phase=np.array([phase]),
        group=np.array([about.group]),
        trajectory=np.array([index], dtype=np.int64),
    )


def _about_mlearn(entry: dict[str, Any]) -> About:
    group, description = str(entry["group"]), str(entry["description"])
    found = re.search(r"at (\d+(?:\.\d+)?) K\b", description)
    known = found is not None and group == BULK_DYNAMICS
    temperature = float(found[1]) if found and known else np.nan
    return About(group, temperature, "simulation" in description)


def _about_snap(entry: dict[str, Any]) -> About:
    """Return what tags and notes say, as ``["Md_90"]`` and ``{"Md_90": "300-12"}``.

    Notes of test structures are ``{"Md": "md90-300-5"}`` or ``{"relax": "3"}``; those of molybdenum
    have ``Strain_new`` and ``-300-12``. Surfaces may have none.
    """
    tags, notes = entry["tags"], entry.get("notes") or {}
    group = str(tags if isinstance(tags, str) else tags[0])
    words, text = next(iter(notes.items()), (group, ""))
    if group == "test":
        kind = re.match(r"md(\d+)-", str(text))
        group = f"{words}_{kind[1]}" if kind else str(words)
    group = group.removesuffix("_new")
    moving = group.startswith(SNAP_DYNAMICS)
    numbers = re.findall(r"\d+", str(text))
    temperature = float(numbers[-2]) if group == SNAP_DYNAMICS and len(numbers) > 1 else np.nan
    return About(group, temperature, moving)


def _stress(virial: Any, element: str, group: str) -> Floats:
    """Return the stress in GPa; NaN where there is none, or where its order is not known.

    The last two components are yz and xz in the strained crystals of silicon and germanium and
    in all data of lithium, but xz and yz in the dynamics of silicon and germanium and in all
    data of molybdenum: seen in pure shears, and in the virial of a pair potential fitted to the
    forces. Of the surfaces it could not be decided. In the data of snap it is yz and xz throughout,
    seen in the same ways.
    """
    yz_first = element == "Li" or (element in ("Si", "Ge") and group == "Elastic")
    return _tensor(virial, group, yz_first)


def _tensor(virial: Any, group: str, yz_first: bool) -> Floats:
    """Return six components in GPa; NaN where there are none, and of surfaces."""
    stress = np.full((3, 3), np.nan)
    if virial is None or group == "Surface":
        return stress
    last = ((1, 2), (0, 2)) if yz_first else ((0, 2), (1, 2))
    for (i, j), value in zip(((0, 0), (1, 1), (2, 2), (0, 1), *last), virial, strict=True):
        # VASP counts compression as positive.
        stress[i, j] = stress[j, i] = -float(value) * KILOBAR
    return stress


def _phase(positions: Floats, cell: Floats, peak: tuple[int, int, int]) -> str:
    """Return "crystal" or "liquid" by the mean intensity of the reflections of one family."""
    signs = product(*[{h, -h} for h in peak])
    family = {
        tuple(miller[axis] for axis in axes)
        for miller in signs
        for axes in ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (1, 0, 2), (2, 1, 0))
    }
    fractional = np.linalg.solve(cell.T, positions.T)
    phases = 2 * np.pi * np.array(sorted(family)) @ fractional
    intensity = float(np.mean(np.abs(np.exp(1j * phases).mean(axis=1)) ** 2))
    return "crystal" if intensity > CRYSTAL_ABOVE else "liquid"


def _array(value: Any, shape: tuple[int, ...], name: str) -> Floats:
    array = np.array(value, dtype=np.float64)
    if array.shape != shape:
        raise InputError(f"its {name} have shape {array.shape} instead of {shape}.")
    if not np.isfinite(array).all():
        raise InputError(f"its {name} are not all numbers.")
    return array


READER = Reader(
    name="mlearn",
    summary="the DFT data of Zuo et al. (2020, mlearn) and of Li et al. (2020, snap)",
    options=MlearnOptions,
    frames=frames,
)
