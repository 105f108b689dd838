"""Whether freed memory goes back to the system."""

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_GIBIBYTE = 1 << 30
_OLD_MAXIMUM = 32 << 20
"""Bytes from which on arrays are mapped on their own: the most that an older glibc accepts."""


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, to use it again.

    By default glibc returns the memory of every large array to the system when the array is
    freed, and the next array of that size is faulted in again page by page, cleared by the
    kernel; that was measured to cost 10 to 40 % of a training step on a CPU. Afterwards a
    process stays as large as it once was.

    Returns
    -------
    bool
        Whether the C library does so now; False where it is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
    in_the_heap = any(mallopt(_M_MMAP_THRESHOLD, size) for size in (_GIBIBYTE, _OLD_MAXIMUM))
    return in_the_heap and bool(mallopt(_M_TRIM_THRESHOLD, _GIBIBYTE))
