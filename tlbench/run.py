"""Running a suite: from its name to records and report."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from tlbench import properties
from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.data.cards import Card
from tlbench.data.fetch import fetch, locate
from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS
from tlbench.data.splits import chosen
from tlbench.engine.run.run_log import RunLog
from tlbench.engine.run.runner import Listener, Report, Resources, run_jobs
from tlbench.engine.store.plans import write_plan
from tlbench.engine.store.store import State, Store
from tlbench.engine.store.superseded import CodeChange, code_change
from tlbench.engine.work.interpreters import check_interpreters
from tlbench.jobs.base import Job
from tlbench.jobs.context import data_file
from tlbench.jobs.train import Config as TrainConfig
from tlbench.jobs.weights import Config as WeightsConfig
from tlbench.metrics.distances.quantities import check_packages
from tlbench.report.analysis import Analysis
from tlbench.report.content import Section
from tlbench.report.data_notes import NO_NOTES, DataNotes
from tlbench.report.html import write_report
from tlbench.report.inspection.audit import check_distinct, notes_on_data
from tlbench.report.inspection.compositions import check_elements
from tlbench.report.markdown import markdown
from tlbench.report.wording import draw_note
from tlbench.results.provenance import PROVENANCE_FORMAT
from tlbench.results.records import Record
from tlbench.results.results import PROVENANCE, Results
from tlbench.study.loading import SUITE_FORMAT, beside
from tlbench.study.models import plan
from tlbench.study.networks import check_networks
from tlbench.study.plan import Plan, dataset_job
from tlbench.study.shards import part
from tlbench.study.study import Study, resolve
from tlbench.study.suite import Suite
from tlbench.transfer.potentials import POTENTIALS

STORE_VARIABLE = "TLBENCH_STORE"


@dataclass(frozen=True)
class Run:
    """A finished run: what was planned, how it went, what it measured, and notes on its data.

    The run of a part has no results and no notes.
    """

    plan: Plan
    report: Report
    results: Results
    out: Path
    notes: DataNotes = NO_NOTES

    @property
    def records(self) -> list[Record]:
        """Published numbers."""
        return self.results.records


def default_store() -> Path:
    """Return the store of ``TLBENCH_STORE``, else the one in the user's cache directory."""
    chosen = os.environ.get(STORE_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_cache_path("tlbench")) / "store"


def default_out(suite: Suite, shard: tuple[int, int] | None = None) -> Path:
    """Return the folder that a suite's results go to, or the log of one of its parts."""
    part_ = f"-{shard[0]}-of-{shard[1]}" if shard else ""
    return Path("runs") / f"{suite.name}{part_}"


def run_suite(
    suite: Suite,
    out: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    resources: Resources | None = None,
    mirror: str | os.PathLike[str] | None = None,
    shard: tuple[int, int] | None = None,
    on_change: Callable[[Plan, Store, Report], None] = lambda plan, store, report: None,
    on_event: Listener = lambda event, job, **fields: None,
    on_code_change: Callable[[CodeChange], None] = lambda change: None,
    first: Callable[[Analysis], Iterable[Section]] = lambda analysis: (),
) -> Run:
    """Run every job of ``suite`` that the store does not have, and write the results.

    ``out`` (default ``runs/<suite>``) gets ``records.jsonl``, ``costs.jsonl``,
    ``errors.jsonl.gz`` and ``tests.jsonl.gz`` (errors on every test structure, and what these are),
    ``provenance.jsonl``, ``suite.json``, ``data.json``, ``summary.md`` and ``report.html``, and
    ``dynamics.json`` if models were simulated, ``distances.jsonl`` and ``profiles.jsonl`` if the
    suite has ``distances``, ``properties.jsonl`` and ``curves.jsonl`` if it has ``properties``;
    and, while it goes on, the files of `tlbench.engine.run.run_log`.

    Parameters
    ----------
    resources
        How jobs are done.
    mirror
        Folder in which files of the data sets are looked for before they are downloaded.
    shard
        (i, n): do the i-th of n parts and write no results; see `tlbench.study.shards`. ``out`` is
        then by default ``runs/<suite>-<i>-of-<n>``.
    on_change
        Called often while the run goes on, with the plan, the store and its state.
    on_event
        Called with each event of a job.
    on_code_change
        Called before anything is done if jobs are done again because the code has changed.
    first
        Returns sections of the page that come before all others, and instead of the answer.

    Raises
    ------
    TlbenchError
        If something is wrong with the suite, the store, the device or the output folder, or no
        more jobs can be run. The failure of a job is not an error; it is in the run's report.
    """
    resources = resources or Resources()
    planned = plan(resolve(suite))
    jobs = planned.jobs if shard is None else part(planned.jobs, *shard)
    out = default_out(suite, shard) if out is None else Path(out)
    opened = _prepare(planned, jobs, store, resources, mirror)
    if (change := code_change(opened, suite.name, planned.jobs)) is not None:
        on_code_change(change)
    about = {
        "suite": suite.name,
        "store": str(opened.root),
        "plan": write_plan(opened, suite.name, planned.jobs).name,
        "shard": shard,
        "jobs": len(jobs),
        "at_once": resources.of(len(jobs))[1],
        "device": resources.device,
    }
    with RunLog(out, about) as log:

        def tell(event: str, job: Job, **fields: Any) -> None:
            log(event, job, **fields)
            on_event(event, job, **fields)

        def show(report: Report) -> None:
            on_change(planned, opened, report)

        report = run_jobs(jobs, opened, resources, show, tell)
        log.ended(report)
        if shard:
            return Run(planned, report, Results([]), out)
        return write_results(planned, opened, report, out, first)


def _prepare(
    planned: Plan,
    jobs: Mapping[str, Job],
    store: str | os.PathLike[str] | None,
    resources: Resources,
    mirror: str | os.PathLike[str] | None,
) -> Store:
    """Find out before any job runs whether all that the jobs need is there; return the store."""
    study, mirror = planned.study, None if mirror is None else Path(mirror)
    if study.suite.distances is not None:
        check_packages()
    if study.suite.properties is not None:
        properties.check_packages(study.suite.properties.compute)
    resources.check()
    check_interpreters(resources.pythons, {j.environment for j in jobs.values() if j.environment})
    opened = Store(default_store() if store is None else Path(store))
    for card in study.cards:
        _check_data(planned, card, opened, mirror)
    _check_potentials(planned, opened)
    if not jobs.keys() <= opened.finished():
        # Else the files need not be there.
        check_networks(study)
        check_distinct(study, mirror)
        check_elements(study, mirror)
    return opened


def _check_potentials(planned: Plan, store: Store) -> None:
    """Find out whether the packages of published potentials are there, and have these weights."""
    for job in planned.jobs.values():
        name = job.config.get("potential") if job.kind == WeightsConfig.kind else None
        if name is not None and store.state(job.key) is not State.FINISHED:
            POTENTIALS.get(name).checkpoint()


def write_results(
    planned: Plan,
    store: Store,
    report: Report,
    out: Path,
    first: Callable[[Analysis], Iterable[Section]],
) -> Run:
    """Write the results of a run whose jobs are done to its folder, as `run_suite` does.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    study, suite = planned.study, planned.suite
    finished = [key for key, status in report.status.items() if status in ("cached", "done")]
    results = Results.collect(planned, store, finished)
    entries = [
        {"job": key, "kind": job.kind, "label": job.label, **found.model_dump(exclude_unset=True)}
        for key, job, found in ((key, planned.jobs[key], store.provenance(key)) for key in finished)
    ]
    failures = [(planned.jobs[key].label, error) for key, error in report.errors.items()]
    notes = notes_on_data(study, store, finished, out).completed(results.records)
    try:
        results.write(out)
        PROVENANCE_FORMAT.write_objects(out / PROVENANCE, entries)
        results = results.of_stable_crystals()
        complete = _complete(study, out)
        text = json.dumps(SUITE_FORMAT.stated(complete), indent=1, ensure_ascii=False)
        write_whole(out / "suite.json", text + "\n")
        summary = markdown(results, suite.error_metrics, suite, notes, draw_note(study))
        write_whole(out / "summary.md", summary)
        page = out / "report.html"
        write_report(page, study, complete, results, entries, failures, notes, first)
    except OSError as error:
        raise InputError(
            f"The results cannot be written to {out} ({error.strerror}); the jobs are done and "
            "kept, so the same command with another --out writes them at once."
        ) from error
    return Run(planned, report, results, out, notes)


def _complete(study: Study, out: Path) -> dict[str, Any]:
    """Return the suite with all defaults, its card files relative to the folder ``out``."""
    complete = study.complete()
    beside(complete, out)
    return complete


def load_dataset(
    card: Card,
    store: Path | None = None,
    mirror: Path | None = None,
    on_change: Callable[[Store, Report], None] = lambda store, report: None,
) -> dict[str, Frames]:
    """Return the train, validation and test part of a data set, making it if need be.

    Raises
    ------
    TlbenchError
        If its files cannot be had, or it cannot be made.
    """
    fetch(card, mirror)
    job = dataset_job(card)
    opened = Store(store or default_store())
    if card.data_files() and opened.state(job.key) is not State.FINISHED:
        # Reading them here first turns a fault in the files into one sentence.
        card.read(locate(card))
    report = run_jobs(
        {job.key: job},
        opened,
        Resources(1, "cpu"),
        lambda report: on_change(opened, report),
        thorough=True,
    )
    for error in report.errors.values():
        raise InputError(f"The data set {card.name!r} cannot be made: {error}")
    folder = opened.folder(job.key)
    return {split: Frames.load(folder / data_file(split)) for split in SPLITS}


def _check_data(planned: Plan, card: Card, store: Store, mirror: Path | None) -> None:
    """Fetch and read outside files before any job runs: a fault in them stops the run at once.

    Where nothing waits for them, they need not be there.
    """
    if not card.data_files():
        return
    job = dataset_job(card)
    children = [j for j in planned.jobs.values() if job.key in j.parents.values()]
    waiting = [j for j in (job, *children) if store.state(j.key) is not State.FINISHED]
    if not waiting:
        return
    places = fetch(card, mirror)
    train = card.read(places)["train"]
    for child in waiting:
        settings = child.settings
        if not isinstance(settings, TrainConfig) or settings.training is None:
            continue
        chosen(train, settings.subset)
        if settings.training.loss.stress and np.isnan(train.stress).any():
            raise InputError(
                f"The loss weighs stress, but some structures of {card.name!r} have none; set "
                "its weight to 0 or choose other data."
            )
