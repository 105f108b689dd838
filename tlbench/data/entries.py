"""Resolving paths that a user gives: files, folders, members of archives, and their parts."""

import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tlbench.base.errors import InputError
from tlbench.base.registry import near_names
from tlbench.data.archives import is_archive, names, unpack
from tlbench.data.origins.base import bytes_of, sha256_of
from tlbench.data.readers import READERS
from tlbench.data.readers.base import check_is_file, files_in
from tlbench.data.readers.recognition import Format, format_of

PART_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}
"""Words in the names of files and folders that say which part they are."""

MOST_NAMES = 5
"""Files that a message names."""


@dataclass(frozen=True)
class Entry:
    """A file, or a folder that is read as one, of a card that is to be written.

    Attributes
    ----------
    path
        Where it lies now.
    format
        Its reader, with the settings that its content decides.
    part
        The part of the data set that it is by what was asked for, or by its name; None: unknown.
    place
        What a card says of where it is: ``path`` and ``archive``.
    within
        Its path in the folder or archive that was given, for a name that is like no other.
    """

    path: Path
    format: Format
    part: str | None
    place: dict[str, Any]
    within: PurePosixPath

    def file(self) -> dict[str, Any]:
        """Return what a card says of it."""
        return {**self.place, "sha256": sha256_of(self.path), "bytes": bytes_of(self.path)}


def entries_of(
    path: Path,
    folder: Path,
    scratch: Path,
    part: str | None = None,
    wanted: Format | None = None,
) -> list[Entry]:
    """Return the entries that a path means: one for each file with structures.

    Parameters
    ----------
    path
        A file, a folder, an archive, or a path that goes on inside an archive
        (``data.tar.gz/set/train.xyz``).
    folder
        The folder of the card; places are relative to it.
    scratch
        Folder that members of archives are unpacked to.
    part, wanted
        The part and the format, where they were asked for.

    Raises
    ------
    InputError
        If nothing is there, or nothing that can be read.
    """
    archive, member = split_archive(path)
    root, outer = path, _relative(archive or path, folder)
    packed: dict[str, Any] = {}
    if archive is not None:
        root = Path(tempfile.mkdtemp(dir=scratch)) / (PurePosixPath(member).name or "all")
        unpack(archive, member, root)
        packed = {"sha256": sha256_of(archive), "bytes": bytes_of(archive)}
    found = []
    try:
        for file, format_ in _structures(root, wanted):
            inside = PurePosixPath(file.relative_to(root).as_posix())
            said = part or part_of(*reversed(inside.parts)) or part_of(path.name)
            place: dict[str, Any] = {"path": str(PurePosixPath(outer, inside))}
            if file.is_dir() and place["path"] == ".":
                raise InputError(
                    f"{path}: is read as a whole, so its card cannot be in it; choose another "
                    "--out."
                )
            if archive is not None:
                held = {"member": str(PurePosixPath(member, inside)), **packed}
                place = {"path": outer, "archive": held}
            within = PurePosixPath(path.name, inside)
            found.append(Entry(file, format_, said, place, within))
    except InputError as error:
        # The user knows the archive, not where it was unpacked.
        raise InputError(str(error).replace(str(root), str(path))) from error
    return found


def split_archive(path: Path) -> tuple[Path | None, str]:
    """Return the archive that a path is, or goes through, and the member; None if there is none."""
    for outer in (path, *path.parents):
        if outer.is_file():
            inside = path.relative_to(outer).as_posix()
            return (outer, "" if inside == "." else inside) if is_archive(outer) else (None, "")
    return None, ""


def check_exists(path: Path) -> None:
    """Refuse a path that leads neither to a file, nor to a folder, nor into an archive.

    Raises
    ------
    InputError
        Also for a pipe or a device; with near names if another file is nearly called so.
    """
    if path.is_dir() or split_archive(path)[0] is not None:
        return
    there = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    near = f"; {near_names(path.name, there)}" if near_names(path.name, there)[:3] == "did" else ""
    check_is_file(path, f"{path}: cannot be read (there is no such file){near or '.'}")


def part_of(*names: str) -> str | None:
    """Return the part that the first of some names with such a word says, as "test"."""
    for name in names:
        for part, words in PART_WORDS.items():
            if re.search(rf"(?<![a-z])({'|'.join(words)})(?![a-z])", name, flags=re.IGNORECASE):
                return part
    return None


def siblings(path: Path) -> dict[str, Path]:
    """Return the files beside one called "train" whose names have the word of another part.

    That is ``x_test.xyz`` beside ``x_train.xyz``, on disk or in the same archive.
    """
    match = re.search(r"(?<![a-z])train(ing)?(?![a-z])", path.name, flags=re.IGNORECASE)
    archive, member = split_archive(path)
    if match is None or (archive is not None and not member):
        return {}
    there = set(names(archive)) if archive is not None else set()
    found = {}
    for part in ("validation", "test"):
        for word in PART_WORDS[part]:
            own = word.upper() if match[0].isupper() else word
            own = word.capitalize() if match[0].istitle() else own
            other = path.with_name(path.name[: match.start()] + own + path.name[match.end() :])
            inside = str(PurePosixPath(member).with_name(other.name)) if archive else ""
            if part not in found and (inside in there or other.is_file()):
                found[part] = other
    return found


def named(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Return entries by names that differ: those of their files, or else of their whole paths.

    Raises
    ------
    InputError
        If two are the same, or one is given twice.
    """
    places = Counter(str(entry.place) for entry in entries)
    for entry in entries:
        if places[str(entry.place)] > 1:
            raise InputError(f"{entry.within}: is given twice; name each file of a card once.")
    short = [entry.within.name for entry in entries]
    keys = [
        name if short.count(name) == 1 else "-".join(entry.within.parts)
        for name, entry in zip(short, entries, strict=True)
    ]
    again = next((key for key in keys if keys.count(key) > 1), None)
    if again is not None:
        listed = ", ".join(
            str(entry.path) for key, entry in zip(keys, entries, strict=True) if key == again
        )
        raise InputError(f"{listed}: files of one card need different names; rename one of them.")
    return dict(zip(keys, entries, strict=True))


def _relative(path: Path, folder: Path) -> str:
    # A symbolic link counts where it is, not where it leads to.
    plain = path.name not in ("", "..")
    place = path.parent.resolve() / path.name if plain else path.resolve()
    if not place.is_relative_to(folder.resolve()):
        raise InputError(
            f"{path}: a card's files are in its folder or below, but this one is not in {folder}; "
            "choose another --out."
        )
    return place.relative_to(folder.resolve()).as_posix()


def _structures(path: Path, wanted: Format | None) -> Iterator[tuple[Path, Format]]:
    """Yield what holds structures at or below ``path``, and its format."""
    if path.is_file():
        yield path, wanted or format_of(path)
        return
    divided = [child for child in sorted(path.iterdir()) if child.is_dir() and part_of(child.name)]
    if len({part_of(child.name) for child in divided}) > 1:
        for child in divided:
            yield from _structures(child, wanted)
        return
    whole = wanted if wanted and READERS.get(wanted.reader).folders else _format(path)
    if whole is not None and wanted in (None, whole):
        yield path, whole
        return
    files = files_in(path)
    found = [(file, format_) for file in files if (format_ := _format(file)) is not None]
    if wanted is not None:
        found = [each for each in found if each[1] == wanted]
    if not found:
        shown = [file.relative_to(path).as_posix() for file in files[:MOST_NAMES]]
        more = f" and {len(files) - MOST_NAMES} more" if len(files) > MOST_NAMES else ""
        listed = f"{', '.join(shown)}{more}" or "it is empty"
        what = f"in the format {wanted}" if wanted else "in a format that is recognised"
        raise InputError(f"{path}: has no frames: none of its files is {what} ({listed}).")
    yield from found


def _format(path: Path) -> Format | None:
    try:
        return format_of(path)
    except InputError:
        return None
