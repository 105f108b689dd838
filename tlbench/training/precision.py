"""How exact matrix products in single precision are on a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def tensor_float_32(allowed: bool) -> Iterator[None]:
    """Inside, let matrix products on a GPU round their factors to TF32, or not; then as before.

    TF32 keeps 10 bits of the mantissa of a factor instead of 23: a relative error of 5e-4 in each,
    while sums are in single precision. CUDA uses it where it is allowed and the GPU has it (Ampere
    and later). It does nothing to double precision.
    """
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
