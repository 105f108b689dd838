"""Getting the files of a card onto this machine, whole and verified."""

import os
import shutil
import tempfile
import urllib.parse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import platformdirs

from tlbench.base.errors import InputError
from tlbench.base.files import replacing
from tlbench.base.locks import Lock
from tlbench.data.archives import unpack
from tlbench.data.cards import Card
from tlbench.data.origins.base import DataFile, bytes_of, check_digest, sha256_of

FOLDER_VARIABLE = "TLBENCH_DATA"
MIRROR_VARIABLE = "TLBENCH_DATA_MIRROR"
TIMEOUT_SECONDS = 30
LOCK = ".lock"
CHUNK = 1 << 14

OnBytes = Callable[[str, int], None]
"""Called with the name of a file and the bytes of it that are here."""


def data_folder() -> Path:
    """Return the folder of ``TLBENCH_DATA``, else the one in the user's cache directory."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_cache_path("tlbench")) / "data"


def locate(card: Card) -> dict[str, Path]:
    """Return where each file of ``card`` lies on this machine, or will lie once fetched."""
    return {name: _place(card, name, file) for name, file in card.data_files().items()}


def _place(card: Card, name: str, file: DataFile) -> Path:
    if file.path and file.archive is None:
        return card.folder / file.path
    return data_folder() / file.sha256[:16] / name


def needs_download(card: Card) -> bool:
    """Return whether `fetch` would have to download a file, or take it from a mirror."""
    for name, file in card.data_files().items():
        packed = file.packed()
        is_here = packed is not None and _archive_place(card, packed)[1].exists()
        if file.url and not is_here and not _place(card, name, file).exists():
            return True
    return False


def _archive_place(card: Card, packed: DataFile) -> tuple[str, Path]:
    """Return the name of an archive, and where it lies or will lie."""
    called = Path(urllib.parse.urlsplit(packed.url or packed.path or "").path).name or "archive"
    return called, _place(card, called, packed)


def fetch(
    card: Card,
    mirror: Path | None = None,
    on_bytes: OnBytes = lambda name, done: None,
) -> dict[str, Path]:
    """Bring every file of ``card`` here that is not here yet, and return where they are.

    A file is looked for below ``mirror`` (else below ``TLBENCH_DATA_MIRROR``) before it is
    downloaded. It appears under its name only once it is whole and its digest is right. A member of
    an archive is unpacked from the archive, which is kept.

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
        path, packed = places[name], file.packed()
        if packed is None:
            _fetch(card, name, file, path, mirror, on_bytes)
        elif not path.exists():
            _unpack(card, name, file, packed, path, mirror, on_bytes)
        _check_file(path, file)
    return places


def _fetch(
    card: Card, name: str, file: DataFile, path: Path, mirror: Path | None, on_bytes: OnBytes
) -> None:
    """Copy or download a file that is not here yet."""
    if file.path is not None or path.is_file():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Another process may be fetching the same file.
        with Lock(data_folder() / LOCK):
            if not path.is_file():
                if copy := _in_mirror(mirror, name, file):
                    with replacing(path) as part:
                        shutil.copyfile(copy, part)
                        check_digest(part, file.sha256)
                else:
                    _download(card.name, path, file, partial(on_bytes, name))
    except OSError as error:
        raise _unwritable(path, error) from error


def _unpack(
    card: Card,
    name: str,
    file: DataFile,
    packed: DataFile,
    path: Path,
    mirror: Path | None,
    on_bytes: OnBytes,
) -> None:
    """Fetch the archive of a member, and unpack that."""
    assert file.archive is not None
    called, archive = _archive_place(card, packed)
    _fetch(card, called, packed, archive, mirror, on_bytes)
    _check_file(archive, packed)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            Lock(data_folder() / LOCK),
            tempfile.TemporaryDirectory(prefix=".unpacking-", dir=path.parent) as scratch,
        ):
            if not path.exists():
                part = Path(scratch) / name
                unpack(archive, file.archive.member, part, file.bytes)
                try:
                    check_digest(part, file.sha256)
                except InputError as error:
                    raise InputError(
                        f"{archive}: its member {file.archive.member!r} is not the file that the "
                        f"card means (its SHA-256 should be {file.sha256})."
                    ) from error
                part.rename(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{path}: cannot be written ({error.strerror}); choose another folder with "
        f"{FOLDER_VARIABLE}."
    )


def _check_file(path: Path, file: DataFile) -> None:
    """Refuse a file that is not the one that the card means, before reading all of it."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path}: is not a plain file.")
    remedy = "delete it, and it is fetched again."
    if file.path is not None and file.archive is None:
        remedy = "if it was changed on purpose, write a new card for it."
    if path.exists() and (found := bytes_of(path)) != file.bytes:
        raise InputError(f"{path}: has {found} bytes, but the card says {file.bytes}; {remedy}")
    try:
        check_digest(path, file.sha256)
    except InputError as error:
        raise InputError(f"{error} {remedy.capitalize()}") from error


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


class _Progress:
    """What pooch counts a download with; it ends one that is longer than the file should be."""

    total = 0

    def __init__(self, size: int, on_bytes: Callable[[int], None]) -> None:
        self.size, self.on_bytes = size, on_bytes
        self.received, self.ended = 0, False

    def update(self, n_bytes: int) -> None:
        """Count some bytes more: those of a chunk, of which the last may have fewer."""
        if self.ended:
            return
        self.received += n_bytes
        if self.received >= self.size + 2 * CHUNK:
            raise ValueError("longer than it should be")
        self.on_bytes(min(self.received, self.size))

    def reset(self) -> None:
        """Count no more: pooch goes through the total again at the end."""
        self.ended = True

    def close(self) -> None:
        """Leave all as it is."""


def _download(card: str, path: Path, file: DataFile, on_bytes: Callable[[int], None]) -> None:
    """Download a file beside its place, verify it, and move it there."""
    import pooch
    from requests import RequestException

    pooch.get_logger().setLevel("WARNING")
    url, progress = file.url or "", _Progress(file.bytes, on_bytes)
    get = pooch.HTTPDownloader(progressbar=progress, chunk_size=CHUNK, timeout=TIMEOUT_SECONDS)
    try:
        pooch.retrieve(url, f"sha256:{file.sha256}", path.name, path.parent, downloader=get)
    except RequestException as error:
        raise InputError(
            f"{url} cannot be fetched ({error}); try again, or put that file at {path}, or run "
            f"`tlbench data fetch {card} --mirror DIR` with a folder that has it."
        ) from error
    except ValueError as error:
        if progress.received < file.bytes:
            raise InputError(
                f"{url} broke off before its {file.bytes} bytes were there; try again."
            ) from error
        raise InputError(
            f"{url} is not the file that the card means: its SHA-256 should be {file.sha256}; the "
            "address may have changed."
        ) from error
