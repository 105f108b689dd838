"""Messages times filters made of few radial functions, summed at atoms."""

import ctypes
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from tlbench.kernels.derivatives import current_scope, differentiate, once
from tlbench.kernels.library import (
    MAX_RADIAL,
    address,
    call,
    library_for,
    partial_sums,
    spans,
    threads_for,
)


def filtered_sum(x: Tensor, radial: Tensor, weight: Tensor, first: Tensor) -> Tensor:
    """Return Σ x ⊙ (radial · weightᵀ) over the edges of every atom, (n_atoms, width).

    Shapes that do not fit each other are left to torch, which stretches them or says what is
    wrong.

    Parameters
    ----------
    x
        (n_edges, width), sorted by atom.
    radial
        (n_edges, n_radial).
    weight
        (width, n_radial), as in a linear layer.
    first
        (n_atoms + 1,): where the edges of each atom begin, and their number.

    Raises
    ------
    RuntimeError
        If a tensor has not this shape, or another precision than x.
    """
    library = library_for(x, x.shape[-1], alongside=[radial, weight])
    if library is None or x.shape[0] == 0 or not _fit(x, radial, weight, first):
        return _plain(x, radial, weight, first)
    # Here, and not in the Function, which would keep copies that nothing can be traced through.
    rows = x.contiguous(), radial.contiguous()
    found: Tensor = _Filter.apply(library, *rows, weight, first.contiguous())
    return found


def _fit(x: Tensor, radial: Tensor, weight: Tensor, first: Tensor) -> bool:
    """Return whether the kernels can take the tensors: they read addresses and check nothing."""
    if x.dim() != 2 or weight.dim() != 2:
        return False
    (n_edges, width), n_radial = x.shape, weight.shape[1]
    return (
        n_radial <= MAX_RADIAL
        and weight.shape[0] == width
        and radial.shape == (n_edges, n_radial)
        and spans(first, n_edges)
    )


def _plain(x: Tensor, radial: Tensor, weight: Tensor, first: Tensor) -> Tensor:
    rows = x * torch.nn.functional.linear(radial, weight)
    atoms = torch.arange(first.shape[0] - 1, device=first.device)
    centre = atoms.repeat_interleave(first.diff(), output_size=rows.shape[0])
    return rows.new_zeros((first.shape[0] - 1, rows.shape[1])).index_add(0, centre, rows)


class _Call:
    """The kernels for one library and shape."""

    def __init__(self, library: ctypes.CDLL, weight: Tensor, first: Tensor) -> None:
        self.library, self.first, self.scope = library, first, current_scope()
        self.width, self.n_radial = weight.shape
        self.filters = weight.t().contiguous()
        self.n_atoms = first.shape[0] - 1
        self.threads = threads_for(self.n_atoms)

    def forward(self, x: Tensor, radial: Tensor, out: Tensor) -> None:
        """Add the result to ``out``."""
        self._call(self.library.filter_forward, x, radial, self.filters, out)

    def adjoint(
        self,
        x: Tensor,
        radial: Tensor,
        given: Tensor,
        of_x: Tensor | None,
        of_radial: Tensor | None,
        of_filters: Tensor | None,
    ) -> None:
        """Set the adjoints that are wanted; ``of_filters`` are partial sums to add to."""
        tensors = (x, radial, self.filters, given, of_x, of_radial, of_filters)
        self._call(self.library.filter_adjoint, *tensors)

    def _call(self, function: Any, *tensors: Tensor | None) -> None:
        sizes = address(self.first), self.n_radial, self.width
        call(function, self.threads, self.n_atoms, *sizes, *map(address, tensors))


class _Filter(Function):
    @staticmethod
    def forward(
        ctx: Any,
        library: ctypes.CDLL,
        x: Tensor,
        radial: Tensor,
        weight: Tensor,
        first: Tensor,
    ) -> Tensor:
        ctx.call = _Call(library, weight, first)
        out = x.new_zeros((ctx.call.n_atoms, x.shape[1]))
        ctx.call.forward(x, radial, out)
        ctx.save_for_backward(x, radial, weight)
        return out

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Any, ...]:
        x, radial, weight = ctx.saved_tensors
        given, purpose = given.contiguous(), ctx.call.scope.purpose
        if torch.is_grad_enabled() and purpose != "coordinates":
            twin = partial(_plain, first=ctx.call.first)
            return None, *differentiate(twin, (x, radial, weight), given), None
        if purpose == "coordinates":
            of_x, of_radial = _FilterAdjoint.apply(ctx.call, given, x, radial, weight)
            return None, of_x, of_radial, None, None
        of_x, of_radial = torch.empty_like(x), torch.empty_like(radial)
        of_filters = partial_sums(ctx.call.filters, ctx.call.threads)
        ctx.call.adjoint(x, radial, given, of_x, of_radial, of_filters)
        return None, of_x, of_radial, of_filters.sum(dim=0).t(), None


class _FilterAdjoint(Function):
    @staticmethod
    def forward(
        ctx: Any, call: _Call, given: Tensor, x: Tensor, radial: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        of_x, of_radial = torch.empty_like(x), torch.empty_like(radial)
        call.adjoint(x, radial, given, of_x, of_radial, None)
        ctx.call = call
        ctx.save_for_backward(given, x, radial, weight)
        return of_x, of_radial

    @staticmethod
    @once
    def backward(ctx: Any, x_change: Tensor, radial_change: Tensor) -> tuple[Any, ...]:
        given, x, radial, _ = ctx.saved_tensors
        x_change, radial_change = x_change.contiguous(), radial_change.contiguous()
        out = torch.zeros_like(given)
        ctx.call.forward(x_change, radial, out)
        ctx.call.forward(x, radial_change, out)
        of_x, of_radial = torch.empty_like(x), torch.empty_like(radial)
        of_filters = partial_sums(ctx.call.filters, ctx.call.threads)
        ctx.call.adjoint(x, radial_change, given, of_x, None, of_filters)
        ctx.call.adjoint(x_change, radial, given, None, of_radial, of_filters)
        return None, out, of_x, of_radial, of_filters.sum(dim=0).t()
