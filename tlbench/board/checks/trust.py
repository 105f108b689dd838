"""How far the numbers of a submission have been checked.

Of several checks of a model the newest of its kind counts.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tlbench.board.checks.record import EVALUATED, TRAINED, Check, CheckedModel

RECOMPUTED, FAILED = "recomputed", "check failed"


@dataclass(frozen=True)
class Trust:
    """What checks have found of a submission; of each model the newest of a kind counts.

    Attributes
    ----------
    trained, evaluated
        How many of its models gave the published errors when they were trained or evaluated again.
    differing
        How many did not.
    n_models
        How many models it has.
    """

    trained: int
    evaluated: int
    differing: int
    n_models: int

    @classmethod
    def of(cls, checks: Sequence[Check], n_models: int) -> "Trust":
        """Return what follows from the checks of a submission that has so many models."""
        differing = {model.job for _, model in differing_of(checks)}

        def agreeing(kind: str) -> int:
            return len({m.job for each, m in newest_of(checks) if each.kind == kind} - differing)

        return cls(agreeing(TRAINED), agreeing(EVALUATED), len(differing), n_models)

    @property
    def merit(self) -> tuple[bool, int, int]:
        """Sort key, larger for what is better checked: no failed check, models that agree."""
        return (not self.differing, self.trained, self.evaluated)

    @property
    def level(self) -> str:
        """What was done, of all kinds of checks the strongest; a failed one outweighs them."""
        if self.differing:
            return FAILED
        return TRAINED if self.trained else EVALUATED if self.evaluated else RECOMPUTED

    @property
    def n_checked(self) -> int:
        """To how many models that applies."""
        found = {FAILED: self.differing, TRAINED: self.trained, EVALUATED: self.evaluated}
        return found.get(self.level, self.n_models)

    @property
    def text(self) -> str:
        """The same in words."""
        if self.level == RECOMPUTED:
            return RECOMPUTED
        if self.level == FAILED:
            verb = "differs" if self.differing == 1 else "differ"
            return f"{FAILED}: {self.differing} of {self.n_models} models {verb}"
        return f"{self.level}: {self.n_checked} of {self.n_models} models"


def summary(found: Iterable[Trust]) -> str:
    """Return how far several submissions have been checked, the strongest checks last."""
    some = list(found)
    if len(some) == 1:
        return some[0].text
    count = Counter(each.level for each in some)
    said = {
        FAILED: "with a failed check",
        RECOMPUTED: "only recomputed",
        EVALUATED: f"with models {EVALUATED}",
        TRAINED: f"with models {TRAINED}",
    }
    parts = [f"{count[level]} {words}" for level, words in said.items() if count[level]]
    return "; ".join(parts)


def newest_of(checks: Iterable[Check]) -> list[tuple[Check, CheckedModel]]:
    """Return every model that was checked, with its newest check of each kind.

    Training again and evaluating again answer different questions, so neither replaces the other.
    Records have a day and no hour: if there are several of the newest day, one that differs counts.
    """
    every = [(check, model) for check in checks for model in check.models]
    # The last of a day counts.
    every.sort(key=lambda pair: (pair[0].date, not pair[1].agrees(pair[0].tolerance)))
    return list({(check.kind, model.job): (check, model) for check, model in every}.values())


def differing_of(checks: Iterable[Check]) -> list[tuple[Check, CheckedModel]]:
    """Return the models whose newest check did not find their numbers again, with that check."""
    return [(check, m) for check, m in newest_of(checks) if not m.agrees(check.tolerance)]
