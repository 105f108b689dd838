"""What is tuned, and where its trials are kept."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tlbench.suite import Suite
from tlbench.transfer import arm as arm_called
from tlbench.tuned import PRETRAINING


@dataclass(frozen=True)
class Search:
    """What is tuned, and where its trials are kept.

    ``pairs`` models are trained in every trial, with the suite's first pairs of seeds, on the
    ``size`` target structures of each.
    """

    suite: Suite
    trials: int
    size: int
    pairs: int
    out: Path
    store: Path
    device: str

    def studies(self) -> list[tuple[str, str]]:
        """Return backbone and arm of every study, pretraining before what builds on it."""
        arms = [arm_called(name) for name in self.suite.strategies]
        names = [arm.name for arm in arms if arm.trains]
        first = [PRETRAINING] if any(arm.needs_source for arm in arms) else []
        return [(b, name) for b in self.suite.backbones for name in [*first, *names]]

    def digest(self) -> str:
        """Return the SHA-256 of everything that determines a trial."""
        text = f"{self.suite.digest()} {self.size} {self.pairs}"
        return hashlib.sha256(text.encode()).hexdigest()
