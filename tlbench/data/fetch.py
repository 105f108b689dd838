"""Getting the files of a card onto this machine, whole and verified."""

import os
import shutil
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path

import platformdirs

from tlbench.data.cards import Card
from tlbench.data.origins import DataFile
from tlbench.data.reading import check_digest, sha256_of
from tlbench.errors import InputError
from tlbench.files import PART, flush, replacing
from tlbench.locks import Lock

FOLDER_VARIABLE = "TLBENCH_DATA"
MIRROR_VARIABLE = "TLBENCH_DATA_MIRROR"
TIMEOUT_SECONDS = 30
LOCK = ".lock"
CHUNK = 1 << 16

OnBytes = Callable[[str, int], None]
"""Called with the name of a file and the bytes of it that are here."""


def data_folder() -> Path:
    """Return the folder of ``TLBENCH_DATA``, else the one in the user's cache directory."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_cache_path("tlbench")) / "data"


def locate(card: Card) -> dict[str, Path]:
    """Return where each file of ``card`` lies on this machine, or will lie once fetched."""
    return {
        name: card.folder / file.path if file.path else data_folder() / file.sha256[:16] / name
        for name, file in card.data_files().items()
    }


def fetch(
    card: Card,
    mirror: Path | None = None,
    on_bytes: OnBytes = lambda name, done: None,
) -> dict[str, Path]:
    """Bring every file of ``card`` here that is not here yet, and return where they are.

    A file is looked for below ``mirror`` (else below ``TLBENCH_DATA_MIRROR``) before it is
    downloaded. It appears under its name only once it is whole and its digest is right; a
    download that broke off goes on where it stopped.

    Raises
    ------
    InputError
        If a file cannot be had, or is not the one that the card means; the message says which
        file to put where.
    """
    if mirror is None and os.environ.get(MIRROR_VARIABLE):
        mirror = Path(os.environ[MIRROR_VARIABLE])
    if mirror is not None and not mirror.is_dir():
        raise InputError(f"There is no mirror folder {str(mirror)!r}; check --mirror.")
    places = locate(card)
    for name, file in card.data_files().items():
        path = places[name]
        if file.path is None and not path.is_file():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                # Another process may be fetching the same file.
                with Lock(data_folder() / LOCK):
                    if not path.is_file():
                        _bring(card.name, name, file, path, mirror, on_bytes)
            except OSError as error:
                raise InputError(
                    f"{path}: cannot be written ({error.strerror}); "
                    f"choose another folder with {FOLDER_VARIABLE}."
                ) from error
        _check_file(path, file)
    return places


def _check_file(path: Path, file: DataFile) -> None:
    """Refuse a file that is not the one that the card means, before reading all of it."""
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is not a plain file.")
    if path.is_file() and path.stat().st_size != file.bytes:
        raise InputError(
            f"{path}: has {path.stat().st_size} bytes, but the card says {file.bytes}; "
            + _remedy(file)
        )
    try:
        check_digest(path, file.sha256)
    except InputError as error:
        raise InputError(f"{error} {_remedy(file).capitalize()}") from error


def _remedy(file: DataFile) -> str:
    if file.path is None:
        return "delete it, and it is fetched again."
    return "if it was changed on purpose, write a new card for it."


def _bring(
    card: str, name: str, file: DataFile, path: Path, mirror: Path | None, on_bytes: OnBytes
) -> None:
    found = _in_mirror(mirror, name, file)
    if found is not None:
        _copy(found, path, file)
    else:
        _download(card, name, file, path, on_bytes)


def _in_mirror(mirror: Path | None, name: str, file: DataFile) -> Path | None:
    """Return the file of the right digest whose path below ``mirror`` ends the URL's path."""
    if mirror is None:
        return None
    parts = Path(urllib.parse.urlsplit(file.url or "").path).parts[1:]
    candidates = [Path(*parts[-n:]) for n in range(1, min(len(parts), 8) + 1)] + [Path(name)]
    there = [mirror / c for c in candidates if (mirror / c).is_file()]
    for path in there:
        if path.stat().st_size == file.bytes and sha256_of(path) == file.sha256:
            return path
    if there:
        raise InputError(
            f"{there[0]}: is not the file that the card means (its SHA-256 should be "
            f"{file.sha256}); replace it, or leave out the mirror."
        )
    return None


def _copy(source: Path, path: Path, file: DataFile) -> None:
    with replacing(path) as part:
        shutil.copyfile(source, part)
        check_digest(part, file.sha256)
        flush(part)


class _UnreachableError(Exception):
    """The network, or what answers there, does not give the file."""


def _download(card: str, name: str, file: DataFile, path: Path, on_bytes: OnBytes) -> None:
    part = path.with_name(path.name + PART)
    try:
        _append(name, file, part, on_bytes)
    except _UnreachableError as error:
        raise InputError(
            f"{file.url} cannot be fetched ({error}); try again, or put that file at {path}, "
            f"or run `tlbench data fetch {card} --mirror DIR` with a folder that has it."
        ) from error
    found = part.stat().st_size
    if found < file.bytes:
        raise InputError(
            f"{file.url} broke off after {found} of {file.bytes} bytes; the same command goes "
            "on from there."
        )
    if sha256_of(part) != file.sha256:
        part.unlink()
        raise InputError(
            f"{file.url} is not the file that the card means: its SHA-256 should be "
            f"{file.sha256}; the address may have changed."
        )
    flush(part)
    part.replace(path)


def _append(name: str, file: DataFile, part: Path, on_bytes: OnBytes) -> None:
    """Add to ``part`` what is missing of it, but never more than the file should have."""
    done = part.stat().st_size if part.exists() else 0
    if done >= file.bytes:
        return
    out = None
    try:
        for resumed, data in _received(file.url or "", done, file.bytes):
            if out is None:
                out = part.open("ab" if resumed else "wb")
                done = done if resumed else 0
            out.write(data)
            done += len(data)
            on_bytes(name, done)
    finally:
        if out is not None:
            out.close()


def _received(url: str, start: int, size: int) -> Iterator[tuple[bool, bytes]]:
    """Yield what the server sends, and whether it begins at ``start``; one byte beyond ``size``.

    The byte beyond makes a longer file show in its digest.
    """
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "tlbench"})
        if start:
            request.add_header("Range", f"bytes={start}-")
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            resumed = answer.status == 206
            left = size + 1 - (start if resumed else 0)
            while left > 0 and (data := answer.read(min(CHUNK, left))):
                left -= len(data)
                yield resumed, data
    except (OSError, HTTPException, ValueError) as error:
        raise _UnreachableError(getattr(error, "reason", None) or error) from error
