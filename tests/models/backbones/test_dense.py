"""Networks of dense layers and filtered sums: values without limits, and shapes that do not fit."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from tlbench.kernels.library import SWITCH, library_for
from tlbench.models.backbones.dense import BESIDE, Filter, Layer, dense
from tlbench.models.backbones.filtering import filtered_sum

pytestmark = pytest.mark.skipif(
    library_for(torch.zeros(1)) is None, reason="the kernels need a C compiler, and none was found"
)


def test_large_arguments_saturate() -> None:
    weight = torch.eye(16)
    x = torch.tensor([[0.0, 1.0, -1.0, 50.0, -50.0, 1e4, -1e4, 300.0, -300.0, 100.0, -100.0, 3.0,
                       -3.0, 1e-30, -88.0, 88.0]])  # fmt: skip
    found = dense([Layer(weight, None, 0)], x)
    torch.testing.assert_close(found, torch.nn.functional.silu(x), rtol=1e-6, atol=1e-30)


def test_the_slope_of_large_arguments_is_one() -> None:
    x = torch.tensor([[1e4, 1e6, 1e8, 1e10, -1e4, -1e8, 30.0, -30.0] * 2], requires_grad=True)
    (found,) = torch.autograd.grad(dense([Layer(torch.eye(16), None, 0)], x).sum(), x)
    slopes = torch.tensor([[1.0] * 4 + [0.0] * 2 + [1.0, 0.0]]).tile(2)
    torch.testing.assert_close(found, slopes, rtol=1e-6, atol=1e-10)


def test_not_a_number_stays_one() -> None:
    x = torch.full((1, 16), torch.nan)
    assert dense([Layer(torch.eye(16), None, 0)], x).isnan().all()


def test_mixed_precision_is_refused_as_torch_does() -> None:
    # The kernels read addresses: doubles read as floats would be numbers, and wrong.
    with pytest.raises(RuntimeError, match="dtype"):
        dense([Layer(torch.eye(16, dtype=torch.float64), None, 0)], torch.zeros(4, 16))


def layers_of(**changes: Any) -> tuple[list[Layer], dict[str, Any]]:
    """Return two layers, the second filtered and with a skip, and their inputs, some changed."""
    torch.manual_seed(0)
    values: dict[str, Any] = {
        "v": torch.randn(70, 16),
        "beside": torch.randn(70, 32),
        "first": torch.randn(32, 16),
        "bias": torch.randn(32),
        "second": torch.randn(32, 32),
        "radial": torch.randn(70, 5),
        "filters": torch.randn(32, 5),
        "source": 1,
        "skip": BESIDE,
    }
    values |= changes
    layers = [
        Layer(values["first"], values["bias"], 0),
        Layer(values["second"], None, values["source"], skip=values["skip"]),
    ]
    filter = Filter(1, values["radial"], values["filters"])
    return layers, {"v": values["v"], "beside": values["beside"], "filter": filter}


MISFITS = {
    "rows of the input": {"v": torch.zeros(69, 16)},
    "width of the input": {"v": torch.zeros(70, 32)},
    "rows beside": {"beside": torch.zeros(64, 32)},
    "width of what is added": {"beside": torch.zeros(70, 16)},
    "width of a layer's input": {"first": torch.zeros(32, 48)},
    "width of a layer": {"first": torch.zeros(16, 16)},
    "a weight that is no matrix": {"second": torch.zeros(32, 32, 16)},
    "bias": {"bias": torch.zeros(16)},
    "rows of radial functions": {"radial": torch.zeros(40, 5)},
    "number of radial functions": {"radial": torch.zeros(70, 4)},
    "width of filters": {"filters": torch.zeros(16, 5)},
    "a value that is not there yet": {"source": 2},
    "a value that is not there": {"skip": 7},
}


@pytest.mark.parametrize("kernels", ["on", "off"])
@pytest.mark.parametrize("misfit", MISFITS)
def test_layers_that_do_not_fit_are_refused(
    misfit: str, kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, kernels)
    layers, inputs = layers_of()
    assert dense(layers, **inputs).shape == (70, 32)
    layers, inputs = layers_of(**MISFITS[misfit])
    with pytest.raises((RuntimeError, KeyError)):
        dense(layers, **inputs)


def test_what_torch_stretches_is_stretched() -> None:
    layers, inputs = layers_of(bias=torch.randn(1), radial=torch.randn(1, 5))
    found = dense(layers, **inputs)
    stretched = replace(inputs["filter"], radial=inputs["filter"].radial.expand(70, 5))
    layers[0] = replace(layers[0], bias=layers[0].bias.expand(32))
    expected = dense(layers, **{**inputs, "filter": stretched})
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernels", ["on", "off"])
def test_messages_that_do_not_fit_are_refused(
    kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, kernels)
    x, radial, weight = torch.randn(40, 32), torch.randn(40, 5), torch.randn(32, 5)
    first = torch.tensor([0, 3, 3, 40])
    expected = filtered_sum(x, radial, weight, first)
    for misfit in (
        (x[:, :16], radial, weight, first),
        (x, radial[:39], weight, first),
        (x, radial[:, :4], weight, first),
        (x, radial, weight[:16], first),
        (x, radial, weight, torch.tensor([0, 3, 3, 41])),
        (x, radial, weight, torch.tensor([0, 3, 3, 39])),
        (x, radial, weight, first.double()),
    ):
        with pytest.raises(RuntimeError):
            filtered_sum(*misfit)
    # Other integers, and every other number of a tensor, are the same spans.
    for same in (first.int(), torch.stack([first, first], dim=1)[:, 0]):
        found = filtered_sum(x, radial, weight, same)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
