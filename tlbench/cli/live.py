"""What a run shows on the terminal."""

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tlbench.engine.runner import Report
from tlbench.engine.store import State, Store
from tlbench.engine.worker import LOG, read_progress
from tlbench.metrics import METRICS
from tlbench.plan import Plan
from tlbench.report.overview import overview
from tlbench.run import Run


class Display:
    """Live progress on a terminal; a line per event where the output is not a terminal."""

    def __init__(self) -> None:
        # A pipe or a log has no width of its own; do not fold lines there.
        self.console = Console(width=None if sys.stdout.isatty() else 120)
        self.interrupted = False
        self.started = False
        self._live: Live | None = None
        self._told: dict[str, str] = {}
        self._set_aside_told = 0
        self._started = time.monotonic()

    def __enter__(self) -> "Display":
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """Print a sentence."""
        self.console.print(Text(text), soft_wrap=True)

    def update(self, plan: Plan, store: Store, report: Report) -> None:
        """Show how the run stands.

        Raises
        ------
        KeyboardInterrupt
            If ``interrupted`` has been set.
        """
        self.started = True
        if self.interrupted:
            raise KeyboardInterrupt
        for key in report.set_aside[self._set_aside_told :]:
            self.say(
                f"Damaged: {plan.jobs[key].label} (job {key[:12]}); its folder was moved to "
                f"{store.root / '.damaged'} and it is computed again."
            )
        self._set_aside_told = len(report.set_aside)
        for key, status in report.status.items():
            if status == "failed" and self._told.get(key) != status:
                self.say(f"Failed: {plan.jobs[key].label}: {report.errors[key]}")
                self.say(f"  log: {store.working_folder(key) / LOG}")
            elif status == "done" and self._told.get(key) != status and not self._live:
                finished = report.count("done", "cached")
                self.say(f"[{finished}/{len(report.status)}] {plan.jobs[key].label}")
            self._told[key] = status
        if self._live:
            self._live.update(self._panel(plan, store, report))

    def _panel(self, plan: Plan, store: Store, report: Report) -> Group:
        running = []
        for key, status in report.status.items():
            progress = read_progress(store, key) if status == "submitted" else None
            if progress is not None:
                running.append((plan.jobs[key].label, progress))
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=bool(running))
        table.add_column("running", header_style="dim")
        for title in ("done", "per second", "loss", "time left"):
            table.add_column(title, justify="right", header_style="dim")
        for label, progress in running:
            table.add_row(label, *_figures(progress))
        finished = report.count("done", "cached")
        line = (
            f"{finished}/{len(report.status)} jobs done · {len(running)} running · "
            f"{report.count('failed')} failed · {report.count('skipped')} skipped · "
            f"{duration(time.monotonic() - self._started)}"
        )
        return Group(table, Text(line, style="bold"))

    def finish(self, run: Run) -> None:
        """Show the result table and where the files are."""
        report = run.report
        metric = METRICS.get(run.plan.suite.metrics[0])
        found = overview(run.records, metric.name)
        if found is not None:
            table = Table(title=f"{metric.name} ({metric.unit})", title_justify="left")
            for number, title in enumerate(found.lines[0]):
                table.add_column(title, justify="left" if number == 0 else "right")
            for line in found.lines[1:]:
                table.add_row(*line)
            self.console.print(table)
            for sentence in [found.note, *found.findings]:
                if sentence:
                    self.say(sentence)
        self.say(
            f"{report.count('done')} jobs run, {report.count('cached')} already in the store, "
            f"{report.count('failed')} failed, {report.count('skipped')} skipped, "
            f"in {duration(time.monotonic() - self._started)}."
        )
        self.say(f"{run.out / 'report.html'}  {run.out / 'records.jsonl'}")
        sys.stdout.flush()


def show_plan(plan: Plan, root: Path) -> None:
    """Print the jobs of a plan and which are in the store, touching nothing."""
    console = Console()
    store = Store(root, read_only=True) if root.exists() else None
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("kind", "job", "key", "state"):
        table.add_column(title, header_style="dim")
    todo = 0
    for key, job in plan.jobs.items():
        state = store.state(key) if store else State.ABSENT
        todo += state is not State.FINISHED
        shown = "to do" if state is State.ABSENT else state.value
        table.add_row(job.kind, job.label, key[:12], shown)
    console.print(table)
    console.print(f"{len(plan.jobs)} jobs, {todo} to do; store {root}")


def _figures(progress: Any) -> list[str]:
    done, total = progress["done"], progress["total"]
    elapsed = max(time.time() - progress["started"], 1e-6)
    if not total:
        return ["starting", "", "", ""]
    rate = (done - progress["first"]) / elapsed
    left = duration((total - done) / rate) if rate > 0 else ""
    loss = "" if progress["loss"] is None else f"{progress['loss']:.4g}"
    return [f"{done}/{total}", f"{rate:.1f}", loss, left]


def duration(seconds: float) -> str:
    """Return a time in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
