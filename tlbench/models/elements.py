"""Element initialisation: what a target element starts from."""

from collections.abc import Iterator

import torch
from torch import Tensor

from tlbench.base.errors import InputError
from tlbench.models.backbones.base import MAX_ATOMIC_NUMBER, Backbone


def copy_element(backbone: Backbone, source: int, target: int) -> None:
    """Give the element ``target`` everything that ``backbone`` knows of the element ``source``.

    Afterwards a structure of target atoms has exactly the energy of the same structure of
    source atoms.

    Parameters
    ----------
    source, target
        Atomic numbers.

    Raises
    ------
    InputError
        If the backbone names a tensor that it does not have, or an axis that is not one of
        elements.
    """
    for tensor, axis in _tables(backbone):
        with torch.no_grad():
            tensor.select(axis, target).copy_(tensor.select(axis, source))


def keep_element(backbone: Backbone, source: int, target: int) -> None:
    """Leave the element ``target`` at the random values that it was drawn with.

    Training on other elements has not touched them. Parameters and errors are those of
    ``copy_element``.
    """
    for _ in _tables(backbone):
        pass


def mean_element(backbone: Backbone, source: int, target: int) -> None:
    """Give the element ``target`` the mean of what ``backbone`` holds of all elements.

    As new words start in language models (Hewitt, *Initializing New Word Embeddings for
    Pretrained Language Models*, 2021). Most elements have their random values; the mean of them
    all is a vector near zero that favours none. Parameters and errors are those of
    ``copy_element``.
    """
    for tensor, axis in _tables(backbone):
        with torch.no_grad():
            tensor.select(axis, target).copy_(tensor.mean(dim=axis))


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
