"""The jobs that train and measure models, for every transfer of a suite."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from tlbench.base.errors import InputError
from tlbench.data.cards import Card
from tlbench.data.sharing import same_data_error, shared_data
from tlbench.data.splits import Drawn, Share, Subset, share_size
from tlbench.jobs import evaluate, speed
from tlbench.jobs.base import Job
from tlbench.jobs.train import Config as TrainConfig
from tlbench.jobs.train import Elements
from tlbench.study.dynamics import is_simulated, simulate
from tlbench.study.keys import KeyScheme
from tlbench.study.model_key import ModelKey, TrainingSet, Transfer
from tlbench.study.plan import PRETRAIN, Cell, Covered, Plan, dataset_job, only_element
from tlbench.study.relations import compare_data, cover, geometry
from tlbench.study.suite import Suite
from tlbench.study.transfers import SourcePart
from tlbench.study.transfers import Transfer as DataTransfer
from tlbench.training.config import TrainingConfig
from tlbench.transfer import arm, base_of
from tlbench.transfer.strategy import Strategy


def plan(suite: Suite, keys: KeyScheme | None = None) -> Plan:
    """Return the jobs that ``suite`` needs.

    A data set and the pretraining of a backbone are one job each, however many sizes, seeds
    and arms use them, and so is training from scratch however many sources it is compared with.

    Parameters
    ----------
    keys
        How the keys of jobs are made; by default with the code that is here.

    Raises
    ------
    InputError
        If a size is larger than the training set, a data set has several elements, a matrix
        names an element that has none, or source and target share data.
    """
    result = Plan(suite, suite.digest(), keys or KeyScheme())
    arms = [arm(name) for name in suite.strategies]
    for strategy in arms:
        if suite.training.batch_size < strategy.smallest_batch:
            raise InputError(
                f"Suite {suite.name!r}: {strategy.name!r} needs batches of at least "
                f"{strategy.smallest_batch} structures; set 'training.batch_size' to that or more."
            )
    ends = [_Ends.of(result, transfer) for transfer in suite.transfers()]
    for each in ends:
        _check_different(suite, each, arms)
        _check_sizes(suite, each.target_card)
        _check_part(suite, each)
    for each in ends:
        _plan_transfer(result, each, arms, named=len(ends) > 1)
    return result


@dataclass(frozen=True)
class _Ends:
    """Source and target of a transfer: elements, data sets, their jobs, and part of the source."""

    source: str
    source_card: Card
    source_data: str
    part: SourcePart | None
    target: str
    target_card: Card
    target_data: str

    @classmethod
    def of(cls, result: Plan, transfer: DataTransfer) -> "_Ends":
        source, target = transfer.source.load(), transfer.target.load()
        return cls(
            source=only_element(source),
            source_card=source,
            source_data=result.add(dataset_job(source, result.keys)),
            part=transfer.part,
            target=only_element(target),
            target_card=target,
            target_data=result.add(dataset_job(target, result.keys)),
        )

    @property
    def transfer(self) -> Transfer:
        """What models of these ends are called to be transferred from and to."""
        return Transfer(self.source, None if self.part is None else self.part.label(), self.target)

    def subset(self, init_seed: int) -> Share | None:
        """Return what of the source a model is pretrained on; None for all."""
        if self.part is None or self.part.is_whole:
            return None
        return Share(share=self.part.share, seed=init_seed, temperatures_k=self.part.temperatures_k)

    def n_frames(self) -> int:
        """Return on how many structures a source model is trained."""
        everything = self.source_card.n_frames("train")
        if self.part is None:
            return everything
        available = everything
        if self.part.temperatures_k is not None:
            origin = self.source_card.origin
            at = [origin.n_frames_at("train", t) for t in self.part.temperatures_k]
            available = min(sum(at), everything)
        return share_size(available, self.part.share)


def _drawn(model: ModelKey) -> Drawn | None:
    """Return the structures that a model is trained on; None for one that is not."""
    if model.subset_seed is None:
        return None
    at = model.train_temperature_k
    return Drawn(size=model.size, seed=model.subset_seed, temperature_k=at)


def _plan_transfer(result: Plan, ends: _Ends, arms: list[Strategy], *, named: bool) -> None:
    """Plan the models of one transfer; labels say which source they come from if ``named``."""
    suite = result.suite
    pretrained = _pretrain(result, ends) if any(each.needs_source for each in arms) else {}
    for model in _target_models(suite, ends.transfer, arms):
        strategy = arm(model.strategy)
        parents = {"data": ends.target_data} if strategy.trains else {}
        if strategy.needs_source:
            parents["source"] = pretrained[model.backbone, model.init_seed]
        if strategy.needs_source_data:
            parents["replayed"] = ends.source_data
        config = _train_config(
            result,
            model.backbone,
            strategy=model.strategy,
            elements=Elements(
                source=ends.source if strategy.needs_source else None, target=ends.target
            ),
            subset=_drawn(model),
            init_seed=model.init_seed,
            training=_tuned(suite, model.backbone, model.strategy, suite.training)
            if strategy.trains
            else None,
        )
        came = f" from {_named(ends)}" if named and strategy.needs_source else ""
        label = f"{model.label()} on {ends.target}{came}"
        job = _train_job(result, config, parents, label)
        result.add(job)
        cell = _measure(result, model, job, ends.target_data)
        if is_simulated(suite, model.size):
            simulate(result, cell, ends.target_card, ends.target_data)
    if suite.distances is not None:
        _relate(result, ends)


def _relate(result: Plan, ends: _Ends) -> None:
    """Plan distances and coverage of a transfer."""
    suite = result.suite
    compare_data(
        result,
        source=ends.source_card,
        source_data=ends.source_data,
        part=None if ends.part is None else ends.part.label(),
        subset=ends.subset(suite.init_seeds[0]),
        target=ends.target_card,
        target_data=ends.target_data,
    )
    result.geometry[ends.target] = geometry(result, ends.target_card, ends.target_data)
    temperatures: Sequence[float | None] = suite.training_temperatures_k or [None]
    for size, at, (subset_seed, init_seed) in product(
        suite.sizes, temperatures, suite.seed_pairs()
    ):
        job = cover(
            result,
            source=ends.source_card,
            source_data=ends.source_data,
            source_subset=ends.subset(init_seed),
            target=ends.target_card,
            target_data=ends.target_data,
            subset=Drawn(size=size, seed=subset_seed, temperature_k=at),
        )
        result.covered.append(
            Covered(
                transfer=ends.transfer,
                training_set=TrainingSet(
                    size=size,
                    subset_seed=subset_seed,
                    init_seed=init_seed,
                    train_temperature_k=at,
                ),
                job=job,
            )
        )


def _pretrain(result: Plan, ends: _Ends) -> dict[tuple[str, int], str]:
    """Return the key of the source model of every backbone and init seed."""
    suite, found = result.suite, {}
    for backbone, init_seed in product(suite.backbones, suite.init_seeds):
        config = _train_config(
            result,
            backbone,
            strategy="scratch",
            elements=Elements(target=ends.source),
            subset=ends.subset(init_seed),
            init_seed=init_seed,
            training=_tuned(suite, backbone, PRETRAIN, suite.pretraining),
        )
        label = f"pretrain {backbone} on {_named(ends)}, seed {init_seed}"
        parents = {"data": ends.source_data}
        job = _train_job(result, config, parents, label)
        known = job.key in result.jobs
        found[backbone, init_seed] = result.add(job)
        if not known:
            model = _key(ends.transfer, backbone, PRETRAIN, ends.n_frames(), (None, init_seed))
            model = model.replace(target=ends.source)
            _measure(result, model, job, ends.source_data)
    return found


def _named(ends: _Ends) -> str:
    part = "" if ends.part is None or ends.part.is_whole else f" ({ends.part.label()})"
    return f"{ends.source}{part}"


def _train_job(result: Plan, config: TrainConfig, parents: Mapping[str, str], label: str) -> Job:
    backbone, strategy = config.backbone.name, arm(config.strategy)
    named = [f"backbone {backbone}", f"strategy {base_of(strategy.name)}"]
    if strategy.needs_source:
        named.append(f"element initialisation {strategy.element_init}")
    environment = result.keys.environment(backbone)
    return result.keys.job(config, parents, label, named=named, environment=environment)


def _tuned(suite: Suite, backbone: str, arm: str, training: TrainingConfig) -> TrainingConfig:
    return suite.tuned.training(backbone, arm, training) if suite.tuned else training


def _target_models(suite: Suite, transfer: Transfer, arms: list[Strategy]) -> Iterator[ModelKey]:
    temperatures: Sequence[float | None] = suite.training_temperatures_k or [None]
    for size, at, pair in product(suite.sizes, temperatures, suite.seed_pairs()):
        for backbone, each in product(suite.backbones, arms):
            if each.trains:
                yield _key(transfer, backbone, each.name, size, pair, at)
    for init_seed, backbone, each in product(suite.init_seeds, suite.backbones, arms):
        if not each.trains:
            yield _key(transfer, backbone, each.name, 0, (None, init_seed))


def _key(
    transfer: Transfer,
    backbone: str,
    strategy: str,
    size: int,
    pair: tuple[int | None, int],
    train_temperature_k: float | None = None,
) -> ModelKey:
    subset_seed, init_seed = pair
    return ModelKey(
        source=transfer.source,
        source_part=transfer.part,
        target=transfer.target,
        backbone=backbone,
        strategy=strategy,
        size=size,
        subset_seed=subset_seed,
        init_seed=init_seed,
        train_temperature_k=train_temperature_k,
    )


def _check_different(suite: Suite, ends: _Ends, arms: Sequence[Strategy]) -> None:
    if suite.allow_same_data or not any(each.needs_source for each in arms):
        return
    shared = shared_data(ends.source_card, ends.target_card)
    if shared is not None:
        raise same_data_error(ends.source_card, ends.target_card, shared)


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


def _check_part(suite: Suite, ends: _Ends) -> None:
    for temperature in (ends.part and ends.part.temperatures_k) or []:
        if not ends.source_card.origin.n_frames_at("train", temperature):
            raise InputError(
                f"Suite {suite.name!r}: {ends.source_card.name!r} has no training structures at "
                f"{temperature:g} K; change 'source_parts'."
            )


def _train_config(
    result: Plan,
    backbone: str,
    *,
    strategy: str,
    elements: Elements,
    subset: Subset | None,
    init_seed: int,
    training: TrainingConfig | None,
) -> TrainConfig:
    """Return what determines a trained model, its parents aside."""
    keys = result.keys
    return TrainConfig(
        backbone=keys.backbone(result.suite, backbone),
        strategy=strategy,
        providers=(
            keys.provider("backbone", backbone),
            keys.provider("strategy", base_of(strategy)),
        ),
        elements=elements,
        subset=subset,
        init_seed=init_seed,
        training=training,
    )


def _measure(result: Plan, model: ModelKey, trained: Job, data: str) -> Cell:
    """Plan the errors of a model on the test structures of a data set."""
    metrics, backbone = result.suite.error_metrics, f"backbone {model.backbone}"
    measured = result.keys.job(
        evaluate.Config(split="test", metrics=metrics, by=result.suite.by),
        {"model": trained.key, "data": data},
        f"test {trained.label}",
        named=[backbone, *(f"metric {name}" for name in metrics)],
        environment=trained.environment,
    )
    timed = result.keys.job(
        speed.Config(backbone=result.keys.backbone(result.suite, model.backbone)),
        label=f"speed of {model.backbone}",
        named=[backbone],
        environment=trained.environment,
    )
    cell = Cell(
        model=model,
        job=result.add(measured),
        trained=trained.key,
        pretrained=trained.parents.get("source"),
        speed=result.add(timed),
    )
    result.cells.append(cell)
    return cell
