"""All checks of a submission, one after the other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path

from tlbench.base.errors import InputError, TlbenchError, printable
from tlbench.base.phrases import counted
from tlbench.board.location import check_place
from tlbench.board.reading import Entry, read_about, read_submission, submission_folders
from tlbench.board.verification.contents import Coverage, check_extras, check_models, check_suite
from tlbench.board.verification.costs import check_costs, check_parameters
from tlbench.board.verification.data import check_data, check_known_data
from tlbench.board.verification.duplicates import (
    ALIKE,
    NOTED,
    Fingerprint,
    fingerprint,
    share_in,
)
from tlbench.board.verification.jobs import check_jobs, check_keys
from tlbench.board.verification.models import models_of
from tlbench.board.verification.numbers import check_numbers
from tlbench.board.verification.properties import check_curves, check_properties
from tlbench.board.verification.simulations import check_simulations
from tlbench.board.verification.structures import check_errors, check_tests
from tlbench.study.models import plan

MOST = 2000
"""Characters of one problem of a submission, which may quote it."""


SHOWN = 20
"""Problems that are listed one by one."""


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a submission, and what is worth knowing.

    ``entry`` is None where it could not even be read; ``recomputed`` is how many of its numbers
    were computed again from the errors and simulations that it holds. ``fingerprint`` tells its
    models from others.
    """

    folder: Path
    entry: Entry | None
    problems: list[str]
    notes: list[str] = field(default_factory=list)
    coverage: Coverage | None = None
    recomputed: int = 0
    fingerprint: Fingerprint = field(default_factory=dict, compare=False)

    def refuse(self, name: str) -> None:
        """Raise InputError if there is a problem, naming the first; ``name`` what was verified."""
        if self.problems:
            more = len(self.problems) - 1
            rest = f" (and {counted(more, 'more problem')})" if more else ""
            raise InputError(f"{self.problems[0].replace(str(self.folder), name)}{rest}")


def first_few(problems: Iterable[str]) -> list[str]:
    """Return problems; after `SHOWN` of them no more are looked for."""
    found = list(islice(problems, SHOWN + 1))
    return found if len(found) <= SHOWN else [*found[:SHOWN], "and more of this kind."]


def verify(folder: Path, results: Path, private: bool = False) -> Verdict:
    """Check a submission by itself, and that it goes on from the revision before it.

    Parameters
    ----------
    results
        Folder of all submissions, where the revision before stands.
    private
        Whether the board is private; a board holds either private submissions or public ones.
    """
    try:
        return _verdict(read_submission(folder, private), results)
    except TlbenchError as error:
        problem = str(error) if str(folder) in str(error) else f"{folder}: {error}"
    except Exception as error:  # whatever is in it, the others should be verified, too
        problem = (
            f"{folder}: cannot be verified because of an internal error of tlbench "
            f"({type(error).__name__}: {error}); please report it."
        )
    return Verdict(folder, None, [printable(problem[:MOST])])


def verify_all(results: Path, chosen: Sequence[Path] = (), private: bool = False) -> list[Verdict]:
    """Check submissions, also whether they repeat others.

    Those that are chosen are taken to be new: one whose models are all in another submission is
    refused. Without a choice it is unknown which was first, so it is only noted, as on a private
    board, where a run may well be repeated.

    Parameters
    ----------
    chosen
        Give the verdict on these; by default on all below ``results``.
    private
        Whether the board is private.

    Raises
    ------
    InputError
        If something other than submissions lies below ``results``, or the board is of the other
        kind.
    """
    check_place(results, private)
    there = submission_folders(results)
    wanted = {folder.absolute(): folder for folder in chosen or there}
    suites = {folder.parent.name for folder in wanted}
    related = {f.absolute(): f for f in there if f.absolute().parent.name in suites}
    verdicts = {
        place: verify(folder, results, private) for place, folder in (related | wanted).items()
    }
    others = list(verdicts.values())
    new = bool(chosen) and not private
    return [_compared(verdicts[place], others, new) for place in wanted]


def _compared(verdict: Verdict, others: Sequence[Verdict], new: bool) -> Verdict:
    """Return the verdict with notes on submissions that hold models of this one."""
    entry = verdict.entry
    if entry is None or verdict.problems:
        return verdict
    shares = [
        (share_in(verdict.fingerprint, other.fingerprint), other.entry)
        for other in others
        if other.entry is not None
        and other.entry.about.suite == entry.about.suite
        and other.entry.about.name != entry.about.name
    ]
    same = [other for share, other in shares if share >= ALIKE]
    # Versions of a suite have tables of their own, so that no model counts twice in one.
    twice = [other for other in same if other.about.suite_version == entry.about.suite_version]
    if not same:
        some = max(shares, key=lambda each: each[0], default=None)
        if not new or some is None or some[0] < NOTED:
            return verdict
        said = f"{100 * some[0]:.0f} % of its models are those of {some[1].label}"
        return replace(verdict, notes=[*verdict.notes, f"{said}, judging by their errors."])
    said = f"Its models are those of {(twice or same)[0].label}, judging by their errors."
    if new and twice:
        return replace(verdict, problems=[f"{entry.folder}: {said}"])
    return replace(verdict, notes=[*verdict.notes, said])


def _verdict(entry: Entry, results: Path) -> Verdict:
    problems = [*_check_revision(entry, results), *check_suite(entry), *check_data(entry)]
    if problems:
        return _refused(entry, problems)
    models = models_of(entry)
    planned = plan(entry.study, entry.about.key_scheme)
    coverage, strangers = check_models(entry.study, models)
    tested, measured = entry.tests(), entry.errors()
    if not entry.results.records:
        return _refused(entry, ["It has no numbers."])
    # Each takes for granted what was checked before it.
    checks = (
        strangers,
        check_known_data(entry),
        check_tests(entry, tested),
        chain(
            check_errors(tested, measured, models),
            check_jobs(entry, models),
            check_keys(entry, planned, models, measured),
            check_extras(entry, models),
            check_simulations(entry),
            check_properties(entry),
            check_curves(entry),
        ),
        check_numbers(entry, models, tested, measured),
        check_costs(entry, models),
    )
    for found in checks:
        if problems := first_few(found):
            return _refused(entry, problems)
    problems, notes = check_parameters(entry, models)
    if problems:
        return _refused(entry, problems)
    if coverage.missing:
        notes.append(
            f"{coverage.found} of {coverage.expected} models are there; missing: "
            + "; ".join(first_few(coverage.missing))
        )
    return Verdict(
        entry.folder,
        entry,
        [],
        [printable(note) for note in notes],
        coverage,
        recomputed=len(entry.results.records),
        fingerprint=fingerprint(measured),
    )


def _refused(entry: Entry, problems: Iterable[str]) -> Verdict:
    said = [printable(f"{entry.folder}: {problem}"[:MOST]) for problem in problems]
    return Verdict(entry.folder, entry, said)


def _check_revision(entry: Entry, results: Path) -> list[str]:
    about = entry.about
    if about.revision == 1:
        return [] if about.replaces is None else ["A first revision replaces nothing."]
    before = results / about.model_copy(update={"revision": about.revision - 1}).folder
    if not before.exists():
        return [f"It is revision {about.revision}, but there is no {before.name}."]
    if read_about(before, about.private)[1] != about.replaces:
        return [f"It replaces another {before.name} than the one that is published."]
    return []
