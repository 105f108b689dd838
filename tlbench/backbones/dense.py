"""Chains of dense layers, with first and second derivatives written by hand."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import linear

from tlbench.backbones.activation import silu
from tlbench.kernels import library_for, only_by_coordinates

NOTHING = -1
FIRST_OUTSIDE, SECOND_OUTSIDE = -2, -3


@dataclass(frozen=True)
class Layer:
    """v' = silu(W v + b) + skip.

    ``skip`` is ``NOTHING``, the number of the layer in the chain whose input is added, or one of
    the arrays from outside the chain, ``FIRST_OUTSIDE`` or ``SECOND_OUTSIDE``.
    """

    weight: Tensor
    bias: Tensor | None
    skip: int = NOTHING


def chain(v: Tensor, layers: Sequence[Layer], *outside: Tensor) -> Tensor:
    """Apply layers one after the other to (n, n_inputs); all have the same number of outputs.

    With the compiled kernels, rows go through all layers in tiles that stay in the cache.
    """
    width, n_inputs = layers[0].weight.shape
    library = library_for(v, width, n_inputs)
    weights = [layer.weight for layer in layers]
    biases = [layer.bias for layer in layers]
    skips = tuple(layer.skip for layer in layers)
    if library is None or v.shape[0] == 0:
        return _plain(v, skips, outside, weights, biases)
    both: list[Tensor | None] = [*outside, None, None]
    out, _ = _Chain.apply(library, skips, v, both[0], both[1], *weights, *biases)
    found: Tensor = out
    return found


def _plain(
    v: Tensor,
    skips: Sequence[int],
    outside: Sequence[Tensor | None],
    weights: Sequence[Tensor],
    biases: Sequence[Tensor | None],
) -> Tensor:
    values = [v]
    for weight, bias, skip in zip(weights, biases, skips, strict=True):
        value = silu(linear(values[-1], weight, bias))
        if skip != NOTHING:
            added = values[skip] if skip >= 0 else outside[FIRST_OUTSIDE - skip]
            assert added is not None
            value = value + added
        values.append(value)
    return values[-1]


class _Call:
    """The leading arguments of the kernels: sizes, skips and weights."""

    def __init__(self, skips: Sequence[int], v: Tensor, weights: Sequence[Tensor]) -> None:
        width, n_inputs = weights[0].shape
        # Kept here for as long as the kernel runs.
        self.weights = [w.contiguous() for w in weights]
        self.arguments = [
            ctypes.c_long(v.shape[0]),
            len(weights),
            n_inputs,
            width,
            (ctypes.c_int * len(skips))(*skips),
            _pointers(self.weights),
        ]


def _pointers(tensors: Sequence[Tensor | None]) -> Any:
    return (ctypes.c_void_p * len(tensors))(*[None if t is None else t.data_ptr() for t in tensors])


def _pointer(tensor: Tensor | None) -> ctypes.c_void_p | None:
    return None if tensor is None else ctypes.c_void_p(tensor.data_ptr())


def _whole(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


def _check(status: int) -> None:
    if status:
        raise MemoryError("a kernel could not get its working memory")


class _Chain(Function):
    """Returns the result and z = W v + b of all layers, (n, n_layers, width).

    z is a result so that its adjoint, which the second derivative makes, finds its way back.
    """

    @staticmethod
    def forward(
        ctx: Any,
        library: ctypes.CDLL,
        skips: tuple[int, ...],
        v: Tensor,
        first: Tensor | None,
        second: Tensor | None,
        *parameters: Any,
    ) -> tuple[Tensor, Tensor]:
        n_layers = len(skips)
        weights, biases = parameters[:n_layers], parameters[n_layers:]
        v, first, second = v.contiguous(), _whole(first), _whole(second)
        call = _Call(skips, v, weights)
        out = v.new_empty((v.shape[0], weights[0].shape[0]))
        z = v.new_empty((v.shape[0], n_layers, weights[0].shape[0]))
        sigma = torch.empty_like(z)
        _check(
            library.chain_forward(
                *call.arguments,
                _pointers(biases),
                *map(_pointer, (v, first, second, out, z, sigma)),
            )
        )
        ctx.library, ctx.skips = library, skips
        ctx.save_for_backward(v, first, second, z, sigma, *parameters)
        ctx.set_materialize_grads(False)
        return out, z

    @staticmethod
    def backward(ctx: Any, given: Tensor | None, source: Tensor | None) -> tuple[Any, ...]:
        v, first, second, z, sigma, *parameters = ctx.saved_tensors
        n_layers = len(ctx.skips)
        weights, biases = parameters[:n_layers], parameters[n_layers:]
        if given is None:
            given = torch.zeros_like(z[:, 0])
        if torch.is_grad_enabled() and not only_by_coordinates():
            wanted = [v, first, second, *parameters]
            there = [t for t in wanted if t is not None and t.requires_grad]
            again = _plain(v, ctx.skips, (first, second), weights, biases)
            found = iter(torch.autograd.grad(again, there, given, create_graph=True))
            return None, None, *(next(found) if t is not None and t.requires_grad else None
                                 for t in wanted)
        if only_by_coordinates():
            adjoints = _Adjoint.apply(
                ctx.library, ctx.skips, given, z, sigma, first is not None, second is not None,
                *weights
            )
            return None, None, *adjoints, *(None for _ in parameters)
        call = _Call(ctx.skips, v, weights)
        given, source = given.contiguous(), _whole(source)
        inputs = [t if t is None else torch.empty_like(t) for t in (v, first, second)]
        of_parameters = [p if p is None else torch.zeros_like(p) for p in parameters]
        _check(
            ctx.library.chain_adjoint(
                *call.arguments,
                *map(_pointer, (v, first, second, z, sigma, given, source, *inputs)),
                None,
                _pointers(of_parameters[:n_layers]),
                _pointers(of_parameters[n_layers:]),
            )
        )
        return None, None, *inputs, *of_parameters


class _Adjoint(Function):
    @staticmethod
    def forward(
        ctx: Any,
        library: ctypes.CDLL,
        skips: tuple[int, ...],
        given: Tensor,
        z: Tensor,
        sigma: Tensor,
        has_first: bool,
        has_second: bool,
        *weights: Tensor,
    ) -> tuple[Tensor | None, ...]:
        given = given.contiguous()
        width, n_inputs = weights[0].shape
        call = _Call(skips, z, weights)
        of_v = given.new_empty((z.shape[0], n_inputs))
        of_first = given.new_empty((z.shape[0], width)) if has_first else None
        of_second = given.new_empty((z.shape[0], width)) if has_second else None
        slopes = torch.empty_like(z)
        _check(
            library.chain_adjoint(
                *call.arguments,
                *map(_pointer, (None, None, None, z, sigma, given, None)),
                *map(_pointer, (of_v, of_first, of_second, slopes)),
                None,
                None,
            )
        )
        ctx.library, ctx.skips = library, skips
        ctx.save_for_backward(z, sigma, slopes, *weights)
        ctx.set_materialize_grads(False)
        return of_v, of_first, of_second

    @staticmethod
    def backward(
        ctx: Any, v: Tensor | None, first: Tensor | None, second: Tensor | None
    ) -> tuple[Any, ...]:
        z, sigma, slopes, *weights = ctx.saved_tensors
        call = _Call(ctx.skips, z, weights)
        if v is None:
            v = z.new_zeros((z.shape[0], weights[0].shape[1]))
        v, first, second = v.contiguous(), _whole(first), _whole(second)
        out, source = torch.empty_like(z[:, 0]), torch.empty_like(z)
        of_weights = [torch.zeros_like(w) for w in weights]
        _check(
            ctx.library.chain_tangent(
                *call.arguments,
                *map(_pointer, (v, first, second, z, sigma, slopes, out, source)),
                _pointers(of_weights),
            )
        )
        return None, None, out, source, None, None, None, *of_weights
