"""What advice is asked for, and the file that keeps what was planned for it."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.base.phrases import listed
from tlbench.base.writing import writing
from tlbench.data.cards import Card

SUITE = "suite.yaml"
PLANNED = "advice.json"

ASKED = {
    "data": "data",
    "card": "structures",
    "seconds": "time",
    "sources": "sources",
    "backbone": "--backbone",
    "temperature_k": "--temperature",
}
"""What a question consists of, as messages call it."""

HOTTEST_K = 100_000
"""Temperature up to which simulations are run."""


@dataclass(frozen=True)
class Question:
    """What advice is asked for.

    Attributes
    ----------
    data
        A file of structures, a card, or the name of a data set.
    seconds
        How long it may take.
    sources
        Names or paths of the candidates; None: all that there are.
    backbone
        The architecture that is trained from scratch and pretrained on data sets.
    temperature_k
        Of simulations; None: see `tlbench.advice.stability.conditions_of`.
    """

    data: str
    seconds: float
    sources: tuple[str, ...] | None = None
    backbone: str = "dimenetpp"
    temperature_k: float | None = None

    def check(self) -> None:
        """Refuse a temperature that is out of range.

        Raises
        ------
        InputError
            Stating the range.
        """
        if self.temperature_k is not None and not 0 < self.temperature_k <= HOTTEST_K:
            raise InputError(
                f"--temperature should be above 0 and at most {HOTTEST_K:,} K, but is "
                f"{self.temperature_k:g}."
            )

    def asked(self, name: str, card: Card) -> dict[str, Any]:
        """Return the question as a file has it; ``name`` is that of the card of its data."""
        sources = self.sources and [*self.sources]
        return {**asdict(self), "sources": sources, "data": name, "card": card.digest()}


@dataclass(frozen=True)
class Planned:
    """What was planned for a question, beside the suite of the comparison.

    Attributes
    ----------
    left_out
        A sentence for each thing that was given up.
    spare_seconds
        What the comparison leaves of the time, by estimate.
    time_ps
        Length of simulations, ps; None before they are planned.
    chooses_rates
        Whether learning rates are chosen before the comparison.
    """

    left_out: Sequence[str]
    spare_seconds: float
    time_ps: float | None = None
    chooses_rates: bool = False

    def write(self, out: Path, asked: dict[str, Any]) -> None:
        """Write it with its question to a folder."""
        text = json.dumps({"question": asked, **asdict(self)}, indent=1, ensure_ascii=False)
        write_into(out / PLANNED, text + "\n")


def planned_before(out: Path, asked: dict[str, Any]) -> Planned | None:
    """Return what was planned for the same question before; None without.

    Raises
    ------
    InputError
        If the folder has the comparison for another question, which would be lost.
    """
    try:
        before = json.loads((out / PLANNED).read_text(encoding="utf-8"))
        question = dict(before["question"])
        time_ps = before.get("time_ps")
        planned = Planned(
            [str(each) for each in before["left_out"]],
            float(before.get("spare_seconds", 0)),
            None if time_ps is None else float(time_ps),
            bool(before.get("chooses_rates", False)),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if changed := [ASKED[key] for key in ASKED if question.get(key) != asked[key]]:
        raise InputError(
            f"{out}: has advice on another question, which differs in {listed(changed)}; choose "
            "another folder with --out."
        )
    return planned if (out / SUITE).is_file() else None


def write_into(path: Path, text: str) -> None:
    """Write a file into the folder of an answer.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    with writing_in(path.parent):
        write_whole(path, text)


def writing_in(folder: Path) -> AbstractContextManager[None]:
    """Turn a failure to write into the folder of an answer into a sentence."""
    return writing(folder, "choose another folder with --out")
