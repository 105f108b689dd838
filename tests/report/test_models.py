"""Source models: every budget of pretraining, and whether the last is converged."""

import pytest
from analyses import analysis_of, record_of
from tuned_arms import ARM, given

from tlbench.report.sections.models import (
    source_models,
    source_sentences,
    source_table,
    tuned_note,
    tuned_table,
)


def source(updates, seed, value, **changes):
    return record_of(
        "pretrain", value, target="Si", size=100, subset_seed=None, init_seed=seed,
        **({} if updates is None else {"updates": updates}), **changes,
    )  # fmt: skip


def learnt(errors, scatter=0.002, **changes):
    """Return the errors of five source models that are about as given after each budget."""
    return [
        source(updates, seed, error * (1 + scatter * (seed - 2) * (1 if updates > 1000 else -1)),
               **changes)
        for updates, error in errors.items()
        for seed in range(5)
    ]  # fmt: skip


IS, RISES = "Pretraining of b on Si is ", "With longer pretraining of b on Si the error rises"
CHANGE = "from 1,600 to 6,400 updates force_mae changes by "


@pytest.mark.parametrize(
    ("last", "state", "said"),
    [
        (99.0, "converged", f"{IS}converged: {CHANGE}−1.0 %"),
        (101.0, "converged, rising", f"{RISES}: {CHANGE}+1.0 %"),
        (80.0, "not converged", f"{IS}not shown to be converged: {CHANGE}−20.0"),
        (136.7, "converged, rising", f"{RISES}: {CHANGE}+36.7 %"),
    ],
)
def test_every_budget_of_pretraining_is_shown_and_whether_the_last_is_converged(last, state, said):
    records = learnt({400: 200.0, 1600: 100.0, 6400: last})
    records += learnt({1600: 50.0, 6400: 50.0}, condition={"weights": "best"})
    header, line = source_table(records).lines
    found = dict(zip(header, line, strict=True))
    assert [found[f"after {n}"] for n in ("400", "1,600", "6,400")] == [
        "200.0", "100.0", f"{last:.1f}"
    ]  # fmt: skip
    assert found["converged?"] == state
    (sentence,) = source_sentences(records, "force_mae")
    assert sentence.startswith(said)
    assert ("longer pretraining may change" in sentence) is (state == "not converged")
    assert ("from a worse model" in sentence) is (state == "converged, rising")


def test_an_error_of_pretraining_that_rises_within_chance_is_said_to_rise():
    records = learnt({1600: 100.0}) + learnt({6400: 110.0}, scatter=0.08)
    assert source_table(records).lines[1][-1] == "converged"
    (sentence,) = source_sentences(records, "force_mae")
    assert sentence.startswith(f"{RISES}, which may be chance: {CHANGE}+")
    assert sentence.endswith("].")


def test_too_few_source_models_decide_nothing():
    records = [r for r in learnt({1600: 100.0, 6400: 99.5}) if r.model.init_seed < 2]
    assert source_table(records).lines[1][-1] == "unresolved"
    assert "is not shown to be converged" in source_sentences(records, "force_mae")[0]


@pytest.mark.parametrize("updates", [None, 6400])
def test_with_one_budget_it_is_not_known(updates):
    records = [source(updates, seed, 100.0 + seed) for seed in range(5)]
    (section,) = source_models(analysis_of([*records, record_of()]))
    assert section.sentences == [
        "Whether pretraining of b on Si is converged is not known: no source model was trained "
        "with two numbers of updates."
    ]
    header, *lines = section.tables[0].lines
    if updates is None:
        assert len(lines) == 5
        assert "updates" not in " ".join(header)
    else:
        assert lines[0][-1] == "unknown"


def test_tuned_settings_have_a_line_for_each_group_and_budget():
    tuned = given(
        pretrain=[ARM | {"updates": 6400}],
        scratch=[ARM | {"sizes": [10, 40], "size": 40, "updates": n} for n in (400, 1600)],
    )
    assert [line[:6] for line in tuned_table(tuned)[1:]] == [
        ["schnet", "pretrain", "–", "6,400", "2", "0"],
        ["schnet", "scratch", "10, 40", "400", "2", "0"],
        ["schnet", "scratch", "10, 40", "1,600", "2", "0"],
    ]
    assert "of the middle N of each line, of two the larger" in tuned_note(tuned)
    # Those of version 1 are of one size, for all.
    first = given(scratch=[ARM | {"size": 10}])
    assert tuned_table(first)[1][2:4] == ["all", "all"]
    assert "of N = 10 per trial" in tuned_note(first)


def test_errors_with_a_sign_have_a_mean_and_no_convergence():
    """Of −5 and +3 the mean is −1, and no ratio of means says whether training had converged."""
    some = [
        source(updates, seed, value, metric="energy_bias", unit="meV/atom")
        for updates in (1600, 6400)
        for seed, value in enumerate((-5.0, 3.0))
    ]
    assert source_table(some).lines[1][-4:] == ["-1.00", "-1.00", "–", "–"]
