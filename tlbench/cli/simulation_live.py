"""What a simulation shows on the terminal."""

import sys
import time
from pathlib import Path
from types import TracebackType

import numpy as np
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from tlbench.cli.live import duration
from tlbench.cli.tables import drawn
from tlbench.data.frames import Floats
from tlbench.md.folder import OBSERVABLES, TRAJECTORY, Observables
from tlbench.md.protocol import Protocol

LINES = 10
"""Lines of progress where the output is not a terminal."""


class SimulationDisplay:
    """Live progress on a terminal; a few lines where the output is not a terminal."""

    def __init__(self, protocol: Protocol, out: Path) -> None:
        # A pipe or a log has no width of its own; do not fold lines there.
        self.console = Console(width=None if sys.stdout.isatty() else 120)
        self._protocol, self._out = protocol, out
        self._first: int | None = None
        self._began = self._shown = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.fields[told]}"),
            BarColumn(),
            TextColumn("{task.fields[speed]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task = self._progress.add_task("", total=protocol.n_steps, told="starting", speed="")

    def __enter__(self) -> "SimulationDisplay":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a sentence."""
        self.console.print(Text(text), soft_wrap=True)

    def update(self, done: int, total: int, alive: int) -> None:
        """Show how far the simulation is; called after every step."""
        now = time.monotonic()
        if self._first is None:
            # The first step may have built neighbour lists and compiled loops; it tells no speed.
            self._first, self._began = done, now
            if done > 1:
                self.say(f"Going on from {self._ps(done - 1)} ps.")
        told = f"{self._ps(done)} of {self._ps(total)} ps, {alive} of {self._protocol.replicas}"
        told += " replicas running"
        if not self.console.is_terminal:
            if done * LINES // total > (done - 1) * LINES // total:
                self.say(f"{told}{self._speed(done, total, now)}")
        elif now - self._shown > 0.2:
            self._shown = now
            speed = self._speed(done, total, now).removeprefix(" · ")
            self._progress.update(self._task, completed=done, told=told, speed=speed)

    def finish(self, found: Observables) -> None:
        """Show what became of the replicas, the structure, and where the files are."""
        self.console.print(_table(found, self.console.width))
        structure = found.structure
        if structure is not None:
            known = [f"{structure.coordination:.2f} neighbours below {structure.shell:.2f} Å"]
            if structure.rdf is not None:
                inside = [r < structure.shell for r in structure.distances]
                peak = int(np.argmax(np.where(inside, structure.rdf, 0.0)))
                known.append(f"most at {structure.distances[peak]:.2f} Å")
            if sum(structure.adf):
                mean = np.average(structure.angles, weights=structure.adf)
                known.append(f"mean bond angle {mean:.0f}°")
            self.say("Structure of the replicas that ran to the end: " + ", ".join(known) + ".")
        self.say(f"{self._out / TRAJECTORY}  {self._out / OBSERVABLES}")
        sys.stdout.flush()

    def _speed(self, done: int, total: int, now: float) -> str:
        made, elapsed = done - (self._first or 0), now - self._began
        if not made or not elapsed:
            return ""
        rate = made / elapsed
        left = f" · {duration((total - done) / rate)} left" if done < total else ""
        return f" · {rate:.0f} steps/s{left}"

    def _ps(self, steps: int) -> str:
        return f"{1e-3 * self._protocol.timestep_fs * steps:.4g}"


def _table(found: Observables, width: int) -> RenderableType:
    """Return the replicas by how they ended."""
    lines = [["ended by", "replicas", "after (ps)", "temperature (K)", "MSD (Å²)"]]
    survival = np.array(found.survival_ps)
    msd = np.array([curve[-1] if curve else np.nan for curve in found.msd])
    temperature = np.array([np.nan if t is None else t for t in found.temperature_k])
    criteria = np.array(found.criterion)
    for name in sorted(set(found.criterion)):
        chosen = criteria == name
        figures = [
            _range(survival[chosen], "{:.4g}"),
            _range(temperature[chosen], "{:.0f}"),
            _range(msd[chosen], "{:.3g}"),
        ]
        lines.append([name or "the end", str(int(chosen.sum())), *figures])
    return drawn(lines, width)


def _range(values: Floats, form: str) -> str:
    known = values[np.isfinite(values)]
    if not len(known):
        return "–"
    low, high = form.format(known.min()), form.format(known.max())
    return low if low == high else f"{low} – {high}"
