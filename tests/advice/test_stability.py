"""What is simulated of a comparison, at which temperature, and whether there is time for it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase.data import atomic_numbers
from made_up_advice import row
from structures import diamond

from tlbench.advice.candidates import Candidate
from tlbench.advice.plan import Scale, Target, suite_text, suite_value
from tlbench.advice.stability import Conditions, conditions_of, simulation_suite, timestep_for
from tlbench.base.errors import InputError
from tlbench.data.cards import load_card
from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS
from tlbench.engine.store.store import Store
from tlbench.jobs.context import data_file
from tlbench.md.protocol import Protocol
from tlbench.study.loading import load_suite
from tlbench.study.model_key import Place, Transfer
from tlbench.study.models import plan
from tlbench.study.study import resolve
from tlbench.study.suite import Suite
from tlbench.study.tuned import Tuned

SEVENNET = Candidate("SevenNet-0", {"potential": "sevennet-0"}, "sevennet-0")
CHGNET = Candidate("CHGNet", {"potential": "chgnet-0.3.0"}, "chgnet-0.3.0")
SILICON = Candidate("Si", {"card": "sw-si-8", "backbones": ["schnet"]}, "schnet")
DYNAMICS = Conditions(600.0, "as asked for", "nearest", 8, 2.0).dynamics(2.0)


def compared(found=(SEVENNET, CHGNET, SILICON)):
    """Return the plan of a comparison for germanium."""
    target = Target("sw-ge-8", load_card("sw-ge-8"))
    return plan(resolve(Suite.model_validate(suite_value(target, found, "schnet", Scale(2, 400)))))


def models(source, backbone, strategy, size):
    """Return an arm of the comparison at a size, at the larger budget."""
    place = Place(backbone, strategy, size, updates=400)
    return replace(row([1.0, 2.0]), transfer=Transfer(source, None, "Ge"), place=place)


@pytest.mark.parametrize(
    ("source", "backbone", "strategy"),
    [
        ("Si", "schnet", "finetune"),
        ("Si", "schnet", "scratch"),
        ("CHGNet 0.3.0", "chgnet-0.3.0", "finetune"),
    ],
)
def test_simulated_models_are_those_of_the_comparison(source, backbone, strategy, tmp_path):
    whole = compared()
    size = max(whole.suite.sizes)
    value = simulation_suite(whole, models(source, backbone, strategy, size), DYNAMICS)
    path = tmp_path / "stability.yaml"
    path.write_text(suite_text(value))
    planned = plan(resolve(load_suite(path)))
    simulated = {cell.trained for cell in planned.simulated}
    theirs = {
        cell.trained
        for cell in whole.cells
        if (cell.model.strategy, cell.model.size, cell.model.updates) == (strategy, size, 400)
        and (cell.model.source, cell.model.backbone) == (source, backbone)
    }
    assert simulated == theirs
    assert len(simulated) == 5
    new = {job.kind for key, job in planned.jobs.items() if key not in whole.jobs}
    assert new == {"reference", "simulate", "compare"}


def tuned(whole):
    """Return the plan of a comparison with a learning rate for each start."""
    groups = {
        ("schnet", "scratch", None): 3e-3, ("schnet", "finetune", "Si"): 3e-4,
        ("sevennet-0", "finetune", "SevenNet-0"): 2e-3,
    }  # fmt: skip
    arms: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for (backbone, strategy, source), rate in groups.items():
        settings = {"learning_rate": rate, "final_learning_rate_fraction": 0.01}
        group = {
            "sizes": None, "updates": None, "source": source, "size": 20, "settings": settings,
            "trials": 3, "pruned": 0, "validation_force_mae": 50.0,
            "default_validation_force_mae": 60.0,
        }  # fmt: skip
        arms.setdefault(backbone, {}).setdefault(strategy, []).append(group)
    found = {"suite": whole.suite.name, "suite_digest": "", "study": "", "pairs": 1, "arms": arms}
    return plan(resolve(whole.suite.model_copy(update={"tuned": Tuned.model_validate(found)})))


@pytest.mark.parametrize("strategy", ["finetune", "scratch"])
def test_simulated_models_have_the_learning_rates_of_the_comparison(strategy, tmp_path):
    whole = tuned(compared())
    size = max(whole.suite.sizes)
    path = tmp_path / "stability.yaml"
    value = simulation_suite(whole, models("Si", "schnet", strategy, size), DYNAMICS)
    path.write_text(suite_text(value))
    planned = plan(resolve(load_suite(path)))
    assert len(planned.simulated) == 5
    assert {cell.trained for cell in planned.simulated} <= whole.jobs.keys()
    assert not {cell.trained for cell in planned.simulated} & compared().jobs.keys()


def test_of_structures_of_several_elements_the_same_models_are_simulated():
    """A source of two elements gives every source of a suite an energy of each element."""
    whole = compared()
    pretraining = whole.suite.pretraining.model_copy(update={"energy_reference": "least-squares"})
    changed = resolve(whole.suite.model_copy(update={"pretraining": pretraining}))
    whole = plan(changed)
    value = simulation_suite(whole, models("Si", "schnet", "finetune", 20), DYNAMICS)
    planned = plan(resolve(Suite.model_validate(value | {"sizes": [max(whole.suite.sizes)]})))
    assert {cell.trained for cell in planned.simulated} <= whole.jobs.keys()


def put(store, whole, temperatures, element="Ge", **changes):
    """Write the data of a comparison as its job would, a frame of each temperature."""
    (key,) = [whole.data[whole.study.ends[0].target.digest()]]
    store.folder(key).mkdir(parents=True)
    frames = Frames.concatenate(
        [diamond(element, (n + 1, 1, 1), 0.1, seed=n) for n in range(len(temperatures))]
    )
    changed = replace(frames, temperature_k=np.array(temperatures, float), **changes)
    for split in SPLITS:
        changed.save(store.folder(key) / data_file(split))


@pytest.mark.parametrize(
    ("stated", "asked", "expected"),
    [
        ([300, 900], None, (900, "the highest temperature that the data state", "nearest", 16)),
        ([300, np.nan], None, (300, "the highest temperature that the data state", "nearest", 8)),
        (
            [np.nan, np.nan],
            None,
            (600, "twice room temperature, because the data state none", "any", 16),
        ),
        ([300, 900], 500.0, (500, "as asked for", "nearest", 8)),
        ([np.nan], 500.0, (500, "as asked for", "any", 8)),
    ],
)
def test_the_temperature_and_why_it_is_this_one(tmp_path, stated, asked, expected):
    whole, store = compared((SILICON,)), Store(tmp_path)
    put(store, whole, stated)
    at = conditions_of(whole, store, asked)
    assert (at.temperature_k, at.reason, at.start, at.n_atoms) == expected


def test_molecules_are_not_simulated(tmp_path):
    whole, store = compared((SILICON,)), Store(tmp_path)
    put(store, whole, [300], pbc=np.zeros((1, 3), bool))
    with pytest.raises(InputError, match="structures are not periodic"):
        conditions_of(whole, store, None)


@pytest.mark.parametrize(("time_ps", "before"), [(10, 1), (5, 1), (2, 1), (1, 0.5)])
def test_simulations_leave_time_after_equilibration(time_ps, before):
    value = Conditions(600.0, "", "nearest", 8, 2.0).dynamics(time_ps)
    assert value["equilibration_ps"] == before


@pytest.mark.parametrize(
    ("elements", "expected"), [(["Ge"], 2.0), (["C"], 1.7), (["H", "Si"], 0.5)]
)
def test_timesteps_are_as_long_as_the_lightest_element_allows(elements, expected):
    timestep = timestep_for(elements)
    assert timestep == expected
    protocol = Protocol(temperature_k=300, time_ps=10, timestep_fs=timestep)
    protocol.check(np.array([atomic_numbers[each] for each in elements]))
