"""Strategies in a suite: what they need, and their settings."""

import pytest

from tlbench.base.errors import InputError
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve


def test_source_data_come_with_the_strategies_that_replay_them_and_settings_with_the_arm():
    names = ["lora", "lora+rank8", "multihead", "self-replay", "mixed"]
    study = resolve(load_suite("smoke", [("strategies", f"[{', '.join(names)}]")]))
    jobs = [
        job for job in plan(study).jobs.values() if job.kind == "train" and "source" in job.parents
    ]
    parents = {job.settings.strategy: {*job.parents} for job in jobs}
    assert {*parents} == {*names}
    assert {name for name in names if "replayed" in parents[name]} == {"multihead", "mixed"}
    sources = [job.sources for job in jobs if job.settings.strategy.startswith("lora")]
    assert len({tuple(sorted(each)) for each in sources}) == 2  # of two backbones
    assert {arm.name for arm in study.arms} == {*names}


def test_settings_of_a_strategy_that_cannot_be_are_refused():
    for name, message in (("lora+rank0", "greater than 0"), ("lora+rnk8", "not a setting")):
        with pytest.raises(InputError, match=message):
            load_suite("smoke", [("strategies", f"[{name}]")])
    with pytest.raises(InputError, match="unknown element initialisation 'randm'"):
        load_suite("smoke", [("strategies", "[finetune+randm]")])
