"""That simulations are stable is never reported as if their structure were right."""

import re

import numpy as np
import pytest
from made_up_dynamics import DISTANCES, detail, model, of, rows, structure

from tlbench.jobs.reference_run import Structure
from tlbench.metrics.structure import rdf_error, rdf_error_beyond_core
from tlbench.report.dynamics.models import (
    RDF,
    arms_of,
    baseline_of,
    errors_in,
    floors,
    floors_for,
)
from tlbench.report.dynamics.section import dynamics_section
from tlbench.study.model_key import Place

FEW = Place("b", "scratch", 10)
SUCCESS = re.compile(r"\b(all|100 ?%|every|fully|perfectly)\b[^.]* stable|\bis stable|are stable\b")


def lost(share: float, rdf: float = 0.1) -> Structure:
    """Return a structure whose atoms keep their places but lose a share of the neighbours."""
    return structure(rdf, 0.02, coordination=4 * (1 - share))


def stable_with(found: Structure, seed: int = 0, strategy: str = "zero-shot", **changes):
    size = {"size": 0, "subset_seed": None, "init_seed": seed} if strategy == "zero-shot" else {}
    return model(strategy, seed, **{**size, **changes}).model_copy(update={"structure": found})


def words_of(section) -> list[str]:
    return [*section.sentences, *(table.note for table in section.tables)]


def test_a_crystal_that_lost_a_third_of_its_neighbours_is_no_success():
    """No criterion stops it: ten of ten replicas last, and the lattice is there."""
    runs = [stable_with(lost(1 / 3), seed) for seed in range(5)]
    section = dynamics_section(of(*runs), [])
    arm = rows(section.tables[0])[0]
    assert arm["stability rate"].startswith("1.00")
    assert (arm["structure"], arm["coordination"]) == ("wrong", "2.67")
    (said,) = [s for s in section.sentences if "stability rate" in s]
    assert "stability rate 1.00" in said
    assert "coordination 2.67 (reference 4.00)" in said
    assert said.endswith("; the structure is wrong, so this rate does not count as success.")
    assert not [s for s in words_of(section) if SUCCESS.search(s)]
    assert {line["in words"] for line in rows(detail(section, "Force error"))} == {
        "structure wrong"
    }


def test_compared_with_scratch_it_is_no_success_either():
    scratch = [model("scratch", s, failed=[1.0, 2.0], stable=2) for s in range(5)]
    wrong = [stable_with(lost(1 / 3), s, "finetune") for s in range(5)]
    said = next(s for s in dynamics_section(of(*scratch, *wrong), []).sentences if "relative" in s)
    assert "stability rate +0.50" in said
    assert "(structure wrong in 5 of 5 models)" in said


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (structure(0.01, 0.005), "within the floor"),
        (structure(0.1, 0.02), "above the floor"),
        (lost(0.04), "above the floor"),
        # A third of one of four neighbours.
        (lost(1 / 12), "wrong"),
        (lost(0.06), "wrong"),
        (lost(-0.06), "wrong"),
        (structure(0.3), "wrong"),
        # Coordination that scatters while distributions agree within the noise is no fault.
        (structure(0.01, 0.005, coordination=3.7), "within the floor"),
    ],
)
def test_structures_are_classed_by_floor_and_neighbours(found, kind):
    section = dynamics_section(of(stable_with(found)), [])
    assert rows(section.tables[0])[0]["structure"] == kind
    assert any("structure is wrong" in s for s in section.sentences) == (kind == "wrong")


def test_models_of_an_arm_may_differ():
    runs = [stable_with(lost(share), s) for s, share in enumerate([0.3, 0.0, 0.3])]
    section = dynamics_section(of(*runs), [])
    assert rows(section.tables[0])[0]["structure"] == "2 wrong, 1 above the floor"
    assert "the structure of 2 of 3 models is wrong" in section.sentences[0]


def test_rate_survival_and_structure_stand_together_in_every_table():
    section = dynamics_section(of(model("scratch", failed=[1.0]), model("finetune")), [])
    for table in section.tables:
        titles = set(table.lines[0])
        if {"stable", "stability rate"} & titles:
            assert {"survival (ps)", RDF} <= titles


def with_core(run_or_structure: Structure) -> Structure:
    return run_or_structure.model_copy(
        update={"rdf": np.where(DISTANCES < 2, 0.0, run_or_structure.rdf).tolist()}
    )


def test_errors_and_floors_are_on_the_scale_without_the_core():
    found, truth = with_core(structure(0.2)), with_core(structure())
    dynamics = of(stable_with(found), structure=truth, rdf_floor=0.02)
    (arm,) = arms_of(dynamics, []).values()
    (error,) = errors_in(arm, RDF).values()
    assert error == pytest.approx(rdf_error_beyond_core(DISTANCES, found.rdf, truth.rdf))
    earlier = rdf_error(DISTANCES, found.rdf, truth.rdf)
    assert error > 1.5 * earlier
    assert floors(dynamics)[RDF] / 0.02 == pytest.approx(error / earlier)


STARTS = {
    "nothing is chosen": ({}, None),
    "a crystal": (
        {"start_structure": "crystal", "start_phase": "crystal", "replicas": 2},
        "Simulations start from the perfect crystal.",
    ),
    "a melt": (
        {"start_structure": "liquid", "start_phase": "liquid", "replicas": 2},
        "Simulations start from melts of the crystal.",
    ),
    "frames": (
        {"start_structure": "nearest", "start_phase": "liquid", "frames_temperature_k": 1089.0},
        "Simulations start from liquid frames sampled at 1089 K, with velocities drawn at the "
        "temperature of the simulations. Structure is compared with these frames, so its errors "
        "include what the 111 K between them change.",
    ),
    "frames of a colder crystal": (
        {"start_structure": "crystal", "start_phase": "crystal", "frames_temperature_k": 605.0},
        "so its errors include what the 595 K between them change. A crystal that melts has "
        "failed, though the data do not show whether it should melt at 1200 K.",
    ),
    "frames of the temperature": (
        {"start_structure": "nearest", "frames_temperature_k": 1200.0},
        "Simulations start from frames sampled at 1200 K, with velocities drawn at the "
        "temperature of the simulations.",
    ),
}


@pytest.mark.parametrize(("changes", "words"), STARTS.values(), ids=STARTS)
def test_what_simulations_start_from_is_stated(changes, words):
    section = dynamics_section(of(model("scratch"), **changes), [])
    (said,) = [part.text for part in section.blocks if part.kind == "paragraph"]
    if words is None:
        assert "start from" not in said
    else:
        assert words in said
        assert ("errors include" in said) == ("errors include" in words)
        assert ("should melt" in said) == ("should melt" in words)


def test_floors_of_fewer_stable_replicas():
    """Beside one average over R, that over n has a squared error of 1/n + 1/R, not 2/R."""
    few, all_ = (model("scratch", stable=n) for n in (4, 16))
    dynamics = of(few, all_, replicas=16)
    least = floors(dynamics)[RDF]
    models = {m.run.n_stable: m for m in arms_of(of(few, replicas=16), [])[FEW].values()}
    assert floors_for(dynamics, models.values())[RDF] == pytest.approx(least * (2.5**0.5))
    said = dynamics_section(of(few, replicas=16), []).sentences[0]
    assert "of another run of the reference, of as few stable replicas)" in said
    said = dynamics_section(of(all_, replicas=16), []).sentences[0]
    assert "of another run of the reference)" in said


def test_a_source_model_as_it_is_is_compared_after_the_largest_budget():
    """It has no budget of its own, and is compared with the smallest training set."""
    some = [
        model("scratch", size=size, updates=updates, errors=(0.1 * size, 0.1))
        for size in (1, 10)
        for updates in (100, 400)
    ]
    arms = arms_of(of(*some, stable_with(lost(0))), [])
    (place,) = (place for place in arms if place.strategy == "zero-shot")
    ((_, found),) = baseline_of(place, arms).items()
    assert (found.run.model.size, found.run.model.updates) == (1, 400)
