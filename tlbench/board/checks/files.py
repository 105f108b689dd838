"""The files of check records: written once, and read with suspicion."""

import hashlib
from pathlib import Path

from tlbench.base.errors import InputError, printable
from tlbench.base.files import read_bounded, write_whole
from tlbench.base.writing import writing
from tlbench.board.checks.record import CHECK_FORMAT, Check, drawn_jobs, source_jobs
from tlbench.board.reading import Entry
from tlbench.board.verification.models import Model, measured_models

FOLDER = "checks"
MAX_BYTES = 8 << 20
MAX_RECORDS = 1000
"""Bytes of one record, and records of one submission, at most."""


def checks_folder(results: Path) -> Path:
    """Return where the check records of the board with this folder of results are."""
    return results.absolute().parent / FOLDER


def write_check(check: Check, results: Path) -> Path:
    """Add a check record to a board, and return the file.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    text = check.model_dump_json(indent=1) + "\n"
    path = checks_folder(results) / check.suite / check.submission / _name(check, text.encode())
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    return path


def _name(check: Check, content: bytes) -> str:
    """Return the name of the file of a check, which never changes as it holds a digest."""
    kind = check.kind.replace(" ", "-")
    return f"{check.date}-{kind}-{hashlib.sha256(content).hexdigest()[:8]}.json"


def read_checks(entry: Entry, results: Path) -> tuple[list[Check], list[str]]:
    """Return the checks of a submission, oldest first, and what is wrong with others."""
    folder = checks_folder(results) / entry.label
    checks, problems = [], []
    try:
        paths = sorted(folder.iterdir()) if folder.exists() else []
    except OSError as error:
        return [], [f"{folder}: cannot be read ({error.strerror})."]
    if len(paths) > MAX_RECORDS:
        return [], [f"{folder}: holds more than {MAX_RECORDS} files, so no check is read."]
    models = measured_models(entry) if paths else {}
    for path in paths:
        try:
            checks.append(_read(path, entry, models))
        except InputError as error:
            problems.append(printable(str(error)))
    return sorted(checks, key=lambda check: check.date), problems


def _read(path: Path, entry: Entry, models: dict[str, Model]) -> Check:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: is not a plain file of at most {MAX_BYTES >> 20} MiB.")
    check = CHECK_FORMAT.read(path)
    if path.name != _name(check, read_bounded(path, MAX_BYTES)):
        raise InputError(f"{path}: is not the file that its name says; check records never change.")
    for what, given, found in (
        ("submission", f"{check.suite}/{check.submission}", entry.label),
        ("digest of submission.json", check.digest, entry.digest),
        ("number of models", check.n_models, len(models)),
    ):
        if given != found:
            raise InputError(f"{path}: the {what} is given as {given}, but is {found}.")
    jobs = [model.job for model in check.models]
    if len(set(jobs)) != len(jobs):
        raise InputError(f"{path}: a model is given twice.")
    for model in check.models:
        known = models.get(model.job)
        if known is None or known.where.label() != model.model:
            raise InputError(f"{path}: {model.model} is not a model of {entry.label}.")
        if model.largest is not None and model.numbers != len(known.records):
            raise InputError(f"{path}: not all numbers of {model.model} were compared.")
    if check.seed is not None and check.drawn is not None:
        wanted = set(drawn_jobs(entry, models, check.drawn, check.seed))
        if len(wanted) != check.drawn or set(jobs) != wanted | source_jobs(models, wanted):
            raise InputError(
                f"{path}: its models are not the {check.drawn} that are drawn with seed "
                f"{check.seed}, and their source models."
            )
    return check
