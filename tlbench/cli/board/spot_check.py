"""Checks of ``tlbench board verify`` that compute: evaluating weights again, training again."""

import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tlbench.board.checks.agreement import Findings
from tlbench.board.checks.files import write_check
from tlbench.board.checks.record import TOLERANCES, Machine
from tlbench.board.checks.rerun import rerun
from tlbench.board.checks.retraining import retrain, this_machine
from tlbench.board.reading import Entry
from tlbench.board.verification.models import measured_models
from tlbench.cli.tables import say
from tlbench.engine.run.runner import Report, Resources
from tlbench.engine.work.devices import resolve
from tlbench.run import default_store


@dataclass(frozen=True)
class SpotCheck:
    """How submissions are checked.

    Attributes
    ----------
    tolerance
        Largest relative difference; None: that of the kind of check.
    results
        Folder of results of the board that outcomes are added to; None if they are not.
    by
        Who makes the check.
    """

    tolerance: float | None
    results: Path | None
    by: str | None
    store: Path | None
    mirror: Path | None

    def evaluate(self, entry: Entry, weights: Path, partial: bool) -> bool:
        """Evaluate weights again, say what is found, and return whether it agrees.

        Raises
        ------
        InputError
            If there are weights of some models only, and ``partial`` is not set.
        """
        machine = self._machine("cpu")
        with Console(stderr=True).status("Evaluating …") as status:
            found = rerun(
                entry, weights, self.store or default_store(), self.mirror, partial,
                lambda label: status.update(f"Evaluating {label} …"),
            )  # fmt: skip
        return self._conclude(entry, found, machine)

    def train(
        self, entry: Entry, number: int, seed: int | None, workers: int | None, device: str
    ) -> bool:
        """Train models again, say what is found, and return whether it agrees."""
        machine = self._machine(resolve(device))
        chosen = secrets.randbelow(1 << 32) if seed is None else seed
        say(f"  drawing {number} of {len(measured_models(entry))} models with --seed {chosen}")
        with (
            tempfile.TemporaryDirectory(prefix="tlbench-") as temporary,
            Console(stderr=True).status("Training …") as status,
        ):

            def show(report: Report) -> None:
                done = report.count("cached", "done")
                status.update(f"Training again: {done} of {len(report.status)} jobs are done …")

            folder = self.store or Path(temporary) / "store"
            resources = Resources(workers, resolve(device))
            found = retrain(
                entry, number, chosen, folder, resources, self.mirror, show,
                on_code=lambda sentence: say(f"  note: {sentence}"),
                recorded=self.results is not None,
            )  # fmt: skip
        return self._conclude(entry, found, machine)

    def _machine(self, device: str) -> Machine | None:
        """Return what a record says of this machine and code; None if there will be no record.

        Raises
        ------
        InputError
            If the check could not be repeated, before anything is computed.
        """
        return None if self.results is None else this_machine(device)

    def _conclude(self, entry: Entry, found: Findings, machine: Machine | None) -> bool:
        """Print findings, add them to the board if so asked, and return whether they agree."""
        tolerance = TOLERANCES[found.kind] if self.tolerance is None else self.tolerance
        for problem in found.problems:
            say(f"DIFFERS  {problem}")
        for model in found.models:
            if not model.agrees(tolerance):
                same = ", although its weights are identical" if model.same_weights else ""
                why = model.problem or f"its errors differ by {model.largest:.2g}{same}"
                say(f"DIFFERS  {model.model}: {why}")
        say(f"checked  {entry.folder}: {found.text(len(measured_models(entry)), tolerance)}")
        if self.results is not None and machine is not None:
            check = found.check(entry, tolerance, self.by, machine)
            say(f"recorded {write_check(check, self.results)}")
        return found.agrees(tolerance)
