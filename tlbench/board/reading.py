"""Reading submissions: what others have sent is bounded and checked before it is used."""

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tlbench.base.errors import InputError
from tlbench.base.files import PACKED, read_bounded
from tlbench.board.submission import (
    ABOUT,
    CARD,
    ERRORS,
    OPTIONAL,
    REQUIRED,
    SUBMISSION_FORMAT,
    SUITE,
    SUMMARY,
    TESTS,
    DataSet,
    Submission,
)
from tlbench.data.cards import Card, card_names, load_card
from tlbench.results.frame_errors import ERRORS_FORMAT, TESTS_FORMAT, ModelErrors, TestSet
from tlbench.results.provenance import PROVENANCE_FORMAT, JobProvenance
from tlbench.results.records import Record
from tlbench.results.results import PROVENANCE, Results
from tlbench.study.loading import load_published
from tlbench.study.study import Study, resolve
from tlbench.study.suite import Suite

MAX_FILE = 64 << 20
MAX_FOLDER = 128 << 20
"""Bytes of one file, and of a submission, as they lie on the disk."""

SPARE = 4 << 20
RATIO = 50
"""All files together may have `SPARE` bytes after decompression and `RATIO` times what they have on
the disk, so that what verification takes is bounded by the size of what is verified. Errors and
digests do not compress: published submissions have up to 13 times."""

MAX_UNPACKED = 256 << 20
"""Bytes of all files after decompression, however large they are on the disk."""

MAX_NUMBERS = 5_000_000
"""Values in one file, at most: in memory each takes many times what it takes on the disk."""


@dataclass(frozen=True)
class Entry:
    """A submission that has been read.

    ``digest`` is the SHA-256 of its ``submission.json``, and so of all of it.
    """

    folder: Path
    about: Submission
    digest: str
    study: Study
    results: Results
    provenance: list[JobProvenance]

    @property
    def suite(self) -> Suite:
        """The suite of its study."""
        return self.study.suite

    @cached_property
    def cards(self) -> dict[str, Card]:
        """The cards of the suite by the digest of their recipe."""
        return {card.digest(): card for card in self.study.cards}

    def name_of(self, data: DataSet) -> str | None:
        """Return what a data set is called in the coordinates of models; None if it has no card."""
        card = self.cards.get(data.recipe)
        return None if card is None else self.study.name_of(card)

    @property
    def label(self) -> str:
        """Return suite and folder, as people and links name it."""
        return f"{self.about.suite}/{self.folder.name}"

    def errors(self) -> list[ModelErrors]:
        """Read the errors on every test structure; they are not kept, being many."""
        return ERRORS_FORMAT.read_lines(self.folder / (ERRORS + PACKED))

    def tests(self) -> list[TestSet]:
        """Read what the test structures are."""
        return TESTS_FORMAT.read_lines(self.folder / (TESTS + PACKED))


def read_about(folder: Path, private: bool = False) -> tuple[Submission, str]:
    """Return what a submission says of itself, and the digest of that file.

    Parameters
    ----------
    private
        Whether it belongs to a private board.

    Raises
    ------
    InputError
        If its files are not those of a submission, are too large or links, or have other digests
        than it says; if it is in another place than its name says; or if it is private and
        the board is not, or the reverse.
    """
    present = _present(folder)
    if ABOUT not in present:
        raise InputError(f"{folder}: there is no {ABOUT}; make submissions with tlbench board add.")
    about = SUBMISSION_FORMAT.read(folder / ABOUT)
    if about.private and not private:
        raise InputError(
            f"{folder}: is a private submission, which a public board never takes; to publish the "
            "run, add it anew with tlbench board add without --private."
        )
    if private and not about.private:
        raise InputError(
            f"{folder}: is not a private submission, and a private board holds no other; add the "
            "run with tlbench board add --private."
        )
    where = _place(folder)
    if where != about.folder:
        raise InputError(f"{folder}: calls itself {about.folder}, which is another place.")
    for missing in sorted(REQUIRED - about.files.keys()):
        raise InputError(f"{folder}: {missing} is missing from the list of files in {ABOUT}.")
    cards = {name for name in about.files if about.private and CARD.fullmatch(name)}
    for name in sorted(about.files.keys() - REQUIRED - OPTIONAL - cards):
        raise InputError(f"{folder}: {ABOUT} lists {name!r}, which is not a file of a submission.")
    wanted = about.files.keys() | {ABOUT}
    # Those of the first format hold a summary, of which nothing is made.
    ignored = {SUMMARY} if about.format == 1 else set()
    for name in sorted(wanted ^ (present - ignored)):
        what = "is missing" if name in wanted else "is not listed in its submission.json"
        raise InputError(f"{folder}: {name!r} {what}.")
    for name, known in about.files.items():
        if digest_of(folder / name) != known:
            raise InputError(
                f"{folder}: {name} is not the file whose digest is in {ABOUT}; a submission "
                "is never changed, add a revision instead."
            )
    _refuse_many(folder, about.files)
    return about, digest_of(folder / ABOUT)


def read_submission(folder: Path, private: bool = False) -> Entry:
    """Read a submission, down to its records; ``private`` if it belongs to a private board.

    Raises
    ------
    InputError
        As `read_about` does, and if a file does not hold what it should.
    """
    about, digest = read_about(folder, private)
    study = read_study(folder / SUITE, private)
    results = Results.read(folder, with_errors=False)
    return Entry(
        folder=folder,
        about=about,
        digest=digest,
        study=replace(study, seeded=_are_seeded(study, results.records)),
        results=results,
        provenance=PROVENANCE_FORMAT.read_lines(folder / (PROVENANCE + PACKED)),
    )


def _are_seeded(study: Study, records: Iterable[Record]) -> bool:
    """Return whether potentials as they are have init seeds, as earlier versions gave them."""
    potentials = {ends.source_name for ends in study.ends if ends.potential}
    return any(
        r.model.size == 0 and r.model.init_seed is not None and r.model.source in potentials
        for r in records
    )


def read_study(path: Path, private: bool = False) -> Study:
    """Read the suite of a submission and look up what it names.

    Raises
    ------
    InputError
        If it is not valid, or names data sets of other files than those of their cards.
    """
    study = resolve(load_published(path, private), published=True)
    for card in () if private else study.cards:
        if card.name not in card_names() or card.data_files() != load_card(card.name).data_files():
            raise InputError(
                f"{path}: the files of data set {card.name!r} should be those of its card."
            )
    return study


def submission_folders(results: Path) -> list[Path]:
    """Return the folder of every submission below ``results``, sorted.

    Whatever lies there instead of a folder of a suite or of a submission is among them: reading it
    as a submission says what is wrong with it.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    if not results.is_dir():
        raise InputError(f"There is no folder {results}; name the folder of results.")
    found: list[Path] = []
    for suite in sorted(_listed(results), key=lambda entry: entry.name):
        below = _listed(Path(suite.path)) if suite.is_dir(follow_symlinks=False) else [suite]
        found += sorted(Path(entry.path) for entry in below)
    return found


def results_of(submissions: Sequence[Path]) -> Path:
    """Return the folder of results in which submissions lie, as ``<results>/<suite>/<name>``.

    Raises
    ------
    InputError
        If one of them is not the folder of a submission, or lies elsewhere than it says; or if
        they are of several folders of results.
    """
    found = set()
    for folder in submissions:
        if not (folder / ABOUT).is_file():
            raise InputError(f"{folder}: {_instead_of_a_submission(folder)}.")
        own = SUBMISSION_FORMAT.read(folder / ABOUT).folder
        if own != _place(folder):
            raise InputError(
                f"{folder}: is the submission {own} and should lie in folders of these names; "
                f"move it to DIR/{own}, where DIR is a folder of results."
            )
        found.add(folder.absolute().parents[1])
    if len(found) > 1:
        raise InputError(
            "These submissions lie in several folders of results: "
            f"{', '.join(map(str, sorted(found)))}; verify those of one at a time."
        )
    return found.pop()


def _instead_of_a_submission(folder: Path) -> str:
    """Return what ``folder`` is instead of a submission, and what to name."""
    if not folder.is_dir():
        return "is not a folder" if folder.exists() else "there is no such folder"
    if any(folder.glob(f"*/{ABOUT}")):
        return f"is a folder of submissions; name one of them, or --results {folder.parent}"
    if any(folder.glob(f"*/*/{ABOUT}")):
        return f"is a folder of results; verify all of it with --results {folder}"
    return f"is not the folder of a submission, which holds {ABOUT}"


def _place(folder: Path) -> Path:
    """Return suite and name by which a submission is found."""
    return Path(*folder.absolute().parts[-2:])


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_many(folder: Path, names: Iterable[str]) -> None:
    """Refuse files that take much more memory than they take on the disk."""
    paths = [folder / name for name in names]
    left = min(SPARE + RATIO * sum(path.stat().st_size for path in paths), MAX_UNPACKED)
    for path in paths:
        try:
            content = read_bounded(path, left)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{folder}: {path.name} cannot be read ({error}; all files of a submission "
                f"together may have {SPARE >> 20} MiB and {RATIO} times their size on the disk)."
            ) from error
        left -= len(content)
        if (count := content.count(b",")) > MAX_NUMBERS:
            raise InputError(
                f"{folder}: {path.name} holds {count:,} values; {MAX_NUMBERS:,} are allowed."
            )


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}).") from error


def _present(folder: Path) -> set[str]:
    """Return the names of the files of a submission, all plain and none too large."""
    if folder.is_symlink() or not folder.is_dir():
        raise InputError(f"{folder} is not a folder; name the folder of a submission.")
    total = 0
    names = set()
    for entry in _listed(folder):
        about = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(about.st_mode):
            raise InputError(f"{folder}: {entry.name!r} is not a plain file.")
        if about.st_nlink > 1:
            raise InputError(f"{folder}: {entry.name!r} has another name elsewhere (a hard link).")
        total += about.st_size
        if about.st_size > MAX_FILE or total > MAX_FOLDER:
            raise InputError(
                f"{folder}: a file of a submission may have {MAX_FILE >> 20} MiB and all of them "
                f"{MAX_FOLDER >> 20} MiB; {entry.name!r} goes beyond that."
            )
        names.add(entry.name)
    return names
