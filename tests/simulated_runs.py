"""Runs that never took place: numbers that scatter as much as one likes."""

import math
from itertools import product
from typing import NamedTuple

import numpy as np
from pandas import DataFrame

from tlbench.regression.losses import adjusted, student_tests
from tlbench.regression.numbers import Numbers
from tlbench.regression.table import SEEDS, table_of
from tlbench.report.claims import LEVEL

SMOKE = ((0, 0), (1, 0))
"""Pairs of the smoke suite; its models without subsets have one."""

FOUR = tuple((0, init) for init in range(4))
BACKBONES = ("dimenetpp", "schnet")
METRICS = ("force_mae", "force_rmse", "energy_mae")
CONDITIONS = ((), (("temperature_k", 600.0),), (("temperature_k", 1800.0),))
ARMS = (
    ("pretrain", 12),
    ("scratch", 1),
    ("finetune", 1),
    ("scratch", 4),
    ("finetune", 4),
    ("zero-shot", 0),
)


class Place(NamedTuple):
    """The coordinates of a number, but for the seeds of its model."""

    metric: str
    backbone: str
    source: str
    source_part: str | None
    target: str
    strategy: str
    size: int
    train_temperature_k: float | None
    updates: int | None = None
    condition: tuple[tuple[str, float | str], ...] = ()


def place(metric, backbone, arm, condition=()):
    """Return one place of the smoke suite."""
    strategy, size = arm
    target = "Si" if strategy == "pretrain" else "Ge"
    return Place(metric, backbone, "Si", None, target, strategy, size, None, None, condition)


def numbers(values):
    """Return the numbers of a run of the smoke suite, given by place and pair of seeds."""
    rows = [
        {**where._asdict(), **dict(zip(SEEDS, pair, strict=True)), "value": value}
        for where, found in values.items()
        for pair, value in found.items()
    ]
    return Numbers("simulated", "smoke", 1, "digest", table_of(rows), ())


def losses(generator, pairs, scatter, shares, uneven):
    """Return log ratios, shape (arms and sizes, pairs), of one backbone, metric and condition.

    ``shares`` are those of their variance that a pair has in common in all places, and in all
    sizes of an arm; if ``uneven``, places of one arm scatter three times as much.
    """
    everywhere, in_arm = shares
    names = [name for name, _ in ARMS]
    of_arm = {name: generator.normal(size=len(pairs)) for name in names}
    found = scatter * (
        math.sqrt(everywhere) * generator.normal(size=len(pairs))
        + math.sqrt(in_arm) * np.array([of_arm[name] for name in names])
        + math.sqrt(1 - everywhere - in_arm) * generator.normal(size=(len(ARMS), len(pairs)))
    )
    if uneven:
        found[[name == "finetune" for name in names]] *= 3
    return found


def alarms(
    pairs=SMOKE, scatter=0.1, loss=1.0, shares=(0.0, 0.0), uneven=False, tolerance=0.1, n=300
):
    """Return how often a check raises any alarm, and how often one for schnet.

    ``loss`` is the factor by which schnet's errors are worse.
    """
    generator = np.random.default_rng(0)
    groups = [*product(BACKBONES, METRICS, CONDITIONS)]
    init_seeds = [init for _, init in pairs]
    several = len(set(init_seeds)) > 1
    rows, place = [], 0
    for group, (check, each) in enumerate(product(range(n), groups)):
        backbone, _, condition = each
        logs = losses(generator, pairs, scatter, shares, uneven)
        for (arm, _), found in zip(ARMS, logs, strict=True):
            place += 1
            # Without subsets there is a model of each init seed.
            count = len(set(init_seeds)) if arm in ("pretrain", "zero-shot") else len(pairs)
            for unit, log in enumerate(found[:count]):
                extra = math.log(loss) if backbone == "schnet" else 0.0
                shared = f"{group} {arm}" if several else str(place)
                rows.append((check, group, backbone, condition, place, shared, unit, log + extra))
    columns = ["check", "group", "backbone", "condition", "place", "arm", "unit", "loss"]
    alarmed = set()
    for table in student_tests(DataFrame(rows, columns=columns).assign(rate=False)):
        for check, found in table.groupby("check"):
            beyond = found["value"] > math.log1p(tolerance)
            worse = found[beyond & (adjusted(found["chance"]) <= LEVEL)]
            alarmed |= {(check, name) for name in worse["backbone"]}
    return len({check for check, _ in alarmed}) / n, sum(b == "schnet" for _, b in alarmed) / n
