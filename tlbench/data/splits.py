"""How frames are divided into parts, and which of them a model of size N sees."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlbench.data.frames import Frames
from tlbench.data.origins import Part, Split
from tlbench.errors import InputError
from tlbench.seeds import stream


def nested_subset(n_frames: int, size: int, subset_seed: int) -> npt.NDArray[np.int64]:
    """Return the indices of ``size`` structures drawn from ``n_frames``.

    Subsets of one seed are nested: the first ten of a set of forty are the set of ten. Every
    arm and backbone with the same seed sees the same structures.

    Raises
    ------
    InputError
        If ``size`` is not between 1 and ``n_frames``.
    """
    if not 1 <= size <= n_frames:
        raise InputError(
            f"A subset of {size} structures cannot be drawn from {n_frames}; "
            f"choose a size from 1 to {n_frames}."
        )
    generator = np.random.Generator(np.random.PCG64(stream("subset", subset_seed)))
    return generator.permutation(n_frames)[:size].astype(np.int64)


def choose(
    frames: Frames, size: int, subset_seed: int, temperature_k: float | None = None
) -> Frames:
    """Return ``size`` of ``frames``, drawn as ``nested_subset`` does, of one temperature or all.

    Raises
    ------
    InputError
        If no frame has the temperature, or too few have it.
    """
    frames = at_temperatures(frames, None if temperature_k is None else [temperature_k])
    return frames.select(nested_subset(len(frames), size, subset_seed))


def choose_share(
    frames: Frames, share: float, seed: int, temperatures_k: Sequence[float] | None = None
) -> Frames:
    """Return a ``share`` of ``frames``, of some temperatures or all, at least one.

    Shares of one seed are nested, as subsets are.

    Raises
    ------
    InputError
        If no frame has one of the temperatures.
    """
    frames = at_temperatures(frames, temperatures_k)
    if share == 1:
        return frames
    return frames.select(nested_subset(len(frames), share_size(len(frames), share), seed))


def share_size(n_frames: int, share: float) -> int:
    """Return how many of ``n_frames`` a share of them is: at least one."""
    return max(1, round(share * n_frames))


def chosen(frames: Frames, subset: Mapping[str, Any] | None) -> Frames:
    """Return what a job's ``subset`` stands for.

    It is None for all, {size, seed, temperature_k} as `choose` takes them, or
    {share, seed, temperatures_k} as `choose_share` does.
    """
    if subset is None:
        return frames
    if "share" in subset:
        return choose_share(frames, subset["share"], subset["seed"], subset["temperatures_k"])
    return choose(frames, subset["size"], subset["seed"], subset["temperature_k"])


def at_temperatures(frames: Frames, temperatures_k: Sequence[float] | None) -> Frames:
    """Return the frames that were sampled at these temperatures; all if it is None.

    Raises
    ------
    InputError
        Naming the first temperature that no frame has.
    """
    if temperatures_k is None:
        return frames
    known = frames.temperature_k[np.isfinite(frames.temperature_k)]
    for temperature in temperatures_k:
        if temperature not in known:
            there = ", ".join(f"{t:g}" for t in np.unique(known)) or "none"
            raise InputError(
                f"No training structure was sampled at {temperature:g} K; "
                f"temperatures there are: {there}."
            )
    return frames.select(np.flatnonzero(np.isin(frames.temperature_k, temperatures_k)))


def divide(files: Mapping[str, Frames], split: Split) -> dict[str, Frames]:
    """Return the train, validation and test part of the frames of some files.

    Files count in the order in which the parts name them, whatever the order of the mapping.

    Raises
    ------
    InputError
        If fewer frames match a part than it asks for, or a part names what no frame has.
    """
    named = [name for part in (split.train, split.validation, split.test) for name in part.files]
    names = list(dict.fromkeys(named))
    frames = Frames.concatenate([files[name] for name in names])
    file_of = np.repeat(names, [len(files[name]) for name in names])
    if split.order == "random":
        generator = np.random.Generator(np.random.PCG64(stream("split", split.seed)))
        order = generator.permutation(len(frames))
    else:
        order = np.arange(len(frames))[::-1]
    free = np.ones(len(frames), dtype=bool)
    parts = {}
    for name in ("test", "validation", "train"):
        part: Part = getattr(split, name)
        _check_words(name, part, frames)
        matching = _matching(frames, file_of, part)
        chosen = order[(matching & free)[order]][: part.frames]
        if len(chosen) < part.frames:
            count = int(matching.sum())
            taken = f", of which other parts took {count - len(chosen)}"
            raise InputError(
                f"split.{name} asks for {part.frames} frames, but {count} match it"
                f"{taken if count > len(chosen) else ''}; lower split.{name}.frames or widen what "
                "it is drawn from."
            )
        free[chosen] = False
        parts[name] = frames.select(np.sort(chosen))
    return {name: parts[name] for name in ("train", "validation", "test")}


def _matching(frames: Frames, file_of: npt.NDArray[np.str_], part: Part) -> npt.NDArray[np.bool_]:
    matching = np.isin(file_of, part.files)
    if part.groups:
        matching &= np.isin(frames.group, part.groups)
    if part.without_groups:
        matching &= ~np.isin(frames.group, part.without_groups)
    if part.phases:
        matching &= np.isin(frames.phase, part.phases)
    if part.temperatures_k:
        matching &= np.isin(frames.temperature_k, part.temperatures_k)
    return matching


def _check_words(name: str, part: Part, frames: Frames) -> None:
    """Refuse a group, phase or temperature that no frame has: it is a slip of the pen."""
    temperatures = np.unique(frames.temperature_k[np.isfinite(frames.temperature_k)])
    for what, asked, there in (
        ("group", [*part.groups, *part.without_groups], _words(frames.group)),
        ("phase", part.phases, _words(frames.phase)),
        (
            "temperature",
            [f"{t:g} K" for t in part.temperatures_k],
            [f"{t:g} K" for t in temperatures],
        ),
    ):
        for value in asked:
            if value not in there:
                raise InputError(
                    f"split.{name}: no frame has the {what} {value!r}; "
                    f"there are: {', '.join(there) or 'none'}."
                )


def _words(values: npt.NDArray[np.str_]) -> list[str]:
    return sorted({str(value) for value in values if value})
