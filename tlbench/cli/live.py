"""What a run shows on the terminal while it goes on, and when it has ended."""

import sys
import time
from collections.abc import Iterable
from itertools import islice
from typing import Any, Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from tlbench.base.phrases import counted
from tlbench.cli.tables import console, drawn, duration, fits, say
from tlbench.engine.run.runner import Report
from tlbench.engine.store.store import Store
from tlbench.engine.work.events import LOG, read_progress
from tlbench.jobs.base import Job
from tlbench.report.analysis import Analysis
from tlbench.report.sections.answer import answer
from tlbench.report.sections.errors import errors
from tlbench.report.sections.further_sets import all_sets
from tlbench.report.sections.starts import starts
from tlbench.report.wording import budget_note, draw_note, is_untrained
from tlbench.run import Run
from tlbench.study.plan import Plan

_MOST_SHOWN = 20
"""Running jobs on the terminal, of what may be thousands on a cluster."""

_QUIET_SECONDS = 1.0
"""A job that another process finishes sooner is not worth a line."""

_MOST_NOTES = 5
"""Notes on the data; the report has all of them."""


class LiveDisplay:
    """A display that is updated on a terminal; elsewhere only messages are printed."""

    def __init__(self) -> None:
        self.console = console()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, text: str) -> None:
        """Replace what is shown on a terminal."""
        if self._live:
            self._live.update(Text(text))

    def say(self, text: str) -> None:
        """Print a sentence."""
        say(text, self.console)


class Display(LiveDisplay):
    """The progress of a run: a table and a line on a terminal; a line per event elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.interrupted = False
        self.started = False
        self._plan: Plan | None = None
        self._store: Store | None = None
        self._report: Report | None = None
        self._finished = 0
        self._waits: dict[str, float] = {}
        self._said: dict[str, str] = {}
        self._started = time.monotonic()

    def update(self, plan: Plan, store: Store, report: Report) -> None:
        """Show the state of the run.

        Raises
        ------
        KeyboardInterrupt
            If ``interrupted`` has been set.
        """
        if self.interrupted:
            raise KeyboardInterrupt
        if not self.started and store.limitation:
            self.say(store.limitation)
        self.started = True
        if plan is not self._plan:
            # Advice measures how fast jobs are before its run.
            self._plan, self._finished = plan, 0
        self._store, self._report = store, report
        self._say_waits(plan, report)
        if self._live:
            self._live.update(self._panel(plan, store, report))

    def note(self, event: str, job: Job, **fields: Any) -> None:
        """Say what happened to a job, if it is worth a line."""
        short = f"{job.label} (job {job.key[:12]})"
        if event == "finished" and self._report is not None:
            # Counted once: looking through all jobs at each would take long if there are many.
            known = self._finished or self._report.count("done", "cached") - 1
            self._finished = known + 1
            if not self._live and not fields["reused"]:
                self.say(f"[{self._finished}/{len(self._report.status)}] {job.label}")
        elif event == "failed":
            self.say(f"Failed: {short}: {fields['error']}")
            log = self._store.working_folder(job.key) / LOG if self._store else None
            if log is not None and log.exists():
                self.say(f"  log: {log}")
        elif event == "retried":
            self.say(f"Tried again: {short}: {fields['reason']}.")
        elif event == "set-aside":
            self.say(
                f"Damaged: {short}; its folder was moved to .damaged in the store and it is "
                "computed again."
            )

    def _say_waits(self, plan: Plan, report: Report) -> None:
        """Say which processes do the jobs that this run waits for, each once."""
        now = time.monotonic()
        self._waits = {key: self._waits.get(key, now) for key in report.elsewhere}
        for key, by in report.elsewhere.items():
            known = self._said.get(key) == by or len(self._said) > _MOST_SHOWN
            if known or now - self._waits[key] < _QUIET_SECONDS:
                continue
            self._said[key] = by
            if len(self._said) > _MOST_SHOWN:
                self.say("More jobs are left to other processes; see them with: tlbench status.")
            else:
                self.say(f"Waiting for {plan.jobs[key].label} (job {key[:12]}), done by {by}.")

    def _panel(self, plan: Plan, store: Store, report: Report) -> Group:
        running = []
        submitted = (key for key, status in report.status.items() if status == "submitted")
        for key in islice(submitted, _MOST_SHOWN):
            if (progress := read_progress(store, key)) is not None:
                running.append((plan.jobs[key].label, progress))
        table = running_table(running, self.console.width)
        finished = report.count("done", "cached")
        line = (
            f"{finished}/{len(report.status)} jobs done · {len(running)} running · "
            f"{len(report.elsewhere)} elsewhere · "
            f"{report.count('failed')} failed · {report.count('skipped')} skipped · "
            f"{duration(time.monotonic() - self._started)}"
        )
        return Group(*([table] if running else []), Text(line, style="bold"))

    def finish(self, run: Run, shard: tuple[int, int] | None = None) -> None:
        """Show the result table and where the files are; of a part, what has been done."""
        if shard is None:
            self._show_results(run)
        report = run.report
        self.say(
            f"{report.count('done')} jobs run, {report.count('cached')} already in the store, "
            f"{report.count('failed')} failed, {report.count('skipped')} skipped, "
            f"in {duration(time.monotonic() - self._started)}."
        )
        if shard is None:
            self.say(f"{run.out / 'report.html'}  {run.out / 'records.jsonl'}")
        else:
            self.say(
                f"This was part {shard[0]} of {shard[1]}; when all are done, the same command "
                "without --shard writes the results."
            )
        sys.stdout.flush()

    def _show_results(self, run: Run) -> None:
        suite = run.plan.suite
        analysis = Analysis.of(run.notes.comparable_results(run.results), suite)
        for sentence in (s for part in answer(analysis) for s in part.sentences):
            self.say(sentence)
        section = next(iter(errors(analysis)), None)
        said: list[str] = []
        if section is not None:
            table, width = section.tables[0], self.console.width
            lines, every = table.wide, all_sets(analysis)
            words = list(range(lines[0].index("N")))
            if not fits(lines, width, words):
                lines = table.narrow
                words.append(lines[0].index("arm"))
            # Where nothing is trained, the table of all sets has what this one has.
            if every is None or not is_untrained(suite):
                self.console.print(drawn(lines, width, words=words, title=section.title))
            if every is not None:
                self.console.print(drawn(every.lines, width, title=every.title))
            said = [budget_note(suite, suite.tuned is not None), draw_note(run.plan.study)]
            said += [table.note, *section.sentences]
            said += [each for compared in starts(analysis) for each in compared.sentences]
        notes = run.notes.sentences
        said += [f"Data: {sentence}" for sentence in notes[:_MOST_NOTES]]
        if (n_more := len(notes) - _MOST_NOTES) > 0:
            said.append(f"Data: {counted(n_more, 'more note')} in {run.out / 'report.html'}.")
        for sentence in filter(None, said):
            self.say(sentence)


def running_table(running: Iterable[tuple[str, Any]], width: int) -> RenderableType:
    """Return the table of running jobs, of their labels and progress."""
    titles = ["running", "done", "per second", "loss", "time left"]
    return drawn([titles, *([label, *_figures(p)] for label, p in running)], width)


def _figures(progress: Any) -> list[str]:
    """Return how far a job is, its pace, its loss and the time it has left, as text."""
    done, total = progress["done"], progress["total"]
    elapsed = max(time.time() - progress["started"], 1e-6)
    if not total:
        return ["starting", "", "", ""]
    rate = (done - progress["first"]) / elapsed
    left = duration((total - done) / rate) if rate > 0 else ""
    loss = "" if progress["loss"] is None else f"{progress['loss']:.4g}"
    return [f"{done}/{total}", f"{rate:.1f}", loss, left]
