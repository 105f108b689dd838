"""Errors of a GPU, after which a process is of no use: what they are and what to do."""

import re
import textwrap
from collections.abc import Iterator

_OF_CUDA = re.compile(
    r"\b(cuda|hip|cublas|cudnn|cusolver|cusparse|cufft)( driver| runtime)? error\b"
    r"|\btriton error \[(cuda|hip)\]",
    re.IGNORECASE,
)
"""As "CUDA error: device-side assert triggered", "cuDNN error: …", "Triton Error [CUDA]: …"."""

_NOT_STARTED = re.compile(
    r"\bNo (CUDA|HIP) GPUs are available|\b(CUDA|HIP) unknown error\b"
    r"|\bUnexpected error from (cuda|hip)GetDeviceCount\b"
    r"|\b(CUDA|HIP) driver initialization failed|\bFound no NVIDIA driver\b"
    r"|\bno CUDA-capable device is detected"
)
"""How torch says that a process cannot begin to use the GPU that it was given."""

_OUT_OF_MEMORY = re.compile(r"out of memory|_STATUS_ALLOC_FAILED")
_ASKED_FOR = re.compile(r"[Tt]ried to allocate ([\d.]+ [KMGT]i?B)")


def gpu_death(error: BaseException) -> str | None:
    """Return why a process is of no use after an error of its GPU; None if it was another error.

    After a CUDA error (failed assertion, illegal access, uncorrectable memory) every further call
    of CUDA in the same process fails, and which job was to blame cannot be known: calls are
    asynchronous, and hardware fails, too. What memory is left depends on the other processes on the
    GPU, and a new process starts with memory that is not fragmented. So neither is taken as the
    job's own fault until it has been tried again.

    Parameters
    ----------
    error
        What a job raised; an error that was raised ``from`` one of the GPU counts as that one.
    """
    if (full := out_of_memory(error)) is not None:
        return full
    for text, kind in _of_runtime(error):
        first = textwrap.shorten(text.strip().partition("\n")[0], 200)
        if _NOT_STARTED.search(text):
            return f"CUDA could not be started on its GPU ({first})"
        if _OF_CUDA.search(text) or kind == "AcceleratorError":
            return f"a GPU error left its process unable to go on ({first})"
    return None


def gpu_not_started(error: BaseException) -> bool:
    """Return whether an error says that CUDA cannot be started, as it could not in a new process.

    Parameters
    ----------
    error
        As for `gpu_death`.
    """
    return any(_NOT_STARTED.search(text) for text, _ in _of_runtime(error))


def out_of_memory(error: BaseException) -> str | None:
    """Return what to do where an error says that the memory of a GPU ran out; None elsewhere.

    Parameters
    ----------
    error
        As for `gpu_death`.
    """
    for text, kind in _of_runtime(error):
        if kind == "OutOfMemoryError" or (_OF_CUDA.search(text) and _OUT_OF_MEMORY.search(text)):
            asked = _ASKED_FOR.search(text)
            more = f" when {asked[1]} more was asked for" if asked else ""
            return (
                f"the memory of the GPU ran out{more}; use fewer workers per GPU "
                "(--workers-per-gpu), a smaller batch (training.batch_size), fewer replicas of "
                "simulations or a larger GPU"
            )
    return None


def _of_runtime(error: BaseException | None) -> Iterator[tuple[str, str]]:
    """Yield text and name of the RuntimeErrors, of which torch's are, among an error's causes."""
    while error is not None:
        if isinstance(error, RuntimeError):
            yield str(error), type(error).__name__
        error = error.__cause__
