"""What a simulation shows on the terminal."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

from tlbench.cli.live import LiveDisplay
from tlbench.cli.tables import drawn, duration
from tlbench.data.frames import Floats
from tlbench.md.folder import OBSERVABLES, TRAJECTORY, Observables
from tlbench.md.protocol import TEMPERATURE, Protocol

LINES = 10
"""Lines of progress where the output is not a terminal."""

SOON_PS = 0.2
HOT_START = (
    "A replica that ends by its temperature within 0.2 ps may say more of its start than of the "
    "potential: a structure that is unrelaxed, or was sampled where it is hotter, turns potential "
    "energy into heat. Relax it, or simulate nearer to its own temperature."
)


class SimulationDisplay(LiveDisplay):
    """The progress of a simulation: a bar on a terminal, a few lines elsewhere."""

    def __init__(self, protocol: Protocol, out: Path) -> None:
        super().__init__()
        self._protocol, self._out = protocol, out
        self._first: int | None = None
        self._began = time.monotonic()

    def update(self, done: int, total: int, alive: int) -> None:
        """Show how far the simulation is; called after every step."""
        if self._first is None:
            # The first step may have built neighbour lists and compiled loops; it shows no speed.
            self._first, self._began = done, time.monotonic()
            if done > 1:
                self.say(f"Going on from {self._ps(done - 1)} ps.")
        if self._live:
            self._live.update(_Progress(self, done, total, alive))
        elif done * LINES // total > (done - 1) * LINES // total:
            self.say(" · ".join([self.progress(done, total, alive), *self.pace(done, total)]))

    def progress(self, done: int, total: int, alive: int) -> str:
        """Return how far the simulation is, in words."""
        replicas = f"{alive} of {self._protocol.replicas} replicas running"
        return f"{self._ps(done)} of {self._ps(total)} ps, {replicas}"

    def pace(self, done: int, total: int) -> list[str]:
        """Return its speed and the time that is left, in words, as far as known."""
        made, elapsed = done - (self._first or 0), time.monotonic() - self._began
        if not made or not elapsed:
            return []
        rate = made / elapsed
        left = [f"{duration((total - done) / rate)} left"] if done < total else []
        return [f"{rate:.0f} steps/s", *left]

    def finish(self, found: Observables) -> None:
        """Show the results of the replicas, the structure, and where the files are."""
        self.console.print(_table(found, self.console.width))
        ended = zip(found.criterion, found.survival_ps, strict=True)
        if any(name == TEMPERATURE and ps < SOON_PS for name, ps in ended):
            self.say(HOT_START)
        structure = found.structure
        if structure is not None:
            reach = f"below {structure.shell:.2f} Å"
            if structure.partial_adf is not None:
                reach = f"in first shells, which reach to {structure.shell:.2f} Å for the largest"
            known = [f"{structure.coordination:.2f} neighbours {reach}"]
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

    def _ps(self, steps: int) -> str:
        return f"{1e-3 * self._protocol.timestep_fs * steps:.4g}"


@dataclass(frozen=True)
class _Progress:
    """A line of progress, which costs time only when the terminal draws it."""

    display: SimulationDisplay
    done: int
    total: int
    alive: int

    def __rich__(self) -> RenderableType:
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(no_wrap=True)
        line.add_column(ratio=1)
        line.add_column(no_wrap=True)
        line.add_row(
            self.display.progress(self.done, self.total, self.alive),
            ProgressBar(self.total, self.done),
            " · ".join(self.display.pace(self.done, self.total)),
        )
        return line


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
