"""What Python needs to call the kernels: addresses, and several threads."""

import ctypes
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
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


def shares(n_items: int, multiple: int = 1) -> list[tuple[int, int]]:
    """Divide items among torch's threads: (begin, end) of each share, begins at a multiple."""
    threads = min(torch.get_num_threads(), n_items // _ITEMS_PER_THREAD) or 1
    size = -(-n_items // (threads * multiple)) * multiple or 1
    return [(begin, min(begin + size, n_items)) for begin in range(0, n_items, size)]


def call(kernel: Callable[[int, int, int], int | None], n_shares: Sequence[tuple[int, int]]) -> None:
    """Call ``kernel(number, begin, end)`` for each share, at the same time.

    Raises
    ------
    MemoryError
        If a kernel says that it got no memory.
    """
    others = [
        _pool().submit(kernel, number, begin, end)
        for number, (begin, end) in enumerate(n_shares)
        if number > 0
    ]
    failed = [bool(kernel(0, *n_shares[0]))] if n_shares else []
    failed += [bool(other.result()) for other in others]
    if any(failed):
        raise MemoryError("A kernel got no memory to work in.")


def sums(shape_of: Tensor, n_shares: int) -> Tensor:
    """Return zeros of the shape of a tensor for every share to add to, one after the other."""
    return shape_of.new_zeros((n_shares, *shape_of.shape))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="tlbench-kernel")
