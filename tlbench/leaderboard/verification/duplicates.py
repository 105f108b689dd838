"""Whether submissions say the same."""

from tlbench.leaderboard.reading import Entry
from tlbench.plan import PRETRAIN
from tlbench.schema import digest

_LEFT_OUT = {"suite_digest", "job", "model", "value", "unit"}


def fingerprint(entry: Entry) -> str:
    """Return a digest of all numbers of target models and what they are of, in no order."""
    numbers = [
        str({**r.model_dump(exclude=_LEFT_OUT), "value": f"{r.value:.8g}"})
        for r in entry.results.records
        if r.strategy != PRETRAIN
    ]
    return digest(sorted(numbers))
