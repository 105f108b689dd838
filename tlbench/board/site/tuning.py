"""Whether the numbers of a row are of tuned models."""

from typing import Literal

from tlbench.report.wording import BASELINE
from tlbench.study.model_key import Place
from tlbench.study.places import budget
from tlbench.study.suite import Suite
from tlbench.study.tuned import PRETRAINING
from tlbench.transfer import arm

Tuning = Literal["yes", "partly", "no"]


def tuning_of(suite: Suite, place: Place, source: str) -> Tuning:
    """Return whether an arm, its source models and scratch beside it have tuned settings.

    A ratio of a tuned arm to one that is not would also show what tuning gained.
    """
    tuned = suite.tuned
    if tuned is None:
        return "no"
    strategy = arm(place.strategy)
    models = [place] if strategy.trains else []
    if BASELINE in suite.strategies:
        models.append(place.scratch)
    if strategy.needs_source:
        updates = suite.source_budgets()[-1]
        models.append(Place(place.backbone, PRETRAINING, 0, updates=updates))
    found = [
        tuned.group(each.backbone, each.strategy, each.size, budget(suite, each), source)
        is not None
        for each in models
    ]
    return "yes" if all(found) else "partly" if any(found) else "no"
