"""Comparisons of starts that never took place, whose errors are known."""

import math
from dataclasses import replace
from itertools import product

from analyses import record_of

from tlbench.advice.answer import answer_of
from tlbench.advice.design import Design
from tlbench.advice.section import advice_section
from tlbench.metrics.statistics import FIXED
from tlbench.metrics.statistics.ratio import ratio_of
from tlbench.report.analysis import Analysis
from tlbench.report.rows import Row
from tlbench.results.results import Results
from tlbench.study.loading import load_suite
from tlbench.study.model_key import Place, Transfer

SIZE, UPDATES, PAIRS = 40, 400, 5
DESIGN = Design(("SevenNet-0", "Si"), (20, 40), PAIRS, 60, 22, "random")

GAIN = {"scratch": 200.0, "Si": 150.0, "SevenNet-0": 90.0}


def row(values, name="scratch", size=SIZE):
    """Return an arm with an error of each pair."""
    table = {(n, n): float(value) for n, value in enumerate(values)}
    place = Place("b", "scratch" if name == "scratch" else "finetune", size, updates=UPDATES)
    transfer, mean = Transfer(name, None, "Ge"), ratio_of(map(math.log, table.values()))
    return Row("force_mae", (), transfer, place, True, table, mean)


def constant(value, name="s0"):
    """Return a published potential as it is: one model."""
    place, transfer = Place("b", "zero-shot", SIZE, updates=UPDATES), Transfer(name, None, "Ge")
    return Row("force_mae", (), transfer, place, False, {FIXED: value}, ratio_of([math.log(value)]))


def analysis(values, pairs=(), rise=(), sizes=(20, 40), as_is=()):
    """Return an analysis of scratch and SevenNet-0 and Si, their errors by name, size and pair.

    Those of starts ``as_is`` are one model of SevenNet-0, and one of each pair of Si. Of those in
    ``pairs`` there are so many; of those that ``rise``, best weights are ten times better than the
    last, whose errors are three times those of fewer updates.
    """
    suite = load_suite(
        "universal-cpu", [("sizes", str([*sizes])), ("budgets", "[100, 400]")],
        backbones=["sevennet-0", "dimenetpp"],
    )  # fmt: skip
    records = []
    for name, (source, backbone, strategy) in {
        "scratch": ("Si", "dimenetpp", "scratch"),
        "Si": ("Si", "dimenetpp", "finetune"),
        "SevenNet-0": ("SevenNet-0", "sevennet-0", "finetune"),
    }.items():
        for size, updates, seed, weights in product(
            sizes, (100, 400), range(PAIRS), ("last", "best")
        ):
            if seed >= dict(pairs).get((name, size), PAIRS):
                continue
            value = values[name] * size**-0.3 * (1 + 0.01 * seed * len(name) / 5)
            earlier = 1 / 3 if name in rise else 1.5
            value *= earlier if updates == 100 else 1.0
            value /= 10 if name in rise and weights == "best" else 1
            records.append(
                record_of(
                    strategy, value, source=source, backbone=backbone, size=size,
                    subset_seed=seed, init_seed=seed, updates=updates,
                    condition={} if weights == "last" else {"weights": weights},
                    job=f"{name}{size}{updates}{seed}{weights}",
                )
            )  # fmt: skip
    for name, value in dict(as_is).items():
        backbone = "dimenetpp" if name == "Si" else "sevennet-0"
        seeds = range(PAIRS) if name == "Si" else (None,)
        records += [
            record_of(
                "zero-shot", value * (1 + 0.01 * (seed or 0)), source=name, backbone=backbone,
                size=0, subset_seed=None, init_seed=seed, updates=None, job=f"{name}0{seed}",
            )
            for seed in seeds
        ]  # fmt: skip
    return Analysis(Results(records), suite, ("force_mae",))


def said(values, design=None, **more):
    found = answer_of(analysis(values, **more), "dimenetpp", replace(DESIGN, **(design or {})))
    section = advice_section(found)
    return section, " ".join(section.sentences)
