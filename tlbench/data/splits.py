"""How frames are divided into parts, and which of them a model of size N sees."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, NonNegativeInt, PositiveInt

from tlbench.base.errors import InputError
from tlbench.base.formats import later
from tlbench.base.schema import LARGEST, Strict
from tlbench.base.seeds import stream
from tlbench.data.frames import Frames, Ints
from tlbench.data.origins.base import MOST_FRAMES, SPLITS, Temperature
from tlbench.data.sequence import blocks, place_in_block
from tlbench.data.strata import Stratum, check_strata, strata_of, stratified


class Part(Strict):
    """One part of a data set: how many frames, drawn from which.

    A frame matches if it is in one of the ``files``, in one of the ``ranges`` of it, and has one of
    the named groups, phases, temperatures and compositions, where there are any, contains one of
    the named elements, where there are any, and has none of the groups, compositions and elements
    it is ``without``.

    To test on a composition that models have never seen (leave one composition out), name it in
    ``compositions`` of the test part and in ``without_compositions`` of the other two; for an
    element, name it in ``elements`` and ``without_elements`` alike.
    """

    frames: PositiveInt = Field(le=MOST_FRAMES)
    files: list[str] = Field(min_length=1)
    groups: list[str] = Field(default=[], description="only these kinds of structure")
    without_groups: list[str] = Field(default=[], description="not these kinds of structure")
    phases: list[str] = Field(default=[], description="only these")
    temperatures_k: list[Temperature] = Field(default=[], description="only these")
    ranges: list[tuple[NonNegativeInt, PositiveInt]] = later(
        [],
        max_length=100,
        description="only frames from one index up to before another, counted from 0 in each file",
    )
    compositions: list[str] = later(
        [], description="only these, as empirical formulas in the order of atomic numbers: Mo3W"
    )
    without_compositions: list[str] = later([], description="not these")
    elements: list[str] = later([], description="only structures that contain one of these")
    without_elements: list[str] = later([], description="no structure that contains one of these")


class Split(Strict):
    """How frames are divided.

    The parts are filled in the order test, validation, train, each with frames that match it
    and that no earlier part has taken.
    """

    name: str
    order: Literal["random", "last", "blocks", "compositions"] = Field(
        description="random: drawn with the seed; last: from the end of the files, so that "
        "neighbours in time stay together; blocks: from the end of each block of successive "
        "frames that resemble each other; compositions: drawn with the seed, each "
        "composition whole and in one part only, so that no part has structures that are "
        "equivalent to those of another, or relaxed from them"
    )
    seed: int = Field(default=0, ge=-LARGEST, le=LARGEST)
    train: Part
    validation: Part
    test: Part


class Drawn(Strict):
    """A number of structures, drawn from those of one temperature, or from all.

    ``strata`` are the properties whose combinations are represented in proportion; None for a
    random draw.
    """

    size: PositiveInt
    seed: int
    temperature_k: float | None = None
    strata: list[Stratum] | None = later(None, min_length=1)

    share: ClassVar[float] = 1.0

    @property
    def temperatures_k(self) -> list[float] | None:
        """Temperatures that structures are drawn from; None for all."""
        return None if self.temperature_k is None else [self.temperature_k]


class Share(Strict):
    """A share of the structures of some temperatures, or of all, rounded."""

    share: float = Field(gt=0, le=1)
    seed: int
    temperatures_k: list[float] | None = None

    size: ClassVar[None] = None


Subset = Drawn | Share
"""Which structures of a part a model sees."""


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


def share_size(n_frames: int, share: float) -> int:
    """Return how many of ``n_frames`` a share of them is: at least one."""
    return max(1, round(share * n_frames))


def chosen(frames: Frames, subset: Subset | None) -> Frames:
    """Return the frames at `chosen_indices`.

    Raises
    ------
    InputError
        If a temperature is asked for that no frame has, or too few have it.
    """
    if subset is None:
        return frames
    known = np.unique(frames.temperature_k[np.isfinite(frames.temperature_k)])
    for temperature in subset.temperatures_k or []:
        if temperature not in known:
            there = ", ".join(f"{t:g}" for t in known) or "none"
            raise InputError(
                f"No training structure was sampled at {temperature:g} K; "
                f"temperatures there are: {there}."
            )
    return frames.select(chosen_indices(frames, subset))


def chosen_indices(frames: Frames, subset: Subset | None) -> npt.NDArray[np.int64]:
    """Return the indices of a subset of ``frames``, in the order drawn; None means all.

    A share of structures that there are none of is empty. Subsets and shares of one seed are
    nested.

    Raises
    ------
    InputError
        If too few structures are there, or are to be stratified by what is unknown of all.
    """
    if subset is None:
        return np.arange(len(frames))
    at = subset.temperatures_k
    everything = np.arange(len(frames))
    matching = everything if at is None else np.flatnonzero(np.isin(frames.temperature_k, at))
    size = subset.size
    if size is None:
        if subset.share == 1 or not len(matching):
            return matching
        size = share_size(len(matching), subset.share)
    strata = subset.strata if isinstance(subset, Drawn) else None
    if strata is not None:
        check_strata(frames, strata)
    return matching[_drawn(frames.select(matching), size, subset.seed, strata)]


def validation_subset(frames: Frames, size: int | None, subset: Subset | None) -> Frames:
    """Return the validation structures of a model that is trained on ``subset``.

    They are drawn with its seed and strata, in a stream of their own; those of one seed are nested.
    A model that sees structures of some temperatures alone is validated on such, if there are any.

    Parameters
    ----------
    size
        How many; all if it is None, or more than there are.
    """
    at = None if subset is None else subset.temperatures_k
    if at is not None and (matching := np.isin(frames.temperature_k, at)).any():
        frames = frames.select(matching)
    if size is None or size >= len(frames):
        return frames
    seed = stream("validation", -1 if subset is None else subset.seed)
    strata = subset.strata if isinstance(subset, Drawn) else None
    return frames.select(_drawn(frames, size, seed, strata))


def _drawn(
    frames: Frames, size: int, seed: int, names: list[Stratum] | None
) -> npt.NDArray[np.int64]:
    """Return the indices of ``size`` of the ``frames``, stratified by properties if any."""
    drawn = nested_subset(len(frames), size, seed)
    if names is None:
        return drawn
    order = nested_subset(len(frames), len(frames), seed)
    return stratified(order, strata_of(frames, names), size, stream("strata", seed))


def divide(
    files: Mapping[str, Frames], split: Split, places: Mapping[str, Ints] | None = None
) -> dict[str, Frames]:
    """Return the train, validation and test part of the frames of some files.

    Files count in the order in which the parts name them, whatever the order of the mapping.

    Parameters
    ----------
    places
        Name of a file → index of each frame in it, (frames,), which ranges are of: readers leave
        out some. By default the ``trajectory`` of the frames, as readers set it.

    Raises
    ------
    InputError
        If fewer frames match a part than it asks for, or a part names what no frame has.
    """
    named = [name for part in (split.train, split.validation, split.test) for name in part.files]
    names = list(dict.fromkeys(named))
    frames = Frames.concatenate([files[name] for name in names])
    file_of = np.repeat(names, [len(files[name]) for name in names])
    place = np.concatenate([places[n] if places else files[n].trajectory for n in names])
    order = _order(frames, file_of, split)
    formulas = frames.composition if split.order == "compositions" else None
    free = np.ones(len(frames), dtype=bool)
    parts = {}
    for name in ("test", "validation", "train"):
        part: Part = getattr(split, name)
        _check_words(name, part, frames)
        matching = _matching(frames, file_of, place, part)
        drawn = order[(matching & free)[order]]
        chosen, left = drawn[: part.frames], drawn[part.frames :]
        if len(chosen) < part.frames:
            count = int(matching.sum())
            taken = f", of which other parts took {count - len(chosen)}"
            raise InputError(
                f"split.{name} asks for {part.frames} frames, but {count} match it"
                f"{taken if count > len(chosen) else ''}; lower split.{name}.frames or widen what "
                "it is drawn from."
            )
        free[chosen] = False
        if formulas is not None:
            free &= ~np.isin(formulas, formulas[chosen])
            if cut := sorted(set(formulas[chosen]) & set(formulas[left])):
                own = np.flatnonzero(formulas[drawn] == cut[0])
                fitting = " or ".join(str(size) for size in (own[0], own[-1] + 1) if size)
                raise InputError(
                    f"split.{name} asks for {part.frames} frames, which divides those of one "
                    f"composition ({cut[0]}); ask for {fitting}."
                )
        parts[name] = frames.select(np.sort(chosen))
    return {name: parts[name] for name in SPLITS}


def _order(frames: Frames, file_of: npt.NDArray[np.str_], split: Split) -> npt.NDArray[np.int64]:
    """Return the indices of all frames, those that are taken first in front."""
    if split.order == "random":
        generator = np.random.Generator(np.random.PCG64(stream("split", split.seed)))
        return generator.permutation(len(frames))
    if split.order == "last":
        return np.arange(len(frames))[::-1]
    if split.order == "compositions":
        return composition_order(frames, split.seed)
    names = dict.fromkeys(file_of.tolist())
    places = [place_in_block(blocks(frames.select(file_of == name))) for name in names]
    # Files follow one another, so their places do too.
    return np.argsort(-np.concatenate(places), kind="stable")


def composition_order(frames: Frames, seed: int) -> npt.NDArray[np.int64]:
    """Return the indices of frames with those of one composition together, compositions drawn."""
    formulas, which = np.unique(frames.composition, return_inverse=True)
    generator = np.random.Generator(np.random.PCG64(stream("split", seed)))
    drawn = generator.permutation(len(formulas))
    return np.argsort(np.argsort(drawn)[which], kind="stable")


def _matching(
    frames: Frames, file_of: npt.NDArray[np.str_], place: Ints, part: Part
) -> npt.NDArray[np.bool_]:
    matching = np.isin(file_of, part.files)
    if part.ranges:
        matching &= np.any([(place >= first) & (place < end) for first, end in part.ranges], axis=0)
    if part.groups:
        matching &= np.isin(frames.group, part.groups)
    if part.without_groups:
        matching &= ~np.isin(frames.group, part.without_groups)
    if part.phases:
        matching &= np.isin(frames.phase, part.phases)
    if part.temperatures_k:
        matching &= np.isin(frames.temperature_k, part.temperatures_k)
    if part.compositions:
        matching &= np.isin(frames.composition, part.compositions)
    if part.without_compositions:
        matching &= ~np.isin(frames.composition, part.without_compositions)
    if part.elements:
        matching &= _contains(frames, part.elements)
    if part.without_elements:
        matching &= ~_contains(frames, part.without_elements)
    return matching


def _contains(frames: Frames, elements: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which frames contain one of some elements, each of which some frame has."""
    found: npt.NDArray[np.bool_] = np.any([frames.element_counts[e] for e in elements], axis=0)
    return found


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
        (
            "composition",
            [*part.compositions, *part.without_compositions],
            _words(frames.composition),
        ),
        ("element", [*part.elements, *part.without_elements], list(frames.element_counts)),
    ):
        for value in asked:
            if value not in there:
                raise InputError(
                    f"split.{name}: no frame has the {what} {value!r}; "
                    f"there are: {_first(there) or 'none'}."
                )


def _first(words: list[str], most: int = 20) -> str:
    left = len(words) - most
    return ", ".join(words[:most]) + (f" and {left} more" if left > 0 else "")


def _words(values: npt.NDArray[np.str_]) -> list[str]:
    return sorted({str(value) for value in values if value})
