"""Which parameters each strategy moves: exactly those that it says, for every backbone."""

from functools import partial

import pytest
import tiny
import torch
from transferred import every_backbone, moved, run, weights

from tlbench.base.errors import InputError, UnknownNameError
from tlbench.models.backbones.base import EMBEDDING, HEAD
from tlbench.models.parameters import stages_of
from tlbench.training.config import TrainingConfig
from tlbench.training.loop import train
from tlbench.transfer import INITIALISATIONS, STRATEGIES, arm
from tlbench.transfer.l2_sp import pull
from tlbench.transfer.layerwise import DECAY

LI, SI, GE = 3, 14, 32


def stages_that_move(potential, before):
    """Return the stages of which some, and of which all, trained parameters have moved."""
    names = moved(potential, before)
    homes = {
        stage: {n for n in before if n.startswith(beginnings)}
        for stage, beginnings in potential.backbone.stages().items()
    }
    return {stage for stage, own in homes.items() if own & names}


@every_backbone
@pytest.mark.parametrize(
    ("strategy", "moving"),
    [
        ("scratch", {EMBEDDING, "interactions", HEAD}),
        ("finetune", {EMBEDDING, "interactions", HEAD}),
        ("freeze-embedding", {"interactions", HEAD}),
        ("freeze-interactions", {EMBEDDING, HEAD}),
        ("head-only", {HEAD}),
        ("layerwise-lr", {EMBEDDING, "interactions", HEAD}),
        ("l2-sp", {EMBEDDING, "interactions", HEAD}),
        ("mixed", {EMBEDDING, "interactions", HEAD}),
        ("multihead", {EMBEDDING, "interactions", HEAD}),
        ("self-replay", {EMBEDDING, "interactions", HEAD}),
    ],
)
def test_exactly_the_intended_stages_move(backbone, strategy, moving, tmp_path):
    potential = tiny.potential(backbone)
    before = weights(potential)
    run(potential, strategy, tmp_path)
    between = set(potential.backbone.stages()) - {EMBEDDING, HEAD}
    expected = {s for part in moving for s in (between if part == "interactions" else {part})}
    assert stages_that_move(potential, before) == expected


@every_backbone
@pytest.mark.parametrize(
    "strategy", ["finetune", "freeze-interactions", "mixed", "multihead", "self-replay"]
)
def test_of_the_elements_only_those_in_the_batches_move(backbone, strategy, tmp_path):
    potential = tiny.potential(backbone)
    before = weights(potential)
    run(potential, strategy, tmp_path)
    for name, axis in potential.backbone.element_parameters().items():
        after = dict(potential.backbone.named_parameters())[name]
        changed = (after != before[name]).movedim(axis, 0).reshape(after.shape[axis], -1)
        rows = changed.any(dim=1).nonzero().flatten().tolist()
        moving = [SI, GE] if arm(strategy).replays else [GE]
        assert rows == (moving if after.requires_grad else [])


@every_backbone
def test_stages_hold_every_parameter_once(backbone):
    network = tiny.potential(backbone).backbone
    stages = stages_of(network)
    found = [p for stage in stages.values() for p in stage]
    assert len(found) == len({id(p) for p in found}) == len(list(network.parameters()))
    assert all(stages.values())
    assert len(stages) >= 3


@pytest.mark.parametrize(
    ("stages", "complaint"),
    [
        ({}, "SchNet does not name its stages"),
        ({"embedding": ("embedding.",), "head": ("lin1.", "lin2.")}, "'interactions.0.* in none"),
        ({"embedding": ("",), "head": ("lin1.",)}, "'lin1.* is in embedding and head of"),
        ({"first": ("embedding.",), "head": ("",)}, "should be called 'embedding'"),
    ],
)
def test_stages_that_do_not_fit_are_refused(stages, complaint, monkeypatch):
    potential = tiny.potential("schnet")
    monkeypatch.setattr(potential.backbone, "stages", lambda: stages)
    with pytest.raises(InputError, match=complaint):
        STRATEGIES.get("head-only").trained(potential)


@every_backbone
def test_learning_rates_fall_from_the_head_to_the_embedding(backbone):
    potential = tiny.potential(backbone)
    stages = stages_of(potential.backbone)
    groups = STRATEGIES.get("layerwise-lr").trained(potential)
    by_parameter = {id(p): group.rate for group in groups for p in group.parameters}
    n = len(stages)
    for k, stage in enumerate(stages.values()):
        assert {by_parameter[id(p)] for p in stage} == {DECAY ** -(n - 1 - k)}


def test_the_first_step_of_adam_is_the_learning_rate_of_the_stage(tmp_path):
    """Adam's first step is the rate times the sign of the gradient."""
    potential = tiny.potential("schnet", dtype=torch.float64)
    before = weights(potential)
    stages = potential.backbone.stages()
    run(potential, "layerwise-lr", tmp_path, updates=1)
    for number, beginnings in enumerate(reversed(stages.values())):
        steps = [
            (p.detach() - before[n]).abs().max()
            for n, p in potential.backbone.named_parameters()
            if n.startswith(beginnings)
        ]
        assert float(max(steps)) == pytest.approx(1e-3 * DECAY**-number, rel=1e-3)


def test_the_pull_is_the_gradient_of_half_the_squared_distance(tmp_path):
    """With a pull that outweighs the loss, weights oscillate about where they started."""

    def distance(strength):
        potential = tiny.potential("schnet")
        before = weights(potential)
        folder = tmp_path / str(strength)
        folder.mkdir()
        penalty = partial(pull, strength=strength)
        run(potential, "l2-sp", folder, updates=60, penalty=penalty)
        after = weights(potential)
        return float(sum((after[n] - w).square().sum() for n, w in before.items()) ** 0.5)

    free, weak, strong = distance(0.0), distance(0.1), distance(10.0)
    assert weak < 0.98 * free
    assert strong < 0.5 * free


def test_replayed_structures_are_two_of_five(tmp_path):
    potential = tiny.potential("schnet")
    germanium, silicon = tiny.crystals("Ge", 6), tiny.crystals("Si", 5)
    both = tiny.labelled(type(germanium).concatenate([germanium, silicon]), potential)
    seen = []
    batch = both.batch
    both.batch = lambda indices: seen.append(indices.tolist()) or batch(indices)
    data = tiny.labelled(germanium, potential)
    config = TrainingConfig(updates=10, validation_points=0)
    strategy = STRATEGIES.get("mixed")
    train(potential, strategy, data, data, config, 0, tmp_path, with_source=both)
    assert {sum(i >= 6 for i in indices) for indices in seen} == {2}
    assert {sum(i < 6 for i in indices) for indices in seen} == {3}
    assert {i for indices in seen for i in indices} == set(range(11))


@every_backbone
@pytest.mark.parametrize("name", ["copy-source", "random", "mean"])
def test_elements_start_from_what_they_should(backbone, name):
    network = tiny.potential(backbone).backbone
    before = {n: t.clone() for n, t in network.state_dict().items()}
    INITIALISATIONS.get(name)(network, {GE: SI, LI: LI}, [SI, LI])
    tables = network.element_parameters()
    for key, tensor in network.state_dict().items():
        if key not in tables:
            assert torch.equal(tensor, before[key])
            continue
        expected = before[key].clone()
        expected[GE] = {
            "copy-source": before[key][SI], "random": before[key][GE],
            "mean": before[key][[LI, SI]].mean(dim=0),
        }[name]  # fmt: skip
        assert torch.allclose(tensor, expected, rtol=1e-6, atol=0)
        assert torch.equal(tensor[LI], before[key][LI])


def test_an_arm_is_a_strategy_and_a_start():
    assert arm("finetune") is STRATEGIES.get("finetune")
    found = arm("layerwise-lr+random")
    assert (found.name, found.element_init) == ("layerwise-lr+random", "random")
    assert found.trained is STRATEGIES.get("layerwise-lr").trained
    with pytest.raises(UnknownNameError, match="did you mean 'random'"):
        arm("finetune+randm")
    with pytest.raises(UnknownNameError, match="did you mean 'finetune'"):
        arm("finetun+random")
    for name in ("scratch+random", "zero-shot+mean", "head-only+random"):
        with pytest.raises(InputError, match="leaves no choice"):
            arm(name)
