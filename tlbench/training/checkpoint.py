"""Training state on disk, from which a run resumes, on a CPU bit for bit."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import BaseModel
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.optim import Optimizer

from tlbench.base.files import read_sealed, write_sealed
from tlbench.base.formats import Format
from tlbench.base.spent import Spent
from tlbench.models.potential import Potential, set_tensors, tensors_of


class Curve(BaseModel):
    """How a training run went.

    ``loss`` has one value per update; ``validation`` holds (updates done, force MAE in meV/Å).
    """

    loss: list[float] = []
    validation: list[tuple[int, float]] = []

    @property
    def best(self) -> tuple[int, float]:
        """The validation point of the lowest error, the first of several."""
        return min(self.validation, key=lambda point: (math.isnan(point[1]), point[1]))


CURVE_FORMAT = Format("training curve", Curve)


def save_checkpoint(
    path: Path,
    potential: Potential,
    optimiser: Optimizer,
    update: int,
    curve: Curve,
    beside: Mapping[str, nn.Module] | None = None,
    spent: Spent | None = None,
) -> None:
    """Write weights, optimiser state and progress, with their digest.

    A crash leaves the old file or the new. ``beside`` are modules whose state is kept beside that
    of the potential, by name.
    """
    # What modules share is kept once.
    tensors = tensors_of(nn.ModuleDict({"potential": potential, **(beside or {})}))
    for index, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"optimiser.{index}.{name}"] = value.contiguous()
    seconds = None if spent is None else spent.until_now()
    progress = json.dumps(
        {"update": update, "curve": curve.model_dump(), "seconds": seconds}
    ).encode()
    tensors["progress"] = torch.frombuffer(bytearray(progress), dtype=torch.uint8)
    write_sealed(path, save({name: tensor.cpu() for name, tensor in tensors.items()}))


def load_checkpoint(
    path: Path,
    potential: Potential,
    optimiser: Optimizer,
    beside: Mapping[str, nn.Module] | None = None,
    spent: Spent | None = None,
) -> tuple[int, Curve] | None:
    """Restore what ``save_checkpoint`` wrote; None if there is no usable checkpoint.

    Then ``spent`` includes what earlier attempts took.

    Returns
    -------
    int, Curve
        Number of updates done, and the curve so far.
    """
    content = read_sealed(path)
    if content is None:
        return None
    tensors = load(content)
    progress = json.loads(bytes(tensors.pop("progress").numpy()))
    curve = Curve.model_validate(progress["curve"])
    weights: dict[str, Tensor] = {}
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        owner, _, name = key.partition(".")
        if owner == "optimiser":
            index, _, name = name.partition(".")
            state.setdefault(int(index), {})[name] = value
        else:
            weights[key] = value
    try:
        set_tensors(nn.ModuleDict({"potential": potential, **(beside or {})}), weights)
    except (KeyError, TypeError, ValueError, RuntimeError):
        # That of another potential.
        return None
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    if spent is not None:
        # Older versions did not keep it.
        seconds = progress.get("seconds")
        spent.before = None if seconds is None else (float(seconds[0]), float(seconds[1]))
    return int(progress["update"]), curve
