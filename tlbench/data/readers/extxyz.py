"""Extended XYZ files: which keys hold which labels, and in which units."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.data.readers.base import Reader
from tlbench.data.readers.labels import LabelOptions, check_keys, labelled
from tlbench.data.readers.xyz_frames import frame_texts


class ExtxyzOptions(LabelOptions):
    """Settings of the extxyz reader: which keys hold what, and in which units."""


def frames(path: Path, options: ExtxyzOptions) -> Iterator[tuple[int, Frames | InputError]]:
    """Yield the structures of one file."""
    yield from labelled(images(path), options)


def images(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield index and ``ase.Atoms`` of every frame.

    Raises
    ------
    InputError
        Naming the line that cannot be parsed.
    """
    for index, text in enumerate(frame_texts(path)):
        try:
            yield index, text.atoms()
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def check(paths: Mapping[str, Path], options: ExtxyzOptions) -> None:
    """Refuse a key that a card names and no frame of its files has."""
    names = (text.names() for path in paths.values() for text in frame_texts(path))
    check_keys(", ".join(paths), names, options)


READER = Reader(
    name="extxyz",
    summary="extended XYZ, with configurable keys and units",
    options=ExtxyzOptions,
    frames=frames,
    check=check,
    images=lambda path, options: images(path),
)
