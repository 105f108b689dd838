"""Arms that start from several sources are tuned for each of them."""

import json

import pytest

from tlbench.study.tuned import PRETRAINING
from tlbench.tuning import Search, Series
from tlbench.tuning.search import planned

ENDS = [
    ("source", "null"),
    ("target", "null"),
    ("matrix", json.dumps({"cards": "sw-{element}-8", "elements": ["Si", "Ge"]})),
]


@pytest.fixture(scope="module")
def search(suite):
    """Return a search in a suite of two sources."""
    return Search(suite(*ENDS, ("strategies", "[scratch, lora]")), 1)


def test_every_source_has_its_own_series_and_scratch_one(search):
    found = {(series.arm, series.source) for series in search.series()}
    transferring = {(arm, s) for arm in (PRETRAINING, "lora") for s in ("Si", "Ge")}
    assert found == {*transferring, ("scratch", "")}
    assert search.series()[0].arm == PRETRAINING


def test_a_series_builds_on_the_pretraining_of_its_source(search):
    for series in search.series():
        expected = None
        if series.needs_source:
            expected = Series("schnet", PRETRAINING, 0, 6, series.source)
        assert search.pretraining(series) == expected


def test_a_trial_trains_models_of_its_source_alone(search):
    for series in search.series():
        settings = search.own_settings(series)
        trial = planned(search, series, 0, settings, search.own_settings(series))
        sources = {trial.jobs[key].settings.elements.source for key in trial.models}
        targets = {trial.jobs[key].settings.elements.target for key in trial.models}
        if series.needs_source:
            assert sources == {series.source}
        elif series.arm == PRETRAINING:
            assert targets == {series.source}
        else:
            assert targets == {"Si", "Ge"}
        assert {trial.jobs[key].settings.strategy for key in trial.models} == {
            "scratch" if series.arm == PRETRAINING else series.arm
        }


def test_tuned_settings_say_of_which_source_they_are(search, folder, tmp_path):
    """Each arm gets as many trials, and the settings of its own source."""
    folder = type(folder)(tmp_path)
    tuned = folder.tune(search)
    groups = {(name, group.source): group for _, name, group in tuned.groups()}
    assert {*groups} == {(s.arm, s.source or None) for s in search.series()}
    assert {group.trials for group in groups.values()} == {1}
    again = folder.tune(search)
    assert again == tuned
    assert not folder.ran()
