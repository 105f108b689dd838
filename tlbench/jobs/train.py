"""Job: train one model, on source data (pretraining) or on a subset of target data."""

from collections.abc import Callable
from typing import Any

import torch
from ase.data import atomic_numbers

from tlbench.data.frames import Frames
from tlbench.data.splits import chosen
from tlbench.jobs.context import CURVE, MODEL, Context, Progress, clock_for
from tlbench.potential import Potential, build_potential, in_precision, load_potential
from tlbench.seeds import stream
from tlbench.training.checkpoint import write_curve
from tlbench.training.config import TrainingConfig
from tlbench.training.labels import LabelledSet
from tlbench.training.loop import force_mae, train
from tlbench.transfer import INITIALISATIONS, arm


def run(config: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write ``potential.safetensors`` and ``curve.json``; return sizes and last errors.

    ``config`` has: backbone {name, config}, strategy, elements {source, target}, subset (see
    `tlbench.data.splits.chosen`), init_seed, training (None for a strategy that does not train).
    """
    strategy = arm(config["strategy"])
    potential = initial_potential(config, context)
    result: dict[str, Any] = {"n_parameters": potential.backbone.n_parameters()}
    if strategy.trains:
        training = TrainingConfig.model_validate(config["training"])
        potential = in_precision(potential, getattr(torch, training.dtype)).to(context.device)
        strategy.before(potential)
        frames = Frames.load(context.parents["data"] / "train.npz")
        subset = config["subset"]
        frames = chosen(frames, subset)
        data = _labelled(frames, potential)
        with_source = None
        if strategy.needs_source_data:
            source = Frames.load(context.parents["replayed"] / "train.npz")
            with_source = _labelled(Frames.concatenate([frames, source]), potential)
        validation = _labelled(Frames.load(context.parents["data"] / "validation.npz"), potential)
        subset_seed = -1 if subset is None else subset["seed"]
        potential.check_finite(data.batch(data.batches()[0]).graph)
        pace = Pace(clock_for(context.device))

        def on_update(done: int, total: int, loss: float | None) -> None:
            pace.note(done)
            context.report(Progress(done, total, loss))

        curve = train(
            potential,
            strategy,
            data,
            validation,
            training,
            order_seed=stream("batches", config["init_seed"], subset_seed),
            folder=context.folder,
            on_update=on_update,
            with_source=with_source,
        )
        strategy.after(potential)
        context.measured.update(pace.measured(training.updates))
        write_curve(context.folder / CURVE, curve)
        result["n_frames"] = len(data)
        result["train_force_mae"] = force_mae(potential, data)
        result["validation_force_mae"] = force_mae(potential, validation)
    potential.save(context.folder / MODEL)
    return result


class Pace:
    """Updates per second of the updates of this attempt but the first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._first: tuple[int, float] | None = None
        self._last = (0, 0.0)

    def note(self, done: int) -> None:
        """Take down the time: so many updates are done."""
        self._last = done, self._clock()
        self._first = self._first or self._last

    def measured(self, updates: int) -> dict[str, float]:
        """Return the number of updates, and how many there were in a second if that is known."""
        found = {"updates": float(updates)}
        if self._first is not None:
            found["updates_of_attempt"] = float(self._last[0] - self._first[0] + 1)
        if self._first is not None and self._last[0] > self._first[0]:
            seconds = self._last[1] - self._first[1]
            found["updates_per_second"] = (self._last[0] - self._first[0]) / seconds
        return found


def initial_potential(config: dict[str, Any], context: Context) -> Potential:
    """Return the potential before any training: random, or the source model's weights.

    Starting from a source model, the target element starts as the strategy says: by default
    with everything the model knows of the source element, but not its reference energy.
    """
    backbone = config["backbone"]
    strategy = arm(config["strategy"])
    if not strategy.needs_source:
        torch.manual_seed(stream("weights", config["init_seed"]))
        return build_potential(backbone["name"], backbone["config"])
    potential = load_potential(context.parents["source"] / MODEL)
    elements = config["elements"]
    source, target = (atomic_numbers[elements[role]] for role in ("source", "target"))
    INITIALISATIONS.get(strategy.element_init)(potential.backbone, source, target)
    return potential


def _labelled(frames: Frames, potential: Potential) -> LabelledSet:
    return LabelledSet(frames, potential.cutoff, potential.device, potential.dtype)
