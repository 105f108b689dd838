"""Training and measuring on an accelerator: as on the CPU, and seldom waited for."""

import json
from functools import cache

import pytest
import tiny

from tlbench.base.tolerances import ACCELERATOR
from tlbench.transfer import INITIALISATIONS, STRATEGIES

TRAINED = [name for name in STRATEGIES.names() if STRATEGIES.get(name).trains]
LAUNCHES = {"dimenetpp": 1500, "schnet": 700, "visnet": 2000, "equivariant": 1300, "nequip": 1250}
"""Bounds on the operations of an update."""


@pytest.fixture(scope="module")
def found(in_a_process, tmp_path_factory):
    """Return a function that gives what a process of its own finds of a backbone."""

    @cache
    def run(name):
        done = in_a_process("trained.py", name, tmp_path_factory.mktemp(name))
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize("name", LAUNCHES)
def test_every_backbone_does_what_it_does_on_the_cpu(found, name):
    """Losses, errors and weights with every strategy, the job that measures, starts of elements."""
    differences = {k: v for k, v in found(name).items() if isinstance(v, float)}
    assert set(differences) == {
        *TRAINED,
        *INITIALISATIONS.names(),
        *("evaluation", "resumed", "two elements"),
    }
    assert max(differences.values()) < ACCELERATOR["float64"], differences


@pytest.mark.parametrize("name", LAUNCHES)
def test_updates_and_force_calls_are_bounded(found, name):
    updates, every_label = found(name)["forces alone"], found(name)["every label"]
    assert updates["waits of an update"] == 0
    # Whether all structures are periodic.
    assert every_label["waits of an update"] == 1
    assert 100 < updates["launches of an update"] <= LAUNCHES[name]
    assert updates["force call"]["waits"] == {}
    assert updates["force call"]["launches"] < 0.5 * LAUNCHES[name]
    # The error is read once.
    assert sum(updates["evaluation"]["waits"].values()) == 1


def test_all_backbones_are_looked_at():
    assert set(LAUNCHES) == {*tiny.BACKBONES, *tiny.OTHERS}


def test_a_tensor_that_stays_on_the_cpu_is_noticed(in_a_process, tmp_path):
    done = in_a_process("trained.py", "schnet", tmp_path, "planted")
    assert done.returncode != 0
    assert "tensors of two devices" in done.stderr
