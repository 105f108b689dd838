"""Low-rank adapters beside the matrices of a network."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import Parameter

from tlbench.base.errors import InputError
from tlbench.base.schema import Strict
from tlbench.base.seeds import stream
from tlbench.models.backbones.base import Backbone
from tlbench.transfer.parametrisation import Parametrisation
from tlbench.transfer.strategy import ParameterGroup, Strategy

if TYPE_CHECKING:
    from tlbench.models.potential import Potential

Shape = tuple[int, ...]


class LoraSettings(Strict):
    """Rank of the adapters, and what they are multiplied by."""

    rank: PositiveInt = Field(default=4, description="rank of the change of a matrix")
    alpha: PositiveFloat = Field(
        default=8.0, description="the change is multiplied by alpha over the rank"
    )


def matrices(backbone: Backbone) -> Iterator[tuple[Parameter, list[Shape]]]:
    """Yield the weights of linear maps, each with the shapes of the parts that it is made of.

    A weight with two axes is one matrix. A flat weight of e3nn is one part for each path, from
    all channels of an irrep to all channels of another, laid out end to end; a change of it leaves
    the map equivariant, whatever it is. Tables of elements, biases, norms and frequencies are not
    matrices, nor are weights that are fixed.
    """
    tables = backbone.element_parameters()
    for name, parameter in backbone.named_parameters():
        owner, _, last = name.rpartition(".")
        if name in tables or not parameter.requires_grad:
            continue
        if parameter.dim() == 2:
            yield parameter, [tuple(parameter.shape)]
            continue
        module: Any = backbone.get_submodule(owner)
        if last == "weight" and hasattr(module, "weight_views"):
            shapes = [tuple(view.shape) for view in module.weight_views()]
            if any(len(shape) > 1 for shape in shapes):
                yield parameter, shapes


def adapted_parameters(potential: "Potential") -> list[ParameterGroup]:
    """Return the parameters that have adapters."""
    return [ParameterGroup([parameter for parameter, _ in matrices(potential.backbone)])]


class LowRank(Parametrisation):
    """Changes W = W₀ + (α/r) U V of matrices, with U (rows, r) and V (r, columns).

    U starts at zero, and V at normal numbers as large as those of W₀, which for a layer whose
    weights were just drawn are those of the reference implementation, and serve layers with other
    normalisations alike. A matrix with fewer than r rows or columns has a change of its full rank;
    r in the factor is the rank of the settings for it too.

    Parameters
    ----------
    seed
        Draws V.

    Raises
    ------
    InputError
        If the backbone has no matrices, or none that has so high a rank.
    """

    def __init__(self, potential: "Potential", seed: int, settings: LoraSettings) -> None:
        super().__init__()
        found = list(matrices(potential.backbone))
        ranks = {
            layer: max(map(_rank, shapes))
            for layer, parameter in potential.backbone.named_parameters()
            for adapted, shapes in found
            if adapted is parameter
        }
        if settings.rank > (largest := max(ranks.values(), default=0)):
            raise InputError(
                f"lora: rank {settings.rank} is larger than that of every linear layer of the "
                f"backbone {potential.name!r}; the largest is {largest}, of "
                f"{max(ranks, key=lambda layer: ranks[layer])}, so choose a rank up to that."
                if largest
                else f"lora: the backbone {potential.name!r} has no linear layers that an adapter "
                "can be put beside; choose another strategy."
            )
        generator = torch.Generator().manual_seed(stream("adapters", seed))
        self._factor = settings.alpha / settings.rank
        self._starts = [parameter.detach().clone() for parameter, _ in found]
        self._shapes = [shapes for _, shapes in found]
        self.left, self.right = nn.ParameterList(), nn.ParameterList()
        for start, shapes in zip(self._starts, self._shapes, strict=True):
            parts = torch.split(start.flatten(), [_size(shape) for shape in shapes])
            for part, shape in zip(parts, shapes, strict=True):
                if rank := min(settings.rank, _rank(shape)):
                    rows, columns = _size(shape[:-1]), shape[-1]
                    width = float(part.square().mean().sqrt()) or columns**-0.5
                    drawn = torch.randn((rank, columns), generator=generator, dtype=start.dtype)
                    self.left.append(Parameter(start.new_zeros((rows, rank))))
                    self.right.append(Parameter((width * drawn).to(start.device)))

    def forward(self) -> list[Tensor]:
        """Return W of every adapted parameter."""
        factors = zip(self.left, self.right, strict=True)
        found = []
        for start, shapes in zip(self._starts, self._shapes, strict=True):
            changes = []
            for shape in shapes:
                if _rank(shape):
                    left, right = next(factors)
                    change = self._factor * (left @ right)
                    changes.append(change.flatten())
                else:
                    changes.append(start.new_zeros(_size(shape)))
            found.append(start + torch.cat(changes).view_as(start))
        return found


def _size(shape: Shape) -> int:
    return torch.Size(shape).numel()


def _rank(shape: Shape) -> int:
    """Return the largest rank of a part with all axes but the last as rows; 0 if it has one axis.

    Weights with one axis multiply channel by channel.
    """
    return min(_size(shape[:-1]), shape[-1]) if len(shape) > 1 else 0


def lora(settings: LoraSettings) -> Strategy:
    """Return the strategy with these settings."""
    return Strategy(
        name="lora",
        summary="from the source model; weights of linear layers change by matrices of low rank, "
        "everything else stays",
        literature="Hu et al., ICLR 2022, arXiv 2106.09685 (LoRA); path by path in equivariant "
        "layers as Wang et al., ICML 2025 (ELoRA)",
        needs_source=True,
        trains=True,
        trains_elements=False,
        settings=settings,
        variant=lora,
        trained=adapted_parameters,
        parametrisation=partial(LowRank, settings=settings),
    )


LORA = lora(LoraSettings())
