"""Filters interpolated between distances: as exact as those computed at every distance."""

import pytest
import torch
from layered_schnet import LayeredSchNet
from structures import liquid
from torch import Tensor

from tlbench.graphs import graph_of
from tlbench.kernels.library import library_for
from tlbench.models.backbones.schnet import SchNetConfig
from tlbench.models.backbones.schnet.filters import FilterBasis, Weights
from tlbench.models.backbones.schnet.interpolation import LARGEST_ERROR, Grid, smooth, table_of
from tlbench.models.backbones.schnet.model import SchNet
from tlbench.models.contract.prediction import random_potential

CUTOFF, N_GAUSSIANS = 5.0, 50
CENTRES = torch.linspace(0, CUTOFF, N_GAUSSIANS, dtype=torch.float64)
COEFFICIENT = -0.5 / float(CENTRES[1]) ** 2
PRECISIONS = [torch.float32, torch.float64]


def network(steepness: float, seed: int = 0) -> Weights:
    """Return a filter network whose first layer is so much larger than at the start of training."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(16, N_GAUSSIANS), (16,), (16, 16), (16,)]
    first, *rest = (
        torch.randn(*shape, generator=generator, dtype=torch.float64) * 0.13 for shape in shapes
    )
    return [steepness * first, *rest]


def interpolated(table: Tensor, distance: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Return filters and their slopes at some distances, in double precision."""
    rows = grid.rows(distance)
    nodes = rows.unsqueeze(1) + torch.arange(grid.n_nodes)
    values, slopes = (part[nodes] for part in table.chunk(2, dim=1))
    weights, of_slopes = (grid.weights(distance, rows, order).unsqueeze(2) for order in (0, 1))
    return (weights * values).sum(dim=1), (of_slopes * values + weights * slopes).sum(dim=1)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("seed", range(3))
def test_interpolation_is_as_exact_as_it_says(seed: int, dtype: torch.dtype) -> None:
    grid = Grid.of(CUTOFF, N_GAUSSIANS, dtype)
    distance = torch.linspace(0, CUTOFF, 1501, dtype=torch.float64)
    answers = []
    for steepness in (1, 2, 4, 8, 16):
        weights = network(steepness, seed)
        table = table_of(weights, grid.basis(CENTRES, COEFFICIENT))
        exact = FilterBasis.at(distance, CENTRES, COEFFICIENT, CUTOFF).filters_and_slopes(weights)
        answers.append(smooth([table.to(dtype)], grid))
        if answers[-1]:
            largest = table.abs().amax() if dtype == torch.float64 else exact[1].abs().amax()
            for found, expected in zip(interpolated(table, distance, grid), exact, strict=True):
                error = (found - expected).abs().amax()
                assert error <= 2 * LARGEST_ERROR[dtype] * largest
    # Networks as they are trained are smooth, and there are those that are not.
    assert answers[0]
    assert not answers[-1]


def test_one_rough_table_of_several_is_found() -> None:
    grid = Grid.of(CUTOFF, N_GAUSSIANS, torch.float64)
    basis = grid.basis(CENTRES, COEFFICIENT)
    fine, rough = (table_of(network(steepness), basis) for steepness in (1, 16))
    assert smooth([1e6 * fine, fine], grid)
    assert not smooth([1e6 * fine, rough], grid)


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_weights_vanish_with_their_slopes_at_the_cutoff(dtype: torch.dtype) -> None:
    grid = Grid.of(CUTOFF, N_GAUSSIANS, dtype)
    distance = torch.tensor([CUTOFF, CUTOFF - 1e-3, CUTOFF / 2], dtype=dtype)
    rows = grid.rows(distance)
    for order, bound in ((0, 1e-6), (1, 1e-3)):
        at, near, inside = grid.weights(distance, rows, order).abs().amax(dim=1)
        assert at == 0
        assert 0 < near < bound
        assert inside > 0.3


def test_every_number_has_nodes() -> None:
    grid = Grid.of(CUTOFF, N_GAUSSIANS, torch.float32)
    distance = torch.tensor([0.0, CUTOFF, float("nan"), float("inf"), -1.0])
    rows = grid.rows(distance)
    assert rows.min() >= 0
    assert rows.max() + grid.n_nodes <= len(grid.nodes(distance.device))


@pytest.mark.skipif(library_for(torch.zeros(1)) is None, reason="there is no C compiler")
@pytest.mark.parametrize("steepness", [1, 8])
def test_filters_that_are_not_smooth_are_computed_pair_by_pair(
    steepness: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    potential = random_potential(SchNetConfig(cutoff=CUTOFF), torch.float64)
    graph = graph_of(liquid(n_atoms=16), CUTOFF)
    with torch.no_grad():
        for block in potential.backbone.interactions:
            block.mlp[0].weight *= steepness
    ways: list[str] = []
    exact = SchNet._exact

    def counted(self: SchNet, graph: object) -> object:
        ways.append("pair by pair")
        return exact(self, graph)

    monkeypatch.setattr(SchNet, "_exact", counted)
    found = potential(graph).forces
    assert ways == ([] if steepness == 1 else ["pair by pair"])
    monkeypatch.setattr(potential.backbone, "__class__", LayeredSchNet)
    expected = potential(graph).forces
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10 * float(expected.abs().max()))
