"""Networks in plain torch with derivatives by hand: those of torch, for one network or several."""

import gc
import weakref
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tlbench.kernels.derivatives import scoped
from tlbench.models.backbones.dense_torch import BESIDE, Shape, network, traced

EVERYTHING = Shape((BESIDE, 0, 2, 3), (None, 1, BESIDE, 3), 2)
"""A second input, a filter, and values that are added as well as taken."""


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).requires_grad_(True)


@pytest.fixture
def tensors() -> list[Tensor]:
    """Return both inputs, radial functions, filters, weights and biases."""
    torch.manual_seed(0)
    inputs = [random(7, 6), random(7, 4), random(7, 3), random(4, 3)]
    weights = [random(6, 4), random(6, 6), random(4, 6), random(4, 4)]
    return [*inputs, *weights, random(6), random(6), random(4), random(4)]


def compute(function, tensors: list[Tensor]) -> list[Tensor]:
    """Return what training computes: a result, a force, and a gradient of a loss on both."""
    parameters = tensors[3:]
    with scoped() as scope:
        out = function(*tensors)
    weigh = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    with scope.backward_for("coordinates"):
        forces = torch.autograd.grad((out * weigh).sum(), tensors[:3], create_graph=True)
    loss = out.square().sum() + sum((f.square() * (1 + f)).sum() for f in forces)
    with scope.backward_for("parameters"):
        return [out, *forces, *torch.autograd.grad(loss, parameters)]


def test_training_has_the_derivatives_of_torch(tensors: list[Tensor]) -> None:
    found = compute(lambda *t: network(EVERYTHING, *t), tensors)
    expected = compute(lambda *t: traced(EVERYTHING, *t)[0], tensors)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_all_others_can_be_had_twice(tensors: list[Tensor]) -> None:
    assert torch.autograd.gradcheck(lambda *t: network(EVERYTHING, *t), tensors)
    assert torch.autograd.gradgradcheck(lambda *t: network(EVERYTHING, *t), tensors)


def test_a_third_derivative_is_refused(tensors: list[Tensor]) -> None:
    with scoped() as scope:
        out = network(EVERYTHING, *tensors)
    with scope.backward_for("coordinates"):
        (force,) = torch.autograd.grad(out.sum(), tensors[0], create_graph=True)
    (second,) = torch.autograd.grad(force.square().sum(), tensors[4], create_graph=True)
    with pytest.raises(RuntimeError, match="written by hand"):
        torch.autograd.grad(second.sum(), tensors[4])


def test_networks_side_by_side_are_the_single_ones() -> None:
    torch.manual_seed(0)
    shape = Shape((0, 1), (None, 1), None)
    v, first, second, bias = random(3, 7, 4), random(3, 6, 4), random(3, 6, 6), random(3, 1, 6)

    def gradients(out: Tensor, scope) -> list[Tensor]:
        with scope.backward_for("coordinates"):
            (force,) = torch.autograd.grad(out.sum(), v, create_graph=True)
        loss = out.square().sum() + (force**3).sum()
        with scope.backward_for("parameters"):
            return [out, force, *torch.autograd.grad(loss, [first, second, bias])]

    with scoped() as scope:
        together = network(shape, v, None, None, None, first, second, bias, None)
        found = gradients(together, scope)
    with scoped() as scope:
        alone = [
            network(shape, v[n], None, None, None, first[n], second[n], bias[n, 0], None)
            for n in range(3)
        ]
        expected = gradients(torch.stack(alone), scope)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.fixture
def without_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collection")
def test_nothing_outlives_the_results(tensors: list[Tensor]) -> None:
    kept = []

    def function(*given: Tensor) -> Tensor:
        second = given[1] * 1
        kept.append(weakref.ref(second))
        return network(EVERYTHING, given[0], second, *given[2:])

    compute(function, tensors)
    assert kept[0]() is None
