"""The budgets of a suite: the numbers of updates that its models are trained with."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field

from tlbench.base.phrases import counted
from tlbench.training.config import MOST_UPDATES, TrainingConfig

Budgets = Annotated[
    list[Annotated[int, Field(gt=0, le=MOST_UPDATES, strict=True)]], Field(min_length=1)
]
"""Numbers of updates, ascending."""

LEAST_STEP = 2
"""Least ratio of a budget to the one before; from a smaller step convergence cannot be judged."""

OF_TRAINING = {"training": "budgets", "pretraining": "pretraining_budgets"}
"""Key of a suite that says how models are trained → key of their budgets."""


def with_largest(suite: dict[str, Any]) -> dict[str, Any]:
    """Return a suite, as it is read from YAML, that trains for as long as its largest budget says.

    Raises
    ------
    ValueError
        If budgets are not ascending, or the suite gives another number of updates beside them.
    """
    found = dict(suite)
    for of, name in OF_TRAINING.items():
        budgets, training = suite.get(name), suite.get(of)
        if budgets is None or not isinstance(training, dict):
            continue
        if not (isinstance(budgets, list) and budgets and all(isinstance(b, int) for b in budgets)):
            # The error is then on the budgets alone, not on a missing number of updates as well.
            found[of] = {"updates": 1, **training}
            continue
        if sorted(set(budgets)) != budgets:
            raise ValueError(f"{name} should be distinct and ascending (given: {budgets})")
        if training.get("updates", budgets[-1]) != budgets[-1]:
            raise ValueError(
                f"{of}.updates is {training['updates']}, but the last of {name} is {budgets[-1]}; "
                f"leave {of}.updates out, or set it to that"
            )
        found[of] = {**training, "updates": budgets[-1]}
    return found


def contradictions(
    budgets: list[int] | None,
    training: TrainingConfig,
    pretraining_budgets: list[int] | None,
    pretraining: TrainingConfig,
) -> Iterator[str]:
    """Yield what is wrong with budgets, their steps, and points of validation together."""
    for name, some, config in (
        ("budgets", budgets, training),
        ("pretraining_budgets", pretraining_budgets, pretraining),
    ):
        if some and some[0] < config.validation_points:
            yield (
                f"{name}: {counted(some[0], 'update')} cannot have the "
                f"{config.validation_points} points of validation; raise the budget or lower "
                "validation_points"
            )
        for fewer, more in pairwise(some or []):
            if more < LEAST_STEP * fewer:
                yield (
                    f"{name}: convergence cannot be judged from {fewer:,} to {more:,} updates; let "
                    "each budget be at least twice the one before"
                )
    for name, config in (("training", training), ("pretraining", pretraining)):
        if budgets and not config.validation_points:
            yield (
                f"{name}.validation_points is 0, but a suite with budgets measures the weights of "
                "the lowest validation error; set it to 1 or more"
            )
    if pretraining_budgets and not budgets:
        yield "pretraining_budgets: only a suite with 'budgets' has them; set 'budgets', too"
