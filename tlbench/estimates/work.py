"""How much work a job is, counted before it is done.

A job takes about

    seconds = start + Σ rate × amount

where the amounts follow from its config and its parents', and start and rates are fitted to jobs
that were measured. What models compute is counted in force calls: atoms that a model is asked for
the forces of, and calls; the gradient of a loss by the parameters makes an update as dear as
`UPDATE` calls.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from tlbench.data.origins import ORIGINS, SPLITS
from tlbench.estimates.known import ATOMS_PER_CELL, Known, Sizes
from tlbench.jobs.base import Job
from tlbench.md.protocol import Protocol
from tlbench.schema import canonical_json

UPDATE = 2.7
"""Force calls that an update of the same structures costs; benchmarks/README.md measures it."""

TRAIN = "train"
"""Group of the jobs that train a model."""

ATOMS_PER_BATCH = 256
"""Atoms that a model is evaluated on at a time, see `tlbench.training.labels`."""


@dataclass(frozen=True)
class Work:
    """How much a job has to do.

    Attributes
    ----------
    group
        Jobs of one group have the same amounts, counted in the same way.
    amounts
        The first is the one that matters most. May be empty: then all of the group cost alike.
    backbone
        What computes, {name, config}, if its cost is that of force calls; then ``amounts`` are the
        atoms whose forces are computed, and calls.
    settings
        What else makes jobs of a group cost differently.
    """

    group: str
    amounts: tuple[float, ...] = ()
    backbone: Mapping[str, Any] | None = None
    settings: str = ""


def work_of(job: Job, known: Known) -> Work | None:
    """Return how much ``job`` has to do; None if too little is known of what it reads."""
    try:
        return _COUNTS[job.kind](job, known)
    except (KeyError, TypeError, ValueError):
        # Another version of tlbench described it otherwise.
        return None


def _dataset(job: Job, known: Known) -> Work | None:
    recipe = job.config["origin"]
    origin = ORIGINS.get(recipe["kind"]).of_recipe(recipe)
    if origin is None:
        frames = sum(float(recipe["split"][split]["frames"]) for split in SPLITS)
        return Work(f"dataset of {recipe['reader']}", (frames,))
    made = origin.dynamics()
    if made is None:
        return None
    amounts = (made.n_steps * made.n_structures * made.n_atoms, made.n_steps)
    return Work(f"dataset of {origin.kind}", amounts)


def _train(job: Job, known: Known) -> Work | None:
    training, backbone = job.config["training"], job.config["backbone"]
    if training is None:
        return Work("train nothing", settings=canonical_json(backbone))
    sizes = known.sizes(job.parents["data"])
    if sizes is None:
        return None
    frames = sizes.chosen("train", job.config["subset"])
    full = training["batch_size"]
    batch = full if "replayed" in job.parents else min(full, frames)
    per_update = UPDATE * training["updates"]
    # Three times over what it was trained on, for the energy constant and the last errors.
    evaluated = 3 * frames * sizes.atoms["train"]
    evaluated += (training["validation_points"] + 1) * sizes.atoms_in("validation")
    atoms = per_update * batch * sizes.atoms["train"] + evaluated
    return Work(TRAIN, (atoms, per_update + ceil(evaluated / ATOMS_PER_BATCH)), backbone)


def _evaluate(job: Job, known: Known) -> Work | None:
    model, sizes = known.parent(job, "model"), known.sizes(job.parents["data"])
    if model is None or sizes is None:
        return None
    atoms = sizes.atoms_in(job.config["split"])
    return Work("evaluate", (atoms, ceil(atoms / ATOMS_PER_BATCH)), model.config["backbone"])


def _simulate(job: Job, known: Known) -> Work | None:
    model, reference = known.parent(job, "model"), known.parent(job, "reference")
    if model is None or reference is None:
        return None
    protocol = Protocol.model_validate(job.config["protocol"])
    start = reference.config["start"]
    steps, replicas, backbone = protocol.n_steps, protocol.replicas, model.config["backbone"]
    if start["kind"] == "stillinger-weber":
        return Work("simulate", _dynamics(steps, replicas, start["repeats"]), backbone)
    sizes = known.sizes(reference.parents["data"])
    if sizes is None:
        return None
    return Work("simulate", (steps * replicas * sizes.atoms["train"], steps), backbone)


def _reference(job: Job, known: Known) -> Work | None:
    start = job.config["start"]
    if start["kind"] == "stillinger-weber":
        protocol = Protocol.model_validate(job.config["protocol"])
        amounts = _dynamics(2 * protocol.n_steps, protocol.replicas, start["repeats"])
        return Work("reference of stillinger-weber", amounts)
    sizes = known.sizes(job.parents["data"])
    return None if sizes is None else Work("reference of frames", (_atoms(sizes, SPLITS),))


def _environments(job: Job, known: Known) -> Work | None:
    sizes = known.sizes(job.parents["data"])
    return None if sizes is None else Work(job.kind, (_atoms(sizes, ("train", "test")),))


def _geometry(job: Job, known: Known) -> Work | None:
    sizes = known.sizes(job.parents["data"])
    return None if sizes is None else Work(job.kind, (sizes.atoms_in("test"),))


def _distance(job: Job, known: Known) -> Work | None:
    atoms = 0.0
    for role in ("a", "b"):
        sizes, each = known.sizes(job.parents[f"{role}_data"]), job.config[role]
        if sizes is None:
            return None
        split = each["split"]
        atoms += sizes.chosen(split, each["subset"]) * sizes.atoms[split]
    return Work(job.kind, (atoms,), settings=canonical_json(job.config["settings"]))


def _coverage(job: Job, known: Known) -> Work | None:
    target, source = (known.sizes(job.parents[f"{role}_data"]) for role in ("target", "source"))
    if target is None or source is None:
        return None
    against = 0.0
    for role, sizes in (("target", target), ("source", source)):
        against += sizes.chosen("train", job.config[role]) * sizes.atoms["train"]
    return Work(job.kind, (target.atoms_in("test") * against,))


def _backbone_alone(job: Job, known: Known) -> Work | None:
    return Work(job.kind, settings=canonical_json(job.config["backbone"]))


def _fixed(job: Job, known: Known) -> Work | None:
    return Work(job.kind)


def _dynamics(steps: float, replicas: int, repeats: Any) -> tuple[float, float]:
    cells = repeats[0] * repeats[1] * repeats[2]
    return steps * replicas * ATOMS_PER_CELL * cells, float(steps)


def _atoms(sizes: Sizes, splits: tuple[str, ...]) -> float:
    return sum(sizes.atoms_in(split) for split in splits)


_COUNTS: dict[str, Callable[[Job, Known], Work | None]] = {
    "dataset": _dataset,
    "train": _train,
    "speed": _backbone_alone,
    "evaluate": _evaluate,
    "reference": _reference,
    "simulate": _simulate,
    "compare": _fixed,
    "environments": _environments,
    "distance": _distance,
    "coverage": _coverage,
    "geometry": _geometry,
}
