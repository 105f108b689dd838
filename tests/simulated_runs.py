"""Runs that never took place: numbers that scatter as much as one likes."""

import math

import numpy as np

from tlbench.regression.judgement import judge
from tlbench.regression.pairing import pair_up
from tlbench.regression.places import Place
from tlbench.regression.sides import Side

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


def side(values):
    """Return a side that has these values and is of the smoke suite."""
    return Side("simulated", "smoke", 1, "digest", values, ())


def place(metric, backbone, arm, condition=()):
    """Return one place of the smoke suite."""
    strategy, size = arm
    target = "Si" if strategy == "pretrain" else "Ge"
    return Place(metric, backbone, "Si", None, target, strategy, size, None, condition)


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
    tolerances = dict.fromkeys(METRICS, tolerance)
    any_, named = 0, 0
    for _ in range(n):
        values = {}
        for backbone in BACKBONES:
            factor = loss if backbone == "schnet" else 1.0
            for metric in METRICS:
                for condition in CONDITIONS:
                    logs = losses(generator, pairs, scatter, shares, uneven)
                    for arm, row in zip(ARMS, logs, strict=True):
                        seeds = pairs
                        if arm[0] in ("pretrain", "zero-shot"):
                            seeds = tuple(dict.fromkeys((None, init) for _, init in pairs))
                        values[place(metric, backbone, arm, condition)] = {
                            pair: factor * math.exp(x)
                            for pair, x in zip(seeds, row[: len(seeds)], strict=True)
                        }
        before = {where: dict.fromkeys(found, 1.0) for where, found in values.items()}
        worse = judge(pair_up(side(values), side(before)), tolerances).worse
        any_ += bool(worse)
        named += any(each.backbone == "schnet" for each in worse)
    return any_ / n, named / n
