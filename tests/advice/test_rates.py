"""Which learning rate a start has after its trials, also if some of them failed."""

from types import SimpleNamespace

import pytest
from made_up_advice import GAIN, said

from tlbench.advice import rates
from tlbench.advice.candidates import Candidate
from tlbench.advice.plan import Scale, Target, suite_text, suite_value
from tlbench.advice.question import SUITE
from tlbench.advice.site import Site
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


def tuned(out, monkeypatch, errors, pretrained=1e-3):
    """Return the suite in a folder, tuned; ``errors`` has start → learning rate → its error."""
    found, suite = {}, load_suite(out / SUITE)
    pretraining = suite.pretraining.model_copy(update={"learning_rate": pretrained})
    suite = suite.model_copy(update={"pretraining": pretraining})
    for rate in {rate for known in errors.values() for rate in known}:
        for (_, strategy, source), key in rates.trial_of(suite, rate).trained.items():
            if rate in errors[source or strategy]:
                found[key] = errors[source or strategy][rate]
    monkeypatch.setattr(rates, "run_jobs", lambda *about: None)
    return rates.tune_comparison(out, Site(Trained(found), Resources(1, "cpu")))


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
    assert rates.chosen_rates(suite.tuned) == {"scratch": 1e-2, "Si": 3e-4, "SevenNet-0": 2e-3}
    # Source models are trained from random weights, too, and longer.
    assert suite.pretraining.learning_rate == 3e-3
    found = {
        (each.model.strategy if each.model.strategy == "scratch" else each.model.source,
         each.model.size, each.model.updates): resolve(suite).training(each.model).learning_rate
        for each in plan(resolve(suite)).cells if each.model.strategy in ("scratch", "finetune")
    }  # fmt: skip
    assert found == {
        (name, size, updates): rate
        for name, rate in rates.chosen_rates(suite.tuned).items()
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
    assert rates.chosen_rates(suite.tuned) == {"scratch": 3e-4, "SevenNet-0": 3e-4}
    before = (out / SUITE).read_bytes()
    untuned = suite.model_copy(update={"tuned": None})
    (out / SUITE).write_text(suite_text(untuned.model_dump(mode="json", exclude_defaults=True)))
    nothing = {name: {} for name in errors}
    assert tuned(out, monkeypatch, nothing) == load_suite(out / SUITE)
    assert (out / SUITE).read_bytes() != before


def test_which_rates_were_chosen_is_stated_and_which_are_at_an_end():
    chosen = {"scratch": 1e-3, "Si": 1e-4, "SevenNet-0": 1e-2}
    text = " ".join(said(GAIN, {"rates": chosen, "pretraining_rate": 3e-3})[0].sentences)
    assert (
        "validation structures in one training each: 0.0001 (Si), 0.001 (scratch) and 0.01 "
        "(SevenNet-0). Pretraining had 0.003. That of SevenNet-0 is the highest that was tried: "
        "with a higher one the error may be smaller. That of Si is the lowest that was tried: "
        "with a lower one the error may be smaller."
    ) in text
    assert "Not tested: stability in molecular dynamics, other learning rates" in text
    text = " ".join(said(GAIN)[0].sentences)
    assert "learning rates other than the one of all starts" in text
    assert "validation structures in one" not in text
