"""What is found of a submission."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tlbench.base.errors import InputError
from tlbench.board.reading import Entry
from tlbench.board.verification.duplicates import Fingerprint

SHOWN = 20
"""Problems that are listed one by one."""


@dataclass(frozen=True)
class Coverage:
    """How many of the suite's models have results, and which have none."""

    found: int
    expected: int
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a submission, and what is worth knowing.

    ``entry`` is None where it could not even be read; ``recomputed`` is how many of its numbers
    were computed again from the errors and simulations that it holds. ``fingerprint`` tells its
    models from others.
    """

    folder: Path
    entry: Entry | None
    problems: list[str]
    notes: list[str] = field(default_factory=list)
    coverage: Coverage | None = None
    recomputed: int = 0
    fingerprint: Fingerprint = field(default_factory=dict, compare=False)

    def refuse(self, name: str) -> None:
        """Raise InputError if there is a problem, naming the first; ``name`` what was verified."""
        if self.problems:
            more = len(self.problems) - 1
            rest = f" (and {more} more problem{'s' if more > 1 else ''})" if more else ""
            raise InputError(f"{self.problems[0].replace(str(self.folder), name)}{rest}")


def first_few(problems: Iterable[str]) -> list[str]:
    """Return problems; after `SHOWN` of them no more are looked for."""
    found = list(islice(problems, SHOWN + 1))
    return found if len(found) <= SHOWN else [*found[:SHOWN], "and more of this kind."]
