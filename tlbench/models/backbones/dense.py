"""Networks of dense layers, with first and second derivatives written by hand."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import linear

from tlbench.kernels.derivatives import current_scope, differentiate, once
from tlbench.kernels.library import (
    MAX_LAYERS,
    MAX_RADIAL,
    NO_SKIP,
    address,
    addresses,
    call,
    library_for,
    partial_sums,
    threads_for,
    whole,
)
from tlbench.models.backbones.activation import silu

BESIDE = -1
"""Number of the value that is a network's second input."""


@dataclass(frozen=True)
class Layer:
    """Makes a value of an earlier one: v' = silu(W v + b) + skip.

    Value 0 is the network's input, value i + 1 what layer i gives, ``BESIDE`` the second input.
    ``skip`` is the number of the value that is added, or None.
    """

    weight: Tensor
    bias: Tensor | None
    source: int
    skip: int | None = None


@dataclass(frozen=True)
class Filter:
    """Multiplies what a layer gives, before anything is added, by r · weightᵀ.

    ``radial`` r (n, n_radial), ``weight`` (width, n_radial).
    """

    layer: int
    radial: Tensor
    weight: Tensor


def dense(
    layers: Sequence[Layer], v: Tensor, beside: Tensor | None = None, filter: Filter | None = None
) -> Tensor:
    """Return the last value of a network of dense layers on every row.

    With the compiled kernels, rows go through all layers in tiles that stay in the cache. Shapes
    that do not fit each other are left to torch, which stretches them or says what is wrong.

    Parameters
    ----------
    v, beside
        (n, width) each: value 0, and value ``BESIDE``.

    Raises
    ------
    RuntimeError
        If a tensor has not the shape or precision that the layers need.
    KeyError, ValueError
        If a layer names a value that is not there.
    """
    shape = _Shape(
        tuple(layer.source for layer in layers),
        tuple(layer.skip for layer in layers),
        None if filter is None else filter.layer,
    )
    radial, filters = (None, None) if filter is None else (filter.radial, filter.weight)
    weights = [layer.weight for layer in layers]
    biases = [layer.bias for layer in layers]
    widths = [width for weight in weights for width in weight.shape]
    alongside = [beside, radial, filters, *weights, *biases]
    library = library_for(v, *widths, alongside=alongside)
    if library is None or not len(v) or not _fit(layers, v, beside, filter):
        return _plain(shape, v, beside, radial, filters, *weights, *biases)
    # Here, and not in the Function, which would keep copies that nothing can be traced through.
    inputs = v.contiguous(), whole(beside), whole(radial)
    out, _ = _Dense.apply(library, shape, *inputs, filters, *weights, *biases)
    found: Tensor = out
    return found


def _fit(layers: Sequence[Layer], v: Tensor, beside: Tensor | None, filter: Filter | None) -> bool:
    """Return whether the kernels can take the layers: they read addresses and check nothing."""
    if not 0 < len(layers) <= MAX_LAYERS or v.dim() != 2:
        return False
    n = v.shape[0]
    widths = {0: v.shape[1]}
    if beside is not None:
        if beside.dim() != 2 or beside.shape[0] != n:
            return False
        widths[BESIDE] = beside.shape[1]
    for number, layer in enumerate(layers):
        width = layer.weight.shape[0] if layer.weight.dim() == 2 else -1
        if layer.source not in widths or layer.weight.shape != (width, widths[layer.source]):
            return False
        if layer.bias is not None and layer.bias.shape != (width,):
            return False
        if layer.skip is not None and widths.get(layer.skip) != width:
            return False
        widths[number + 1] = width
    if filter is None:
        return True
    if not 0 <= filter.layer < len(layers) or filter.radial.dim() != 2:
        return False
    n_radial = filter.radial.shape[1]
    return (
        n_radial <= MAX_RADIAL
        and filter.radial.shape == (n, n_radial)
        and filter.weight.shape == (widths[filter.layer + 1], n_radial)
    )


@dataclass(frozen=True)
class _Shape:
    """What layers take and add, and which of them has a filter."""

    sources: tuple[int, ...]
    skips: tuple[int | None, ...]
    filtered: int | None


def _plain(
    shape: _Shape,
    v: Tensor,
    beside: Tensor | None,
    radial: Tensor | None,
    filters: Tensor | None,
    *parameters: Tensor | None,
) -> Tensor:
    weights, biases = parameters[: len(shape.sources)], parameters[len(shape.sources) :]
    values: dict[int, Tensor | None] = {0: v, BESIDE: beside}
    layers = zip(shape.sources, shape.skips, weights, biases, strict=True)
    for number, (source, skip, weight, bias) in enumerate(layers):
        value = silu(linear(_there(values[source]), _there(weight), bias))
        if number == shape.filtered:
            value = value * linear(_there(radial), _there(filters))
        if skip is not None:
            value = value + _there(values[skip])
        values[number + 1] = value
    return _there(values[len(weights)])


def _there(tensor: Tensor | None) -> Tensor:
    if tensor is None:
        raise ValueError("the layers name an input that was not given")
    return tensor


Inputs: TypeAlias = tuple[Tensor | None, ...]
"""v, beside and radial of a network, their changes, or their adjoints."""

_NOTHING: Inputs = (None, None, None)


class _Tangent(NamedTuple):
    """Changes of the inputs, and the adjoint of the change of the result."""

    changes: Inputs
    given: Tensor


class _Call:
    """The kernels for one network and number of rows."""

    def __init__(
        self,
        library: ctypes.CDLL,
        shape: _Shape,
        v: Tensor,
        beside: Tensor | None,
        filters: Tensor | None,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor | None],
    ) -> None:
        self.library, self.shape, self.scope = library, shape, current_scope()
        self.n, self.threads = v.shape[0], threads_for(v.shape[0])
        self.widths = [w.shape[0] for w in weights]
        self.tangents: list[_Tangent] = []
        # Kept here for as long as the kernels may run.
        self._weights = [w.detach().contiguous() for w in weights]
        self._biases = [None if b is None else b.detach().contiguous() for b in biases]
        self.filters = None if filters is None else filters.detach().t().contiguous()
        n_layers = len(weights)
        integers = ctypes.c_int * n_layers
        self._description = [
            n_layers,
            v.shape[1],
            0 if beside is None else beside.shape[1],
            integers(*self.widths),
            integers(*shape.sources),
            integers(*(NO_SKIP if skip is None else skip for skip in shape.skips)),
            -1 if shape.filtered is None else shape.filtered,
            0 if filters is None else filters.shape[1],
            addresses(self._weights),
            addresses(self._biases),
            address(self.filters),
        ]

    def forward(self, inputs: Inputs, out: Tensor, changes: Inputs | None = None) -> None:
        """Set ``out`` to the result or, for changes of the inputs, to that of the result."""
        tensors = [*inputs, *(changes or _NOTHING), out]
        self._call(self.library.net_forward, tensors, int(changes is not None))

    def adjoint(
        self,
        inputs: Inputs,
        given: Tensor,
        found: Inputs,
        tangent: "_Tangent | None" = None,
        sums: Sequence[Sequence[Tensor | None]] | None = None,
    ) -> None:
        """Set ``found`` to the adjoints of the inputs.

        Those of Σ given · result, to which a ``tangent`` adds Σ its ``given`` · change of the
        result; ``sums`` are partial sums of the adjoints of weights, biases and filters.
        """
        changes, twice = (_NOTHING, None) if tangent is None else tangent
        threads = range(self.threads)
        parts = [
            addresses([None if s is None else s[t] for t in threads for s in group])
            for group in sums or ()
        ]
        tensors = [*inputs, *changes, given, twice, *found]
        self._call(self.library.net_adjoint, tensors, *(parts or [None] * 3))

    def _call(self, function: Any, tensors: Sequence[Tensor | None], *others: Any) -> None:
        arguments = [*self._description, *map(address, tensors), *others]
        call(function, self.threads, self.n, *arguments)

    def sums(self, tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
        """Return partial sums for the adjoints of parameters."""
        return [None if t is None else partial_sums(t, self.threads) for t in tensors]


def _totals(sums: Sequence[Tensor | None]) -> list[Tensor | None]:
    return [None if s is None else s.sum(dim=0) for s in sums]


def _like(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else torch.empty_like(tensor)


class _Dense(Function):
    """Returns the result, and an anchor: a number whose adjoint says how many tangents there are.

    A second derivative first finds the change of the result, in ``_Adjoint.backward``, which
    leaves there what it started from; and then, on the way back through here, in one pass what
    the change and the result depend on.
    """

    @staticmethod
    def forward(
        ctx: Any,
        library: ctypes.CDLL,
        shape: _Shape,
        v: Tensor,
        beside: Tensor | None,
        radial: Tensor | None,
        filters: Tensor | None,
        *parameters: Any,
    ) -> tuple[Tensor, Tensor]:
        n_layers = len(shape.sources)
        weights, biases = parameters[:n_layers], parameters[n_layers:]
        ctx.call = _Call(library, shape, v, beside, filters, weights, biases)
        out = v.new_empty((v.shape[0], weights[-1].shape[0]))
        ctx.call.forward((v, beside, radial), out)
        anchor = v.new_zeros(1)
        ctx.save_for_backward(v, beside, radial, filters, *parameters, anchor)
        ctx.set_materialize_grads(False)
        return out, anchor

    @staticmethod
    def backward(ctx: Any, given: Tensor | None, n_tangents: Tensor | None) -> tuple[Any, ...]:
        if n_tangents is not None:
            completed: tuple[Any, ...] = _completed(ctx, given, n_tangents)
            return completed
        if given is None:
            return (None,) * (2 + len(ctx.saved_tensors) - 1)
        *inputs, anchor = ctx.saved_tensors
        net: _Call = ctx.call
        if net.scope.purpose == "coordinates":
            adjoints = _Adjoint.apply(net, given.contiguous(), *inputs, anchor)
            return None, None, *adjoints, *(None for _ in inputs[3:])
        if torch.is_grad_enabled():
            return None, None, *differentiate(partial(_plain, net.shape), inputs, given)
        return None, None, *_adjoints(net, inputs, given)


@once
def _completed(ctx: Any, given: Tensor | None, n_tangents: Tensor) -> tuple[Any, ...]:
    """Return the adjoints of the result and of its changes."""
    *inputs, _ = ctx.saved_tensors
    net: _Call = ctx.call
    # Before them there may be tangents of passes that did not come back here.
    first, *others = net.tangents[-int(n_tangents) :]
    net.tangents.clear()
    if given is None:
        given = torch.zeros_like(first.given)
    found = _adjoints(net, inputs, given, first)
    for tangent in others:
        more = _adjoints(net, inputs, torch.zeros_like(given), tangent)
        found = [
            None if a is None or b is None else a + b for a, b in zip(found, more, strict=True)
        ]
    return None, None, *found


def _adjoints(
    net: _Call,
    inputs: Sequence[Tensor | None],
    given: Tensor,
    tangent: _Tangent | None = None,
) -> list[Tensor | None]:
    """Return the adjoints of inputs, filters, weights and biases."""
    v, beside, radial, _, *parameters = inputs
    n_layers = len(net.widths)
    sums = [net.sums(parameters[:n_layers]), net.sums(parameters[n_layers:])]
    sums.append(net.sums([net.filters]))
    found = (_like(v), _like(beside), _like(radial))
    net.adjoint((v, beside, radial), given.contiguous(), found, tangent, sums)
    of_weights, of_biases, (of_filter,) = map(_totals, sums)
    return [*found, None if of_filter is None else of_filter.t(), *of_weights, *of_biases]


class _Adjoint(Function):
    @staticmethod
    def forward(ctx: Any, net: _Call, given: Tensor, *inputs: Tensor | None) -> Inputs:
        v, beside, radial, *_ = inputs
        found = (_like(v), _like(beside), _like(radial))
        net.adjoint((v, beside, radial), given, found)
        ctx.call = net
        ctx.save_for_backward(given, *inputs)
        ctx.set_materialize_grads(False)
        return found

    @staticmethod
    @once
    def backward(ctx: Any, *changes: Tensor | None) -> tuple[Any, ...]:
        given, v, beside, radial, *others = ctx.saved_tensors
        net: _Call = ctx.call
        tangent = _Tangent(tuple(map(whole, changes)), given)
        net.tangents.append(tangent)
        out = torch.empty_like(given)
        net.forward((v, beside, radial), out, tangent.changes)
        # By net, given, all inputs of the network and the anchor.
        return None, out, *(None for _ in range(2 + len(others))), given.new_ones(1)
