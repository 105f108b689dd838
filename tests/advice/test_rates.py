"""Which learning rate a start has after its trials, also if some of them failed."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from made_up_advice import GAIN, said

from tlbench.advice import rates
from tlbench.advice.candidates import Candidate
from tlbench.advice.plan import Scale, Target, suite_text, suite_value
from tlbench.advice.question import SUITE
from tlbench.advice.run_context import RunContext
from tlbench.data.cards import load_card
from tlbench.engine.run.runner import Resources
from tlbench.engine.store.store import State
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

SEVENNET = Candidate("SevenNet-0", {"potential": "sevennet-0"}, "sevennet-0")
SILICON = Candidate("Si", {"card": "sw-si-8", "backbones": ["schnet"]}, "schnet")


class Trained:
    """A store of models that were trained, by key of the job, with their validation errors."""

    def __init__(self, errors):
        self.errors = errors

    def state(self, key):
        return State.FINISHED if key in self.errors else State.ABSENT

    def result(self, key, kind):
        return SimpleNamespace(validation_force_mae=self.errors[key])


@pytest.fixture
def out(tmp_path):
    """Return a folder with the suite of a comparison for germanium."""
    target = Target("sw-ge-8", load_card("sw-ge-8"))
    value = suite_value(target, [SEVENNET, SILICON], "schnet", Scale(2, 400))
    (tmp_path / SUITE).write_text(suite_text(value))
    return tmp_path


def tuned(out, monkeypatch, errors, pretrained=1e-3, broken=()):
    """Return the suite in a folder, tuned; ``errors`` has start → learning rate → its error.

    What has none diverged, but for the starts that are ``broken``.
    """
    found, suite = {}, load_suite(out / SUITE)
    pretraining = suite.pretraining.model_copy(update={"learning_rate": pretrained})
    suite = suite.model_copy(update={"pretraining": pretraining})
    for rate in {rate for known in errors.values() for rate in known}:
        for (_, strategy, source), key in rates.trial_of(suite, rate).trained.items():
            if rate in errors[source or strategy]:
                found[key] = errors[source or strategy][rate]

    def run(jobs, store, resources, on_change, on_event):
        for key, job in jobs.items():
            if key not in found and not any(name in job.label for name in broken):
                on_event("failed", job, error="", diverged=True)

    monkeypatch.setattr(rates, "run_jobs", run)
    return rates.tune_comparison(out, RunContext(Trained(found), Resources(1, "cpu")))


def chosen(suite):
    """Return the learning rates of a suite as its answer has them."""
    return rates.Choice.of(resolve(suite))


def test_a_trial_is_the_first_pair_at_the_largest_size_and_budget(out):
    suite = load_suite(out / SUITE)
    whole = plan(resolve(suite))
    first, *others = [rates.trial_of(suite, rate) for rate in (1e-3, 3e-4, 1e-2)]
    arms = {("sevennet-0", "finetune", "SevenNet-0"), ("schnet", "finetune", "Si"),
            ("schnet", "scratch", None)}  # fmt: skip
    assert first.trained.keys() == arms
    models = {cell.trained: cell.model for cell in whole.cells}
    for key in first.trained.values():
        # At the suite's own learning rate it is a job of the comparison.
        model = models[key]
        assert (model.size, model.updates) == (suite.sizes[-1], 400)
        assert (model.subset_seed, model.init_seed) == (0, 0)
        assert first.jobs[key].settings.training.learning_rate == rates.RATES[0] == 1e-3
    new = {key for each in others for key in each.jobs if key not in whole.jobs}
    assert new == {key for each in others for key in each.trained.values()}


def test_each_start_has_the_rate_of_its_lowest_error_at_all_sizes_and_budgets(out, monkeypatch):
    errors = {
        "scratch": {1e-3: 3.0, 3e-4: 4.0, 3e-3: 2.0, 1e-2: 1.0},
        "Si": {1e-3: 2.0, 3e-4: 1.0, 3e-3: 3.0, 1e-4: 1.5},
        "SevenNet-0": {1e-3: 1.0, 3e-3: 3.0, 2e-3: 0.9},
    }
    suite = tuned(out, monkeypatch, errors, pretrained=3e-3)
    assert chosen(suite).rates == {"scratch": 1e-2, "Si": 3e-4, "SevenNet-0": 2e-3}
    # Source models are trained from random weights, too, and longer.
    assert suite.pretraining.learning_rate == 3e-3
    found = {
        (each.model.strategy if each.model.strategy == "scratch" else each.model.source,
         each.model.size, each.model.updates): resolve(suite).training(each.model).learning_rate
        for each in plan(resolve(suite)).cells if each.model.strategy in ("scratch", "finetune")
    }  # fmt: skip
    assert found == {
        (name, size, updates): rate
        for name, rate in chosen(suite).rates.items()
        for size in suite.sizes
        for updates in (100, 400)
    }
    groups = {group.source: group for _, _, group in suite.tuned.groups()}
    of_sevennet = groups["SevenNet-0"]
    assert (of_sevennet.trials, of_sevennet.pruned, of_sevennet.size) == (4, 1, suite.sizes[-1])
    assert (of_sevennet.validation_force_mae, of_sevennet.default_validation_force_mae) == (0.9, 1)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((1.0, 2.0, 3.0), 1e-4),
        ((3.0, 2.0, 1.0), 1e-2),
        ((2.0, 1.0, 3.0), 5e-4),
        ((3.0, 1.0, 2.0), 2e-3),
        ((None, 1.0, None), 5e-4),
        ((2.0, None, None), 1e-4),
        ((None, None, None), 1e-4),
    ],
)
def test_the_last_rate_is_beside_the_best_of_the_others(errors, expected):
    assert rates.next_rate(dict(zip((3e-4, 1e-3, 3e-3), errors, strict=True))) == expected


def test_a_start_of_which_all_trials_failed_keeps_its_rate(out, monkeypatch):
    of_sevennet = {1e-3: float("inf"), 3e-4: 1.0}
    errors = {"scratch": {1e-3: 3.0, 3e-4: 2.0}, "Si": {}, "SevenNet-0": of_sevennet}
    suite = tuned(out, monkeypatch, errors, pretrained=3e-4)
    assert chosen(suite).rates == {"scratch": 3e-4, "SevenNet-0": 3e-4}
    before = (out / SUITE).read_bytes()
    untuned = suite.model_copy(update={"tuned": None})
    (out / SUITE).write_text(suite_text(untuned.model_dump(mode="json", exclude_defaults=True)))
    nothing = {name: {} for name in errors}
    assert tuned(out, monkeypatch, nothing) == load_suite(out / SUITE)
    assert (out / SUITE).read_bytes() != before


def test_a_start_of_which_a_trial_failed_otherwise_keeps_its_rate_and_is_named(out, monkeypatch):
    """A process that was killed says nothing of the learning rate."""
    errors = {"scratch": {1e-3: 3.0, 3e-4: 4.0}, "Si": {1e-3: 2.0}, "SevenNet-0": {1e-3: 1.0}}
    suite = tuned(out, monkeypatch, errors, broken=("on Ge from SevenNet-0",))
    found = chosen(suite)
    assert found.rates == {"scratch": 1e-3, "Si": 1e-3}
    assert found.kept == ("SevenNet-0",)
    assert (
        "Trials of SevenNet-0 failed; what is compared has a learning rate of 0.001, which need "
        "not suit it."
    ) in list(found.sentences())


@pytest.mark.parametrize("error", [0.0, float("nan"), float("inf"), None])
def test_an_error_that_is_none_to_compare_with_is_not_the_lowest(out, monkeypatch, error):
    errors = {"scratch": {1e-3: 3.0, 3e-4: error}, "Si": {1e-3: 2.0}, "SevenNet-0": {1e-3: 1.0}}
    assert chosen(tuned(out, monkeypatch, errors)).rates["scratch"] == 1e-3


def test_which_rates_were_chosen_is_stated_and_which_are_at_an_end():
    choice = rates.Choice(
        {"scratch": 1e-3, "Si": 1e-4, "SevenNet-0": 1e-2}, (), 1e-3, 40, 400, 7, 3e-3
    )
    text = said(GAIN, {"choice": choice})[1]
    assert (
        "Each start has the best of 4 learning rates, by the error on 7 validation structures "
        "after one training with 40 structures and 400 updates: 0.0001 (Si), 0.001 (scratch) and "
        "0.01 (SevenNet-0). Intervals do not allow for this choice. That of SevenNet-0 is the "
        "highest that was tried: with a higher one the error may be smaller. That of Si is the "
        "lowest that was tried: with a lower one the error may be smaller. Models were pretrained "
        "with 0.003, which was not tuned."
    ) in text
    assert "Not tested: stability in molecular dynamics, other learning rates" in text
    text = said(GAIN)[1]
    assert "learning rates other than the one of all starts" in text
    assert "Intervals do not allow" not in text


def test_a_start_whose_rate_is_at_an_end_is_not_advised_against():
    worse = {"scratch": 100.0, "Si": 300.0, "SevenNet-0": 90.0}
    middle = rates.Choice(dict.fromkeys(worse, 1e-3), (), 1e-3, 40, 400, 7, 3e-3)
    lowest = replace(middle, rates=middle.rates | {"Si": 1e-4})
    assert "Do not start from Si" in said(worse, {"choice": middle})[1]
    text = said(worse, {"choice": lowest})[1]
    assert "Do not start from" not in text
    assert "Higher than from scratch with the learning rates that were tried: Si (2.9" in text


def test_where_rates_were_chosen_a_claim_needs_more_than_ten_percent():
    choice = rates.Choice(dict.fromkeys(GAIN, 1e-3), (), 1e-3, 40, 400, 7, None)
    near = GAIN | {"SevenNet-0": 186.0, "Si": 200.0}
    assert said(near)[1].startswith("Start from SevenNet-0")
    text = said(near, {"choice": choice})[1]
    assert "No start is recommended" in text
    assert "by more than 10 % beyond chance" in text
    assert said(GAIN, {"choice": choice})[1].startswith("Start from SevenNet-0")
