"""Parameters of a network by element, which transfer copies, and by stage, which it freezes."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tlbench.base.errors import InputError
from tlbench.models.backbones.base import EMBEDDING, HEAD, MAX_ATOMIC_NUMBER, Backbone

if TYPE_CHECKING:
    from torch.nn import Parameter


def copy_element(backbone: Backbone, start: Mapping[int, int], trained: Collection[int]) -> None:
    """Give every target element everything that ``backbone`` knows of its source element.

    All are copied at once, so that elements may also exchange what is known of them. Afterwards a
    structure of target atoms has exactly the energy of the same structure of source atoms.

    Parameters
    ----------
    start
        Atomic number of every target element → that of the source element it starts as.
    trained
        Atomic numbers of the elements that the network was trained on.

    Raises
    ------
    InputError
        If the backbone names a tensor that it does not have, or an axis that is not one of
        elements.
    """
    targets, sources = [*start], [*start.values()]
    for tensor, axis in _tables(backbone):
        with torch.no_grad():
            rows = tensor.index_select(axis, torch.tensor(sources, device=tensor.device))
            for row, target in enumerate(targets):
                tensor.select(axis, target).copy_(rows.select(axis, row))


def keep_element(backbone: Backbone, start: Mapping[int, int], trained: Collection[int]) -> None:
    """Leave new elements at the random values that they were drawn with.

    Training on other elements has not touched them. Elements that the network was trained on stay
    as they are. Parameters and errors are those of `copy_element`.
    """
    for _ in _tables(backbone):
        pass


def mean_element(backbone: Backbone, start: Mapping[int, int], trained: Collection[int]) -> None:
    """Give new elements the mean of what ``backbone`` holds of those that it was trained on.

    As new words start in language models (Hewitt, *Initializing New Word Embeddings for
    Pretrained Language Models*, 2021). Elements that the network was trained on stay as they are.
    Parameters and errors are those of `copy_element`; a network that was trained on no element that
    is known is refused, too.
    """
    if not trained:
        raise InputError(
            "The source model knows the energy of no element, so that +mean has no elements to "
            "take the mean of; use another start of elements."
        )
    for tensor, axis in _tables(backbone):
        with torch.no_grad():
            rows = tensor.index_select(axis, torch.tensor([*trained], device=tensor.device))
            for target in set(start) - set(trained):
                tensor.select(axis, target).copy_(rows.mean(dim=axis))


def _tables(backbone: Backbone) -> Iterator[tuple[Tensor, int]]:
    """Yield every tensor with an element axis, and the axis."""
    tensors = backbone.state_dict(keep_vars=True)
    for name, axis in backbone.element_parameters().items():
        if name not in tensors:
            raise InputError(
                f"{type(backbone).__name__}.element_parameters names {name!r}, "
                "which is not one of its parameters or buffers."
            )
        tensor = tensors[name]
        if not 0 <= axis < tensor.dim() or tensor.shape[axis] != MAX_ATOMIC_NUMBER + 1:
            raise InputError(
                f"{type(backbone).__name__}.element_parameters says that axis {axis} of "
                f"{name!r} (shape {tuple(tensor.shape)}) counts elements, but it is not "
                f"{MAX_ATOMIC_NUMBER + 1} long."
            )
        yield tensor, axis


def stages_of(backbone: Backbone) -> "dict[str, list[Parameter]]":
    """Return the parameters of every stage of a network, from the input to the output.

    The first stage is "embedding" and the last "head".

    Raises
    ------
    InputError
        If the backbone does not name its stages, or a parameter is in none or in several.
    """
    name = type(backbone).__name__
    stages = backbone.stages()
    if not stages:
        raise InputError(
            f"{name} does not name its stages, so none of them can be frozen or trained alone; "
            "define its method 'stages', or choose a strategy that trains all of it."
        )
    if [*stages][:1] != [EMBEDDING] or [*stages][-1:] != [HEAD]:
        raise InputError(
            f"The first of the stages of {name} should be called {EMBEDDING!r} and the last "
            f"{HEAD!r}; they are {', '.join(stages)}."
        )
    found: dict[str, list[Parameter]] = {stage: [] for stage in stages}
    for parameter_name, parameter in backbone.named_parameters():
        homes = [s for s, beginnings in stages.items() if parameter_name.startswith(beginnings)]
        if len(homes) != 1:
            where = f"in {' and '.join(homes)}" if homes else "in none"
            raise InputError(
                f"The parameter {parameter_name!r} of {name} is {where} of its stages."
            )
        found[homes[0]].append(parameter)
    return found
