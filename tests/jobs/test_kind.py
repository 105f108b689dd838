"""Keys and seeds of jobs follow from their settings, and stay what they are when these grow."""

import json
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel

from tlbench.base.errors import InputError
from tlbench.base.formats import later
from tlbench.engine.run.runner import run_jobs
from tlbench.engine.store.store import Store
from tlbench.jobs import base, evaluate, kind, train
from tlbench.jobs.base import KINDS
from tlbench.jobs.kind import Backbone, first_form
from tlbench.md.protocol import Criteria, Protocol
from tlbench.metrics.distances.quantities import DistanceSettings
from tlbench.models.backbones import BACKBONES
from tlbench.models.backbones.schnet import SchNetConfig
from tlbench.study.keys import KeyScheme
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve
from tlbench.training.config import LossWeights, TrainingConfig

DEFAULTS = Path(__file__).with_name("defaults.json")


class MoreLoss(LossWeights):
    smoothness: float = later(0.0)


class MoreTraining(TrainingConfig):
    loss: MoreLoss = MoreLoss()
    warm_up: int = later(0)


class MoreSchNet(SchNetConfig):
    residual: bool = later(True)


class MoreTrain(train.Config):
    training: MoreTraining | None = None
    averaged: bool = later(False)


@pytest.fixture
def grow(monkeypatch):
    """Return a function that adds settings, all with defaults, to training and a backbone."""

    def grow():
        monkeypatch.setitem(BACKBONES._entries, "schnet", MoreSchNet)
        monkeypatch.setattr("tlbench.study.models.TrainConfig", _grown)
        monkeypatch.setattr("tlbench.study.suite.TrainingConfig", MoreTraining)

    return grow


def _grown(training=None, **settings):
    grown = None if training is None else MoreTraining(**training.model_dump())
    return MoreTrain(training=grown, **settings)


@pytest.mark.parametrize("keys", [KeyScheme(), KeyScheme(None, {})], ids=["this format", "first"])
def test_settings_that_are_added_later_change_no_key(keys, grow):
    suite = load_suite("quick")
    before = list(plan(resolve(suite), keys).jobs)
    grow()
    jobs = plan(resolve(suite), keys).jobs
    assert list(jobs) == before
    assert any(job.label.startswith("pretrain schnet") for job in jobs.values())


def test_a_setting_that_is_added_later_changes_the_keys_of_those_that_use_it(grow):
    grow()
    suite = load_suite("smoke")
    before = plan(resolve(suite)).jobs
    changed = {**suite.backbones, "schnet": {**suite.backbones["schnet"], "residual": False}}
    after = plan(resolve(suite.model_copy(update={"backbones": changed}))).jobs
    assert before.keys() - after.keys() == {k for k, j in before.items() if "schnet" in j.label}


def test_no_seed_changes_with_what_is_added(grow):
    jobs = [job for job in plan(resolve(load_suite("smoke"))).jobs.values() if job.kind == "train"]
    before = [KINDS[job.kind].seed_of(job.config) for job in jobs]
    # What seeds of the first version of tlbench followed from.
    assert before[0]["training"]["final_learning_rate_fraction"] == 0.01
    assert before[0]["backbone"]["config"]["n_spherical"] == 7
    grow()
    assert [first_form(MoreTrain.model_validate(job.config)) for job in jobs] == before


def with_settings():
    """Return each model whose defaults keys leave out, by name."""
    found = {name: BACKBONES.get(name) for name in BACKBONES.names()}
    nested = (LossWeights, TrainingConfig, Protocol, Criteria, DistanceSettings)
    return (
        found | {each.__name__: each for each in nested} | {k: v.config for k, v in KINDS.items()}
    )


def test_no_default_has_changed():
    """Keys of published jobs leave defaults out: another default needs another setting."""
    for name, defaults in json.loads(DEFAULTS.read_text()).items():
        found = json.loads(json.dumps(defaults_of(with_settings()[name])))
        assert {key: found.get(key) for key in defaults} == defaults, name


def defaults_of(model):
    fields = {k: f for k, f in model.model_fields.items() if not f.is_required()}
    return {
        name: first_form(f.default) if isinstance(f.default, BaseModel) else f.default
        for name, f in fields.items()
    }


def keys_of_plugin(settings, packages):
    """Return the keys of the smoke suite with a backbone of another package."""
    suite = load_suite("smoke").model_copy(update={"backbones": {"mine": settings}})
    study = resolve(suite, published=packages is not None)
    return list(plan(study, KeyScheme(AnyCode(), packages)).jobs)


class AnyCode(dict):
    def __missing__(self, name):
        return "5" * 64


def test_keys_of_a_plugin_are_found_again_where_its_defaults_are_unknown(monkeypatch):
    """A submission states all settings of its backbones."""
    monkeypatch.setitem(BACKBONES._entries, "mine", SchNetConfig)
    monkeypatch.setitem(BACKBONES._providers, "mine", "mine 1.0")
    monkeypatch.setitem(BACKBONES._paths, "mine", "mine.config:Config")
    published = keys_of_plugin({"n_interactions": 2}, None)
    stated = SchNetConfig(n_interactions=2).model_dump(mode="json", exclude={"cutoff"})
    packages = {"backbone": {"mine": "mine 1.0"}}
    # Another version of it, with another setting.
    monkeypatch.setitem(BACKBONES._entries, "mine", MoreSchNet)
    assert keys_of_plugin(stated, packages) == published
    monkeypatch.delitem(BACKBONES._entries, "mine")
    assert keys_of_plugin(stated, packages) == published
    assert keys_of_plugin({**stated, "n_gaussians": 3}, packages) != published


def test_a_kind_of_job_is_one_file_and_one_line(monkeypatch, tmp_path):
    """Settings, result, work and files of a kind are known from its entry alone."""

    class Config(kind.Config):
        kind: ClassVar = "square"
        number: int
        power: int = 2

    class Result(kind.Result):
        value: int

    def run(config, context):
        (context.folder / "note.txt").write_text("done")
        return Result.of(value=config.number**config.power)

    square = kind.Kind(Config, Result, run, outputs=("note.txt",))
    monkeypatch.setitem(base.KINDS, "square", square)
    job = KeyScheme(AnyCode()).job(Config(number=3), label="nine")
    assert job.config == {"number": 3}
    assert base.read_job(json.loads(json.dumps(job.written()))) == job
    assert job.settings == Config(number=3)
    monkeypatch.setattr("tlbench.engine.work.worker.check_planned", lambda job: None)
    monkeypatch.setattr("tlbench.engine.work.worker.check_imported", lambda job: None)
    from fake_jobs import HERE

    store = Store(tmp_path)
    assert run_jobs({job.key: job}, store, HERE).complete
    assert store.result(job.key, Result).value == 9


def test_a_result_that_makes_no_sense_names_what_is_wrong():
    wrong = {"metric": "force_mae", "condition": {}, "value": "12"}
    with pytest.raises(InputError, match=r"makes no sense: metrics\.0\.value: .* report it there"):
        evaluate.Result.of(metrics=[wrong])


def test_a_backbone_that_is_not_installed_keeps_what_is_stated_of_it():
    stated = Backbone(name="nobody-has-it", config={"width": 3})
    assert first_form(stated) == {"name": "nobody-has-it", "config": {"width": 3}}


def test_planning_and_reading_results_import_no_torch():
    import subprocess
    import sys

    code = "import sys, tlbench.jobs.base, tlbench.study; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
