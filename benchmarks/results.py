"""What a run of the speed tests found: as JSON, and as the table in README.md."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from tlbench.engine.work.devices import device_name
from tlbench.engine.work.interpreters import code_state
from tlbench.kernels.library import describe

FOLDER = Path(__file__).parent
JSON = FOLDER / "results.json"
README = FOLDER / "README.md"
VERDICTS = {True: "reached", False: "**missed**", None: ""}
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


@dataclass(frozen=True)
class Row:
    """One comparison.

    ``ours`` and ``theirs`` are in ``unit``; the ratio is theirs / ours if there is a peer. The
    target is a lower bound of the ratio, or without a peer an upper bound of ``ours``.
    """

    what: str
    ours: float
    unit: str
    peer: str | None = None
    theirs: float | None = None
    target: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times less we need than the peer."""
        return None if self.theirs is None else self.theirs / self.ours

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        return self.ours <= self.target if self.ratio is None else self.ratio >= self.target


def machine() -> dict[str, Any]:
    """Return what the numbers depend on."""
    packages = ("torch", "torch-geometric", "matscipy", "vesin")
    return {
        "processor": device_name("cpu"),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "kernels": describe(),
        "load_before": round(os.getloadavg()[0], 2),
        "torch_threads_by_default": torch.get_num_threads(),
        **code_state(),
    }


def save(rows: list[Row], about: dict[str, Any]) -> None:
    """Write the results, and put their table into the README."""
    JSON.write_text(json.dumps({**about, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    text = README.read_text()
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    README.write_text(f"{text[:start]}\n{render(*load())}{text[end:]}")


def load() -> tuple[list[Row], dict[str, Any]]:
    """Return the rows and the machine of the results that were saved last."""
    about = json.loads(JSON.read_text())
    return [Row(**row) for row in about.pop("rows")], about


def render(rows: list[Row], about: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    packages = ", ".join(f"{name} {number}" for name, number in about["packages"].items())
    lines = [
        f"{about['processor']}; Python {about['python']}; {packages}; kernels compiled by "
        f"{about['kernels']}; commit {str(about['git_commit'])[:7]}"
        f"{' with changes' if about['git_dirty'] else ''}.",
        "",
        "| what | ours | peer's | peer | ratio | target | verdict |",
        "| --- | --: | --: | --- | --: | --: | --- |",
    ]
    for row in rows:
        ratio = "" if row.ratio is None else f"**{row.ratio:.1f}×**"
        target = ""
        if row.target is not None:
            target = (
                f"≤ {row.target:g} {row.unit}".strip()
                if row.ratio is None
                else f"≥ {row.target:g}×"
            )
        theirs = "" if row.theirs is None else _amount(row.theirs, row.unit)
        ours = _amount(row.ours, row.unit)
        cells = (row.what, ours, theirs, row.peer or "", ratio, target, VERDICTS[row.reached])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _amount(value: float, unit: str) -> str:
    """Return a value with three digits."""
    shown = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return f"{shown} {unit}".strip()
