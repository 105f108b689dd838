"""Dynamics on an accelerator: that of the CPU, in the device's memory, with bounded waits."""

import json
import re
from functools import cache
from pathlib import Path

import pytest

from tlbench.base.tolerances import ACCELERATOR

PAGE = Path(__file__).parents[2] / "docs" / "clusters.md"
# Dynamics are the same for all; how each network trains on a device is in test_training.py.
OTHERS = ("visnet", "equivariant", "nequip")
MODELS = ["schnet", "dimenetpp", *(pytest.param(name, marks=pytest.mark.long) for name in OTHERS)]
FORCE_FIELDS = ["stillinger-weber", *MODELS]


@pytest.fixture(scope="module")
def simulated(in_a_process, tmp_path_factory):
    """Return a function that gives what a process of its own finds of a force field."""

    @cache
    def found(name):
        done = in_a_process("simulated.py", name, tmp_path_factory.mktemp(name))
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    return found


@pytest.mark.parametrize("name", FORCE_FIELDS)
def test_a_simulation_is_that_of_the_cpu(simulated, name):
    """In all samples, in what criteria and structure come to, and in the extremes."""
    assert simulated(name)["langevin"] < ACCELERATOR["float64"]


@pytest.mark.parametrize("label", ["extreme", "constant energy", "far"])
def test_so_are_simulations_of_other_kinds(simulated, label):
    assert simulated("stillinger-weber")[label] < ACCELERATOR["float64"]


def test_they_met_what_they_were_made_for(simulated):
    """Some replicas leave at a step at which the host does not look, and lists become old."""
    found = simulated("stillinger-weber")
    assert set(found["criteria langevin"]) == set(found["criteria extreme"]) == {"", "force"}
    assert found["rebuilt far"] > 2 * len(found["criteria far"])


def test_an_interrupted_simulation_goes_on(simulated):
    assert simulated("stillinger-weber")["resumed"] < ACCELERATOR["float64"]


@pytest.mark.parametrize("name", MODELS)
def test_jobs_and_the_calculator_find_what_they_find_on_the_cpu(simulated, name):
    assert simulated(name)["jobs"] < ACCELERATOR["float64"]


@pytest.mark.parametrize("name", MODELS)
def test_a_force_call_in_single_precision(simulated, name):
    """Compiled kernels on the CPU as far as there are any, plain torch on the device."""
    assert simulated(name)["force call in float32"] < ACCELERATOR["float32"]


@pytest.mark.parametrize("name", FORCE_FIELDS)
def test_the_host_waits_once_a_step_and_once_a_block(simulated, name):
    """For the number of edges and which lists are old, and for what criteria look at."""
    found = simulated(name)
    assert found["waits"] == found["steps"] + 1
    assert found["waits"] + found["waits of forces"] <= 2 * found["steps"]


def test_few_operations_are_launched_beside_the_forces(simulated):
    found = simulated("stillinger-weber")
    assert found["launches"] <= 100 * found["steps"]


def test_the_manual_states_the_tolerances():
    text = " ".join(PAGE.read_text().split())
    stated = re.search(r"to (\S+) of the largest in float64 and to (\S+) in float32", text)
    assert {"float64": float(stated[1]), "float32": float(stated[2])} == ACCELERATOR
