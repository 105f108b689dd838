"""From a suite to its jobs: a pure function."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tlbench.data.cards import Card
from tlbench.errors import InputError
from tlbench.jobs.base import Job
from tlbench.suite import Suite
from tlbench.training.config import TrainingConfig
from tlbench.transfer import STRATEGIES

PRETRAIN = "pretrain"
"""Arm under which the source models' own errors are recorded."""


@dataclass(frozen=True)
class Cell:
    """One model that is measured: the coordinates that its records share, and the job."""

    source: str
    target: str
    backbone: str
    strategy: str
    size: int
    subset_seed: int | None
    init_seed: int
    job: str


@dataclass
class Plan:
    """All jobs of a suite, parents before children, and what they measure."""

    suite: Suite
    suite_digest: str
    jobs: dict[str, Job] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)

    def add(self, job: Job) -> str:
        """Add a job, once however often it is needed, and return its key."""
        self.jobs.setdefault(job.key, job)
        return job.key


def plan(suite: Suite) -> Plan:
    """Return the jobs that ``suite`` needs.

    A data set and the pretraining of a backbone are one job each, however many sizes, seeds
    and arms use them.

    Raises
    ------
    InputError
        If a size is larger than the training set, or a data set has several elements.
    """
    source, target = suite.source.load(), suite.target.load()
    source_element, target_element = _only_element(source), _only_element(target)
    available = target.n_frames("train")
    for size in suite.sizes:
        if size > available:
            raise InputError(
                f"Suite {suite.name!r}: size {size} is larger than the training set of "
                f"{target.name!r} ({available} structures); choose sizes up to {available}."
            )
    result = Plan(suite, suite.digest())
    source_data = result.add(_dataset(source))
    target_data = result.add(_dataset(target))

    pretrained: dict[tuple[str, int], str] = {}
    if any(STRATEGIES.get(name).needs_source for name in suite.strategies):
        for backbone in suite.backbones:
            for init_seed in suite.init_seeds:
                job = _train(
                    suite,
                    backbone,
                    "scratch",
                    {"source": None, "target": source_element},
                    None,
                    init_seed,
                    suite.pretraining,
                    {"data": source_data},
                    f"pretrain {backbone} on {source_element}, seed {init_seed}",
                )
                pretrained[backbone, init_seed] = result.add(job)
                cell = (backbone, PRETRAIN, source.n_frames("train"), None, init_seed)
                _measure(result, source_element, source_element, cell, job, source_data)

    for backbone, strategy, size, subset_seed, init_seed in _cells(suite):
        arm = STRATEGIES.get(strategy)
        parents = {"data": target_data} if arm.trains else {}
        if arm.needs_source:
            parents["source"] = pretrained[backbone, init_seed]
        job = _train(
            suite,
            backbone,
            strategy,
            {"source": source_element if arm.needs_source else None, "target": target_element},
            {"size": size, "seed": subset_seed} if arm.trains else None,
            init_seed,
            suite.training if arm.trains else None,
            parents,
            f"{strategy} {backbone} on {target_element}"
            + (f", N {size}, seeds {subset_seed}/{init_seed}" if arm.trains else ""),
        )
        result.add(job)
        cell = (backbone, strategy, size, subset_seed, init_seed)
        _measure(result, source_element, target_element, cell, job, target_data)
    return result


def _cells(suite: Suite) -> Iterator[tuple[str, str, int, int | None, int]]:
    for size in suite.sizes:
        for subset_seed in suite.subset_seeds:
            for init_seed in suite.init_seeds:
                for backbone in suite.backbones:
                    for strategy in suite.strategies:
                        if STRATEGIES.get(strategy).trains:
                            yield backbone, strategy, size, subset_seed, init_seed
    for init_seed in suite.init_seeds:
        for backbone in suite.backbones:
            for strategy in suite.strategies:
                if not STRATEGIES.get(strategy).trains:
                    yield backbone, strategy, 0, None, init_seed


def _dataset(card: Card) -> Job:
    return Job("dataset", card.recipe(), label=f"data set {card.name}")


def _train(
    suite: Suite,
    backbone: str,
    strategy: str,
    elements: dict[str, str | None],
    subset: dict[str, Any] | None,
    init_seed: int,
    training: TrainingConfig | None,
    parents: dict[str, str],
    label: str,
) -> Job:
    config = {
        "backbone": {
            "name": backbone,
            "config": suite.backbone_config(backbone).model_dump(mode="json"),
        },
        "strategy": strategy,
        "elements": elements,
        "subset": subset,
        "init_seed": init_seed,
        "training": None if training is None else training.model_dump(mode="json"),
    }
    return Job("train", config, parents, label)


def _measure(
    result: Plan,
    source: str,
    target: str,
    cell: tuple[str, str, int, int | None, int],
    model: Job,
    data: str,
) -> None:
    config = {"split": "test", "metrics": result.suite.metrics, "by": list(result.suite.by)}
    job = Job("evaluate", config, {"model": model.key, "data": data}, f"test {model.label}")
    result.cells.append(Cell(source, target, *cell, job=result.add(job)))


def _only_element(card: Card) -> str:
    if len(card.elements) != 1:
        raise InputError(
            f"Data set {card.name!r} has the elements {', '.join(card.elements)}; "
            "a suite transfers between data sets of one element each."
        )
    return card.elements[0]
