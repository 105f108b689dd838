"""A comparison of starts that fits a given time: from the most thorough to the least.

Every comparison has `PAIRS` pairs, because with fewer no difference is claimed, and two budgets,
because from one it could not be seen whether training has converged. What is given up for time is,
in the order of `SCALES`, updates, smaller sizes and the choice of learning rates
(`tlbench.advice.rates`); before all others come those with `FEWEST_PASSES`. Then the dearest
candidate is given up, and the others begin again with the first scale; of the last one, still more
updates.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from tlbench.advice.candidates import CUTOFF, Candidate
from tlbench.base.errors import InputError
from tlbench.base.phrases import duration, listed
from tlbench.data.cards import Card
from tlbench.report.claims import CLAIM_PAIRS
from tlbench.study.loading import SUITE_FORMAT

PAIRS = CLAIM_PAIRS

LARGEST = 100
"""Training structures of a model: with more, few updates see each of them hardly twice."""


@dataclass(frozen=True)
class Scale:
    """How thorough a comparison is.

    Attributes
    ----------
    n_sizes, updates
        How many sizes, and how many updates of target models.
    chooses_rates
        Whether every start has the best of several learning rates, not all the same one.
    """

    n_sizes: int
    updates: int
    chooses_rates: bool = False


SCALES = (
    *(Scale(3, updates, True) for updates in (3200, 1600, 800)),
    Scale(2, 800, True),
    Scale(1, 800, True),
    Scale(2, 400, True),
    Scale(1, 500, True),
    Scale(2, 200, True),
    *(Scale(1, updates, True) for updates in (200, 100)),
    Scale(1, 100),
)
LEAST = Scale(1, 50)
"""Only where no candidate is left that could be given up."""

BATCH_SIZE = 2
"""Structures of an update."""

FEWEST_PASSES = 10
"""Times that models have seen each training structure before one of them is recommended.

With fewer, errors still fall steeply, and a comparison is of how fast models begin to learn: a
start may lead after one pass that others, or scratch, overtake in ten.
"""

FEWEST_TO_CHOOSE = 5
"""Validation structures that learning rates are chosen by; with fewer all starts have one rate."""

BUDGETS = 4
"""The larger budget is so many times the smaller one."""

PRETRAINING = 4
"""Source models have so many times the updates of target models."""


@dataclass(frozen=True)
class Target:
    """The data that advice is asked for: name of the card as a suite has it, and the card."""

    name: str
    card: Card

    def sizes(self, number: int) -> list[int]:
        """Return numbers of training structures, each half the next, the largest last."""
        largest = min(self.card.n_frames("train"), LARGEST)
        return sorted({largest // 2**n for n in range(number)} - {0})


def suite_value(
    target: Target,
    found: Sequence[Candidate],
    backbone: str,
    scale: Scale,
    sizes: Sequence[int] | None = None,
    pairs: int = PAIRS,
) -> dict[str, Any]:
    """Return the suite that compares candidates with training from scratch, as read from YAML.

    One backbone is trained from scratch: ``backbone``, or that of the first candidate where none
    has it.

    Parameters
    ----------
    sizes
        Numbers of training structures; by default those of the scale.
    pairs
        Pairs of seeds.
    """
    backbones = list(dict.fromkeys(each.backbone for each in found))
    seeds = list(range(pairs))
    value: dict[str, Any] = {
        "name": f"advise-{target.card.name}"[:64],
        "version": 1,
        "title": f"What a potential for {target.card.name} should start from",
        "description": (
            "Written by tlbench advise: every candidate, fine-tuned and as it is, beside training "
            "from scratch, on the same structures, with as many updates."
        ),
        "sources": [each.source for each in found],
        "target": {"card": target.name},
        "cutoff": CUTOFF,
        "backbones": {name: {} for name in backbones},
        "strategies": ["scratch", "finetune", "zero-shot"],
        "sizes": list(sizes or target.sizes(scale.n_sizes)),
        "subset_seeds": seeds,
        "init_seeds": list(seeds),
        "pairing": "zip",
        "pretraining": {"updates": PRETRAINING * scale.updates, "validation_points": 4},
        "training": {"batch_size": BATCH_SIZE, "validation_points": 4},
        "budgets": [scale.updates // BUDGETS, scale.updates],
        "metrics": ["force_mae", "force_rmse", "energy_mae"],
    }
    if any(each.is_data for each in found):
        value["tested_on"] = ["source"]
    if backbone in backbones or len(backbones) > 1:
        value["from_scratch"] = [backbone if backbone in backbones else backbones[0]]
    return value


def suite_text(value: Mapping[str, Any]) -> str:
    """Return a suite as the text of its file."""
    stated = SUITE_FORMAT.stated(value)
    return str(yaml.safe_dump(stated, sort_keys=False, allow_unicode=True))


class TooShortError(InputError):
    """Even the least comparison takes longer than there is time.

    Attributes
    ----------
    seconds
        How long it takes.
    """

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


Predict = Callable[[Sequence[Candidate], Scale], float]
"""Returns how long a comparison takes, s."""


@dataclass(frozen=True)
class Fit:
    """The most thorough comparison that fits a time.

    Attributes
    ----------
    seconds
        How long it takes, by estimate.
    left_out
        A sentence for each thing that was given up.
    """

    found: Sequence[Candidate]
    scale: Scale
    seconds: float
    left_out: Sequence[str]


def scales_for(target: Target) -> list[Scale]:
    """Return the comparisons there may be of some data, the most thorough first.

    Those whose models see each structure often enough for a recommendation are before all others.
    """
    (size,) = target.sizes(1)
    enough = FEWEST_PASSES * size / min(BATCH_SIZE, size)
    scales = sorted(SCALES, key=lambda scale: scale.updates < enough)
    if target.card.n_frames("validation") < FEWEST_TO_CHOOSE:
        scales = [replace(scale, chooses_rates=False) for scale in scales]
    return list(dict.fromkeys(scales))


def fitting(
    found: Sequence[Candidate],
    backbone: str,
    seconds: float,
    predict: Predict,
    scales: Sequence[Scale] = SCALES,
) -> Fit:
    """Return the first of some comparisons that fits a time.

    The last candidate of ``backbone`` is not given up: what it trains from scratch is what others
    are compared with.

    Parameters
    ----------
    scales
        As of `scales_for`.

    Raises
    ------
    TooShortError
        If even the least comparison takes longer.
    """
    given_up: list[tuple[Sequence[Candidate], Candidate]] = []
    while True:
        last = len(found) == 1
        for scale in (*scales, LEAST) if last else scales:
            taken = predict(found, scale)
            if taken <= seconds:
                least = LEAST if scale == LEAST else scales[-1]
                left_out = [_left_out(some, each, least, predict) for some, each in given_up]
                reduced = _reductions(found, scale, scales[0], predict)
                return Fit(found, scale, taken, [*left_out, *reduced])
        if last:
            raise TooShortError(
                f"the least comparison, of {found[0].name} with training from scratch over {PAIRS} "
                f"pairs after {LEAST.updates} updates, takes about {duration(taken)}",
                taken,
            )
        own = [each for each in found if each.backbone == backbone]
        rests = {
            each: [other for other in found if other is not each] for each in found if own != [each]
        }
        costs = {each: predict(rest, scales[-1]) for each, rest in rests.items()}
        dearest = min(costs, key=lambda each: costs[each])
        given_up.append((found, dearest))
        found = rests[dearest]


def _left_out(found: Sequence[Candidate], each: Candidate, least: Scale, predict: Predict) -> str:
    """Return what one of some candidates would add to the least comparison that is planned."""
    rest = [other for other in found if other is not each]
    return (
        f"{each.name} is left out: {least.updates} updates over {PAIRS} pairs would take about "
        f"{duration(predict(found, least) - predict(rest, least))}."
    )


def _reductions(
    found: Sequence[Candidate], scale: Scale, full: Scale, predict: Predict
) -> Iterator[str]:
    """Yield what a scale has less than the most thorough one."""
    parts = []
    if scale.n_sizes < full.n_sizes:
        few = {1: "one size", 2: "two sizes"}[scale.n_sizes]
        parts.append(f"{few} instead of three")
    if scale.updates < full.updates:
        parts.append(f"{scale.updates:,} updates instead of {full.updates:,}")
    if scale.chooses_rates < full.chooses_rates:
        parts.append("one learning rate for all instead of the best of four for each")
    if parts:
        yield (
            f"Reduced to fit the time: {listed(parts)}; all of it would take about "
            f"{duration(predict(found, full))}."
        )
