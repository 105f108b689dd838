"""Training follows the gradient of the loss, changes what it may, and says when it fails."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from torch.nn import Parameter

from tlbench.base.errors import DivergedError, InputError
from tlbench.data.frames import Frames
from tlbench.models.potential import Potential
from tlbench.training import loop
from tlbench.training.checkpoint import Curve
from tlbench.training.config import LossWeights, TrainingConfig
from tlbench.training.labels import LabelledSet
from tlbench.training.loop import force_mae, train
from tlbench.training.loss import fit_reference_energy, loss_of
from tlbench.transfer import STRATEGIES
from tlbench.transfer.batches import BatchOrder
from tlbench.transfer.scratch import SCRATCH
from tlbench.transfer.strategy import ParameterGroup

every_backbone = pytest.mark.parametrize("backbone", tiny.BACKBONES)


def run(
    potential: Potential,
    data: LabelledSet,
    folder: Path,
    parameters: list[Parameter] | None = None,
    validation: LabelledSet | None = None,
    order_seed: int = 0,
    **config: Any,
) -> Curve:
    strategy = SCRATCH
    if parameters is not None:
        strategy = replace(SCRATCH, trained=lambda _: [ParameterGroup(parameters)])
    if validation is None:
        validation, config = data, {"validation_points": 0} | config
    return train(
        potential,
        strategy,
        data,
        validation,
        TrainingConfig(**config),
        order_seed,
        folder,
    )


def weights_of(potential: Potential) -> dict[str, torch.Tensor]:
    return {n: p.detach().clone() for n, p in potential.backbone.named_parameters()}


def predicted_energy(potential: Potential, data: LabelledSet) -> np.ndarray:
    batch = data.batch(torch.arange(len(data)))
    return potential(batch.graph).energy.numpy()


@every_backbone
def test_training_learns_silicon(backbone, tmp_path):
    potential = tiny.potential(backbone)
    data = tiny.labelled(tiny.crystals("Si", 12), potential)
    unseen = tiny.labelled(tiny.crystals("Si", 9, seed=1), potential)
    before = force_mae(potential, unseen)

    curve = run(potential, data, tmp_path, updates=120, batch_size=4, learning_rate=0.02)

    assert len(curve.loss) == 120
    assert np.mean(curve.loss[-12:]) < 0.05 * np.mean(curve.loss[:3])
    assert force_mae(potential, unseen) < 0.4 * before


@every_backbone
@pytest.mark.parametrize(
    "weights",
    [
        {"forces": 1.0},
        {"forces": 0.0, "energy": 1.0},
        {"forces": 0.0, "stress": 1e-3},
        {"forces": 1.0, "energy": 0.5, "stress": 1e-3},
    ],
    ids=["forces", "energy", "stress", "all"],
)
def test_an_update_follows_the_gradient_of_the_loss(backbone, weights, tmp_path, monkeypatch):
    """One step of plain descent moves a weight by −η ∂L/∂w, which finite differences confirm."""
    monkeypatch.setattr(torch.optim, "Adam", lambda p, lr, fused: torch.optim.SGD(p, lr=lr))
    potential = tiny.potential(backbone, dtype=torch.float64)
    data = tiny.labelled(tiny.crystals("Si", 2), potential)
    batch, parts = data.batch(torch.arange(2)), LossWeights(**weights)
    # The constant that training with an energy loss starts from.
    fit_reference_energy(potential, data)

    def loss() -> float:
        return float(loss_of(potential(batch.graph, stress=parts.stress > 0), batch, parts))

    generator = torch.Generator().manual_seed(0)
    probes = []
    for name, parameter in potential.backbone.named_parameters():
        values = parameter.data.view(-1)
        indices = torch.randperm(len(values), generator=generator)[:3].tolist()
        if name in potential.backbone.element_parameters():
            indices += [14 * parameter.shape[1], 15 * parameter.shape[1] - 1]
        for index in indices:
            kept, ends = float(values[index]), []
            for step in (1e-5, -1e-5):
                values[index] = kept + step
                ends.append(loss())
            values[index] = kept
            probes.append((name, index, (ends[0] - ends[1]) / 2e-5))
    before, first_loss, rate = weights_of(potential), loss(), 1e-3

    curve = run(
        potential, data, tmp_path, updates=1, batch_size=2, learning_rate=rate, loss=weights
    )

    assert curve.loss == pytest.approx([first_loss], rel=1e-9)
    after = weights_of(potential)
    gradient = np.array([g for *_, g in probes])
    found = [float((before[n] - after[n]).view(-1)[i]) / rate for n, i, _ in probes]
    assert (gradient != 0).sum() > 10
    np.testing.assert_allclose(found, gradient, rtol=1e-5, atol=1e-6 * np.abs(gradient).max())


@pytest.mark.parametrize("chosen", ["lin2", "embedding", "interactions"])
def test_only_the_given_parameters_change(chosen, tmp_path):
    potential = tiny.potential("schnet")
    data = tiny.labelled(tiny.crystals("Si", 4), potential)
    named = dict(potential.backbone.named_parameters())
    subset = {name: p for name, p in named.items() if name.startswith(chosen)}
    before = weights_of(potential)

    run(potential, data, tmp_path, list(subset.values()), updates=3, learning_rate=0.1)

    after = weights_of(potential)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    # No force, so no gradient, depends on the constant that is added to every atom.
    assert changed == subset.keys() - {"lin2.bias"}


@pytest.mark.parametrize("strategy", ["finetune", "head-only", "l2-sp", "layerwise-lr", "mixed"])
def test_fixed_parameters_of_a_backbone_stay_as_they_are(strategy, tmp_path):
    """As scale and shift of a published potential."""
    potential = tiny.potential("schnet")
    for parameter in (potential.backbone.lin2.weight, potential.backbone.embedding.weight):
        parameter.requires_grad_(False)
    before = weights_of(potential)
    frames = tiny.crystals("Ge", 4)
    both = tiny.labelled(Frames.concatenate([frames, tiny.crystals("Si", 4)]), potential)
    data = tiny.labelled(frames, potential)
    config = TrainingConfig(updates=2, validation_points=0)
    train(potential, STRATEGIES.get(strategy), data, data, config, 0, tmp_path, with_source=both)
    after = weights_of(potential)
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert {"lin2.weight", "embedding.weight"} <= same
    assert not torch.equal(before["lin1.weight"], after["lin1.weight"])


def test_a_backbone_without_anything_to_train_is_refused(tmp_path):
    potential = tiny.potential("schnet")
    potential.backbone.requires_grad_(False)
    data = tiny.labelled(tiny.crystals("Si", 2), potential)
    with pytest.raises(InputError, match=r"'scratch' has nothing to train: .* 'schnet' are fixed"):
        run(potential, data, tmp_path, updates=1)


def test_elements_that_do_not_occur_keep_their_embedding(tmp_path):
    potential = tiny.potential("schnet")
    before = weights_of(potential)["embedding.weight"]
    data = tiny.labelled(tiny.crystals("Si", 4), potential)
    run(potential, data, tmp_path, updates=3, learning_rate=0.1)
    after = weights_of(potential)["embedding.weight"]
    changed = (before != after).any(dim=1)
    assert changed.nonzero().flatten().tolist() == [14]


def test_the_last_update_has_the_final_learning_rate(tmp_path):
    """Adam never moves a weight much further than the learning rate."""
    data = tiny.crystals("Si", 4)
    last_step = {}
    for fraction in (1.0, 1e-3):
        ends = []
        for stop in (7, 8):
            potential = tiny.potential("schnet", dtype=torch.float64)
            config = TrainingConfig(
                updates=8, learning_rate=1e-2, final_learning_rate_fraction=fraction
            )
            seen = {}

            def note(done: int, *_: float, seen=seen, potential=potential) -> None:
                seen[done] = weights_of(potential)

            labelled = tiny.labelled(data, potential)
            train(potential, SCRATCH, labelled, labelled, config, 0, tmp_path, on_update=note)
            ends.append(seen[stop])
        last_step[fraction] = max(float((ends[1][n] - ends[0][n]).abs().max()) for n in ends[0])
    assert 1e-3 < last_step[1.0] < 3e-2
    assert 1e-6 < last_step[1e-3] < 3e-5


def test_batches_follow_the_order_seed(tmp_path):
    """The loss of each update is that of the structures that the order names."""
    potential = tiny.potential("schnet", dtype=torch.float64)
    data = tiny.labelled(tiny.crystals("Si", 7), potential)
    order = BatchOrder(7, 3, seed=11)
    expected = []
    for update in range(5):
        batch = data.batch(order.batch(update))
        expected.append(float(loss_of(potential(batch.graph), batch, LossWeights())))

    curve = run(
        potential, data, tmp_path, updates=5, batch_size=3, learning_rate=1e-12, order_seed=11
    )

    assert curve.loss == pytest.approx(expected, rel=1e-6)
    assert len({round(value, 6) for value in expected}) > 3


def test_validation_is_watched_at_evenly_spaced_updates_and_at_the_end(tmp_path):
    potential = tiny.potential()
    data = tiny.labelled(tiny.crystals("Si", 4), potential)
    validation = tiny.labelled(tiny.crystals("Si", 3, seed=1), potential)

    curve = run(potential, data, tmp_path, validation=validation, updates=10, validation_points=4)

    assert [update for update, _ in curve.validation] == [3, 5, 8, 10]
    assert curve.validation[-1][1] == force_mae(potential, validation)


@pytest.mark.parametrize(("updates", "points", "watched"), [(3, 10, [1, 2, 3]), (5, 0, [])])
def test_validation_points_may_be_many_or_none(updates, points, watched, tmp_path):
    potential = tiny.potential()
    data = tiny.labelled(tiny.crystals("Si", 2), potential)
    curve = run(
        potential, data, tmp_path, validation=data, updates=updates, validation_points=points
    )
    assert [update for update, _ in curve.validation] == watched


def test_validation_does_not_influence_training(tmp_path):
    ends = []
    for seed, points in [(1, 0), (1, 5), (2, 5)]:
        potential = tiny.potential()
        data = tiny.labelled(tiny.crystals("Si", 4), potential)
        validation = tiny.labelled(tiny.crystals("Si", 3, seed=seed), potential)
        run(potential, data, tmp_path, validation=validation, updates=5, validation_points=points)
        ends.append(weights_of(potential))
    for other in ends[1:]:
        assert all(torch.equal(ends[0][name], other[name]) for name in other)


def test_reference_energies_are_fitted_on_the_training_set(tmp_path):
    potential = tiny.potential()
    data = tiny.labelled(tiny.crystals("Si", 6), potential)
    assert potential.reference_energy.isnan().all()

    run(potential, data, tmp_path, updates=3)

    error = predicted_energy(potential, data) - data.frames.energy
    assert error.mean() == pytest.approx(0, abs=1e-5)
    assert int(potential.reference_energy.isfinite().sum()) == 1


@pytest.mark.parametrize(("policy", "equal"), [("mean-shift", True), ("least-squares", False)])
def test_the_energy_policy_is_the_one_asked_for(policy, equal, tmp_path):
    potential = tiny.potential()
    both = Frames.concatenate([tiny.crystals("Si", 3), tiny.crystals("Ge", 3)])
    data = tiny.labelled(both, potential)
    config = TrainingConfig(updates=2, energy_reference=policy)
    train(potential, SCRATCH, data, data, config, order_seed=0, folder=tmp_path)
    silicon, germanium = potential.reference_energy[[14, 32]].tolist()
    assert (silicon == germanium) is equal
    assert np.isfinite([silicon, germanium]).all()


def test_weighing_energies_makes_them_better(tmp_path):
    scatter = {}
    for weight in (0.0, 10.0):
        potential = tiny.potential("dimenetpp")
        data = tiny.labelled(tiny.crystals("Si", 8), potential)
        run(
            potential,
            data,
            tmp_path,
            updates=60,
            batch_size=4,
            learning_rate=0.02,
            loss={"forces": 1.0, "energy": weight},
        )
        scatter[weight] = np.abs(predicted_energy(potential, data) - data.frames.energy).mean()
    assert scatter[10.0] < 0.5 * scatter[0.0]


def test_an_energy_loss_starts_from_the_best_constant(tmp_path):
    """Only the scatter of energies is left to learn, whatever the network predicts at first."""
    potential = tiny.potential()
    data = tiny.labelled(tiny.crystals("Si", 4), potential)
    energy = potential.backbone(data.graphs.batch(range(4))).view(4, 8).mean(dim=1).detach()
    expected = float((energy - torch.as_tensor(data.frames.energy / 8)).var(correction=0))

    curve = run(potential, data, tmp_path, updates=1, loss={"forces": 0.0, "energy": 1.0})

    assert curve.loss[0] == pytest.approx(expected, rel=1e-4)


def test_the_weights_of_the_loss_are_those_of_its_update(tmp_path):
    """At a rate of almost 0 nothing is learnt, so a curve is that of its weights alone."""
    losses = {}
    for energy, last in ((1.0, None), (2.0, None), (1.0, 16.0)):
        potential = tiny.potential()
        data = tiny.labelled(tiny.crystals("Si", 4), potential)
        final = None if last is None else {"forces": 1.0, "energy": last}
        first = {"forces": 1.0, "energy": energy}
        curve = run(
            potential,
            data,
            tmp_path,
            updates=5,
            batch_size=4,
            learning_rate=1e-12,
            loss=first,
            final_loss=final,
        )
        losses[energy, last] = np.array(curve.loss)
    energies = losses[2.0, None] - losses[1.0, None]
    expected = losses[1.0, None] + energies * ([1, 2, 4, 8, 16] - np.ones(5))
    assert energies.min() > 1e-6
    np.testing.assert_allclose(losses[1.0, 16.0], expected, rtol=1e-5)


def test_a_loss_that_is_not_finite_stops_training(tmp_path):
    potential = tiny.potential()
    data = tiny.labelled(tiny.crystals("Si", 4), potential)
    with pytest.raises(DivergedError, match=r"^The loss is (nan|inf) at update [2-5]; a smaller"):
        run(potential, data, tmp_path, updates=5, learning_rate=1e20)


def test_a_last_update_that_ruins_the_model_is_noticed(tmp_path):
    potential = tiny.potential()
    data = tiny.labelled(tiny.crystals("Si", 4), potential)
    with pytest.raises(DivergedError, match=r"^The forces are not finite; a smaller learning"):
        run(potential, data, tmp_path, updates=1, learning_rate=1e30)


def test_a_run_that_diverged_leaves_no_checkpoint_of_it(tmp_path, monkeypatch):
    """Else it would go on from useless weights when it is tried again."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    for _ in range(2):
        potential = tiny.potential()
        data = tiny.labelled(tiny.crystals("Si", 4), potential)
        with pytest.raises(DivergedError, match="at update 2;"):
            run(potential, data, tmp_path, updates=5, learning_rate=1e20)


def test_labels_are_checked_before_training(tmp_path):
    potential = tiny.potential()
    frames = tiny.crystals("Si", 4)
    data = tiny.labelled(replace(frames, stress=frames.stress * np.nan), potential)
    before = weights_of(potential)
    with pytest.raises(InputError, match="no stress"):
        run(potential, data, tmp_path, updates=5, loss={"stress": 1.0})
    assert all(torch.equal(before[name], value) for name, value in weights_of(potential).items())


def test_the_force_error_of_a_model_by_hand():
    """More structures than fit a batch; the mean is over components, not over batches."""
    potential = tiny.potential("schnet", dtype=torch.float64)
    frames = tiny.crystals("Si", 37)
    data = tiny.labelled(frames, potential)
    assert len(data.batches()) > 1
    found = potential(data.batch(torch.arange(37)).graph).forces.numpy()
    expected = 1000 * np.abs(found - frames.forces).mean()
    assert force_mae(potential, data) == pytest.approx(expected, rel=1e-12)
