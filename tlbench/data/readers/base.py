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


MOST_FILES = 100_000
"""Files of a folder that is one entry of a card."""


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
    images
        Maps a path and settings to index and ``ase.Atoms`` of each frame, of formats whose labels
        have names; None: the format itself says which labels are where.
    folders
        Whether ``frames`` reads a whole folder, too.
    """

    name: str
    summary: str
    options: type[Strict]
    frames: Callable[[Path, Any], Iterator[tuple[int, Frames | InputError]]]
    check: Callable[[Mapping[str, Path], Any], None] = lambda paths, options: None
    images: Callable[[Path, Any], Iterator[tuple[int, Any]]] | None = None
    folders: bool = False

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


def files_in(folder: Path) -> list[Path]:
    """Return all files below a folder but the hidden ones, sorted by their path.

    Raises
    ------
    InputError
        If it cannot be listed, or has too many.
    """
    found: list[Path] = []
    try:
        for path in folder.rglob("*"):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if path.is_file() and not hidden:
                found.append(path)
            if len(found) > MOST_FILES:
                raise InputError(f"{folder}: has more than {MOST_FILES:,} files.")
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}).") from error
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())
