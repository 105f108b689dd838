"""What a reader of structures is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlbench.base.errors import InputError
from tlbench.base.schema import Strict
from tlbench.data.frames import Frames

Scanned = Iterator[tuple[str, int | None, Frames | InputError]]
"""Name of the file, index and content of each frame, or what is wrong with it."""


@dataclass(frozen=True)
class Reader:
    """A file format.

    Attributes
    ----------
    name, summary
        Registered name, and one sentence for listings.
    options
        Model of its settings; each has a default or is required by a card.
    frames
        Maps a path and settings to the index of each frame in the file with the frame, in
        tlbench's units, or with what is wrong with it. It raises ``InputError`` if the file as
        a whole is not of this format; files may come from strangers.
    check
        Raises ``InputError`` if the settings name what none of a card's files has.
    """

    name: str
    summary: str
    options: type[Strict]
    frames: Callable[[Path, Any], Iterator[tuple[int, Frames | InputError]]]
    check: Callable[[Mapping[str, Path], Any], None] = lambda paths, options: None

    def scan(self, paths: Mapping[str, Path], options: Any) -> Scanned:
        """Yield name of the file, index and content of every frame, or what is wrong with it.

        What `check` refuses comes first, without an index.

        Raises
        ------
        InputError
            As ``frames``.
        """
        try:
            self.check(paths, options)
        except InputError as error:
            yield "", None, error
        for name, path in paths.items():
            for index, frame in self.frames(path, options):
                yield name, index, frame

    def read(self, path: Path, options: Any) -> Frames:
        """Return all structures of a file, in its order.

        Raises
        ------
        InputError
            If the file, or a frame of it, is not as it should be; the frame is named.
        """
        frames = []
        for index, frame in self.frames(path, options):
            if isinstance(frame, InputError):
                raise InputError(f"{path}: frame {index}: {frame}") from frame
            frames.append(frame)
        if not frames:
            raise InputError(f"{path}: has no structures.")
        return Frames.concatenate(frames)


def check_is_file(path: Path, missing: str) -> None:
    """Refuse a path that does not lead to a regular file; ``missing`` is said if nothing is there.

    Raises
    ------
    InputError
        Also for a pipe or a device, which may never end.
    """
    if path.is_file():
        return
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file in it.")
    if path.exists():
        raise InputError(
            f"{path}: is a pipe or a device, not a regular file; write its content into a file "
            "first."
        )
    raise InputError(missing)
