"""A pretended accelerator: tensors of the CPU that say they lie elsewhere and cannot be mixed.

torch lets a device be written in Python (its backend ``PrivateUse1``). A tensor of `DEVICE` holds
one of the CPU, on which every operation is really done. Operations see it in `Dispatch`, which
refuses to mix it with tensors of the CPU as a graphics processor would, and notes what such a
processor would be given to do: *launches*, and *waits* of the host for the device. Import this in a
process of its own, because a device is registered once and for all.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

# Gives the device a thread of its own for backward passes, as CUDA has one.
_setup_privateuseone_for_python_backend("pretended")
DEVICE = torch.device("pretended:0")

ONE_KERNEL = ("silu_backward",)
"""Operations that CPU and CUDA do at once, and that any other device would make of several."""

_AS_CUDA = torch.library.Library("aten", "IMPL")
for _name in ONE_KERNEL:
    _AS_CUDA.impl(_name, torch.library.fallthrough_kernel, "AutogradPrivateUse1")

aten = torch.ops.aten
COPIES = (aten._to_copy.default, aten.copy_.default)
INDEXED = (
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
)
WITHOUT_KERNEL = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided",
                  "_unsafe_view", "_local_scalar_dense", "set_", "resize_", "lift_fresh",
                  "_assert_async")  # fmt: skip
"""Operations that only make room, change the description of a tensor, or read a number."""


class Elsewhere(torch.Tensor):
    """A tensor of the pretended device; ``held`` has its values, on the CPU."""

    held: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "Elsewhere":
        new: Elsewhere = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        new.held = held
        return new

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        raise RuntimeError("tensors of the pretended device are used only within pretending()")


def launches(func: Any) -> bool:
    """Return whether a dispatched operation would be given to the device as work.

    Every operation that computes or copies values is counted once, though some are several kernels.
    """
    return not func.is_view and func._schema.name.removeprefix("aten::") not in WITHOUT_KERNEL


class Dispatch(TorchDispatchMode):
    """Does every operation on the CPU, and notes what a device would have been given.

    Attributes
    ----------
    launches
        Names of the operations on the device that `launches` counts, and how often each was done.
    waits
        Name of each operation for which the host waits for the device: where a number is read or
        decides on the size of a result, and where host and device copy without ``non_blocking``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.launches: Counter[str] = Counter()
        self.waits: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        ours = any(isinstance(t, Elsewhere) for t in tensors)
        _refuse_mixture(func, args, tensors)
        asked = kwargs.get("device")
        goes = ours if asked is None else torch.device(asked).type == DEVICE.type
        if func is aten.copy_.default:
            goes = isinstance(args[0], Elsewhere)
        if torch.Tag.data_dependent_output in func.tags:
            goes = False
        if ours or goes:
            self.launches[str(func)] += launches(func)
            if _waits(func, args, kwargs, goes):
                self.waits.append(str(func))
        if asked is not None:
            kwargs["device"] = torch.device("cpu")
        found = func(*tree_map(_held, args), **tree_map(_held, kwargs))
        if not goes:
            return found.clone() if func is aten._to_copy.default else found
        wrapped = tree_map(lambda t: Elsewhere(t) if isinstance(t, torch.Tensor) else t, found)
        # Views and results written in place share the storage that torch thinks they share.
        return return_and_correct_aliasing(func, args, kwargs, wrapped) if ours else wrapped


def _held(value: Any) -> Any:
    return value.held if isinstance(value, Elsewhere) else value


def _refuse_mixture(func: Any, args: Sequence[Any], tensors: list[torch.Tensor]) -> None:
    """Raise as CUDA does where tensors of both devices meet; numbers may come from the CPU."""
    if func in COPIES:
        return
    if func in INDEXED and isinstance(args[0], Elsewhere):
        # torch copies the places of an index itself.
        tensors = [args[0], *args[2:3]]
    at_home = [t for t in tensors if not isinstance(t, Elsewhere) and t.dim()]
    if at_home and any(isinstance(t, Elsewhere) for t in tensors):
        raise RuntimeError(f"{func}: tensors of two devices")


def _waits(func: Any, args: Sequence[Any], kwargs: dict[str, Any], goes: bool) -> bool:
    """Return whether the host would wait for the device."""
    if func in COPIES:
        # What is copied to the device may follow later, what is copied from it may not.
        source = args[1] if func is aten.copy_.default else args[0]
        flag = kwargs.get("non_blocking") or (func is aten.copy_.default and args[2:3] == (True,))
        return isinstance(source, Elsewhere) != goes and not (goes and flag)
    if func in INDEXED:
        places = [t for t in args[1] if isinstance(t, torch.Tensor)]
        masks = [t for t in places if t.dtype in (torch.bool, torch.uint8)]
        return bool(masks) or any(not isinstance(t, Elsewhere) for t in places)
    if torch.Tag.data_dependent_output in func.tags:
        return True
    return torch.Tag.dynamic_output_shape in func.tags and kwargs.get("output_size") is None


class FromPython(TorchFunctionMode):
    """Lets Python's numbers come and go by copies: torch does it below every dispatch mode."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and not isinstance(args[0], torch.Tensor):
            made = func(*args, **{**kwargs, "device": None})
            return made.to(kwargs.get("device") or "cpu")
        if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):
            place, others = args[1], args[2:]
            if hasattr(place, "__len__") and not isinstance(place, (tuple, torch.Tensor)):
                args = (args[0], torch.as_tensor(place), *others)
        if func is torch.Tensor.tolist:
            args = (args[0].cpu(),)
        return func(*args, **kwargs)


@contextmanager
def pretending() -> Iterator[Dispatch]:
    """Let tensors be made on `DEVICE` and used; the mode has the launches and waits so far."""
    with FromPython(), Dispatch() as mode:
        yield mode
