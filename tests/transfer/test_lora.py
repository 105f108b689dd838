"""Adapters change matrices by little rank, and nothing else."""

import math

import pytest
import tiny
import torch
from transferred import every_backbone, moved, run, weights

from tlbench.base.errors import InputError
from tlbench.training.config import LossWeights
from tlbench.training.loss import loss_of
from tlbench.training.optimisation import TrainedParameters
from tlbench.transfer import arm
from tlbench.transfer.lora import LoraSettings, LowRank, adapted_parameters, matrices

FLAT = {"equivariant": 13, "nequip": 8, "sevennet": 8}
"""Weights of the small networks that e3nn lays out flat and that mix channels."""


def parts(backbone, changes):
    """Yield the change of every matrix of a network."""
    for parameter, shapes in matrices(backbone):
        change = changes[id(parameter)].flatten()
        pieces = change.split([math.prod(shape) for shape in shapes])
        for piece, shape in zip(pieces, shapes, strict=True):
            yield piece.reshape(-1, shape[-1]) if len(shape) > 1 else piece.reshape(1, -1)


@every_backbone
def test_matrices_move_by_the_rank_and_everything_else_stays(backbone, tmp_path):
    potential = tiny.potential(backbone, dtype=torch.float64)
    before = weights(potential)
    own = {id(p): n for n, p in potential.backbone.named_parameters()}
    named = {own[id(p)] for p, _ in matrices(potential.backbone)}

    run(potential, "lora+rank2", tmp_path / "lora", updates=4)

    # What no prediction depends on does not move under any strategy.
    other = tiny.potential(backbone, dtype=torch.float64)
    run(other, "finetune", tmp_path / "finetune", updates=4)
    assert moved(potential, before) == named & moved(other, before)
    after = dict(potential.backbone.named_parameters())
    tables = potential.backbone.element_parameters()
    assert {n for n, p in after.items() if p.dim() == 2 and n not in tables} <= named
    assert not named & set(tables)
    changes = {id(p): p.detach() - before[n] for n, p in after.items()}
    limited = 0
    for change in parts(potential.backbone, changes):
        values = torch.linalg.svdvals(change)
        assert (values[2:] < 1e-12).all()
        limited += len(values) > 2 and float(values[1]) > 1e-9
    assert limited > 3
    assert sum(p.dim() == 1 for p, _ in matrices(potential.backbone)) == FLAT.get(backbone, 0)


@every_backbone
def test_an_adapter_changes_nothing_before_it_is_trained(backbone):
    potential = tiny.potential(backbone)
    before = weights(potential)
    trained = TrainedParameters.of(potential, arm("lora"), seed=0)
    trained.set_values()
    assert not moved(potential, before)
    adapters = trained.parametrisation
    assert all(right.any() for right in adapters.right)
    assert not any(left.any() for left in adapters.left)


@every_backbone
def test_gradients_reach_both_factors(backbone):
    """The compiled kernels read the weights that the adapters have given the network."""
    potential = tiny.potential(backbone, dtype=torch.float64)
    batch = tiny.labelled(tiny.crystals("Ge", 2), potential).batch(torch.arange(2))
    trained = TrainedParameters.of(potential, arm("lora+rank2"), seed=0)
    adapters = trained.parametrisation
    generator = torch.Generator().manual_seed(1)
    factors = list(adapters.parameters())
    directions = [torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in factors]
    with torch.no_grad():
        for p, d in zip(factors, directions, strict=True):
            p += 0.1 * d

    def loss(step):
        with torch.no_grad():
            for p, d in zip(factors, directions, strict=True):
                p += step * d
        values = trained.set_values()
        found = potential(batch.graph, training=True)
        return loss_of(found, batch, LossWeights()), values

    step = 1e-5
    up, down = (float(loss(change)[0].detach()) for change in (step, -2 * step))
    middle, values = loss(step)
    trained.backward(middle, values)
    slope = sum(float((p.grad * d).sum()) for p, d in zip(factors, directions, strict=True))
    assert slope == pytest.approx((up - down) / (2 * step), rel=1e-5)
    assert abs(slope) > 1e-6
    assert sum(bool(p.grad.any()) for p in factors) > 0.8 * len(factors)


def test_alpha_over_the_rank_of_the_settings_multiplies_the_change_of_narrow_layers_too():
    potential = tiny.potential("schnet", dtype=torch.float64)
    start = [p.detach().clone() for p, _ in matrices(potential.backbone)]

    def changes(**settings):
        found = LowRank(potential, 0, LoraSettings(**settings))
        for left in found.left:
            left.data.fill_(1.0)
        return [value - begin for value, begin in zip(found(), start, strict=True)], found

    single, factors = changes(rank=8, alpha=2.0)
    double, _ = changes(rank=8, alpha=4.0)
    assert {len(right) for right in factors.right} == {1, 4, 8}
    for one, two, right in zip(single, double, factors.right, strict=True):
        assert torch.allclose(two, 2 * one)
        scale = 2.0 / 8
        assert torch.allclose(one, (scale * right.sum(dim=0)).expand_as(one))


RANK_4 = LoraSettings()


def test_random_factors_are_as_large_as_the_weights():
    potential = tiny.potential("equivariant", dtype=torch.float64)
    # e3nn's weights are of size 1, those of torch's layers of 1/√(3 · inputs).
    sizes = [float(r.detach().square().mean().sqrt()) for r in LowRank(potential, 0, RANK_4).right]
    assert 0.6 < sizes[0] < 1.5
    assert 0.1 < sizes[-2] < 0.6


def test_narrow_layers_change_by_their_own_rank_and_a_larger_one_is_refused():
    potential = tiny.potential("schnet")
    ranks = {left.shape[1] for left in LowRank(potential, 0, LoraSettings(rank=8)).left}
    assert ranks == {1, 4, 8}
    with pytest.raises(
        InputError, match=r"^lora: rank 9 is larger .* 'schnet'; the largest is 8, of [a-z_0-9.]+,"
    ):
        LowRank(potential, 0, LoraSettings(rank=9))


def test_a_network_without_matrices_is_refused(monkeypatch):
    potential = tiny.potential("schnet")
    for parameter in potential.backbone.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(InputError, match="'schnet' has no linear layers"):
        LowRank(potential, 0, LoraSettings())
    assert [group.parameters for group in adapted_parameters(potential)] == [[]]


def test_settings_are_part_of_the_name():
    found = arm("lora+rank8+alpha0.5")
    assert found.name == "lora+rank8+alpha0.5"
    assert found.settings == LoraSettings(rank=8, alpha=0.5)
    assert found.parametrisation.keywords == {"settings": found.settings}
    assert arm("lora").settings == LoraSettings()


@pytest.mark.parametrize("text", ["0.123456789", "1000000", "1e22", "1e-09"])
def test_every_number_has_a_name(text):
    assert arm(f"lora+alpha{text}").settings.alpha == float(text)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lora+rank4", "'lora[+]rank4' should be called 'lora'"),
        ("lora+alpha4+rank8", "should be called 'lora[+]rank8[+]alpha4'"),
        ("lora+rank8+rank8", "should be called 'lora[+]rank8'"),
        ("lora+rnk8", "'rnk8' is not a setting of .* 'lora', which has rank and alpha"),
        ("lora+rank0", "'lora[+]rank0': 'rank': input should be greater than 0"),
        ("lora+rankfour", "'rank': input should be a valid integer"),
        ("lora+alphanan", "'alpha': input should be a finite number"),
        ("lora+random", "'lora' leaves no choice"),
    ],
)
def test_settings_that_cannot_be_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        arm(name)
