"""Spherical harmonics, radial functions and angular sums: analytic values and derivatives."""

import numpy as np
import pytest
import torch
from scipy.special import eval_legendre, spherical_jn
from torch import Tensor

from tlbench.kernels.derivatives import current_scope, scoped
from tlbench.kernels.library import MAX_ORDERS, SWITCH
from tlbench.models.backbones.dimenetpp.angular import Neighbourhoods, angular_sum
from tlbench.models.backbones.dimenetpp.harmonics import SphericalHarmonics, solid_harmonics
from tlbench.models.backbones.dimenetpp.radial import (
    At,
    RadialFunctions,
    _Functions,
    bessel_series,
    spherical_bessel_zeros,
)

N_ORDERS = 7


@pytest.fixture(autouse=True)
def _double() -> None:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(params=["on", "off"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, request.param)


def vectors(number: int, seed: int = 0) -> Tensor:
    return torch.as_tensor(np.random.default_rng(seed).normal(size=(number, 3)))


def harmonics(r: Tensor) -> Tensor:
    return SphericalHarmonics(N_ORDERS)(r, r.norm(dim=1).reciprocal())


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("n_orders", [N_ORDERS, MAX_ORDERS, 13])
def test_addition_theorem(n_orders: int) -> None:
    r = vectors(20)
    found = SphericalHarmonics(n_orders)(r, r.norm(dim=1).reciprocal()).numpy()
    direction = r / r.norm(dim=1, keepdim=True)
    cosine = (direction @ direction.T).numpy()
    for order in range(n_orders):
        part = found[:, order**2 : (order + 1) ** 2]
        np.testing.assert_allclose(part @ part.T, eval_legendre(order, cosine), atol=1e-13)


def test_solid_harmonics_solve_laplace_equation() -> None:
    for order in range(N_ORDERS):
        for polynomial in solid_harmonics(order):
            total = np.zeros_like(polynomial)
            for axis in range(3):
                n = np.arange(polynomial.shape[0])
                shape = [1, 1, 1]
                shape[axis] = -1
                bent = polynomial * (n * (n - 1)).reshape(shape)
                total += np.roll(bent, -2, axis=axis)
            assert np.abs(total).max() < 1e-12 * np.abs(polynomial).max()


@pytest.mark.usefixtures("kernels")
def test_vectors_without_direction_have_no_harmonics() -> None:
    r = vectors(40)
    inverse = r.norm(dim=1).reciprocal()
    inverse[5] = 0
    found = SphericalHarmonics(N_ORDERS)(r, inverse)
    assert (found[5] == 0).all()
    assert (found[4] != 0).any()


@pytest.mark.usefixtures("kernels")
def test_vectors_that_do_not_fit_are_refused() -> None:
    r = vectors(40)
    inverse = r.norm(dim=1).reciprocal()
    for misfit in ((r[:, :2], inverse), (r, inverse[:39]), (r[:39], inverse), (r, r)):
        with pytest.raises(RuntimeError):
            SphericalHarmonics(N_ORDERS)(*misfit)


@pytest.mark.usefixtures("kernels")
def test_derivatives_of_harmonics() -> None:
    r = vectors(18).requires_grad_(True)
    assert torch.autograd.gradcheck(harmonics, r, fast_mode=True)
    assert torch.autograd.gradgradcheck(harmonics, r, fast_mode=True)
    # As forces use them: by coordinates, then by what multiplies the harmonics.
    weights = torch.randn(18, N_ORDERS**2, requires_grad=True)
    with scoped() as scope:
        found = harmonics(r)
    with scope.backward_for("coordinates"):
        (force,) = torch.autograd.grad((found * weights).sum(), r, create_graph=True)
    (second,) = torch.autograd.grad(force.square().sum(), weights)
    (force,) = torch.autograd.grad((harmonics(r) * weights).sum(), r, create_graph=True)
    (expected,) = torch.autograd.grad(force.square().sum(), weights)
    torch.testing.assert_close(second, expected, rtol=0, atol=1e-12 * float(expected.abs().max()))


def test_series_of_bessel_functions() -> None:
    zeros = spherical_bessel_zeros(7, 6)
    x = np.linspace(0, 1, 500)
    series = bessel_series(zeros).reshape(7, 6, -1)
    for order in range(7):
        for n in range(6):
            found = np.polynomial.chebyshev.chebval(x, series[order, n])
            np.testing.assert_allclose(
                found, spherical_jn(order, zeros[order, n] * x), rtol=0, atol=2e-15
            )


@pytest.mark.usefixtures("kernels")
def test_derivatives_of_radial_functions() -> None:
    radial = RadialFunctions(7, 6, cutoff=5.0, exponent=6)
    distance = torch.linspace(0.7, 5.3, 60).requires_grad_(True)
    assert torch.autograd.gradcheck(radial, distance)
    assert torch.autograd.gradgradcheck(radial, distance)
    for found in radial(distance):
        assert (found[distance >= 5] == 0).all()
        assert found[distance < 5].all(dim=1).any()


@pytest.mark.parametrize(("n_orders", "n_radial"), [(7, 6), (2, 1), (10, 20)])
@pytest.mark.parametrize(
    ("dtype", "tolerances"),
    # Of a series, every derivative multiplies rounding by the square of its length.
    [(torch.float64, (3e-14, 3e-12, 3e-9)), (torch.float32, (1e-6, 5e-6, 5e-5))],
)
def test_polynomials_are_the_series(
    n_orders: int, n_radial: int, dtype: torch.dtype, tolerances: tuple[float, ...]
) -> None:
    """Values and derivatives, to within rounding, from close pairs to beyond the cutoff."""
    radial = RadialFunctions(n_orders, n_radial, cutoff=5.0, exponent=5)
    distance = torch.linspace(1.0, 5.1, 997).to(dtype)
    for order, tolerance in enumerate(tolerances):
        expected = At(radial, distance.double()).derivative(order)
        found = _Functions.apply(distance, None, At(radial, distance), order, current_scope())
        error = (torch.cat(found, dim=1).double() - expected).abs()
        assert float((error / expected.abs().amax(dim=0)).max()) < tolerance


def test_distances_that_are_not_numbers_give_none() -> None:
    radial = RadialFunctions(7, 6, cutoff=5.0, exponent=6)
    for found in radial(torch.tensor([torch.nan, 3.0])):
        assert found[0].isnan().all()
        assert found[1].isfinite().all()


def paired(n_edges: int) -> Tensor:
    """Return for each edge another, of which it is the other."""
    order = torch.randperm(n_edges, generator=torch.Generator().manual_seed(0))
    reverse = torch.arange(n_edges)
    half = n_edges // 2
    reverse[order[:half]] = order[half : 2 * half]
    reverse[order[half : 2 * half]] = order[:half]
    return reverse


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize(("n_orders", "n_radial"), [(7, 6), (4, 3), (10, 2)])
def test_angular_sum_is_the_sum_over_pairs(n_orders: int, n_radial: int) -> None:
    n_channels = 16
    degrees = torch.tensor([5, 0, 1, 9, 6])
    first = torch.cat([torch.zeros(1, dtype=torch.int64), degrees.cumsum(0)])
    n_edges = int(first[-1])
    reverse = paired(n_edges)
    r = vectors(n_edges)
    torch.manual_seed(0)
    x = torch.randn(n_edges, n_channels)
    radial = torch.randn(n_edges, n_orders * n_radial)
    basis = torch.randn(n_orders, n_radial, n_channels)
    y = SphericalHarmonics(n_orders)(r, r.norm(dim=1).reciprocal())
    found = angular_sum(x, radial, basis, y, Neighbourhoods(first, reverse))

    expected = torch.zeros(n_edges, n_channels)
    weights = torch.einsum("eln,lnc->elc", radial.view(n_edges, n_orders, n_radial), basis)
    direction = r / r.norm(dim=1, keepdim=True)
    for atom in range(len(degrees)):
        mine = range(int(first[atom]), int(first[atom + 1]))
        for w in mine:
            for other in mine:
                if other != w:
                    cosine = float(direction[w] @ direction[other])
                    legendre = torch.as_tensor(eval_legendre(np.arange(n_orders), cosine))
                    expected[reverse[w]] += (legendre @ weights[other]) * x[other]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12 * float(expected.abs().max()))


@pytest.mark.usefixtures("kernels")
def test_any_derivative_of_the_angular_sum() -> None:
    first = torch.tensor([0, 3, 3, 8])
    reverse = paired(8)
    torch.manual_seed(0)
    tensors = [torch.randn(8, 8), torch.randn(8, 12), torch.randn(4, 3, 8), torch.randn(8, 16)]
    tensors = [t.requires_grad_(True) for t in tensors]
    edges = Neighbourhoods(first, reverse)
    assert torch.autograd.gradcheck(lambda *t: angular_sum(*t, edges), tensors, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda *t: angular_sum(*t, edges), tensors, fast_mode=True)


@pytest.mark.usefixtures("kernels")
def test_edges_that_do_not_fit_are_refused() -> None:
    first, reverse = torch.tensor([0, 3, 3, 8]), paired(8)
    torch.manual_seed(0)
    given = {
        "x": torch.randn(8, 8),
        "radial": torch.randn(8, 12),
        "basis": torch.randn(4, 3, 8),
        "harmonics": torch.randn(8, 16),
    }

    def total(first: Tensor = first, reverse: Tensor = reverse, **changes: Tensor) -> Tensor:
        return angular_sum(**{**given, **changes}, edges=Neighbourhoods(first, reverse))

    for misfit in (
        {"x": given["x"][:7]},
        {"x": torch.zeros(8, 16)},
        {"radial": given["radial"][:7]},
        {"radial": torch.zeros(8, 9)},
        {"basis": torch.zeros(4, 3, 16)},
        {"basis": torch.zeros(4, 2, 8)},
        {"harmonics": given["harmonics"][:7]},
        {"harmonics": torch.zeros(8, 9)},
        {"first": torch.tensor([0, 3, 3, 9])},
        {"first": first.double()},
        {"reverse": reverse[:7]},
        {"reverse": reverse.double()},
    ):
        with pytest.raises((RuntimeError, IndexError)):
            total(**misfit)
    # Other integers, and every other number of a tensor, say the same.
    for change in (Tensor.int, lambda t: torch.stack([t, t], dim=1)[:, 0]):
        torch.testing.assert_close(total(change(first), change(reverse)), total())
