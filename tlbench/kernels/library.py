"""Compiles ``kernels.c`` for this machine, once, loads it, and calls what is in it."""

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import torch
from platformdirs import user_cache_path
from torch import Tensor

LANE_BYTES = 64
SWITCH = "TLBENCH_KERNELS"

MAX_RADIAL, MAX_LAYERS, MAX_ORDERS, TILE, NO_SKIP = 32, 32, 10, 16, -2
"""Sizes that the kernels are compiled for: the longest rows of radial functions, the deepest
network, the largest number of angular orders, the rows of a tile; and the number of no value."""

_SIZES = {
    "MAX_R": MAX_RADIAL,
    "MAX_LAYERS": MAX_LAYERS,
    "MAX_ORDERS": MAX_ORDERS,
    "TILE": TILE,
    "NONE": NO_SKIP,
}
_FLAGS = ["-O3", "-march=native", "-fno-math-errno", "-ffp-contract=fast", "-fPIC"]
_THREADS = ["-fopenmp"]
_PRECISION = {torch.float32: [], torch.float64: ["-DDOUBLE"]}
_COMPILE_SECONDS = 120
_SEAL_BYTES = 32

_log = logging.getLogger(__name__)


def library_for(
    x: Tensor, *widths: int, alongside: Sequence[Tensor | None] = ()
) -> ctypes.CDLL | None:
    """Return the compiled kernels for the precision of ``x``, or None if they cannot be used.

    That is on a device other than the CPU, where the tensors ``alongside`` differ in precision or
    device, where a width is not a multiple of a vector's, where no C compiler is found, and where
    the environment variable ``TLBENCH_KERNELS`` is ``off``.
    """
    if not x.is_cpu or x.dtype not in _PRECISION:
        return None
    lanes = LANE_BYTES // x.element_size()
    if any(width % lanes for width in widths):
        return None
    # The kernels read addresses; torch says what is wrong with tensors that do not match.
    if any(t is not None and (t.dtype != x.dtype or not t.is_cpu) for t in alongside):
        return None
    if os.environ.get(SWITCH, "on") == "off":
        return None
    return _load(x.dtype)[0]


def describe() -> str:
    """Say which kernels the CPU uses, for provenance."""
    if os.environ.get(SWITCH, "on") == "off":
        return "torch (switched off)"
    return _load(torch.float32)[1]


def compiler_flags() -> str | None:
    """Return how the kernels that the CPU uses were compiled, None if plain torch is used."""
    if os.environ.get(SWITCH, "on") == "off" or _load(torch.float32)[0] is None:
        return None
    return " ".join(_FLAGS)


@cache
def _compiler() -> tuple[str, str] | None:
    """Return path and version line of the C compiler."""
    path = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc")
    if path is None:
        return None
    try:
        shown = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_COMPILE_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return path, (shown.stdout.splitlines() or ["unknown compiler"])[0]


@cache
def _load(dtype: torch.dtype) -> tuple[ctypes.CDLL | None, str]:
    """Return the kernels, if they can be used, and what is used."""
    compiler = _compiler()
    if compiler is None:
        return None, "torch"
    _, version = compiler
    reasons = []
    for threads in (_THREADS, []):
        sizes = [f"-D{name}={size}" for name, size in _SIZES.items()]
        flags = [*_FLAGS, *sizes, *threads, *_PRECISION[dtype]]
        try:
            library = ctypes.CDLL(str(_compiled(compiler, flags)))
        except (OSError, subprocess.SubprocessError) as error:
            reasons.append(str(error))
            continue
        if threads:
            return library, version
        _log.warning("The compiled kernels use one thread alone: %s", "; ".join(reasons))
        return library, f"{version}, without threads"
    _log.warning("The compiled kernels cannot be used, plain torch is: %s", "; ".join(reasons))
    return None, "torch"


def _compiled(compiler: tuple[str, str], flags: list[str]) -> Path:
    """Return the library compiled with ``flags``, from the cache if it is there and undamaged."""
    path, version = compiler
    folder = Path(__file__).parent
    sources = sorted(path for path in folder.iterdir() if path.suffix in (".c", ".h"))
    # A cache folder may be shared by machines with other processors.
    parts = [source.read_bytes() for source in sources]
    parts += [" ".join(flags).encode(), version.encode(), _processor().encode()]
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:20]
    target = user_cache_path("tlbench") / "kernels" / f"{digest}.so"
    if _whole(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        compiled, linked = Path(name) / "kernels.o", Path(name) / target.name
        # OpenMP is not linked: the symbols are those of the library that torch has loaded, so
        # that there is one set of threads and not two.
        for command in (
            [path, *flags, "-c", "-o", str(compiled), str(folder / "kernels.c")],
            [path, "-shared", "-o", str(linked), str(compiled)],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=_COMPILE_SECONDS)
        content = linked.read_bytes()
        # What follows a library's end is not read when it is loaded.
        linked.write_bytes(content + hashlib.sha256(content).digest())
        linked.replace(target)
    return target


def _whole(library: Path) -> bool:
    """Return whether a library is there, undamaged; loading half of one kills the process."""
    if not library.exists():
        return False
    content = library.read_bytes()
    return hashlib.sha256(content[:-_SEAL_BYTES]).digest() == content[-_SEAL_BYTES:]


def _processor() -> str:
    """Return what the processor can do, as far as the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    said = sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    return "\n".join(said)


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
    """Return whether ``first`` says, in the kernels' format, where each atom's edges begin."""
    if first.dtype != torch.int64 or not first.is_cpu or first.dim() != 1:
        return False
    return len(first) > 0 and int(first[-1]) == n_edges


def threads_for(n_items: int) -> int:
    """Return how many of torch's threads a kernel should use for ``n_items`` atoms or edges."""
    return max(1, min(torch.get_num_threads(), n_items // _ITEMS_PER_THREAD))


def partial_sums(like: Tensor, threads: int) -> Tensor:
    """Return zeros in the shape of a tensor, one set for each thread to add to."""
    return like.new_zeros((threads, *like.shape))


class Sums:
    """Sums in the shapes of several tensors, in one array for each thread to add to.

    They begin with ``known`` (n,), the sums of all tensors in a row, or with zero.
    """

    def __init__(
        self,
        like: Sequence[Tensor | None],
        threads: int,
        dtype: torch.dtype,
        known: Tensor | None = None,
    ) -> None:
        self._like = like
        sizes = [0 if t is None else t.numel() for t in like]
        self._sums = torch.zeros((threads, sum(sizes)), dtype=dtype)
        if known is not None:
            self._sums[0] = known
        self._ends = list(accumulate(sizes, initial=0))

    def addresses(self, begin: int, end: int) -> Any:
        """Return where the sums of some tensors begin, thread by thread; NULL for None."""
        start, size = self._sums.data_ptr(), self._sums.element_size()
        places = [
            None
            if self._like[n] is None
            else start + size * (thread * self._ends[-1] + self._ends[n])
            for thread in range(len(self._sums))
            for n in range(begin, end)
        ]
        return (ctypes.c_void_p * len(places))(*places)

    def total(self) -> Tensor:
        """Return the sums over the threads, those of all tensors in a row, (n,)."""
        return self._sums[0] if len(self._sums) == 1 else self._sums.sum(dim=0)

    def totals(self) -> list[Tensor | None]:
        """Return the sums over the threads, tensor by tensor."""
        sizes = [end - begin for begin, end in pairwise(self._ends)]
        parts = zip(self._like, torch.split(self.total(), sizes), strict=True)
        return [None if t is None else part.view(t.shape) for t, part in parts]


def call(function: Any, threads: int, n_items: int, *arguments: Any) -> None:
    """Call a kernel.

    Raises
    ------
    MemoryError
        If it got no memory to work in.
    """
    if function(threads, ctypes.c_long(n_items), *arguments):
        raise MemoryError("A compiled kernel got no memory to work in.")
