"""What is measured before a comparison is planned, where that fails."""

import json

import pytest
from inline import inline
from own_data import write_crystals

from tlbench.advice import candidates, plan
from tlbench.advice.calibration import calibrate
from tlbench.advice.run_context import RunContext
from tlbench.advice.target import target_card
from tlbench.base.errors import InputError
from tlbench.engine.run.runner import Resources
from tlbench.engine.store.store import Store
from tlbench.models.backbones import BACKBONES


def test_a_candidate_that_cannot_be_run_is_named_with_the_reason(tmp_path, monkeypatch):
    name, card, _ = target_card(str(write_crystals(tmp_path / "ge.extxyz", "Ge", 23)), tmp_path)
    (some,) = candidates.candidates(card, "schnet", ["sw-si-8"]).found

    def broken(config):
        raise RuntimeError("no such symbol")

    monkeypatch.setattr(BACKBONES.get("schnet"), "build", broken)
    context = RunContext(Store(tmp_path / "store"), Resources(1, "cpu", executor=(inline, 1)))
    found = calibrate(plan.Target(name, card), [some], "schnet", context)
    assert found.found == []
    assert "Si (sw-si-8) cannot be run here" in found.failures[0]
    assert "no such symbol" in found.failures[0]


def test_a_short_training_that_fails_is_stated_with_its_reason(tmp_path, monkeypatch):
    name, card, _ = target_card(str(write_crystals(tmp_path / "ge.extxyz", "Ge", 23)), tmp_path)
    (some,) = candidates.candidates(card, "schnet", ["sw-si-8"]).found
    monkeypatch.setattr("tlbench.training.loop.train", _broken)
    context = RunContext(Store(tmp_path / "store"), Resources(1, "cpu", executor=(inline, 1)))
    with pytest.raises(InputError, match=r"cannot be measured, because .* failed: .*no memory"):
        calibrate(plan.Target(name, card), [some], "schnet", context)


def test_after_an_interruption_a_worker_is_warm_again_before_its_time_counts(tmp_path):
    """The first short training is done again where the second, which is timed, is still to do."""
    name, card, _ = target_card(str(write_crystals(tmp_path / "ge.extxyz", "Ge", 23)), tmp_path)
    (some,) = candidates.candidates(card, "schnet", ["sw-si-8"]).found
    store = Store(tmp_path / "store")
    context = RunContext(store, Resources(1, "cpu", executor=(inline, 1)))

    def trainings():
        """Return those that are timed, and when the first was begun."""
        measured = calibrate(plan.Target(name, card), [some], "schnet", context).measured
        timed = {key for key, job in measured.items() if job.kind == "train"}
        (first,) = (
            key
            for key in store.finished() - timed
            if json.loads(store.read(key, "job.json"))["kind"] == "train"
        )
        return timed, store.provenance(first).started

    (timed,), begun = trainings()
    assert trainings() == ({timed}, begun)
    with store.lock(timed):
        store.remove(timed)
    assert trainings()[1] > begun


def _broken(*about, **settings):
    raise RuntimeError("no memory")
