"""What Python needs to call the kernels."""

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

_ITEMS_PER_THREAD = 64


def address(tensor: Tensor | None) -> ctypes.c_void_p | None:
    """Return where a tensor's data lie; None for None."""
    return None if tensor is None else ctypes.c_void_p(tensor.data_ptr())


def addresses(tensors: Sequence[Tensor | None]) -> Any:
    """Return an array of addresses."""
    return (ctypes.c_void_p * len(tensors))(*[None if t is None else t.data_ptr() for t in tensors])


def whole(tensor: Tensor | None) -> Tensor | None:
    """Return the tensor without gaps; None for None."""
    return None if tensor is None else tensor.contiguous()


def spans(first: Tensor, n_edges: int) -> bool:
    """Return whether ``first`` tells as the kernels read it where the edges of each atom begin."""
    if first.dtype != torch.int64 or not first.is_cpu or first.dim() != 1:
        return False
    return len(first) > 0 and int(first[-1]) == n_edges


def threads_for(n_items: int) -> int:
    """Return how many of torch's threads a kernel should use for ``n_items`` atoms or edges."""
    return max(1, min(torch.get_num_threads(), n_items // _ITEMS_PER_THREAD))


def partial_sums(like: Tensor, threads: int) -> Tensor:
    """Return zeros in the shape of a tensor, one set for each thread to add to."""
    return like.new_zeros((threads, *like.shape))


def call(function: Any, threads: int, n_items: int, *arguments: Any) -> None:
    """Call a kernel.

    Raises
    ------
    MemoryError
        If it got no memory to work in.
    """
    if function(threads, ctypes.c_long(n_items), *arguments):
        raise MemoryError("A compiled kernel got no memory to work in.")
