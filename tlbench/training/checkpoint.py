"""Training state on disk, from which a run resumes bit for bit."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

from tlbench.files import PART
from tlbench.potential import Potential, set_tensors, tensors_of


@dataclass
class Curve:
    """How a training run went.

    ``loss`` has one value per update; ``validation`` holds (updates done, force MAE in meV/Å).
    """

    loss: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)


def save_checkpoint(
    path: Path, potential: Potential, optimiser: Optimizer, update: int, curve: Curve
) -> None:
    """Write weights, optimiser state and progress; a crash leaves the old file or the new."""
    tensors = {f"potential.{name}": value for name, value in tensors_of(potential).items()}
    for index, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"optimiser.{index}.{name}"] = value.contiguous()
    metadata = {"update": str(update), "curve": json.dumps(asdict(curve))}
    part = path.with_suffix(PART)
    save_file(tensors, part, metadata=metadata)
    part.replace(path)


def load_checkpoint(
    path: Path, potential: Potential, optimiser: Optimizer
) -> tuple[int, Curve] | None:
    """Restore what ``save_checkpoint`` wrote; None if there is no usable checkpoint.

    Returns
    -------
    int, Curve
        Number of updates done, and the curve so far.
    """
    state: dict[int, dict[str, Tensor]] = {}
    try:
        with safe_open(str(path), framework="pt", device=str(potential.device)) as file:
            metadata = file.metadata()
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        update = int(metadata["update"])
        kept = json.loads(metadata["curve"])
        curve = Curve(kept["loss"], [(int(u), float(e)) for u, e in kept["validation"]])
        weights = {}
        for key, value in tensors.items():
            owner, _, name = key.partition(".")
            if owner == "potential":
                weights[name] = value
            else:
                index, _, name = name.partition(".")
                state.setdefault(int(index), {})[name] = value
        set_tensors(potential, weights)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError):
        return None
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    return update, curve


def write_curve(path: Path, curve: Curve) -> None:
    """Write the curve as JSON."""
    path.write_text(json.dumps(asdict(curve)))
