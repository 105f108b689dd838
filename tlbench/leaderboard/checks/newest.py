"""Which of several checks of a submission counts: of each model the newest of its kind."""

from collections.abc import Iterable

from tlbench.leaderboard.checks.record import Check, CheckedModel


def newest_of(checks: Iterable[Check]) -> list[tuple[Check, CheckedModel]]:
    """Return every model that was checked, with its newest check of each kind.

    Training again and evaluating again answer different questions, so neither replaces the other.
    Records have a day and no hour: if there are several of the newest day, one that differs counts.
    """
    found: dict[tuple[str, str], tuple[Check, CheckedModel]] = {}
    for check in sorted(checks, key=lambda check: check.date):
        for model in check.models:
            before = found.get((check.kind, model.job))
            same_day = before is not None and before[0].date == check.date
            if before is None or not (same_day and _differs(*before)):
                found[check.kind, model.job] = check, model
    return list(found.values())


def differing_of(checks: Iterable[Check]) -> list[tuple[Check, CheckedModel]]:
    """Return the models whose newest check did not find their numbers again, with that check."""
    return [(check, model) for check, model in newest_of(checks) if _differs(check, model)]


def _differs(check: Check, model: CheckedModel) -> bool:
    return not model.agrees(check.tolerance)
