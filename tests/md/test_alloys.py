"""Simulations of several elements: criteria by pair, distributions by pair, resumed if killed."""

import json

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.md.batch import ForceField
from tlbench.md.folder import OBSERVABLES, simulate
from tlbench.md.inputs import Driver
from tlbench.md.protocol import CLOSEST_PAIR, STABLE, Criteria, Protocol
from tlbench.md.simulation import Simulation
from tlbench.metrics.structure import shares_of_pairs
from tlbench.models.potential import Prediction
from tlbench.reference.stillinger_weber import StillingerWeber

PROTOCOL = Protocol(
    temperature_k=300, time_ps=0.2, equilibration_ps=0.05, sample_fs=20, replicas=2,
    criteria=Criteria(temperature_sigmas=None),
)  # fmt: skip

# To the force field all atoms are germanium.
DRIVER = Driver(ForceField.of(StillingerWeber("Ge")), "stillinger-weber:Ge", [])


def zinc_blende() -> Frames:
    return Frames.unlabelled([bulk("GeSi", "zincblende", a=5.653621, cubic=True)])


def at_rest(graph):
    zeros = torch.zeros_like(graph.positions)
    return Prediction(zeros.new_zeros(graph.n_systems), zeros, None)


def test_a_pair_is_too_close_by_the_radii_of_both_atoms():
    """At 1 Å silicon and hydrogen are bonded; two silicon atoms are at 0.45 of their radii."""
    start = Frames.unlabelled([Atoms(s, [[0, 0, 0], [0, 0, 1.0]]) for s in ("SiH", "Si2")])
    protocol = Protocol(temperature_k=0.01, time_ps=0.002, equilibration_ps=0, sample_fs=2)
    found = Simulation(start, ForceField(at_rest, 4.0), protocol).run()
    assert found.criterion == [STABLE, CLOSEST_PAIR]


def test_the_lightest_element_limits_the_timestep():
    protocol = Protocol(temperature_k=300, time_ps=2, timestep_fs=3)
    protocol.check(np.array([14, 32]))
    with pytest.raises(InputError, match="3 fs is too long for H"):
        protocol.check(np.array([1, 14, 32]))


def test_observables_have_the_distributions_of_each_pair(tmp_path):
    simulate(tmp_path, zinc_blende(), DRIVER, PROTOCOL)
    found = json.loads((tmp_path / OBSERVABLES).read_text())["structure"]
    r, g = np.array(found["distances"]), found["partial_rdf"]
    assert list(g) == ["Si–Si", "Si–Ge", "Ge–Ge"]
    total = sum(share * np.array(g[p]) for p, share in shares_of_pairs({"Si": 4, "Ge": 4}).items())
    np.testing.assert_allclose(total, found["rdf"], atol=2e-5)
    bonds, shell = 5.653621 * 3**0.5 / 4, r < 3.0
    assert r[np.argmax(np.where(shell, g["Si–Ge"], 0))] == pytest.approx(bonds, abs=0.15)
    assert not np.array(g["Si–Si"])[shell].any()
    assert list(found["partial_adf"]) == ["Si", "Ge"]


def test_killed_it_resumes_to_the_same_bytes(tmp_path):
    class KilledError(Exception):
        pass

    def die(done, total, alive):
        if done == 60:
            raise KilledError

    folders = tmp_path / "killed", tmp_path / "undisturbed"
    with pytest.raises(KilledError):
        simulate(folders[0], zinc_blende(), DRIVER, PROTOCOL, on_step=die, checkpoint_seconds=0)
    for folder in folders:
        simulate(folder, zinc_blende(), DRIVER, PROTOCOL)
    one, other = ((folder / OBSERVABLES).read_bytes() for folder in folders)
    assert one == other
