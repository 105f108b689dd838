"""Job: train one model, on source data (pretraining) or on a subset of target data."""

from typing import TYPE_CHECKING, Annotated, ClassVar

from ase.data import atomic_numbers
from pydantic import Field, PositiveInt, model_validator

from tlbench.base.errors import InputError
from tlbench.base.formats import later
from tlbench.base.magnitudes import Count, Number
from tlbench.base.schema import Strict, canonical_json
from tlbench.base.seeds import stream
from tlbench.base.spent import Spent
from tlbench.data.frames import Frames
from tlbench.data.splits import Share, Subset, chosen, validation_subset
from tlbench.jobs import kind
from tlbench.jobs.amount import CALL, UPDATE, Amount, Facts
from tlbench.jobs.context import BEST, MODEL, Context, Progress, clock_for
from tlbench.jobs.kind import Backbone, Kind
from tlbench.training.config import TrainingConfig
from tlbench.transfer import INITIALISATIONS, arm
from tlbench.transfer.strategy import unchanged

if TYPE_CHECKING:
    from tlbench.models.potential import Potential
    from tlbench.training.labels import LabelledSet

CURVE = "curve.json"

Error = Annotated[Number, Field(ge=0)]


class Elements(Strict):
    """Elements of the source model, None without one; and of the data that are trained on.

    Several are joined, as in ``Mo–W``. Then ``starts`` has every target element and the source
    element that it starts as; None where either end has one element alone.
    """

    source: str | None = None
    target: str
    starts: dict[str, str] | None = later(None)

    def start(self) -> dict[int, int]:
        """Return the atomic number of every target element → of the one that it starts as."""
        if self.source is None:
            return {}
        starts = self.starts or {self.target: self.source}
        return {atomic_numbers[target]: atomic_numbers[source] for target, source in starts.items()}


class Config(kind.Config):
    """What is trained, from which start, on which structures.

    ``providers`` are the packages and versions that backbone and strategy come from, None for
    tlbench: another version of a plugin is other code, so it is other work. ``subset`` is None for
    all training structures, ``training`` for a strategy that does not train.

    ``validation_size`` structures are validated on, or as many as there are; None for all of them.
    They are drawn with the seed and the strata of the subset, nested, in a stream of their own.
    With ``best``, the weights at the lowest validation error are written, too. ``replayed`` is what
    of the source's training structures is replayed, None for all of them.
    """

    kind: ClassVar = "train"
    of_code: ClassVar = ("providers",)

    backbone: Backbone
    strategy: str
    providers: tuple[str | None, str | None] = (None, None)
    elements: Elements
    subset: Subset | None = None
    init_seed: int
    training: TrainingConfig | None = None
    validation_size: PositiveInt | None = later(None)
    best: bool = later(False)
    replayed: Share | None = later(None)

    @model_validator(mode="after")
    def _best_of_some(self) -> "Config":
        if self.best and (self.training is None or not self.training.validation_points):
            raise ValueError(
                "the best weights are those of a training with at least one validation point"
            )
        return self

    @property
    def rate(self) -> str:
        """The backbone as text: force calls of models that have the same take equally long."""
        return canonical_json(self.backbone.model_dump())


class Result(kind.Result):
    """Size of a network, and its mean absolute force error on validation structures, meV/Å.

    ``best_update`` is the number of updates after which the error on the validation structures was
    lowest, and ``best_validation_force_mae`` that error; None unless these weights are kept.
    """

    n_parameters: Count
    n_frames: Count | None = None
    validation_force_mae: Error | None = None
    best_update: Count | None = later(None)
    best_validation_force_mae: Error | None = later(None)


def run(config: Config, context: Context) -> Result:
    """Write ``potential.safetensors`` and ``curve.json``; return sizes and last errors.

    With ``config.best``, ``best.safetensors`` is written, too.
    """
    from copy import deepcopy

    import torch

    from tlbench.models.potential import in_precision
    from tlbench.training.checkpoint import CURVE_FORMAT
    from tlbench.training.loop import force_mae, train
    from tlbench.training.precision import tensor_float_32

    strategy = arm(config.strategy)
    potential = initial_potential(config, context)
    result: dict[str, float] = {"n_parameters": potential.backbone.n_parameters()}
    if strategy.trains:
        training, subset = config.training, config.subset
        if training is None:
            raise InputError(f"The strategy {config.strategy!r} trains, so it needs 'training'.")
        potential = in_precision(potential, getattr(torch, training.dtype)).to(context.device)
        strategy.before(potential)
        frames = chosen(context.frames("data", "train"), subset)
        data = _labelled(frames, potential)
        replayed = _replayed(config, context, potential, frames)
        with_source = None
        if replayed is not None:
            with_source = _labelled(Frames.concatenate([frames, replayed]), potential)
        watched = validation_subset(
            context.frames("data", "validation"), config.validation_size, subset
        )
        validation = _labelled(watched, potential)
        best = deepcopy(potential) if config.best else None
        subset_seed = -1 if subset is None else subset.seed
        potential.check_finite(data.batch(data.batches()[0]).graph)
        clock, moments = clock_for(context.device), list[tuple[int, float]]()
        spent = Spent()

        def on_update(done: int, total: int, loss: float | None) -> None:
            # The first stays.
            moments[1:] = [(done, clock())]
            context.report(Progress(done, total, loss))

        rounded = training.tf32 and context.device != "cpu"
        with tensor_float_32(rounded):
            curve = train(
                potential,
                strategy,
                data,
                validation,
                training,
                order_seed=stream("batches", config.init_seed, subset_seed),
                folder=context.folder,
                on_update=on_update,
                with_source=with_source,
                best=best,
                spent=spent,
            )
        if context.device != "cpu":
            context.measured["tf32"] = rounded
        strategy.after(potential)
        context.measured.update(_pace(moments, training.updates))
        if spent.before is not None and any(spent.before):
            context.measured["seconds_before"] = spent.before
        CURVE_FORMAT.write(context.folder / CURVE, curve)
        result["n_frames"] = len(data)
        # The last point of the curve is of these weights, unless they change or it was rounded.
        if curve.validation and strategy.after is unchanged and not rounded:
            result["validation_force_mae"] = curve.validation[-1][1]
        else:
            result["validation_force_mae"] = force_mae(potential, validation)
        if best is not None:
            strategy.after(best)
            best.save(context.folder / BEST)
            result["best_update"], result["best_validation_force_mae"] = curve.best
    potential.save(context.folder / MODEL)
    return Result.of(**result)


def _replayed(
    config: Config, context: Context, potential: "Potential", frames: Frames
) -> Frames | None:
    """Return the structures that are replayed beside the target's ``frames``; None if none are."""
    strategy = arm(config.strategy)
    if strategy.replay is not None:
        return strategy.replay(potential, frames, config.init_seed)
    if not strategy.needs_source_data:
        return None
    return chosen(context.frames("replayed", "train"), config.replayed)


def _pace(moments: list[tuple[int, float]], updates: int) -> dict[str, float]:
    """Return what is measured of a training from (updates done, s) after its first and last update.

    The updates per second are those of this attempt, without the first.
    """
    found = {"updates": float(updates)}
    if moments:
        (first, began), (last, ended) = moments[0], moments[-1]
        found["updates_of_attempt"] = float(last - first + 1)
        if last > first:
            found["updates_per_second"] = (last - first) / (ended - began)
    return found


def initial_potential(config: Config, context: Context) -> "Potential":
    """Return the potential before any training: random, or the source model's weights.

    Starting from a source model, target elements start as the strategy says: by default with
    everything the model knows of the source element that each is mapped to, but not its reference
    energy. The elements that a source model was trained on are those with a reference energy.
    """
    import torch

    from tlbench.models.potential import build_potential, load_potential

    strategy = arm(config.strategy)
    if not strategy.needs_source:
        torch.manual_seed(stream("weights", config.init_seed))
        return build_potential(config.backbone.name, config.backbone.config)
    potential = load_potential(context.parents["source"] / MODEL)
    trained = potential.reference_energy.isfinite().nonzero().flatten().tolist()
    INITIALISATIONS.get(strategy.element_init)(potential.backbone, config.elements.start(), trained)
    return potential


def _labelled(frames: Frames, potential: "Potential") -> "LabelledSet":
    from tlbench.training.labels import LabelledSet

    return LabelledSet(frames, potential.cutoff, potential.device, potential.dtype)


def amount(config: Config, facts: Facts) -> Amount | None:
    """Return the number of atoms that force calls are made for; an update costs `UPDATE` calls."""
    training, data = config.training, facts.sizes.get("data")
    if training is None:
        return Amount(1.0, f"untrained {config.rate}")
    if data is None:
        return None
    frames = data.n_frames("train", config.subset)
    # Data that are replayed fill up a batch.
    full = arm(config.strategy).replays or frames > training.batch_size
    batch = training.batch_size if full else frames
    evaluated = UPDATE * training.updates * (batch * data.atoms["train"] + CALL)
    # For the energy constant.
    evaluated += (2 if config.best else 1) * frames * data.atoms["train"]
    watched = data.frames["validation"]
    if config.validation_size is not None:
        watched = min(watched, config.validation_size)
    evaluated += max(training.validation_points, 1) * watched * data.atoms["validation"]
    return Amount(evaluated, config.rate)


KIND = Kind(
    Config,
    Result,
    run,
    amount,
    outputs=(MODEL,),
    outputs_with={"training": CURVE, "best": BEST},
    uses_device=True,
)
