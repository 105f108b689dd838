"""Networks of dense layers, with first and second derivatives written by hand."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import pad

from tlbench.kernels.derivatives import current_scope, differentiate, once
from tlbench.kernels.library import (
    MAX_LAYERS,
    MAX_RADIAL,
    NO_SKIP,
    TILE,
    Sums,
    address,
    addresses,
    call,
    library_for,
    threads_for,
    whole,
)
from tlbench.models.backbones.dense_torch import BESIDE, Shape, network, traced

__all__ = ["BESIDE", "Filter", "Layer", "dense"]


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
    shape = Shape(
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
    tensors = [v, beside, radial, filters, *weights, *biases]
    if not len(v) or not _fit(layers, v, beside, filter):
        return _plain(shape, *tensors)
    if library is None:
        return network(shape, *tensors)
    # Here, and not in the Function, which would keep copies that nothing can be traced through.
    inputs = v.contiguous(), whole(beside), whole(radial)
    out, *_ = _Dense.apply(library, shape, *inputs, filters, *weights, *biases)
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


def _plain(shape: Shape, *tensors: Any) -> Tensor:
    return traced(shape, *tensors)[0]


def _twin(shape: Shape, *tensors: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return what ``_Dense`` returns, from plain torch."""
    out, inner = traced(shape, *tensors)
    # The rows of a last tile that is not full are not results.
    missing = -len(out) % TILE
    rows = [pad(z, (0, 0, 0, missing)).reshape(-1, TILE * z.shape[1]) for z in inner]
    filters, *parameters = tensors[3:]
    parameters.append(None if filters is None else filters.t())
    flat = torch.cat([t.flatten() for t in parameters if t is not None])
    return out, torch.cat(rows, dim=1), flat


class _Call:
    """The kernels for one network and number of rows."""

    def __init__(
        self,
        library: ctypes.CDLL,
        shape: Shape,
        v: Tensor,
        beside: Tensor | None,
        filters: Tensor | None,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor | None],
    ) -> None:
        self.library, self.shape, self.scope = library, shape, current_scope()
        self.n, self.threads = v.shape[0], threads_for(v.shape[0])
        self.widths = [w.shape[0] for w in weights]
        # Kept here for as long as the kernels may run.
        self._weights = [w.contiguous() for w in weights]
        self._biases = [whole(b) for b in biases]
        self.filters = None if filters is None else filters.t().contiguous()
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
            int(self.scope.forces_alone),
        ]

    @property
    def slopes(self) -> bool:
        """Whether slopes are kept in place of z: enough for forces, and for nothing else."""
        return bool(self._description[-1])

    def keep_z(self) -> None:
        """Have the kernels keep z from now on."""
        self._description[-1] = 0

    def entries(self, like: Tensor) -> Tensor:
        """Return a new array with an entry per row, layer and output of the layer.

        In the kernels' order (tile, layer, row, output).
        """
        return like.new_empty((-(-self.n // TILE), TILE * sum(self.widths)))

    def __call__(self, name: str, tensors: Sequence[Tensor | None], *sums: Any) -> None:
        """Call a kernel; ``sums`` are where those of the adjoints of parameters are."""
        arguments = [*self._description, *map(address, tensors), *sums]
        call(getattr(self.library, name), self.threads, self.n, *arguments)

    @cached_property
    def parameters(self) -> list[Tensor | None]:
        """Weights, biases and filters, in the order of their sums."""
        return [*self._weights, *self._biases, self.filters]

    def sums(self, known: Tensor | None = None) -> Sums:
        """Return sums for the adjoints of parameters."""
        return Sums(self.parameters, self.threads, self._weights[0].dtype, known)


def _like(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else torch.empty_like(tensor)


class _Dense(Function):
    """Returns the result, z = W v + b of every row and layer, and all parameters in a row.

    z and the parameters are results so that their adjoints, which the second derivative makes, find
    their way back: those of the parameters to be added to, in one array and not one by one.
    """

    @staticmethod
    def forward(
        ctx: Any,
        library: ctypes.CDLL,
        shape: Shape,
        v: Tensor,
        beside: Tensor | None,
        radial: Tensor | None,
        filters: Tensor | None,
        *parameters: Any,
    ) -> tuple[Tensor, Tensor, Tensor]:
        n_layers = len(shape.sources)
        weights, biases = parameters[:n_layers], parameters[n_layers:]
        net = ctx.call = _Call(library, shape, v, beside, filters, weights, biases)
        out = v.new_empty((v.shape[0], weights[-1].shape[0]))
        z = net.entries(v)
        net("net_forward", [v, beside, radial, out, z])
        # Nobody reads it.
        flat = v.new_empty(sum(t.numel() for t in net.parameters if t is not None))
        ctx.save_for_backward(v, beside, radial, filters, z, flat, *parameters)
        ctx.set_materialize_grads(False)
        return out, z, flat

    @staticmethod
    def backward(
        ctx: Any, given: Tensor | None, source: Tensor | None, known: Tensor | None
    ) -> tuple[Any, ...]:
        v, beside, radial, filters, z, flat, *parameters = ctx.saved_tensors
        net: _Call = ctx.call
        n_layers = len(net.widths)
        if given is None:
            given = v.new_zeros((net.n, net.widths[-1]))
        given, twice = given.contiguous(), torch.is_grad_enabled()
        # An adjoint of z comes only from a second derivative, which may be by anything.
        of_coordinates = net.scope.purpose == "coordinates" and source is None
        if net.slopes and (twice or not of_coordinates):
            net.keep_z()
            net("net_forward", [v, beside, radial, torch.empty_like(given), z])
        if of_coordinates:
            *adjoints, _ = _Adjoint.apply(net, twice, given, v, beside, radial, z, flat)
            return None, None, *adjoints, None, *(None for _ in parameters)
        if twice:
            inputs = [v, beside, radial, filters, *parameters]
            if source is None or known is None:
                found = differentiate(partial(_plain, net.shape), inputs, given)
            else:
                found = differentiate(partial(_twin, net.shape), inputs, given, source, known)
            return None, None, *found
        of_inputs, sums = [_like(v), _like(beside), _like(radial)], net.sums(known)
        places = [sums.addresses(0, n_layers), sums.addresses(n_layers, 2 * n_layers)]
        places.append(sums.addresses(2 * n_layers, 2 * n_layers + 1))
        net("net_adjoint", [v, beside, radial, z, given, whole(source), *of_inputs, None], *places)
        *of_parameters, of_filters = sums.totals()
        of_filters = None if of_filters is None else of_filters.t()
        return None, None, *of_inputs, of_filters, *of_parameters


class _Adjoint(Function):
    @staticmethod
    def forward(
        ctx: Any,
        net: _Call,
        twice: bool,
        given: Tensor,
        v: Tensor,
        beside: Tensor | None,
        radial: Tensor | None,
        z: Tensor,
        flat: Tensor,
    ) -> tuple[Tensor | None, ...]:
        found = [_like(v), _like(beside), _like(radial)]
        heads = torch.empty_like(z) if twice else None
        known = [None, None, radial, z, given, None]
        net("net_adjoint", [*known, *found, heads], None, None, None)
        ctx.call, ctx.heads = net, heads
        # Stands for all inputs where `once` looks for what the results depend on.
        anchor = z.new_empty(0)
        ctx.save_for_backward(given, radial, z, anchor, flat)
        ctx.set_materialize_grads(False)
        return *found, anchor

    @staticmethod
    @once
    def backward(
        ctx: Any,
        v_change: Tensor | None,
        beside: Tensor | None,
        radial_change: Tensor | None,
        _: Tensor | None,
    ) -> tuple[Any, ...]:
        given, radial, z, *_ = ctx.saved_tensors
        net: _Call = ctx.call
        # The kernel puts the derivatives by z in place of the heads.
        source, ctx.heads = ctx.heads, None
        if source is None:
            source = torch.empty_like(z)
            known = [None, None, radial, z, given, None]
            net("net_adjoint", [*known, None, None, None, source], None, None, None)
        if radial is not None and radial_change is None:
            radial_change = torch.zeros_like(radial)
        out, of_radial, sums = z.new_empty((net.n, net.widths[-1])), _like(radial), net.sums()
        n_layers = len(net.widths)
        places = [sums.addresses(0, n_layers), sums.addresses(2 * n_layers, 2 * n_layers + 1)]
        changes = [whole(v_change), whole(beside), whole(radial_change)]
        net("net_tangent", [*changes, radial, z, source, out, of_radial], *places)
        # By net, twice, given, v, beside, radial, z and all parameters.
        return None, None, out, None, None, of_radial, source, sums.total()
