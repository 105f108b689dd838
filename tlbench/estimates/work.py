"""How much work a job is, counted from its settings before it is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from tlbench.data.origins import ORIGINS, SPLITS
from tlbench.data.splits import share_size
from tlbench.jobs.base import Job
from tlbench.md.protocol import Protocol
from tlbench.schema import canonical_json

UPDATE = 2.7
"""Force calls that an update of the same structures costs; benchmarks/README.md measures it."""

CALL = 100
"""Atoms more that a force call costs as much as, beyond those whose forces it computes; about right
for the backbones and processors of the published runs."""

ATOMS_PER_CELL = 8
"""Atoms of the conventional cell of diamond."""


@dataclass(frozen=True)
class Amount:
    """How much a job has to do.

    Attributes
    ----------
    number
        Number of equal pieces of work; for models, of atoms whose forces are computed, a call
        counted as `CALL` atoms more.
    rate
        What jobs of a kind have in common whose pieces take equally long, such as a backbone.
    """

    number: float
    rate: str = ""


@dataclass(frozen=True)
class Sizes:
    """How many structures a data set has in each part, and of how many atoms on average.

    ``at`` has the number of structures of one temperature in each part; it is empty where only the
    files know.
    """

    frames: Mapping[str, int]
    atoms: Mapping[str, float]
    at: Mapping[tuple[str, float], int] = field(default_factory=dict)

    def atoms_in(self, *splits: str) -> float:
        """Return the number of atoms in some parts."""
        return sum(self.frames[split] * self.atoms[split] for split in splits)

    def n_frames(self, split: str, subset: Mapping[str, Any] | None) -> int:
        """Return how many structures a subset of a part has."""
        if subset is None:
            return self.frames[split]
        if subset.get("size") is not None:
            return int(subset["size"])
        available = self.frames[split]
        if "share" in subset and subset["temperatures_k"] is not None and self.at:
            available = sum(self.at.get((split, float(t)), 0) for t in subset["temperatures_k"])
        return share_size(available, subset["share"]) if available else 0


Find = Callable[[str], Job | None]
SizesOf = Callable[[str], Sizes | None]


def amount_of(job: Job, find: Find, sizes: SizesOf) -> Amount | None:
    """Return how much work a job is; None if too little is known of its parents.

    Parameters
    ----------
    find
        Returns the job of a key, None if it is unknown.
    sizes
        Returns the sizes of the data set of a job's key, None if they are unknown.
    """
    parents = {role: find(key) for role, key in job.parents.items()}
    data = {
        role: sizes(key if parent.kind == "dataset" else parent.parents.get("data", ""))
        for role, key in job.parents.items()
        if (parent := parents[role]) is not None
    }
    try:
        return _counted(job.kind, job.config, parents, data)
    except AttributeError:
        # Too little is known of a parent.
        return None


def _counted(kind: str, config: Any, parents: Any, data: Any) -> Amount:
    computes = parents["model"].config if "model" in parents else config
    backbone = canonical_json(computes.get("backbone"))
    if kind == "dataset":
        recipe = config["origin"]
        origin = ORIGINS.get(recipe["kind"]).of_recipe(recipe)
        if origin is None:
            frames = sum(float(recipe["split"][split]["frames"]) for split in SPLITS)
            return Amount(frames, str(recipe["reader"]))
        made: Any = origin.dynamics()
        return Amount(made.n_steps * made.n_structures * made.n_atoms, origin.kind)
    if kind == "train":
        return _training(config, data.get("data"), "replayed" in data, backbone)
    if kind == "evaluate":
        return Amount(data["data"].atoms_in(config["split"]), backbone)
    if kind == "simulate":
        atoms = _atoms_at_start(parents["reference"].config["start"], data.get("reference"))
        protocol = Protocol.model_validate(config["protocol"])
        return Amount(protocol.n_steps * (protocol.replicas * atoms + CALL), backbone)
    if kind == "reference":
        start = config["start"]
        if start["kind"] == "frames":
            return Amount(data["data"].atoms_in(*SPLITS), "frames")
        protocol = Protocol.model_validate(config["protocol"])
        atoms = protocol.replicas * _atoms_at_start(start, None)
        return Amount(2 * protocol.n_steps * (atoms + CALL), start["kind"])
    if kind == "environments":
        return Amount(data["data"].atoms_in("train", "test"))
    if kind == "geometry":
        return Amount(data["data"].atoms_in("test"))
    if kind == "distance":
        sets = [(data[f"{role}_data"], config[role]) for role in ("a", "b")]
        atoms = sum(d.n_frames(c["split"], c["subset"]) * d.atoms[c["split"]] for d, c in sets)
        return Amount(atoms, canonical_json(config["settings"]))
    if kind == "coverage":
        sets = [(data[f"{role}_data"], config[role]) for role in ("target", "source")]
        against = sum(d.n_frames("train", subset) * d.atoms["train"] for d, subset in sets)
        return Amount(data["target_data"].atoms_in("test") * against)
    return Amount(1.0, backbone)


def _training(config: Any, data: Any, replayed: bool, backbone: str) -> Amount:
    training = config["training"]
    if training is None:
        return Amount(1.0, f"untrained {backbone}")
    frames, batch = data.n_frames("train", config["subset"]), training["batch_size"]
    # Data that are replayed fill up a batch.
    batch = batch if replayed else min(batch, frames)
    # Three times over what it was trained on, for the energy constant and the last errors.
    atoms = UPDATE * training["updates"] * (batch * data.atoms["train"] + CALL)
    atoms += 3 * frames * data.atoms["train"]
    atoms += (training["validation_points"] + 1) * data.atoms_in("validation")
    return Amount(atoms, backbone)


def _atoms_at_start(start: Any, data: Any) -> float:
    cell = start["kind"] != "frames"
    return float(ATOMS_PER_CELL * prod(start["repeats"]) if cell else data.atoms["train"])
