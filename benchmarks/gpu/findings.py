"""What the checks of a GPU find: rows with a tolerance or target, as JSON and as a table."""

import json
import platform
import subprocess
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from tlbench.engine.work.devices import device_name
from tlbench.engine.work.interpreters import code_state

JSON, MARKDOWN = "gpu.json", "gpu.md"


@dataclass(frozen=True)
class Finding:
    """One row.

    ``value`` is None if it could not be measured, and ``note`` then says why. ``bound`` is a
    tolerance where ``is_correctness``, a target of speed otherwise; None where nothing is asked.
    """

    what: str
    value: float | None
    unit: str = ""
    bound: float | None = None
    is_correctness: bool = False
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the value is within its bound, which NaN is not; None where nothing is asked."""
        if self.value is None:
            return False if self.is_correctness else None
        return None if self.bound is None else self.value <= self.bound

    @property
    def verdict(self) -> str:
        """What the table says."""
        if self.value is None:
            return self.note
        good, bad = ("agrees", "**differs**") if self.is_correctness else ("reached", "**missed**")
        return {True: good, False: bad, None: "measured"}[self.holds]


class Report:
    """Findings of one run, written anew after each, so that a run cut short leaves them."""

    def __init__(self, folder: Path, device: str, seconds: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.device = folder, device
        self.findings: list[Finding] = []
        self.about = machine(device)
        self._began, self._seconds = time.monotonic(), seconds

    def add(self, *found: Finding) -> None:
        """Keep findings, print them, and write both files."""
        self.findings += found
        for each in found:
            print(f"[{time.monotonic() - self._began:5.0f} s] {_row(each)}", flush=True)  # noqa: T201
        rows = [{**asdict(each), "verdict": each.verdict} for each in self.findings]
        text = json.dumps({**self.about, "passed": self.passed, "findings": rows}, indent=1)
        (self.folder / JSON).write_text(text + "\n")
        (self.folder / MARKDOWN).write_text(self.markdown())

    def section(
        self, name: str, check: Callable[["Report"], None], is_correctness: bool, need: float = 5.0
    ) -> None:
        """Run one check if there is time; what it raises becomes a finding, and the rest goes on.

        Parameters
        ----------
        need
            Time without which it is not begun, s.
        """
        if self.left() < need:
            self.add(Finding(name, None, is_correctness=is_correctness, note="no time was left"))
            return
        try:
            check(self)
        except Exception as error:  # whatever a device may raise; the other checks still count
            traceback.print_exc()
            said = " ".join(str(error).split())[:200].replace("|", "/")
            note = f"**failed**: {type(error).__name__}: {said}"
            self.add(Finding(name, None, is_correctness=is_correctness, note=note))
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()

    def left(self) -> float:
        """Return the time that is left, s."""
        return self._seconds - (time.monotonic() - self._began)

    @property
    def passed(self) -> bool:
        """Whether there are checks of correctness, all were done, and all agree."""
        asked = [each.holds for each in self.findings if each.is_correctness]
        return bool(asked) and all(asked)

    def markdown(self) -> str:
        """Return the table with what it was measured on."""
        about = self.about
        lines = [
            f"{about['device']}; driver {about['driver']}, CUDA {about['cuda']}; "
            f"torch {about['torch']}; Python {about['python']}; "
            f"TF32 {'on' if about['tf32'] else 'off'}; commit {str(about['git_commit'])[:7]}"
            f"{' with changes' if about['git_dirty'] else ''}. "
            f"Checks of correctness {'passed' if self.passed else 'did **not** pass'}.",
            "",
            "| what | found | tolerance or target | verdict |",
            "| --- | --: | --: | --- |",
            *map(_row, self.findings),
        ]
        return "\n".join(lines) + "\n"


def _row(found: Finding) -> str:
    shown = "" if found.value is None else f"{found.value:,.4g} {found.unit}".strip()
    bound = "" if found.bound is None else f"≤ {found.bound:,g} {found.unit}".strip()
    return f"| {found.what} | {shown} | {bound} | {found.verdict} |"


def machine(device: str) -> dict[str, Any]:
    """Return the device, its driver and the software that the findings are of."""
    is_gpu = device.startswith("cuda")
    return {
        "device": device_name(device),
        "driver": driver() if is_gpu else "none",
        "cuda": torch.version.cuda if is_gpu else "none",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "tf32": is_gpu and torch.backends.cuda.matmul.allow_tf32,
        **code_state(),
    }


def driver() -> str:
    """Return the version of the GPU's driver."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return next(iter(shown.stdout.split()), "unknown")
