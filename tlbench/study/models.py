"""The jobs that train and measure models, for every transfer of a study."""

from collections.abc import Mapping
from typing import NamedTuple

from tlbench.data.cards import Card
from tlbench.data.splits import Share, Subset
from tlbench.jobs import evaluate, speed, weights
from tlbench.jobs.base import Job
from tlbench.jobs.train import Config as TrainConfig
from tlbench.jobs.train import Elements
from tlbench.metrics.conditions import Weights
from tlbench.study.dynamics import simulate
from tlbench.study.ends import Ends
from tlbench.study.keys import KeyScheme
from tlbench.study.model_key import ModelKey
from tlbench.study.plan import Cell, Covered, Plan, dataset_job
from tlbench.study.properties import compute
from tlbench.study.relations import compare_data, cover, geometry
from tlbench.study.sources import SourcePotential, registered_backbone
from tlbench.study.study import Study
from tlbench.transfer import arm, base_of
from tlbench.transfer.strategy import Strategy


def plan(study: Study, keys: KeyScheme | None = None) -> Plan:
    """Return the jobs that a study needs.

    A data set and the pretraining of a backbone are one job each, however many sizes, seeds
    and arms use them, and so is training from scratch however many sources it is compared with.

    Parameters
    ----------
    keys
        How the keys of jobs are made; by default with the code that is here.
    """
    result = Plan(study, keys or KeyScheme())
    jobs = {card.digest(): dataset_job(card, result.keys) for card in study.cards}
    # In the order of the transfers, which is that of the jobs.
    order = [card.digest() for ends in study.ends for card in ends.cards]
    for digest in dict.fromkeys([*order, *jobs]):
        result.data[digest] = result.add(jobs[digest])
    for ends in study.ends:
        _plan_transfer(result, ends)
    return result


def _share(ends: Ends, init_seed: int) -> Share | None:
    """Return what of the source a model is pretrained on; None for all."""
    part = ends.part_of_source
    if part is None:
        return None
    return Share(share=part.share, seed=init_seed, temperatures_k=part.temperatures_k)


def _plan_transfer(result: Plan, ends: Ends) -> None:
    """Plan the models of one transfer; of several, labels say which source they come from."""
    study, data = result.study, result.data
    target_data = data[ends.target.digest()]
    source_data = data[ends.data.digest()] if ends.data else None
    sources = _source_jobs(result, ends)
    for model in study.target_models(ends):
        strategy = arm(model.strategy)
        parents = {"data": target_data} if strategy.trains else {}
        if strategy.needs_source:
            parents["source"] = sources[model.origin]
        if strategy.needs_source_data and source_data:
            parents["replayed"] = source_data
        elements = _elements(ends, strategy)
        structures = model.training_set
        drawn = None if structures is None else study.drawn(ends.target, structures)
        config = _train_config(result, model, model.strategy, elements, drawn)
        if "replayed" in parents:
            # What its source model was pretrained on, and no more of the source.
            part = _share(ends, _init_seed(result, model))
            config = config.model_copy(update={"replayed": part})
        came = f" from {ends.source_label}" if elements.source and len(study.ends) > 1 else ""
        job = _train_job(result, config, parents, f"{model.label()} on {model.target}{came}")
        result.add(job)
        # What a potential has cost those who trained it is not known.
        pretrained = parents.get("source") if ends.data else None
        cell, *_ = _measure(result, model, job, ends.target, target_data, pretrained)
        if study.is_simulated(model):
            simulate(result, cell, ends.target, target_data)
        if study.has_properties(model):
            compute(result, cell, ends.target)
    if study.suite.distances is not None and ends.data and source_data:
        _relate(result, ends, ends.data, source_data, target_data)


def _elements(ends: Ends, strategy: Strategy) -> Elements:
    """Return as what the elements of a target model start; without a source as none.

    Of a potential, which may know most elements, those that target elements start as are named.
    """
    target = ends.target.formula
    if not strategy.needs_source:
        return Elements(target=target)
    starts = {each.target: each.source for each in ends.starts}
    source = ends.data.elements if ends.data else [*dict.fromkeys(starts.values())]
    alone = len(source) == len(ends.target.elements) == 1
    return Elements(source="–".join(source), target=target, starts=None if alone else starts)


def _relate(result: Plan, ends: Ends, source: Card, source_data: str, target_data: str) -> None:
    """Plan distances and coverage of a transfer."""
    study, transfer = result.study, ends.transfer
    compare_data(
        result,
        ends,
        source=source,
        source_data=source_data,
        part=transfer.part,
        subset=_share(ends, study.suite.init_seeds[0]),
        target=ends.target,
        target_data=target_data,
    )
    result.geometry[transfer.target] = geometry(result, ends.target, target_data)
    for structures in study.training_sets():
        job = cover(
            result,
            ends,
            source=source,
            source_data=source_data,
            source_subset=_share(ends, structures.init_seed),
            target=ends.target,
            target_data=target_data,
            subset=study.drawn(ends.target, structures),
        )
        result.covered.append(Covered(transfer, structures, job))


def _source_jobs(result: Plan, ends: Ends) -> dict[tuple[object, ...], str]:
    """Return the jobs that have the weights models of a transfer start from, by `ModelKey.origin`.

    They are pretrained, one for each init seed, or are those of a potential, one for all.
    """
    if ends.data:
        return _pretrain(result, ends, ends.data, result.data[ends.data.digest()])
    needed = any(arm(model.strategy).needs_source for model in result.study.target_models(ends))
    if not (needed and ends.potential):
        return {}
    key = result.add(_weights(result, ends.potential, ends.backbones[0]))
    return {model.origin: key for model in result.study.target_models(ends)}


def _weights(result: Plan, source: SourcePotential, backbone: str) -> Job:
    """Return the job that brings the weights of a potential into the store."""
    config = weights.Config(
        potential=source.registered,
        sha256=source.sha256,
        backbone=result.keys.backbone(result.suite, backbone),
    )
    named = [f"backbone {source.backbone}"]
    named += [f"potential {source.registered}"] if source.registered else []
    return result.keys.job(
        config,
        label=f"weights of {source.name}",
        named=named,
        files={weights.FILE: str(source.path)} if source.path else None,
        environment=result.keys.environment(backbone),
    )


def _pretrain(result: Plan, ends: Ends, source: Card, data: str) -> dict[tuple[object, ...], str]:
    """Return the key of every source model of a transfer, by what it shares with those of it."""
    found: dict[tuple[object, ...], str] = {}
    for model in result.study.source_models(ends):
        part, elements = _share(ends, _init_seed(result, model)), Elements(target=source.formula)
        config = _train_config(result, model, "scratch", elements, part)
        label = f"pretrain {model.backbone} on {ends.source_label}, seed {model.init_seed}"
        label += model.place.budget_label()
        job = _train_job(result, config, {"data": data}, label)
        planned = job.key in result.jobs
        found[model.origin] = result.add(job)
        if not planned:
            _measure(result, model, job, source, data)
    return found


def _init_seed(result: Plan, model: ModelKey) -> int:
    """Return the seed of a model's job, which has one also where nothing is drawn."""
    return result.suite.init_seeds[0] if model.init_seed is None else model.init_seed


def _train_job(result: Plan, config: TrainConfig, parents: Mapping[str, str], label: str) -> Job:
    backbone, strategy = config.backbone.name, arm(config.strategy)
    named = [f"backbone {backbone}", f"strategy {base_of(strategy.name)}"]
    if strategy.needs_source:
        named.append(f"element initialisation {strategy.element_init}")
    environment = result.keys.environment(backbone)
    return result.keys.job(config, parents, label, named=named, environment=environment)


def _train_config(
    result: Plan, model: ModelKey, strategy: str, elements: Elements, subset: Subset | None
) -> TrainConfig:
    """Return what determines a trained model, its parents aside."""
    keys, training = result.keys, result.study.training(model)
    return TrainConfig(
        backbone=keys.backbone(result.suite, model.backbone),
        strategy=strategy,
        providers=(
            keys.provider("backbone", model.backbone),
            keys.provider("strategy", base_of(strategy)),
        ),
        elements=elements,
        subset=subset,
        init_seed=_init_seed(result, model),
        training=training,
        validation_size=result.study.validation_size(model) if training else None,
        best="best" in result.suite.weights and training is not None,
    )


class _Tested(NamedTuple):
    """What some weights of a model are measured on; ``further`` is the name of a further set."""

    card: Card
    data: str
    weights: Weights = "last"
    further: str | None = None


def _measure(
    result: Plan,
    model: ModelKey,
    trained: Job,
    tested: Card,
    data: str,
    pretrained: str | None = None,
) -> list[Cell]:
    """Plan the errors of a model on the test structures of its data set: those of its last weights.

    Of a model that is trained, those of its best weights follow, where the suite has them measured.
    Then come those of its last weights on further data sets.
    """
    backbone = result.keys.backbone(result.suite, model.backbone)
    timed = result.keys.job(
        speed.Config(backbone=backbone),
        label=f"speed of {model.backbone}",
        named=[f"backbone {backbone.name}"],
        environment=trained.environment,
    )
    measured = [_Tested(tested, data, weights) for weights in result.study.weights(model)]
    measured += [
        _Tested(card, result.data[card.digest()], further=card.name)
        for card in result.study.further_tests(model)
    ]
    cells = [
        Cell(
            model=model,
            job=result.add(_test_job(result, model, trained, each)),
            trained=trained.key,
            pretrained=pretrained,
            speed=result.add(timed),
            weights=each.weights,
            data=each.further,
        )
        for each in measured
    ]
    result.cells += cells
    return cells


def _test_job(result: Plan, model: ModelKey, trained: Job, tested: _Tested) -> Job:
    """Return the job that measures some weights of a model on test structures."""
    suite, metrics, weights = result.suite, result.suite.error_metrics, tested.weights
    label = f"test {trained.label}"
    label += "" if tested.further is None else f", with structures of {tested.further}"
    return result.keys.job(
        evaluate.Config(
            split="test",
            metrics=metrics,
            by=suite.by if weights == "last" else [],
            weights=weights,
            marks=result.study.marked(tested.card),
        ),
        {"model": trained.key, "data": tested.data},
        label + ("" if weights == "last" else f", {weights} weights"),
        named=[
            f"backbone {registered_backbone(model.backbone)}",
            *(f"metric {name}" for name in metrics),
        ],
        environment=trained.environment,
    )
