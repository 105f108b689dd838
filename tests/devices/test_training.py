"""Training and measuring on an accelerator: as on the CPU, and seldom waited for."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import tiny
import torch.utils.backend_registration as registration

from tlbench.transfer import STRATEGIES

pytestmark = pytest.mark.skipif(
    not hasattr(registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch has no devices that are written in Python",
)
HERE = Path(__file__).parent
TRAINED = [name for name in STRATEGIES.names() if STRATEGIES.get(name).trains]
LAUNCHES = {"dimenetpp": 1500, "schnet": 700, "visnet": 2000, "equivariant": 1300, "nequip": 1250}
"""Bounds on the operations of an update."""


def in_a_process(*arguments):
    paths = os.pathsep.join(map(str, [HERE, HERE.parent, *sys.path]))
    environment = {**os.environ, "TLBENCH_KERNELS": "off", "PYTHONPATH": paths}
    command = [sys.executable, HERE / "trained.py", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Return a function that gives what a process of its own finds of a backbone."""

    @cache
    def run(name):
        done = in_a_process(name, tmp_path_factory.mktemp(name))
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize("name", LAUNCHES)
def test_every_backbone_does_what_it_does_on_the_cpu(found, name):
    """Losses, errors and weights with every strategy, the job that measures, starts of elements."""
    differences = {k: v for k, v in found(name).items() if isinstance(v, float)}
    assert set(differences) == {
        *TRAINED,
        *("evaluation", "resumed", "copy_element", "mean_element"),
    }
    assert max(differences.values()) < 1e-9, differences


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


def test_a_tensor_that_stays_on_the_cpu_is_noticed(tmp_path):
    done = in_a_process("schnet", tmp_path, "planted")
    assert done.returncode != 0
    assert "tensors of two devices" in done.stderr
