"""Networks of dense layers in plain torch, in few operations: what an accelerator runs.

First and second derivatives are written by hand, as in the compiled kernels. Whatever belongs to
all layers, such as the slopes of activations, lies in one matrix (n, sum of widths) and is computed
at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import linear

from tlbench.kernels.derivatives import current_scope, differentiate, once
from tlbench.models.backbones.activation import silu

BESIDE = -1
"""Number of the value that is a network's second input."""


@dataclass(frozen=True)
class Shape:
    """What layers take and add, and which of them has a filter."""

    sources: tuple[int, ...]
    skips: tuple[int | None, ...]
    filtered: int | None


def traced(
    shape: Shape,
    v: Tensor,
    beside: Tensor | None,
    radial: Tensor | None,
    filters: Tensor | None,
    *parameters: Tensor | None,
) -> tuple[Tensor, list[Tensor]]:
    """Return the last value, and z = W v + b of every layer, for torch to differentiate.

    ``parameters`` are the weights of all layers and then their biases.
    """
    weights, biases = parameters[: len(shape.sources)], parameters[len(shape.sources) :]
    values: dict[int, Tensor | None] = {0: v, BESIDE: beside}
    inner = []
    layers = zip(shape.sources, shape.skips, weights, biases, strict=True)
    for number, (source, skip, weight, bias) in enumerate(layers):
        inner.append(_layer(_there(values[source]), _there(weight), bias))
        value = silu(inner[-1])
        if number == shape.filtered:
            value = value * linear(_there(radial), _there(filters))
        if skip is not None:
            value = value + _there(values[skip])
        values[number + 1] = value
    return _there(values[len(weights)]), inner


def _there(tensor: Tensor | None) -> Tensor:
    if tensor is None:
        raise ValueError("the layers name an input that was not given")
    return tensor


def _layer(value: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if value.dim() == 3:
        product = value @ weight.mT
        return product if bias is None else product + bias
    return linear(value, weight, bias)


def network(shape: Shape, *tensors: Tensor | None) -> Tensor:
    """Return the last value of a network; arguments are those of `traced`, and fit each other.

    Several networks of one shape are computed at once if v (n_networks, n, width), weights
    (n_networks, outputs, inputs) and biases (n_networks, 1, outputs) have one more axis.
    """
    found: Tensor = _Network.apply(shape, *tensors)[0]
    return found


def _traced_matrix(shape: Shape, *tensors: Any) -> tuple[Tensor, Tensor]:
    out, inner = traced(shape, *tensors)
    return out, torch.cat(inner, dim=-1)


def _sum_of(term: Tensor, one: Tensor, other: Tensor, out: Tensor | None = None) -> Tensor:
    """Return term + one · other, of matrices or of batches of them."""
    add = torch.addmm if one.dim() == 2 else torch.baddbmm
    return add(term, one, other, out=out)


@dataclass
class _Pass:
    """A network on some rows, and what its forward pass leaves for the derivatives.

    ``values`` are those that layers take, ``factor`` (n, width) is what the filter multiplies by
    and ``bare`` (n, width) what it multiplies.
    """

    shape: Shape
    weights: Sequence[Tensor]
    values: dict[int, Tensor] = field(default_factory=dict)
    factor: Tensor | None = None
    bare: Tensor | None = None

    @cached_property
    def widths(self) -> list[int]:
        """Number of outputs of every layer."""
        return [weight.shape[-2] for weight in self.weights]

    def forward(self, biases: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
        """Return the last value, and z of all layers."""
        v = self.values[0]
        z = v.new_empty((*v.shape[:-1], sum(self.widths)))
        value = v
        for number, part in enumerate(z.split(self.widths, dim=-1)):
            given, weight, bias = self._source(number), self.weights[number].mT, biases[number]
            if bias is None:
                torch.matmul(given, weight, out=part)
            else:
                _sum_of(bias, given, weight, out=part)
            value = torch.nn.functional.silu(part)
            if self.factor is not None and number == self.shape.filtered:
                self.bare, value = value, value * self.factor
            skip = self.shape.skips[number]
            self.values[number + 1] = value if skip is None else value + self.values[skip]
        # The result would hold on to the pass, and so to itself.
        return self.values.pop(len(self.weights)), z

    def _source(self, number: int) -> Tensor:
        return self.values[self.shape.sources[number]]

    def adjoint(self, given: Tensor, slopes: Tensor, source: Tensor | None) -> "_Adjoints":
        """Go back through the layers from ``given``, the adjoint of the last value.

        ``source`` is an adjoint of z that comes from elsewhere.
        """
        of_z = torch.empty_like(slopes)
        of_values = {len(self.weights): given}
        heads = list(slopes.split(self.widths, dim=-1))
        sources = None if source is None else source.split(self.widths, dim=-1)
        filtered = of_factor = None
        parts = of_z.split(self.widths, dim=-1)
        for number in reversed(range(len(parts))):
            head, slope, part = of_values.get(number + 1), heads[number], parts[number]
            head = torch.zeros_like(slope) if head is None else head
            skip, taken = self.shape.skips[number], self.shape.sources[number]
            if skip is not None:
                before = of_values.get(skip)
                of_values[skip] = head if before is None else before + head
            if self.factor is not None and number == self.shape.filtered:
                filtered, of_factor = head, head * _there(self.bare)
                head = head * self.factor
            if sources is None:
                torch.mul(head, slope, out=part)
            else:
                torch.addcmul(sources[number], head, slope, out=part)
            before = of_values.get(taken)
            weight = self.weights[number]
            of_values[taken] = part @ weight if before is None else _sum_of(before, part, weight)
            heads[number] = head
        return _Adjoints(of_values, of_z, heads, filtered, of_factor)

    def tangent(
        self, changes: dict[int, Tensor], slopes: Tensor, factor_change: Tensor | None
    ) -> Tensor:
        """Return the changes of z, and put those of values beside ``changes`` of inputs."""
        z_change = torch.empty_like(slopes)
        parts, steps = (t.split(self.widths, dim=-1) for t in (z_change, slopes))
        for number, (part, slope) in enumerate(zip(parts, steps, strict=True)):
            change = changes.get(self.shape.sources[number])
            if change is None:
                part.zero_()
            else:
                torch.matmul(change, self.weights[number].mT, out=part)
            skip = self.shape.skips[number]
            added = None if skip is None else changes.get(skip)
            if self.factor is not None and number == self.shape.filtered:
                found = part * slope * self.factor
                if factor_change is not None:
                    found = torch.addcmul(found, _there(self.bare), factor_change)
                changes[number + 1] = found if added is None else found + added
            elif added is None:
                changes[number + 1] = part * slope
            else:
                changes[number + 1] = torch.addcmul(added, part, slope)
        return z_change

    def of_weights(self, of_z: Tensor, values: dict[int, Tensor]) -> list[Tensor | None]:
        """Return the adjoints of the weights that take ``values``."""
        parts = of_z.split(self.widths, dim=-1)
        taken = [values.get(source) for source in self.shape.sources]
        return [
            None if value is None else part.mT @ value
            for part, value in zip(parts, taken, strict=True)
        ]


@dataclass
class _Adjoints:
    """Adjoints of values by number, of z, and of what activations give, layer by layer.

    ``filtered`` is that of what the filter gives, ``of_factor`` that of what it multiplies by.
    """

    of_values: dict[int, Tensor]
    of_z: Tensor
    heads: list[Tensor]
    filtered: Tensor | None
    of_factor: Tensor | None


def _slopes(z: Tensor) -> Tensor:
    found: Tensor = torch.ops.aten.silu_backward(torch.ones_like(z), z)
    return found


def _bends(z: Tensor) -> Tensor:
    """Return the second derivatives σ (1 − σ) (2 + z − 2 z σ) of z σ(z)."""
    sigma = torch.sigmoid(z)
    inner = torch.addcmul(z + 2, z, sigma, value=-2)
    found: Tensor = torch.ops.aten.sigmoid_backward(inner, sigma)
    return found


class _Network(Function):
    """Returns the result, and z of all layers, whose adjoint the second derivative makes."""

    @staticmethod
    def forward(
        ctx: Any,
        shape: Shape,
        v: Tensor,
        beside: Tensor | None,
        radial: Tensor | None,
        filters: Tensor | None,
        *parameters: Any,
    ) -> tuple[Tensor, Tensor]:
        n_layers = len(shape.sources)
        weights, biases = parameters[:n_layers], parameters[n_layers:]
        values = {0: v} if beside is None else {0: v, BESIDE: beside}
        factor = None if radial is None or filters is None else linear(radial, filters)
        ctx.run = _Pass(shape, weights, values, factor)
        out, z = ctx.run.forward(biases)
        ctx.scope, ctx.slopes = current_scope(), None
        ctx.save_for_backward(v, beside, radial, filters, z, *parameters)
        ctx.set_materialize_grads(False)
        return out, z

    @staticmethod
    def backward(ctx: Any, given: Tensor | None, source: Tensor | None) -> tuple[Any, ...]:
        v, beside, radial, filters, z, *parameters = ctx.saved_tensors
        run: _Pass = ctx.run
        n_layers = len(run.weights)
        weights, biases = parameters[:n_layers], parameters[n_layers:]
        if given is None:
            given = v.new_zeros((*v.shape[:-1], run.widths[-1]))
        twice = torch.is_grad_enabled()
        # An adjoint of z comes only from a second derivative, which may be by anything.
        if ctx.scope.purpose == "coordinates" and source is None:
            with torch.no_grad():
                ctx.slopes = _slopes(z)
            *adjoints, _ = _Adjoint.apply(
                run, ctx.slopes, twice, given, v, beside, radial, z, filters, *weights
            )
            return None, *adjoints, None, *(None for _ in parameters)
        if twice:
            inputs = [v, beside, radial, filters, *parameters]
            if source is None:
                twin = partial(traced, run.shape)
                found = differentiate(lambda *tensors: twin(*tensors)[0], inputs, given)
            else:
                found = differentiate(partial(_traced_matrix, run.shape), inputs, given, source)
            return None, *found
        adjoints = run.adjoint(given, _slopes(z) if ctx.slopes is None else ctx.slopes, source)
        of_biases = adjoints.of_z.sum(dim=-2, keepdim=v.dim() == 3).split(run.widths, dim=-1)
        return (
            None,
            adjoints.of_values.get(0),
            adjoints.of_values.get(BESIDE),
            None if adjoints.of_factor is None else adjoints.of_factor @ filters,
            None if adjoints.of_factor is None else adjoints.of_factor.t() @ radial,
            *run.of_weights(adjoints.of_z, run.values),
            *(None if b is None else of for b, of in zip(biases, of_biases, strict=True)),
        )


class _Adjoint(Function):
    """Adjoints of the inputs that depend on coordinates, and how they change with all inputs."""

    @staticmethod
    def forward(
        ctx: Any,
        run: _Pass,
        slopes: Tensor,
        twice: bool,
        given: Tensor,
        v: Tensor,
        beside: Tensor | None,
        radial: Tensor | None,
        z: Tensor,
        filters: Tensor | None,
        *weights: Tensor,
    ) -> tuple[Tensor | None, ...]:
        found = run.adjoint(given, slopes, None)
        ctx.run, ctx.slopes, ctx.adjoints = run, slopes, found if twice else None
        # Stands for all inputs where `once` looks for what the results depend on.
        anchor = z.new_empty(0)
        ctx.save_for_backward(radial, z, filters, anchor)
        ctx.set_materialize_grads(False)
        of_radial = None if found.of_factor is None else found.of_factor @ _there(filters)
        results = [found.of_values.get(number) for number in (0, BESIDE)]
        found.of_values.clear()
        # A result that is kept as a head, too, would hold on to itself.
        return *(None if t is None else t.view_as(t) for t in results), of_radial, anchor

    @staticmethod
    @once
    def backward(
        ctx: Any,
        v_change: Tensor | None,
        beside_change: Tensor | None,
        radial_change: Tensor | None,
        _: Tensor | None,
    ) -> tuple[Any, ...]:
        radial, z, filters, _ = ctx.saved_tensors
        run: _Pass = ctx.run
        found: _Adjoints = ctx.adjoints
        given = {0: v_change, BESIDE: beside_change}
        changes = {number: t for number, t in given.items() if t is not None}
        factor_change = None if radial_change is None else linear(radial_change, filters)
        z_change = run.tangent(changes, ctx.slopes, factor_change)
        source = torch.cat(found.heads, dim=-1).mul_(_bends(z)).mul_(z_change)
        of_radial = of_filters = None
        if found.filtered is not None:
            number = run.shape.filtered
            parts = [t.split(run.widths, dim=-1)[number] for t in (source, z_change, ctx.slopes)]
            of_factor = parts[1] * parts[2] * found.filtered
            of_radial, of_filters = of_factor @ filters, of_factor.t() @ radial
            if factor_change is not None:
                parts[0].addcmul_(found.filtered * factor_change, parts[2])
                of_filters.addmm_(_there(found.of_factor).t(), radial_change)
        # By run, slopes, twice, given, v, beside, radial, z, filters and weights.
        return (
            None,
            None,
            None,
            changes[len(run.weights)],
            None,
            None,
            of_radial,
            source,
            of_filters,
            *run.of_weights(found.of_z, changes),
        )
