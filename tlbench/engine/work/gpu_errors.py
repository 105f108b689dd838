"""Errors of a GPU, after which a process is of no use: what they are and what to do."""

import re
import textwrap

_OF_CUDA = re.compile(
    r"\b(cuda|hip|cublas|cudnn|cusolver|cusparse|cufft)( driver| runtime)? error\b", re.IGNORECASE
)
"""As "CUDA error: device-side assert triggered", "cuDNN error: …", "CUDA driver error: …"."""

_OUT_OF_MEMORY = re.compile(r"out of memory|_STATUS_ALLOC_FAILED")
_ASKED_FOR = re.compile(r"[Tt]ried to allocate ([\d.]+ [KMGT]i?B)")


def gpu_death(error: BaseException) -> str | None:
    """Return why a process is of no use after an error of its GPU; None if it was another error.

    After a CUDA error (failed assertion, illegal access, uncorrectable memory) every further call
    of CUDA in the same process fails, and which job was to blame cannot be told: calls are
    asynchronous, and hardware fails, too. What memory is left depends on the other processes on the
    GPU, and a new process starts with memory that is not fragmented. So neither is taken as the
    job's own fault until it has been tried again.

    Parameters
    ----------
    error
        What a job raised; an error that was raised ``from`` one of the GPU counts as that one.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RuntimeError):
            import torch

            text = str(cause)
            of_cuda = _OF_CUDA.search(text) is not None
            if isinstance(cause, torch.OutOfMemoryError) or (
                of_cuda and _OUT_OF_MEMORY.search(text)
            ):
                return _out_of_memory(text)
            if of_cuda or isinstance(cause, getattr(torch, "AcceleratorError", ())):
                first = textwrap.shorten(text.strip().partition("\n")[0], 200)
                return f"a GPU error left its process unable to go on ({first})"
        cause = cause.__cause__
    return None


def _out_of_memory(text: str) -> str:
    asked = _ASKED_FOR.search(text)
    more = f" when {asked[1]} more was asked for" if asked else ""
    return (
        f"the memory of the GPU ran out{more}; use fewer workers per GPU (--workers-per-gpu), a "
        "smaller batch (training.batch_size, dynamics.replicas) or a larger GPU"
    )
