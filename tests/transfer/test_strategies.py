"""Strategies: what is registered, and where each of them starts from."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch

from tlbench.base.errors import InputError, UnknownNameError
from tlbench.jobs.context import MODEL, Context
from tlbench.jobs.train import Config, initial_potential
from tlbench.models.potential import Potential
from tlbench.training.loss import fit_reference_energy
from tlbench.transfer import STRATEGIES

SI, GE = 14, 32

every_backbone = pytest.mark.parametrize("backbone", tiny.BACKBONES)
with_source = pytest.mark.parametrize("strategy", ["finetune", "zero-shot"])


def start(
    strategy: str, backbone: str, source: Path | None = None, seed: int = 0, subset_seed: int = 0
) -> Potential:
    config: dict[str, Any] = {
        "backbone": {"name": backbone, "config": tiny.BACKBONES[backbone]},
        "strategy": strategy,
        "elements": {"source": "Si" if source else None, "target": "Ge"},
        "subset": {"size": 1, "seed": subset_seed},
        "init_seed": seed,
        "training": {"updates": 1},
    }
    parents = {"source": source} if source else {}
    return initial_potential(
        Config.model_validate(config), Context(Path(), parents, "cpu", lambda progress: None)
    )


@pytest.fixture
def source(backbone: str, tmp_path: Path) -> tuple[Potential, Path]:
    """Write a source model that knows silicon, its reference energy included."""
    potential = tiny.potential(backbone, seed=123)
    fit_reference_energy(potential, tiny.labelled(tiny.crystals("Si", 3), potential))
    potential.save(tmp_path / MODEL)
    return potential, tmp_path


def test_the_arms_of_the_study_are_registered():
    assert {"scratch", "finetune", "zero-shot"} <= set(STRATEGIES.names())
    needs = {
        name: (STRATEGIES.get(name).needs_source, STRATEGIES.get(name).trains)
        for name in ("scratch", "finetune", "zero-shot")
    }
    assert needs == {
        "scratch": (False, True),
        "finetune": (True, True),
        "zero-shot": (True, False),
    }


def test_every_strategy_is_registered_under_its_own_name_and_described():
    for name in STRATEGIES.names():
        strategy = STRATEGIES.get(name)
        assert strategy.name == name
        assert strategy.summary
        assert strategy.literature


def test_an_unknown_strategy_gets_near_names():
    with pytest.raises(UnknownNameError, match="did you mean 'finetune'"):
        STRATEGIES.get("fine-tune")


@every_backbone
@pytest.mark.parametrize("strategy", ["scratch", "finetune"])
def test_nothing_is_frozen(strategy, backbone):
    potential = tiny.potential(backbone)
    (group,) = STRATEGIES.get(strategy).trained(potential)
    assert group.rate == 1
    trainable = group.parameters
    assert {id(p) for p in trainable} == {id(p) for p in potential.backbone.parameters()}
    assert sum(p.numel() for p in trainable) == potential.backbone.n_parameters()


@every_backbone
def test_scratch_draws_its_weights_from_the_init_seed_alone(backbone):
    first = start("scratch", backbone)
    torch.manual_seed(999)
    again = start("scratch", backbone, subset_seed=7)
    other = start("scratch", backbone, seed=1)
    pairs = zip(first.parameters(), again.parameters(), other.parameters(), strict=True)
    differing = 0
    for one, same, another in pairs:
        assert torch.equal(one, same)
        differing += not torch.equal(one, another)
    # Biases may start at zero whatever the seed.
    assert differing > 3
    assert first.reference_energy.isnan().all()


@every_backbone
@with_source
def test_all_weights_come_from_the_source_but_the_targets_element(strategy, backbone, source):
    original, folder = source
    found = start(strategy, backbone, folder)
    elements = original.backbone.element_parameters()
    expected = dict(original.backbone.named_parameters())
    for name, parameter in found.backbone.named_parameters():
        if name in elements:
            changed = (parameter != expected[name]).any(dim=1).nonzero().flatten().tolist()
            assert changed == [GE]
            assert torch.equal(parameter[GE], expected[name][SI])
        else:
            assert torch.equal(parameter, expected[name]), name


@every_backbone
@with_source
def test_the_target_has_no_reference_energy_yet(strategy, backbone, source):
    original, folder = source
    found = start(strategy, backbone, folder)
    assert found.reference_energy[GE].isnan()
    assert torch.equal(found.reference_energy[SI], original.reference_energy[SI])


@every_backbone
@with_source
def test_at_first_the_target_feels_the_forces_of_the_source(strategy, backbone, source):
    original, folder = source
    found = start(strategy, backbone, folder)
    germanium = tiny.crystals("Ge", 4)
    silicon = tiny.crystals("Ge", 4)
    silicon.atomic_numbers[:] = SI
    graphs = [
        tiny.labelled(frames, original).graphs.batch(range(4)) for frames in (germanium, silicon)
    ]

    as_target, as_source = found(graphs[0]), original(graphs[1])

    assert torch.equal(as_target.forces, as_source.forces)
    assert float(as_target.forces.abs().max()) > 0.01
    # Before the copy it would have felt others.
    assert not torch.allclose(original(graphs[0]).forces, as_source.forces, rtol=0.01)
    assert np.isnan(as_target.energy.numpy()).all()


@pytest.mark.parametrize("backbone", ["schnet"])
def test_the_source_model_on_disk_stays_as_it_was(backbone, source):
    _, folder = source
    before = (folder / MODEL).read_bytes()
    start("finetune", backbone, folder)
    assert (folder / MODEL).read_bytes() == before


@pytest.mark.parametrize("backbone", ["schnet"])
def test_a_damaged_source_model_is_an_input_error(backbone, source):
    _, folder = source
    (folder / MODEL).write_bytes((folder / MODEL).read_bytes()[:-10])
    with pytest.raises(InputError, match="is not a potential of tlbench"):
        start("finetune", backbone, folder)
