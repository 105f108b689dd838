"""What a simulation in a folder leaves behind is what its trajectory shows."""

import json
from collections.abc import Callable

import ase.io
import numpy as np
import pytest
import tiny
from ase import Atoms, units
from structures import diamond

from tlbench.data.frames import Frames
from tlbench.md.batch import ForceField
from tlbench.md.folder import OBSERVABLES, TRAJECTORY, Settings, finished, simulate
from tlbench.md.inputs import Driver
from tlbench.md.protocol import Criteria, Protocol
from tlbench.reference.stillinger_weber import StillingerWeber


@pytest.fixture
def observe(tmp_path) -> Callable[..., dict]:
    """Simulate Stillinger–Weber germanium and return what was observed, as JSON has it."""

    def run(structure: Frames, **settings) -> dict:
        settings = {"temperature_k": 300, "time_ps": 0.4, "equilibration_ps": 0.1} | settings
        # Atoms that lack neighbours find some, and set heat free.
        bounds = Criteria(temperature_sigmas=None)
        protocol = Protocol(sample_fs=20, criteria=bounds, **settings)
        driver = Driver(ForceField.of(StillingerWeber("Ge")), "stillinger-weber:Ge", [])
        simulate(tmp_path, structure, driver, protocol, lambda: {"a": 1})
        return json.loads((tmp_path / OBSERVABLES).read_text())

    return run


@pytest.mark.parametrize("primitive", [True, False])
def test_a_crystal_is_observed_also_in_a_cell_smaller_than_the_cutoff(observe, primitive):
    found = observe(diamond("Ge", primitive=primitive), replicas=2)
    structure = found["structure"]
    assert found["criterion"] == ["", ""]
    assert found["survival_ps"] == [0.4, 0.4]
    assert found["provenance"] == {"a": 1}
    assert structure["coordination"] == pytest.approx(4, abs=0.01)
    r, g = np.array(structure["distances"]), np.array(structure["rdf"])
    density = 8 / 5.653621**3
    shell = r < structure["shell"]
    assert 4 * np.pi * density * (r**2 * g)[shell].sum() * 0.05 == pytest.approx(4, rel=0.01)
    assert r[shell][g[shell].argmax()] == pytest.approx(5.653621 * 3**0.5 / 4, abs=0.1)
    angles, p = np.array(structure["angles"]), np.array(structure["adf"])
    assert p.sum() * np.radians(2) == pytest.approx(1, abs=1e-3)
    assert np.average(angles, weights=p) == pytest.approx(109.47, abs=1)


def test_the_msd_is_that_of_the_trajectory(observe, tmp_path):
    start = diamond("Ge")
    found = observe(start, replicas=2)
    for replica, atoms in enumerate(ase.io.read(tmp_path / TRAJECTORY, index="-2:")):
        assert (atoms.info["replica"], atoms.info["time_fs"]) == (replica, 400)
        moved = atoms.positions - start.positions
        moved -= moved.mean(axis=0)
        msd = np.square(moved).sum(axis=1).mean()
        assert found["msd"][replica][-1] == pytest.approx(msd, abs=1e-5)
        assert len(found["msd"][replica]) == len(found["times_ps"])
        assert found["times_ps"][-1] == 0.4


@pytest.mark.parametrize("pbc", [False, (True, True, False)])
def test_without_a_volume_there_is_no_rdf(observe, pbc):
    (atoms,) = diamond("Ge").to_ase()
    atoms.pbc = pbc
    structure = observe(Frames.unlabelled([atoms]))["structure"]
    assert structure["rdf"] is None
    assert 1 < structure["coordination"] < 4
    assert sum(structure["adf"]) > 0


def test_a_lone_atom_moves(observe, tmp_path):
    found = observe(Frames.unlabelled([Atoms("Ge")]), friction_per_ps=0.0)
    assert found["structure"]["coordination"] == 0
    first, last = ase.io.read(tmp_path / TRAJECTORY, index="::19")
    moved = (last.positions - first.positions) / (last.info["time_fs"] - first.info["time_fs"])
    np.testing.assert_allclose(moved, first.get_velocities() * units.fs, atol=1e-9)


def test_replicas_that_never_ran_have_neither_temperature_nor_structure(observe):
    (atoms,) = diamond("Ge").to_ase()
    atoms.positions[1] = atoms.positions[0] + [0, 0, 0.5]
    found = observe(Frames.unlabelled([atoms]), replicas=2)
    assert found["criterion"] == ["closest-pair"] * 2
    assert found["survival_ps"] == [0, 0]
    assert found["temperature_k"] == [None, None]
    assert found["structure"] is None


def test_a_model_drives_it(tmp_path):
    model = tiny.potential("dimenetpp")
    model.reference_energy.zero_()
    driver = Driver(ForceField.of(model), "model", [])
    protocol = Protocol(temperature_k=300, time_ps=0.02, equilibration_ps=0, sample_fs=10)
    simulate(tmp_path, diamond("Ge"), driver, protocol)
    first = ase.io.read(tmp_path / TRAJECTORY, index=0)
    calculated = first.copy()
    calculated.calc = model.calculator()
    assert calculated.get_potential_energy() == pytest.approx(
        first.get_potential_energy(), abs=1e-5
    )
    assert finished(tmp_path, Settings.of(driver, diamond("Ge"), protocol)) is not None
