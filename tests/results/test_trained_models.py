"""The trained models of a run."""

import shutil

import numpy as np
import pytest

from tlbench import list_models, load_potential
from tlbench.base.errors import InputError
from tlbench.results.costs import COSTS_FORMAT
from tlbench.results.records import RECORDS_FORMAT, read_records


@pytest.fixture
def run(smoke, tmp_path):
    """Return a copy of the folder of a run, whose store is the smoke run's."""
    return shutil.copytree(smoke.out, tmp_path / "run")


def test_every_model_has_its_errors_cost_and_potential(smoke):
    found = list_models(smoke.out)
    records = read_records(smoke.out / "records.jsonl")
    assert {m.trained for m in found} == {r.trained for r in records}
    assert len({m.potential for m in found}) == len(found) == 20
    costs = {cost.trained: cost for cost in COSTS_FORMAT.read_lines(smoke.out / "costs.jsonl")}
    for each in found:
        own = {r.metric: r.value for r in records if r.trained == each.trained and not r.condition}
        assert each.force_mae == own["force_mae"]
        assert each.energy_mae == own.get("energy_mae")
        assert each.cpu_seconds == costs[each.trained].cpu_seconds
        assert each.pretraining_cpu_seconds == costs[each.trained].pretraining_cpu_seconds
        assert each.state == "finished"
    # A model from scratch starts from nothing, though its records name what it is compared with.
    elements = {(m.model.strategy, m.model.source, m.model.target) for m in found}
    assert elements == {
        ("scratch", "", "Ge"), ("finetune", "Si", "Ge"), ("zero-shot", "Si", "Ge"),
        ("pretrain", "Si", "Si"),
    }  # fmt: skip


def test_the_potential_of_a_model_is_the_one_that_was_measured(smoke):
    best = min(list_models(smoke.out, strategies=["finetune"]), key=lambda m: m.force_mae)
    assert best.potential.parent.name == best.trained
    potential = load_potential(best.potential)
    assert potential.name == best.model.backbone
    assert np.isfinite(potential.reference_energy[32].item())


def test_models_are_sorted_by_backbone_strategy_and_budget(smoke):
    found = list_models(smoke.out)
    places = [
        (m.model.backbone, m.model.strategy, m.model.updates, m.model.subset_seed) for m in found
    ]
    assert places[:6] == [
        ("dimenetpp", "pretrain", 60, None),
        ("dimenetpp", "scratch", 10, 0),
        ("dimenetpp", "scratch", 10, 1),
        ("dimenetpp", "scratch", 20, 0),
        ("dimenetpp", "scratch", 20, 1),
        ("dimenetpp", "finetune", 10, 0),
    ]
    assert [m.model.backbone for m in found] == ["dimenetpp"] * 10 + ["schnet"] * 10


def test_only_the_models_that_are_asked_for_are_listed(smoke):
    found = list_models(smoke.out, backbones=["schnet"], strategies=["finetune"], sizes=[4])
    assert {(m.model.backbone, m.model.strategy, m.model.size) for m in found} == {
        ("schnet", "finetune", 4)
    }
    assert len(found) == 4
    for wanted, complaint in (
        ({"backbones": ["schnt"]}, "--backbone schnt: .* did you mean 'schnet'"),
        ({"strategies": ["finetun"]}, "--strategy finetun: .* did you mean 'finetune'"),
        ({"sizes": [5]}, "--size 5: the run has no model of it; its sizes are 0, 4, 12"),
    ):
        with pytest.raises(InputError, match=complaint):
            list_models(smoke.out, **wanted)


def test_a_model_that_several_sources_are_compared_with_is_listed_once(run):
    path = run / "records.jsonl"
    records = read_records(path)
    scratch = [r for r in records if r.model.strategy == "scratch"]
    others = [r.model_copy(update={"model": r.model.replace(source="Li")}) for r in scratch]
    RECORDS_FORMAT.write_lines(path, records + others)
    assert len(list_models(run)) == 20


def test_a_run_file_that_is_none_is_one_sentence(run):
    (run / "run.json").write_text("[1]")
    with pytest.raises(InputError, match=r"run\.json: should hold .*; name the run's store"):
        list_models(run)
