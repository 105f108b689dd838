"""Job: train one model, on source data (pretraining) or on a subset of target data."""

from typing import Any

import torch
from ase.data import atomic_numbers

from tlbench.data.frames import Frames
from tlbench.data.splits import choose
from tlbench.jobs.base import Context, Progress
from tlbench.potential import Potential, build_potential, in_precision, load_potential
from tlbench.seeds import stream
from tlbench.training.checkpoint import write_curve
from tlbench.training.config import TrainingConfig
from tlbench.training.labels import LabelledSet
from tlbench.training.loop import force_mae, train
from tlbench.transfer import STRATEGIES
from tlbench.transfer.initialise import copy_element

MODEL = "potential.safetensors"


def run(config: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write ``potential.safetensors`` and ``curve.json``; return sizes and last errors.

    ``config`` has: backbone {name, config}, strategy, elements {source, target}, subset
    {size, seed, temperature_k} or None for all data, init_seed, training (None for a strategy
    that does not train).
    """
    strategy = STRATEGIES.get(config["strategy"])
    potential = initial_potential(config, context)
    result: dict[str, Any] = {"n_parameters": potential.backbone.n_parameters()}
    if strategy.trains:
        training = TrainingConfig.model_validate(config["training"])
        potential = in_precision(potential, getattr(torch, training.dtype)).to(context.device)
        frames = Frames.load(context.parents["data"] / "train.npz")
        subset = config["subset"]
        if subset is not None:
            frames = choose(frames, subset["size"], subset["seed"], subset["temperature_k"])
        data = _labelled(frames, potential)
        validation = _labelled(Frames.load(context.parents["data"] / "validation.npz"), potential)
        subset_seed = -1 if subset is None else subset["seed"]
        curve = train(
            potential,
            strategy.trainable(potential),
            data,
            validation,
            training,
            order_seed=stream("batches", config["init_seed"], subset_seed),
            folder=context.folder,
            on_update=lambda done, total, loss: context.report(Progress(done, total, loss)),
        )
        write_curve(context.folder / "curve.json", curve)
        result["n_frames"] = len(data)
        result["train_force_mae"] = force_mae(potential, data)
        result["validation_force_mae"] = force_mae(potential, validation)
    potential.save(context.folder / MODEL)
    return result


def initial_potential(config: dict[str, Any], context: Context) -> Potential:
    """Return the potential before any training: random, or the source model's weights.

    Starting from a source model, the target element takes over everything the model knows of
    the source element, but not its reference energy.
    """
    backbone = config["backbone"]
    if not STRATEGIES.get(config["strategy"]).needs_source:
        torch.manual_seed(stream("weights", config["init_seed"]))
        return build_potential(backbone["name"], backbone["config"])
    potential = load_potential(context.parents["source"] / MODEL)
    elements = config["elements"]
    copy_element(
        potential.backbone,
        source=atomic_numbers[elements["source"]],
        target=atomic_numbers[elements["target"]],
    )
    return potential


def _labelled(frames: Frames, potential: Potential) -> LabelledSet:
    return LabelledSet(frames, potential.cutoff, potential.device, potential.dtype)
