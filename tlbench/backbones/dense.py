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
from tlbench.kernels.calling import (
    address,
    addresses,
    call,
    partial_sums,
    threads_for,
    whole,
)
from tlbench.kernels.library import library_for
from tlbench.kernels.scope import scope

NOTHING = -1
TILE = 16
"""Rows that the kernels take at a time, as in ``kernels/dense.h``."""

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
    """The kernels for one chain and number of rows."""

    def __init__(
        self, library: ctypes.CDLL, skips: Sequence[int], n: int, weights: Sequence[Tensor]
    ) -> None:
        self.library, self.skips = library, skips
        width, n_inputs = weights[0].shape
        self.n, self.width, self.n_inputs = n, width, n_inputs
        self.threads = threads_for(n)
        # Kept here for as long as the kernels run.
        self._weights = [w.contiguous() for w in weights]
        self._shape = [
            len(weights),
            n_inputs,
            width,
            (ctypes.c_int * len(skips))(*skips),
            addresses(self._weights),
        ]

    def entries(self, like: Tensor) -> Tensor:
        """Return a new array with an entry per row and layer."""
        n_tiles = -(-self.n // TILE)
        return like.new_empty((n_tiles, len(self.skips), TILE, self.width))

    def forward(self, biases: Sequence[Tensor | None], *tensors: Tensor | None) -> None:
        """Call ``chain_forward``."""
        self._call(self.library.chain_forward, addresses(biases), *map(address, tensors))

    def adjoint(
        self, tensors: Sequence[Tensor | None], parameters: Sequence[Tensor | None] | None
    ) -> None:
        """Call ``chain_adjoint``; ``parameters`` are partial sums of the adjoints of all."""
        wanted: list[Any] = [None, None]
        if parameters is not None:
            n_layers = len(self.skips)
            wanted = [self._parts(parameters[:n_layers]), self._parts(parameters[n_layers:])]
        self._call(self.library.chain_adjoint, *map(address, tensors), *wanted)

    def tangent(self, tensors: Sequence[Tensor | None], weights: Sequence[Tensor]) -> None:
        """Call ``chain_tangent``; ``weights`` are partial sums of the adjoints of the weights."""
        self._call(self.library.chain_tangent, *map(address, tensors), self._parts(weights))

    def _parts(self, sums: Sequence[Tensor | None]) -> Any:
        """Return the addresses of all partial sums, thread by thread."""
        threads = range(self.threads)
        return addresses([None if s is None else s[t] for t in threads for s in sums])

    def _call(self, function: Any, *arguments: Any) -> None:
        call(function, self.threads, self.n, *self._shape, *arguments)


class _Chain(Function):
    """Returns the result and z = W v + b of all layers, (n_tiles, n_layers, TILE, width).

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
        v, first, second = v.contiguous(), whole(first), whole(second)
        ctx.call = _Call(library, skips, v.shape[0], weights)
        out = v.new_empty((v.shape[0], ctx.call.width))
        z, sigma = ctx.call.entries(v), ctx.call.entries(v)
        ctx.call.forward(biases, v, first, second, out, z, sigma)
        ctx.save_for_backward(v, first, second, z, sigma, *parameters)
        ctx.set_materialize_grads(False)
        return out, z

    @staticmethod
    def backward(ctx: Any, given: Tensor | None, source: Tensor | None) -> tuple[Any, ...]:
        v, first, second, z, sigma, *parameters = ctx.saved_tensors
        chain = ctx.call
        weights, biases = parameters[: len(chain.skips)], parameters[len(chain.skips) :]
        if given is None:
            given = v.new_zeros((chain.n, chain.width))
        wanted = [v, first, second, *parameters]
        if torch.is_grad_enabled() and scope() != "coordinates":
            there = [t for t in wanted if t is not None and t.requires_grad]
            again = _plain(v, chain.skips, (first, second), weights, biases)
            found = iter(torch.autograd.grad(again, there, given, create_graph=True))
            return (
                None,
                None,
                *(next(found) if t is not None and t.requires_grad else None for t in wanted),
            )
        if scope() == "coordinates":
            there = [t is not None for t in (first, second)]
            twice = torch.is_grad_enabled()
            adjoints = _Adjoint.apply(chain, given, z, sigma, *there, twice, *weights)
            return None, None, *adjoints, *(None for _ in parameters)
        inputs = [None if t is None else torch.empty_like(t) for t in (v, first, second)]
        parts = [None if p is None else partial_sums(p, chain.threads) for p in parameters]
        known = [v, first, second, z, sigma, given.contiguous(), whole(source)]
        chain.adjoint([*known, *inputs, None], parts)
        return None, None, *inputs, *(None if p is None else p.sum(dim=0) for p in parts)


class _Adjoint(Function):
    @staticmethod
    def forward(
        ctx: Any,
        chain: _Call,
        given: Tensor,
        z: Tensor,
        sigma: Tensor,
        has_first: bool,
        has_second: bool,
        twice: bool,
        *weights: Tensor,
    ) -> tuple[Tensor | None, ...]:
        given = given.contiguous()
        of_v = given.new_empty((chain.n, chain.n_inputs))
        of_first = torch.empty_like(given) if has_first else None
        of_second = torch.empty_like(given) if has_second else None
        slopes = torch.empty_like(z) if twice else None
        known = [None, None, None, z, sigma, given, None]
        chain.adjoint([*known, of_v, of_first, of_second, slopes], None)
        ctx.call = chain
        ctx.save_for_backward(z, sigma, slopes, *weights)
        ctx.set_materialize_grads(False)
        return of_v, of_first, of_second

    @staticmethod
    def backward(
        ctx: Any, v: Tensor | None, first: Tensor | None, second: Tensor | None
    ) -> tuple[Any, ...]:
        z, sigma, slopes, *weights = ctx.saved_tensors
        chain = ctx.call
        if v is None:
            v = z.new_zeros((chain.n, chain.n_inputs))
        out, source = z.new_empty((chain.n, chain.width)), torch.empty_like(z)
        of_weights = [partial_sums(w, chain.threads) for w in weights]
        changes = [v.contiguous(), whole(first), whole(second)]
        chain.tangent([*changes, z, sigma, slopes, out, source], of_weights)
        return None, out, source, None, None, None, None, *(w.sum(dim=0) for w in of_weights)
