"""Training and measuring on an accelerator: as on the CPU, and seldom waited for."""

import json
from functools import cache
from importlib.util import find_spec

import pytest
import tiny

from tlbench.base.tolerances import ACCELERATOR
from tlbench.transfer import INITIALISATIONS, STRATEGIES
from tlbench.transfer.scratch import SCRATCH

EVERY = [name for name in STRATEGIES.names() if STRATEGIES.get(name).trains]
OF_NETWORKS = ("before", "source_twin", "parametrisation", "after")
"""What a strategy does to the network itself, and so to that of each backbone in another way.

Those that only choose parameters, batches or a penalty do so with one backbone.
"""
OF_EACH_BACKBONE = [
    name
    for name in EVERY
    if any(getattr(STRATEGIES.get(name), each) is not getattr(SCRATCH, each)
           for each in OF_NETWORKS)
]  # fmt: skip
OPERATIONS = {
    "dimenetpp": (1500, 1550),
    "schnet": (750, 820),
    "visnet": (2000, 2060),
    "equivariant": (1250, 1320),
    "nequip": (1220, 1280),
    "chgnet": (3500, 3560),
    "sevennet": (4500, 4560),
}
"""Bounds on the operations of an update by the loss of forces alone and by that of every label."""

WAITS = {"chgnet": 19, "sevennet": 1}
"""Waits of the host in a force call of other packages' networks; ours have none."""

BACKBONES = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            find_spec(tiny.PACKAGES.get(name, "torch")) is None, reason="its package is missing"
        ),
    )
    for name in OPERATIONS
]


def strategies(name):
    """Return those that a backbone is trained with."""
    return EVERY if name == "schnet" else ["scratch", "finetune", *OF_EACH_BACKBONE]


@pytest.fixture(scope="module")
def found(in_a_process, tmp_path_factory):
    """Return a function that gives what a process of its own finds of a backbone."""

    @cache
    def run(name):
        done = in_a_process("trained.py", name, tmp_path_factory.mktemp(name), *strategies(name))
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_does_what_it_does_on_the_cpu(found, name):
    """Losses, errors and weights with strategies, the job that measures, starts of elements."""
    differences = {k: v for k, v in found(name).items() if isinstance(v, float)}
    assert set(differences) == {
        *strategies(name),
        *INITIALISATIONS.names(),
        *("evaluation", "resumed", "two elements"),
    }
    assert max(differences.values()) < ACCELERATOR["float64"], differences


@pytest.mark.parametrize("name", BACKBONES)
def test_updates_and_force_calls_are_bounded(found, name):
    waits = WAITS.get(name, 0)
    losses = found(name)["forces alone"], found(name)["every label"]
    for updates, bound in zip(losses, OPERATIONS[name], strict=True):
        assert 0.8 * bound < updates["launches of an update"] <= bound
        assert sum(updates["force call"]["waits"].values()) == waits
        assert updates["force call"]["launches"] < 0.5 * bound
        # The error is read once.
        assert sum(updates["evaluation"]["waits"].values()) == waits + 1
    forces_alone, every_label = losses
    assert forces_alone["waits of an update"] == waits
    # Whether all structures are periodic.
    assert every_label["waits of an update"] == waits + 1


def test_all_backbones_and_what_changes_networks_are_looked_at():
    assert set(OPERATIONS) == {*tiny.BACKBONES, *tiny.OTHERS}
    assert {"lora", "multihead"} <= set(OF_EACH_BACKBONE) < set(EVERY)


def test_a_tensor_that_stays_on_the_cpu_is_noticed(in_a_process, tmp_path):
    done = in_a_process("trained.py", "schnet", tmp_path, "finetune", "planted")
    assert done.returncode != 0
    assert "tensors of two devices" in done.stderr
