"""From a suite to its jobs: a pure function."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from tlbench.backbones import BACKBONES
from tlbench.data.cards import Card
from tlbench.data.fetch import locate
from tlbench.data.origins import StillingerWeberOrigin
from tlbench.errors import InputError
from tlbench.jobs.base import Job
from tlbench.suite import Simulations, Suite
from tlbench.training.config import TrainingConfig
from tlbench.transfer import STRATEGIES, arm, base_of
from tlbench.transfer.strategy import Strategy
from tlbench.tuned import PRETRAINING

PRETRAIN = PRETRAINING
"""Arm under which the source models' own errors are recorded."""


@dataclass(frozen=True)
class Cell:
    """One model that is measured: the coordinates that its records share, and its jobs.

    ``job`` measures it, ``trained`` trains it, ``pretrained`` its source model, if it has one, and
    ``speed`` times its backbone.
    """

    source: str
    target: str
    backbone: str
    strategy: str
    size: int
    subset_seed: int | None
    init_seed: int
    train_temperature_k: float | None
    job: str
    trained: str
    pretrained: str | None
    speed: str


@dataclass
class Plan:
    """All jobs of a suite, parents before children, and what they measure.

    Attributes
    ----------
    cells
        Errors on the test set.
    simulated, reference
        Simulations, and the job of the reference dynamics that they are compared with.
    """

    suite: Suite
    suite_digest: str
    jobs: dict[str, Job] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    simulated: list[Cell] = field(default_factory=list)
    reference: str | None = None

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
    _check_sizes(suite, target)
    result = Plan(suite, suite.digest())
    source_data = result.add(dataset_job(source))
    target_data = result.add(dataset_job(target))
    arms = [arm(name) for name in suite.strategies]
    for replaying in (each.name for each in arms if each.replay and suite.training.batch_size < 2):
        raise InputError(
            f"Suite {suite.name!r}: {replaying!r} replays source data beside target data, so "
            "'training.batch_size' should be 2 or more."
        )

    pretrained: dict[tuple[str, int], str] = {}
    if any(each.needs_source for each in arms):
        for backbone, init_seed in product(suite.backbones, suite.init_seeds):
            job = Job(
                "train",
                _train_config(
                    suite,
                    backbone,
                    strategy="scratch",
                    elements={"source": None, "target": source_element},
                    subset=None,
                    init_seed=init_seed,
                    training=_tuned(suite, backbone, PRETRAIN, suite.pretraining),
                ),
                {"data": source_data},
                f"pretrain {backbone} on {source_element}, seed {init_seed}",
            )
            pretrained[backbone, init_seed] = result.add(job)
            model = _Model(backbone, PRETRAIN, source.n_frames("train"), None, init_seed, None)
            _measure(result, source_element, source_element, model, job, source_data)

    for model in _target_models(suite, arms):
        strategy = arm(model.strategy)
        parents = {"data": target_data} if strategy.trains else {}
        if strategy.needs_source:
            parents["source"] = pretrained[model.backbone, model.init_seed]
        if strategy.replay:
            parents["replayed"] = source_data
        config = _train_config(
            suite,
            model.backbone,
            strategy=model.strategy,
            elements={
                "source": source_element if strategy.needs_source else None,
                "target": target_element,
            },
            subset=model.subset() if strategy.trains else None,
            init_seed=model.init_seed,
            training=_tuned(suite, model.backbone, model.strategy, suite.training)
            if strategy.trains
            else None,
        )
        job = Job("train", config, parents, f"{model.label()} on {target_element}")
        result.add(job)
        _measure(result, source_element, target_element, model, job, target_data)
        if _is_simulated(suite, model):
            _simulate(result, source_element, target, model, job, target_data)
    return result


def _tuned(suite: Suite, backbone: str, arm: str, training: TrainingConfig) -> TrainingConfig:
    return suite.tuned.training(backbone, arm, training) if suite.tuned else training


@dataclass(frozen=True)
class _Model:
    """The coordinates of one model among the models of a suite."""

    backbone: str
    strategy: str
    size: int
    subset_seed: int | None
    init_seed: int
    train_temperature_k: float | None

    def subset(self) -> dict[str, Any]:
        return {
            "size": self.size,
            "seed": self.subset_seed,
            "temperature_k": self.train_temperature_k,
        }

    def label(self) -> str:
        seeds = (
            self.init_seed if self.subset_seed is None else f"{self.subset_seed}/{self.init_seed}"
        )
        at = "" if self.train_temperature_k is None else f" at {self.train_temperature_k:g} K"
        return f"{self.strategy} {self.backbone}, N {self.size}{at}, seed {seeds}"


def _target_models(suite: Suite, arms: list[Strategy]) -> Iterator[_Model]:
    temperatures: Sequence[float | None] = suite.training_temperatures_k or [None]
    for size, temperature, (subset_seed, init_seed) in product(
        suite.sizes, temperatures, suite.seed_pairs()
    ):
        for backbone, each in product(suite.backbones, arms):
            if each.trains:
                yield _Model(backbone, each.name, size, subset_seed, init_seed, temperature)
    for init_seed, backbone, each in product(suite.init_seeds, suite.backbones, arms):
        if not each.trains:
            yield _Model(backbone, each.name, 0, None, init_seed, None)


def dataset_job(card: Card) -> Job:
    """Return the job that makes or reads the data set of ``card``."""
    files = {name: str(path) for name, path in locate(card).items()}
    return Job("dataset", card.recipe(), label=f"data set {card.name}", files=files)


def _check_sizes(suite: Suite, target: Card) -> None:
    temperatures: Sequence[float | None] = suite.training_temperatures_k or [None]
    for temperature in temperatures:
        available = target.n_frames("train")
        if temperature is not None:
            available = target.origin.n_frames_at("train", temperature)
        at = "" if temperature is None else f" at {temperature:g} K"
        if available == 0:
            raise InputError(
                f"Suite {suite.name!r}: {target.name!r} has no training structures{at}; change "
                "'training_temperatures_k'."
            )
        for size in suite.sizes:
            if size > available:
                raise InputError(
                    f"Suite {suite.name!r}: size {size} is larger than the training set of "
                    f"{target.name!r}{at} ({available} structures); choose sizes up to {available}."
                )


def _train_config(
    suite: Suite,
    backbone: str,
    *,
    strategy: str,
    elements: dict[str, str | None],
    subset: dict[str, Any] | None,
    init_seed: int,
    training: TrainingConfig | None,
) -> dict[str, Any]:
    """Return what determines a trained model, its parents aside; see ``jobs/train.py``."""
    settings = suite.backbone_config(backbone).model_dump(mode="json")
    return {
        "backbone": {"name": backbone, "config": settings},
        "strategy": strategy,
        # Another version of a plugin is other code, so it is other work.
        "providers": [
            BACKBONES.provider(backbone),
            STRATEGIES.provider(base_of(strategy)),
        ],
        "elements": elements,
        "subset": subset,
        "init_seed": init_seed,
        "training": None if training is None else training.model_dump(mode="json"),
    }


def _measure(
    result: Plan, source: str, target: str, model: _Model, trained: Job, data: str
) -> None:
    config = {"split": "test", "metrics": result.suite.metrics, "by": list(result.suite.by)}
    parents = {"model": trained.key, "data": data}
    job = result.add(Job("evaluate", config, parents, f"test {trained.label}"))
    result.cells.append(_cell(result, source, target, model, trained, job))


def _cell(
    result: Plan, source: str, target: str, model: _Model, trained: Job, measured: str
) -> Cell:
    timed = Job(
        "speed", {"backbone": trained.config["backbone"]}, label=f"speed of {model.backbone}"
    )
    return Cell(
        source=source,
        target=target,
        job=measured,
        trained=trained.key,
        pretrained=trained.parents.get("source"),
        speed=result.add(timed),
        **vars(model),
    )


def _is_simulated(suite: Suite, model: _Model) -> bool:
    """Return whether a model is simulated; those without target data always are."""
    if suite.dynamics is None:
        return False
    return model.size == 0 or model.size in (suite.dynamics.sizes or suite.sizes)


def _simulate(
    result: Plan, source: str, target: Card, model: _Model, trained: Job, data: str
) -> None:
    suite = result.suite
    if suite.dynamics is None:
        return
    element = target.elements[0]
    suite.dynamics.protocol().check(np.array([atomic_numbers[element]]))
    protocol = suite.dynamics.protocol().model_dump(mode="json")
    at = f"{suite.dynamics.temperature_k:g} K"
    reference = Job(
        "reference",
        {"protocol": protocol, "element": element, "start": _start_of(suite.dynamics, target)},
        {"data": data} if target.data_files() else {},
        f"reference dynamics of {element} at {at}",
    )
    result.reference = result.add(reference)
    simulation = Job(
        "simulate",
        {"protocol": protocol},
        {"model": trained.key, "reference": reference.key},
        f"simulate {trained.label} at {at}",
    )
    result.add(simulation)
    comparison = Job(
        "compare",
        {"temperature_k": suite.dynamics.temperature_k},
        {"simulation": simulation.key, "reference": reference.key},
        f"compare {trained.label}",
    )
    result.add(comparison)
    cell = _cell(result, source, element, model, trained, comparison.key)
    result.cells.append(cell)
    result.simulated.append(cell)


def _start_of(dynamics: Simulations, card: Card) -> dict[str, Any]:
    """Return what simulations start from; see ``jobs/reference.py``."""
    origin = card.origin
    if not isinstance(origin, StillingerWeberOrigin):
        return {"kind": "frames"}
    return {
        "kind": "stillinger-weber",
        "lattice_constant": origin.lattice_constant,
        "repeats": list(origin.repeats),
        "crystal": not origin.starts_liquid(dynamics.temperature_k),
    }


def _only_element(card: Card) -> str:
    if len(card.elements) != 1:
        raise InputError(
            f"Data set {card.name!r} has the elements {', '.join(card.elements)}; "
            "a suite transfers between data sets of one element each."
        )
    return card.elements[0]
