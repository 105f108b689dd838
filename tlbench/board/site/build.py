"""Building the site: from submissions to a folder of pages."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tlbench.base.errors import InputError, printable
from tlbench.base.files import write_whole
from tlbench.board.checks.files import read_checks
from tlbench.board.location import is_private, mark_private
from tlbench.board.site.assembly import Assembly, Failure
from tlbench.board.site.boards import Board, Member
from tlbench.board.site.overview import check_readme, with_tables
from tlbench.board.verification import Verdict, verify_all

ASSETS = {
    "board.css": ("tlbench.report", "style.css"),
    "figures.js": ("tlbench.report", "figures.js"),
    "table.js": ("tlbench.board.site", "assets/table.js"),
}
"""Name in the site → package and path in it."""

PLOTLY = "plotly.min.js"
MARKS = ("board.json", "assets/table.js")
"""Files by which a site is known, so that no other folder is ever replaced."""


@dataclass(frozen=True)
class Built:
    """What was built.

    Attributes
    ----------
    boards
        Tables with their numbers of rows.
    n_submissions
        Submissions that have a page, older revisions among them.
    left_out
        Those that failed their verification.
    failures
        Those that passed it and cannot be shown.
    bad_checks
        What is wrong with check records that are left out.
    """

    boards: list[tuple[Board, int]]
    n_submissions: int
    left_out: list[Verdict]
    failures: list[Failure]
    bad_checks: list[str]


def build_site(
    results: Path, out: Path, readmes: Sequence[Path] = (), private: bool = False
) -> Built:
    """Make the site of all submissions below ``results`` that pass their verification.

    One that cannot be shown all the same is left out and named, on the front page, too.

    The site appears whole or not at all; what stood in ``out`` before is replaced if it was a site.

    Parameters
    ----------
    readmes
        Files whose tables are brought up to date, too; not with a private board.
    private
        Whether the board is private, which every page of its site says.

    Raises
    ------
    InputError
        If there is no such folder of results, ``out`` holds something other than a site of a
        board of the same kind, or one of ``readmes`` has no place for a table, or one for that of
        a submission that there is not.
    """
    _check_target(out, private)
    if readmes and private:
        raise InputError("--readme is for the table of the public board, not a private one.")
    for readme in readmes:
        check_readme(readme)
    verdicts = verify_all(results, private=private)
    found = [_member(verdict, results) for verdict in verdicts if not verdict.problems]
    left_out = [verdict for verdict in verdicts if verdict.problems]
    refused = [_label(verdict.folder, results) for verdict in left_out]
    made = Assembly(private, refused).site(member for member, _ in found)
    texts = {readme: with_tables(readme, made.overview, made.members) for readme in readmes}
    out.parent.mkdir(parents=True, exist_ok=True)
    # Beside the site, so that it can be moved there in one step.
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".site-") as staging:
        site = Path(staging) / "site"
        _write(site, made.files, private)
        _swap(site, out, Path(staging) / "old")
    for readme, text in texts.items():
        write_whole(readme, text)
    return Built(
        boards=[(each.board, len(each.rows)) for each in made.published],
        n_submissions=len(made.members),
        left_out=left_out,
        failures=made.failures,
        bad_checks=[problem for _, problems in found for problem in problems],
    )


def is_site(folder: Path) -> bool:
    """Return whether a folder is a site that was built here."""
    return all((folder / mark).is_file() for mark in MARKS)


def _label(folder: Path, results: Path) -> str:
    """Return suite and name of a folder that may not be a submission and may have any name."""
    return printable("/".join(folder.absolute().relative_to(results.absolute()).parts))


def _member(verdict: Verdict, results: Path) -> tuple[Member, list[str]]:
    """Return a submission with its check records, and what is wrong with others."""
    if verdict.entry is None or verdict.coverage is None:
        raise AssertionError("a submission without problems has been read")
    checks, problems = read_checks(verdict.entry, results)
    notes = tuple(verdict.notes)
    return Member(verdict.entry, verdict.coverage, notes, tuple(checks)), problems


def _check_target(out: Path, private: bool) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InputError(f"--out {out} is not a folder; name a new one, or one that holds a site.")
    if out.is_dir() and any(out.iterdir()) and not is_site(out):
        raise InputError(
            f"--out {out} holds something else than a site, which would be lost; name a new folder."
        )
    if is_site(out) and is_private(out) != private:
        other = "public" if private else "private"
        raise InputError(
            f"--out {out} holds the site of a {other} board, and the two are never mixed; name "
            "another folder."
        )


def _write(site: Path, pages: Mapping[str, bytes], private: bool) -> None:
    from plotly.offline import get_plotlyjs

    assets = site / "assets"
    assets.mkdir(parents=True)
    for name, (package, path) in ASSETS.items():
        (assets / name).write_bytes((files(package) / path).read_bytes())
    (assets / PLOTLY).write_text(get_plotlyjs(), encoding="utf-8")
    for page, content in pages.items():
        target = site / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    if private:
        mark_private(site)


def _swap(site: Path, out: Path, old: Path) -> None:
    """Put the new site in the place of the old one, which is put back if that fails."""
    if not out.exists():
        site.rename(out)
        return
    out.rename(old)
    try:
        site.rename(out)
    except OSError:
        old.rename(out)
        raise
    shutil.rmtree(old)
