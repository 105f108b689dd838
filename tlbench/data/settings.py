"""Settings of readers that fit a file: guessed, with every guess said."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlbench.base.errors import InputError
from tlbench.base.phrases import counted
from tlbench.base.schema import Strict, validate
from tlbench.data.frames import Floats, Frames
from tlbench.data.label_keys import LabelKeys, collect, find_keys
from tlbench.data.readers import READERS
from tlbench.data.readers.ase import is_converted
from tlbench.data.readers.base import Reader
from tlbench.data.readers.labels import AGREEMENT, LabelOptions, is_alone, labels
from tlbench.data.readers.recognition import Format
from tlbench.data.work import (
    CONVENTIONS,
    USUAL_STRESS,
    Convention,
    convention_of,
    stress_slope,
    typical_stress,
)

ASSUMED = CONVENTIONS[0]
"""Unit and sign of stress in the format as ase writes it."""


EXTXYZ = Format("extxyz")


@dataclass(frozen=True)
class OptionsGuess:
    """Settings of a reader, and one sentence for each thing that was guessed."""

    options: dict[str, Any]
    said: tuple[str, ...]


def guess_options(*paths: Path, format_: Format = EXTXYZ) -> OptionsGuess:
    """Return the settings of a reader that fit all of some files.

    Parameters
    ----------
    format_
        The reader, and the settings of it that are known.

    Raises
    ------
    InputError
        If a file cannot be read, or they have no energies and forces.
    """
    reader = READERS.get(format_.reader)
    where = ", ".join(map(str, paths))
    try:
        known = validate(reader.options, format_.options, f"the reader {format_.reader!r}")
    except InputError as error:
        raise InputError(
            f"{where}: needs settings that only a card can give ({str(error).rstrip('.')}); copy "
            "the card of a similar data set and change its files."
        ) from error
    if reader.images is None:
        return OptionsGuess(dict(format_.options), tuple(_of_fixed_labels(paths, reader, known)))
    frames, isolated, empty = [], 0, 0
    names = [path.name for path in paths]
    for path in paths:
        name = path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}"
        for number, atoms in reader.images(path, known):
            if is_alone(atoms):
                isolated += 1
            elif not len(atoms):
                empty += 1
            else:
                frame = number if len(paths) == 1 else f"{name} frame {number}"
                # Of what belongs to atoms, the shape and the largest number are enough.
                frames.append((frame, {key: _small(v) for key, v in labels(atoms).items()}))
    if not frames:
        only = [*["isolated atoms"] * bool(isolated), *["frames without atoms"] * bool(empty)]
        raise InputError(f"{where}: has {' and '.join(only)} only; there is nothing to train on.")
    try:
        keys = find_keys(collect(frames))
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    options = {**format_.options, "energy_key": keys.energy, "forces_key": keys.forces}
    said = list(keys.said)
    if keys.unlabelled:
        options["unlabelled"] = "leave-out"
    if keys.stress or keys.virial:
        of_stress, sentences = _stress_options(paths, reader, options, keys)
        options |= of_stress
        place = next(n for n, sentence in enumerate(said) if sentence.startswith("stress:"))
        said[place + 1 : place + 1] = sentences
    for option, key in (
        ("stress_key", options.get("stress_key")),
        ("temperature_key", keys.temperature),
        ("group_key", keys.group),
        ("phase_key", keys.phase),
    ):
        default = LabelOptions.model_fields[option].default
        if key is not None or any(default in frame for _, frame in frames):
            options[option] = key
    if isolated:
        said.append(f"isolated atoms: {isolated} left out; they are references, not structures")
    return OptionsGuess(options, tuple(said))


def _of_fixed_labels(paths: Sequence[Path], reader: Reader, options: Strict) -> list[str]:
    """Return what to say of files whose format says which labels are where.

    Raises
    ------
    InputError
        If a frame of them cannot be used.
    """
    n_frames, with_stress = 0, 0
    faults = []
    for path in paths:
        for index, frame in reader.frames(path, options):
            n_frames += 1
            if isinstance(frame, InputError):
                faults.append(f"{path}: frame {index}: {frame}")
            else:
                with_stress += int(np.isfinite(frame.stress).all())
    if faults:
        raise InputError(
            f"{len(faults)} of {counted(n_frames, 'frame')} cannot be used; the first of them: "
            f"{faults[0]}"
        )
    return [f"stress: in {with_stress} of {n_frames} frames" if with_stress else "stress: none"]


def _small(value: Any) -> Any:
    array = np.asarray(value)
    if array.ndim < 2 or array.size <= 9:
        return value
    kept = np.abs(array).max() if array.dtype.kind in "if" else array.flat[0]
    return np.broadcast_to(kept, array.shape)


def _stress_options(
    paths: Sequence[Path], reader: Reader, options: dict[str, Any], keys: LabelKeys
) -> tuple[dict[str, Any], list[str]]:
    """Return which stress is used, its unit and sign, and what to say of it.

    Energies, virials and sizes decide. What nothing confirms is used only where its size is usual.
    """
    chosen: dict[str, Any] = {"stress_key": keys.stress, "virial_key": keys.virial}
    said: list[str] = []
    read = {}
    for option, key in list(chosen.items()):
        if not key:
            continue
        read[option] = _readable(paths, reader, options | {"stress_key": None, option: key})
        if _is_placeholder(read[option]):
            said.append(
                f"Warning: stress: {key!r} is not used, because it is 0 in all frames, though "
                "forces are not"
            )
            chosen[option] = None
    if chosen["virial_key"]:
        said += _of_virial(chosen, read["virial_key"])
    if chosen["stress_key"] and is_converted(options):
        said.append(f"stress unit: {ASSUMED}, to which ase converts that of the code")
    elif chosen["stress_key"]:
        said += _of_stress(chosen, read)
    return chosen, said


def _of_virial(chosen: dict[str, Any], frames: Frames) -> list[str]:
    """Drop a virial that energies contradict; return what to say of it."""
    key, slope = chosen["virial_key"], stress_slope(frames)
    found = convention_of(slope.value, ASSUMED) if slope.is_resolved else None
    if found == ASSUMED:
        return ["virial: minus stress times volume in eV, as energies of strained frames confirm"]
    if slope.is_resolved:
        chosen["virial_key"] = None
        return [
            f"Warning: virial: {key!r} is not used, because energies of strained frames contradict "
            "it (a virial is minus stress times volume, in eV)"
        ]
    if typical_stress(frames) > USUAL_STRESS:
        chosen["virial_key"] = None
        return [f"Warning: virial: {key!r} is not used, because {_too_large(frames)}"]
    return ["virial: taken for minus stress times volume in eV, which nothing here confirms"]


def _of_stress(chosen: dict[str, Any], read: dict[str, Frames]) -> list[str]:
    """Set unit and sign of a stress, or drop what is contradictory; return what to say of it."""
    key, frames = chosen["stress_key"], read["stress_key"]
    by_virial = read["virial_key"] if chosen["virial_key"] else None
    found, why = _convention(frames, by_virial)
    if found is None:
        if typical_stress(frames) > USUAL_STRESS:
            chosen["stress_key"] = None
            return [
                f"Warning: stress: {key!r} is not used, because {_too_large(frames)}; to use it, "
                "set stress_key, stress_unit and stress_sign in the card"
            ]
        return [
            f"stress unit: taken for {ASSUMED}, as ase writes it, which nothing here confirms; set "
            "stress_unit and stress_sign if it is another"
        ]
    if found != ASSUMED:
        chosen |= {"stress_unit": found.unit, "stress_sign": found.sign}
    said = [f"stress unit: {found}, {why}"]
    if by_virial is not None:
        scale = found.factor / ASSUMED.factor
        apart = _largest_difference(scale * frames.stress, by_virial.stress)
        if apart > AGREEMENT:
            said.append(
                f"Warning: virial: {chosen['virial_key']!r} is not used, because it differs from "
                f"{key!r} times the volume by up to {apart:.0%}; one of the two is wrong"
            )
            chosen["virial_key"] = None
    return said


def _convention(frames: Frames, by_virial: Frames | None) -> tuple[Convention | None, str]:
    """Return unit and sign of stresses that were read as ``ASSUMED``, and what decides them."""
    if by_virial is not None:
        both = np.isfinite(frames.stress) & np.isfinite(by_virial.stress)
        given, right = frames.stress[both], by_virial.stress[both]
        ratio = float(given @ right / (given @ given)) if given.any() else 0.0
        if found := convention_of(ratio, ASSUMED):
            return found, "as the virial has it"
    slope = stress_slope(frames)
    if slope.is_resolved:
        return convention_of(slope.value, ASSUMED), "as the energies of strained frames require"
    return None, ""


def _too_large(frames: Frames) -> str:
    half = f"{typical_stress(frames):.3g} GPa"
    return f"nothing here confirms its unit, and half of it would be above {half}"


def _largest_difference(stress: Floats, other: Floats) -> float:
    """Return the largest difference of two stresses in units of the larger one of its frame."""
    largest = np.maximum(np.abs(stress), np.abs(other)).max(axis=(1, 2))
    apart = np.abs(stress - other).max(axis=(1, 2))
    known = np.isfinite(apart) & (largest > 0)
    return float((apart[known] / largest[known]).max(initial=0.0))


def _readable(paths: Sequence[Path], reader: Reader, options: dict[str, Any]) -> Frames:
    """Return the frames without a fault; reading them all will name the others."""
    settings = reader.options.model_validate(options)
    sound = [
        frame
        for path in paths
        for _, frame in reader.frames(path, settings)
        if isinstance(frame, Frames)
    ]
    return Frames.concatenate(sound) if sound else Frames.empty()


def _is_placeholder(frames: Frames) -> bool:
    known = frames.stress[np.isfinite(frames.stress)]
    return bool(len(known) and not known.any() and frames.forces.any())
