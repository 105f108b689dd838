"""Tuning a suite of several budgets and sizes, from trials to the report that names them."""

from dataclasses import replace

import pytest
from inline import inline

from tlbench.base.errors import InputError
from tlbench.engine.run.runner import Resources
from tlbench.report.analysis import Analysis
from tlbench.report.sections.models import source_models, tuned_settings
from tlbench.results.results import Results
from tlbench.run import run_suite
from tlbench.study.places import untuned_places
from tlbench.study.study import resolve
from tlbench.study.tuned import PRETRAINING
from tlbench.tuning import Search, cost_of
from tlbench.tuning.proposals import proposals
from tlbench.tuning.search import planned

BUDGETS = (
    ("sizes", "[1, 2, 3]"),
    ("training.updates", "8"),
    ("budgets", "[4, 8]"),
    ("pretraining.updates", "6"),
    ("pretraining_budgets", "[3, 6]"),
    ("strategies", "[scratch, finetune, zero-shot, scratch-long]"),
)
GROUPS = ((1,), (3, 2))
STRATEGIES = "[scratch, finetune]"


@pytest.fixture(scope="module")
def search(suite):
    return Search(suite(*BUDGETS), 2, GROUPS)


def test_every_arm_has_a_series_for_each_group_and_budget(search):
    found = search.sizes_of()
    assert {s: sizes for s, sizes in found.items() if s.arm == "finetune"} == {
        ("schnet", "finetune", 1, 4, ""): (1,),
        ("schnet", "finetune", 1, 8, ""): (1,),
        # Of two sizes the larger is tuned.
        ("schnet", "finetune", 3, 4, ""): (2, 3),
        ("schnet", "finetune", 3, 8, ""): (2, 3),
    }
    count = {name: sum(s.arm == name for s in found) for name in {s.arm for s in found}}
    assert count == {PRETRAINING: 2, "scratch": 4, "finetune": 4, "scratch-long": 2}
    assert search.series()[:2] == [
        ("schnet", PRETRAINING, 0, 3, ""),
        ("schnet", PRETRAINING, 0, 6, ""),
    ]
    single = Search(search.suite, 1, budgets=(8,))
    assert set(single.sizes_of().values()) == {(), (1,), (2,), (3,)}
    assert {s.updates for s in single.series() if s.arm != PRETRAINING} == {8}
    seeds = {proposals(search, series, [])[1].learning_rate for series in search.series()}
    assert len(seeds) == len(search.series())


def test_trials_train_for_the_budget_of_their_series(search):
    """From source models of the largest budget; a compute-matched arm also for theirs."""
    for series in search.series():
        own = search.own_settings(series)
        trial = planned(search, series, 0, own, own if series.needs_source else None)
        (key,) = trial.models
        config = trial.jobs[key].settings
        extra = 6 if series.arm == "scratch-long" else 0
        assert config.training.updates == series.updates + extra
        assert config.validation_size == (series.size or None)
        source = trial.jobs[key].parents.get("source")
        assert (source is not None) is series.needs_source
        if source is not None:
            assert trial.jobs[source].settings.training.updates == 6


def test_the_cost_is_known_before_anything_is_run(search, tmp_path):
    cost = cost_of(search, tmp_path / "store", "cpu")
    assert (cost.series, cost.trainings) == (12, 24)
    assert cost.updates == 2 * (3 + 6 + 2 * 2 * (4 + 8) + 2 * (8 + 6))
    assert cost.seconds is None
    assert not list(tmp_path.iterdir())


def test_tuned_at_two_budgets_a_suite_runs_and_reports_what_is_tuned(
    suite, search, folder, tmp_path
):
    """Pretraining and scratch first, one budget of fine-tuning later; the rest is untuned."""
    other = type(folder)(tmp_path)
    scratch, finetune, both = (
        (*BUDGETS, ("strategies", names)) for names in ("[scratch]", "[finetune]", STRATEGIES)
    )
    other.tune(replace(search, suite=suite(*scratch)))
    tuned = other.tune(replace(search, suite=suite(*finetune), budgets=(8,)))
    assert {group.trials for _, _, group in tuned.groups()} == {2}
    by_size = [(name, group.sizes, group.updates) for _, name, group in tuned.groups()]
    assert [each for each in by_size if each[0] == "finetune"] == [
        ("finetune", [1], 8), ("finetune", [2, 3], 8),
    ]  # fmt: skip
    assert [each for each in by_size if each[0] == PRETRAINING] == [
        (PRETRAINING, None, 3), (PRETRAINING, None, 6),
    ]  # fmt: skip

    used = suite(*both, ("tuned", tuned.model_dump_json()))
    assert {place.updates for place in untuned_places(used)} == {4}
    assert {place.strategy for place in untuned_places(used)} == {"finetune"}
    assert resolve(used).digest != resolve(suite(*both)).digest
    again = []
    resources = Resources(device="cpu", executor=(inline, 1))
    run = run_suite(
        used, tmp_path / "run", other.store.root, resources,
        on_event=lambda event, job, **_: again.append((event, job.label)),
    )  # fmt: skip
    assert run.report.complete
    ran = [label for event, label in again if event == "submitted"]
    first = "seed 0/0 on Ge"
    for size, updates in ((1, 4), (1, 8), (3, 4), (3, 8)):
        assert f"scratch schnet, N {size}, {updates} updates, {first}" not in ran
        assert (f"finetune schnet, N {size}, {updates} updates, {first}" in ran) is (updates == 4)
    # Of a group the other size has the same settings, and models of its own.
    assert f"finetune schnet, N 2, 8 updates, {first}" in ran
    text = " ".join((tmp_path / "run" / "summary.md").read_text().split())
    assert "Not tuned: schnet, finetune (N = 1, 2 and 3 after 4 updates)." in text
    assert "partly tuned" in text
    analysis = Analysis.of(Results(run.records), used)
    (section,) = tuned_settings(analysis)
    lines = section.tables[0].lines
    assert [line[1:4] for line in lines[1:]] == [
        [name, ", ".join(map(str, sizes)) if sizes else "–", str(updates)]
        for name, sizes, updates in by_size
    ]
    (sources,) = source_models(analysis)
    (sentence,) = sources.sentences
    assert "from 3 to 6 updates force_mae changes by" in sentence


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"trials": 0}, "at least one trial, not 0"),
        ({"groups": ((1,), (2, 195))}, "does not have the size 195; choose among 1, 2, 3"),
        ({"groups": ((1, 2), (2, 3))}, "The size 2 is given twice"),
        ({"budgets": (6400,)}, "does not have the budget 6400; choose among 4, 8"),
        ({"budgets": (4, 4)}, "The budget 4 is given twice"),
        ({"pairs": 9}, "9 pairs of seeds: the suite has"),
    ],
)
def test_what_the_suite_does_not_have_is_refused(search, changes, complaint):
    with pytest.raises(InputError, match=complaint):
        replace(search, **changes)


def test_other_groups_are_not_mixed_with_those_of_a_folder(suite, search, folder, tmp_path):
    other = type(folder)(tmp_path)
    alone = suite(*BUDGETS, ("strategies", "[scratch]"))
    other.tune(Search(alone, 1, ((2, 3),), budgets=(4,)))
    before = other.ran()
    with pytest.raises(InputError, match="for the sizes 2, 3, but 3 is now in the group 1, 3"):
        other.tune(Search(alone, 1, ((1, 3),), budgets=(4,)))
    assert before
    assert other.ran() == []
    both = other.tune(Search(alone, 1, ((1,), (2, 3)), budgets=(4,)))
    assert [g.sizes for _, _, g in both.groups()] == [[1], [2, 3]]
