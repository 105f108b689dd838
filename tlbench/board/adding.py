"""Turning a finished run into a submission; a private one with the cards of data of one's own."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tlbench.base.errors import InputError
from tlbench.base.files import PACKED, stored, write_whole
from tlbench.base.schema import read_yaml, validate
from tlbench.board.collecting import Collector, providers_of
from tlbench.board.location import check_place, make_private_board, make_shared
from tlbench.board.reading import (
    Entry,
    digest_of,
    read_about,
    read_study,
    read_submission,
)
from tlbench.board.submission import (
    ABOUT,
    ERRORS,
    FORMAT,
    SUITE,
    TESTS,
    Submission,
)
from tlbench.board.verification import Verdict, verify
from tlbench.data.cards import load_card
from tlbench.engine.store.store import Store
from tlbench.jobs.context import WEIGHTS
from tlbench.jobs.evaluate import Config as EvaluateConfig
from tlbench.results.frame_errors import ERRORS_FORMAT, TESTS_FORMAT, ModelErrors, TestSet
from tlbench.results.provenance import PROVENANCE_FORMAT
from tlbench.results.results import PROVENANCE, Results
from tlbench.study.loading import card_files
from tlbench.study.plan import dataset_job
from tlbench.study.study import Study
from tlbench.study.transfers import ELEMENT


@dataclass(frozen=True)
class Who:
    """What a submitter says: name of the submission, authors, and where to read more."""

    name: str
    authors: Sequence[str] = ()
    url: str | None = None


def add_run(
    run: Path, results: Path, store: Path, who: Who, private: bool = False
) -> tuple[Entry, Verdict]:
    """Turn what ``tlbench run`` left in ``run`` into a submission below ``results``.

    Where there is one of this name, it stays and a revision is added. The submission is verified
    before it appears; the verdict is returned, too.

    Parameters
    ----------
    store
        The store of the run: it has the errors on every structure, and the weights.
    private
        Whether ``results`` is of a private board, which is made if need be. Its data may be
        not public: their cards are copied into the submission, their structures are not.

    Raises
    ------
    InputError
        If the run cannot be published as it is, its jobs are not in the store, the same results
        are there already, the board is of the other kind, or ``who`` is not valid.
    """
    if not private:
        check_place(results, private)
        return _add(run, run / SUITE, results, store, who)
    with tempfile.TemporaryDirectory() as own:
        suite = with_own_cards(run / SUITE, Path(own))
        return _add(run, suite, results, store, who, private)


def _add(
    run: Path, source: Path, results: Path, store: Path, who: Who, private: bool = False
) -> tuple[Entry, Verdict]:
    """Add a run whose suite is the file ``source``, with card files beside it if private."""
    study = read_study(source, private)
    found = Results.read(run, with_errors=False)
    if not found.records:
        raise InputError(f"{run} has no records to publish.")
    if {r.suite_digest for r in found.records} != {study.digest}:
        raise InputError(
            f"{run}: its records are not of the suite in its {SUITE}, or are of another version of "
            "tlbench; run the suite again (what is in the store is not done twice)."
        )
    provenance = PROVENANCE_FORMAT.read_lines(stored(run / PROVENANCE))
    collector = Collector(Store(store, read_only=True))
    measured = sorted({p.job for p in provenance if p.kind == EvaluateConfig.kind})
    errors = [collector.errors(job) for job in measured]
    tests = _tests(study, errors, collector)
    about = _about(study, found, tests, collector, who) | {
        "private": private,
        "sources": _sources(run, [collector.sources(each.job) for each in provenance]),
    }
    submission = validate(Submission, about, "the submission")
    if private:
        make_private_board(results.parent)
        make_shared(results)
    submission = _after_the_newest(results, submission)
    results.mkdir(parents=True, exist_ok=True)
    # Beside the results, so that it can be moved there in one step.
    with tempfile.TemporaryDirectory(dir=results.parent, prefix=".submission-") as staging:
        folder = Path(staging) / submission.folder
        folder.mkdir(parents=True)
        shutil.copyfile(source, folder / SUITE)
        found.write(folder, PACKED)
        for card in source.parent.glob("card-*.yaml") if private else ():
            shutil.copyfile(card, folder / card.name)
        PROVENANCE_FORMAT.write_lines(folder / (PROVENANCE + PACKED), provenance)
        ERRORS_FORMAT.write_lines(folder / (ERRORS + PACKED), errors)
        TESTS_FORMAT.write_lines(folder / (TESTS + PACKED), tests)
        files = {path.name: digest_of(path) for path in sorted(folder.iterdir())}
        submission = submission.model_copy(update={"files": files})
        _refuse_the_same(results, submission)
        write_whole(folder / ABOUT, submission.text())
        verdict = verify(folder, results, private=private)
        verdict.refuse(str(run))
        target = results / submission.folder
        if private:
            make_shared(target.parent)
        target.parent.mkdir(exist_ok=True)
        folder.rename(target)
    return read_submission(target, private), verdict


def copy_weights(entry: Entry, store: Path, folder: Path) -> int:
    """Copy the trained models of a submission from the store, and return how many there are.

    Raises
    ------
    InputError
        If they cannot be written, or are not those of the submission.
    StoreError
        If the store does not have them as they were written.
    """
    opened = Store(store, read_only=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for which, ending, known in (
            ("last", "", entry.about.weights),
            ("best", ".best", entry.about.best_weights),
        ):
            for key, stated in known.items():
                content = opened.read(key, WEIGHTS[which])
                if hashlib.sha256(content).hexdigest() != stated:
                    raise InputError(
                        f"The weights of job {key[:12]} in the store {opened.root} are not those "
                        f"of {entry.label}; name the store that it was made from with --store."
                    )
                (folder / f"{key}{ending}.safetensors").write_bytes(content)
    except OSError as error:
        raise InputError(f"The weights cannot be copied to {folder} ({error}).") from error
    return len(entry.about.weights)


def _about(
    study: Study,
    found: Results,
    tests: list[TestSet],
    collector: Collector,
    who: Who,
) -> dict[str, Any]:
    models = sorted({r.trained for r in found.records if r.trained is not None})
    providers = providers_of(study, map(collector.training, models))
    return {
        "format": FORMAT,
        "name": who.name,
        "revision": 1,
        "replaces": None,
        "authors": list(who.authors),
        "url": who.url,
        "created": datetime.now(UTC).date(),
        "tlbench": version("tlbench"),
        "suite": study.suite.name,
        "suite_version": study.suite.version,
        "suite_digest": study.digest,
        "protocol_digest": study.protocol_digest,
        "data": [collector.data_set(card, {t.data: t for t in tests}) for card in study.cards],
        "reference": found.dynamics and found.dynamics.reference.digest(),
        "providers": providers.pop("backbone", {}),
        "plugins": providers,
        "weights": {model: collector.weights(model) for model in models},
        "best_weights": {
            model: collector.weights(model, "best")
            for model in models
            if collector.training(model).best
        },
        "files": {},
    }


def _sources(run: Path, sources: Sequence[Mapping[str, str] | None]) -> dict[str, str]:
    """Return the digests of the code that the jobs of a run were done with."""
    if None in sources:
        raise InputError(
            f"{run}: its jobs do not say which code they were done with, as they are of an "
            "earlier version of tlbench; run the suite again."
        )
    return {name: code for each in sources for name, code in (each or {}).items()}


def _after_the_newest(results: Path, first: Submission) -> Submission:
    """Return a first revision as the one after the newest, if there is any of its name."""
    newest = first
    while (results / newest.folder).exists():
        replaces = read_about(results / newest.folder, first.private)[1]
        after = {"revision": newest.revision + 1, "replaces": replaces}
        newest = first.model_copy(update=after)
    return newest


def _tests(study: Study, errors: list[ModelErrors], collector: Collector) -> list[TestSet]:
    elements = {dataset_job(card).key: card.formula for card in study.cards}
    measured = {each.data: each.job for each in errors}
    return [
        collector.tests(job, element, measured[job])
        for job, element in elements.items()
        if job in measured
    ]


def _refuse_the_same(results: Path, submission: Submission) -> None:
    if submission.revision == 1:
        return
    before = submission.model_copy(update={"revision": submission.revision - 1}).folder
    if read_about(results / before, submission.private)[0].files == submission.files:
        raise InputError(
            f"{results / before} already holds these results; nothing is added. Choose another "
            "name with --name for another submission."
        )


def with_own_cards(suite: Path, folder: Path) -> Path:
    """Copy a suite and every card file that it names to ``folder``, where it names these copies.

    So the submission can be read when the cards have moved, and on another machine. The data
    themselves are not copied.

    Returns
    -------
    Path
        The suite file in ``folder``.

    Raises
    ------
    InputError
        If the suite or a card cannot be read.
    """
    value, _ = read_yaml(suite)
    for named in card_files(value):
        of_matrix = named.part == "matrix"
        copy = f"card-{ELEMENT if of_matrix else named.part}.yaml"
        for element in value["matrix"].get("elements", []) if of_matrix else [""]:
            symbol = str(element).lower()
            card = suite.parent / named.name.replace(ELEMENT, symbol)
            load_card(str(card))
            shutil.copyfile(card, folder / copy.replace(ELEMENT, symbol))
        named.rename(copy)
    target = folder / SUITE
    target.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return target
