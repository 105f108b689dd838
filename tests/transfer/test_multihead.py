"""Source data have a head of their own; the potential that comes out has the target's."""

from dataclasses import replace

import pytest
import tiny
import torch
from transferred import SI, every_backbone

from tlbench.data.frames import Frames
from tlbench.models.backbones.base import HEAD
from tlbench.models.parameters import stages_of
from tlbench.training.config import TrainingConfig
from tlbench.training.loop import force_mae, train
from tlbench.training.optimisation import TrainedParameters
from tlbench.transfer import arm
from tlbench.transfer.multihead import with_own_head


@every_backbone
def test_all_but_the_head_is_shared(backbone):
    potential = tiny.potential(backbone)
    twin = with_own_head(potential)
    assert twin.reference_energy is not potential.reference_energy
    stages = zip(
        stages_of(potential.backbone).items(), stages_of(twin.backbone).values(), strict=True
    )
    for (name, own), others in stages:
        for p, q in zip(own, others, strict=True):
            assert torch.equal(p, q)
            assert (p is q) == (name != HEAD)
    # Both heads are trained, and what they share once.
    trained = {id(p) for p in TrainedParameters.of(potential, arm("multihead"), 0).parameters}
    own = {id(p) for p in potential.backbone.parameters() if p.requires_grad}
    heads = [p for p in stages_of(potential.backbone)[HEAD] if p.requires_grad]
    assert own < trained
    assert len(trained) == len(own) + len(heads)


def contradicting(frames: Frames) -> Frames:
    """Return the same structures, with forces that are those of the opposite energy."""
    return replace(frames, energy=-frames.energy, forces=-frames.forces, stress=-frames.stress)


def test_two_heads_learn_what_one_cannot(tmp_path):
    """Labels of the source that contradict the target's do not spoil the target's head."""
    frames = tiny.crystals("Ge", 4)
    both = Frames.concatenate([frames, contradicting(frames)])
    config = TrainingConfig(updates=120, learning_rate=1e-2, batch_size=5, validation_points=0)
    errors = {}
    for name in ("mixed", "multihead"):
        potential = tiny.potential("schnet")
        data = tiny.labelled(frames, potential)
        (tmp_path / name).mkdir()
        train(
            potential, arm(name), data, data, config, 0, tmp_path / name,
            with_source=tiny.labelled(both, potential),
        )  # fmt: skip
        errors[name] = force_mae(potential, data)
    assert errors["multihead"] < 0.5 * errors["mixed"]


def test_a_structure_counts_as_much_in_either_part(tmp_path):
    """With heads that are equal, the first loss is that of the whole batch."""
    frames, source = tiny.crystals("Ge", 3), tiny.crystals("Si", 2)
    losses = []
    for name in ("mixed", "multihead"):
        potential = tiny.potential("schnet", dtype=torch.float64)
        data = tiny.labelled(frames, potential)
        both = tiny.labelled(Frames.concatenate([frames, source]), potential)
        config = TrainingConfig(updates=1, dtype="float64", validation_points=0)
        curve = train(potential, arm(name), data, data, config, 0, tmp_path, with_source=both)
        losses += curve.loss
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_the_sources_head_keeps_its_reference_energies(tmp_path):
    """An energy loss sees the source's energies with the source's constants."""
    frames = tiny.crystals("Si", 3)
    twins = []

    def remembered(potential):
        twins.append(with_own_head(potential))
        return twins[0]

    potential = tiny.potential("schnet", dtype=torch.float64)
    potential.reference_energy[SI] = -4.0
    data = tiny.labelled(frames, potential)
    both = tiny.labelled(Frames.concatenate([frames, frames]), potential)
    config = TrainingConfig(updates=2, loss={"energy": 1.0}, dtype="float64", validation_points=0)
    strategy = replace(arm("multihead"), source_twin=remembered)
    train(potential, strategy, data, data, config, 0, tmp_path, with_source=both)
    assert float(twins[0].reference_energy[SI]) == -4.0
    assert float(potential.reference_energy[SI]) != -4.0


@pytest.mark.parametrize("name", ["mixed", "self-replay", "multihead"])
def test_replayed_energies_do_not_depend_on_the_constants_of_the_target(name, tmp_path):
    """Of one element in two functionals: shifting the target's labels shifts no error."""
    frames, losses = tiny.crystals("Si", 3), []
    for shift in (0.0, 2.0):
        shifted = replace(frames, energy=frames.energy + shift * frames.n_atoms)
        potential = tiny.potential("schnet", dtype=torch.float64)
        potential.reference_energy[SI] = -4.0
        data = tiny.labelled(shifted, potential)
        both = tiny.labelled(Frames.concatenate([shifted, frames]), potential)
        config = TrainingConfig(
            updates=3, loss={"energy": 1.0}, dtype="float64", validation_points=0
        )
        curve = train(potential, arm(name), data, data, config, 0, tmp_path, with_source=both)
        losses.append(curve.loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)
