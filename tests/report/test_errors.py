"""What is said of learning curves, against curves whose truth is known."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from analyses import analysis_of, record_of

from tlbench.metrics import METRICS
from tlbench.report.budgets.outcomes import series_of
from tlbench.report.content import Paragraph
from tlbench.report.sections import errors
from tlbench.results.frame_errors import ModelErrors, TestSet


def findings(records, metric):
    return errors.findings(analysis_of(records), metric)


def ranking(records, metric):
    rows = analysis_of(records).of_metric(metric)
    found = errors.ranking(rows, METRICS.get(metric))
    return found[0] if found else None


def record(strategy, size, subset_seed, value):
    job = f"{strategy} {size} {subset_seed}"
    return record_of(strategy, value, size=size, subset_seed=subset_seed, job=job)


def curves(seeds, factor, sizes=(1, 10, 100), slope=-0.5):
    """Return scratch errors 100·N^slope and an arm whose error is ``factor`` times that."""
    records = []
    for size in sizes:
        for seed in seeds:
            scratch = 100 * size**slope * (1 + 0.01 * seed)
            records.append(record("scratch", size, seed, scratch))
            records.append(record("finetune", size, seed, factor * scratch))
    return records


def test_no_error_is_expressed_in_structures_from_scratch():
    """At one budget that is not converged a number of structures has no meaning."""
    # Half the error is four times the data where the error falls with the root of N.
    said = findings([*curves(range(5), 0.5), record("zero-shot", 0, None, 80.0)], "force_mae")
    assert said == [
        "b, finetune: from N = 1 to 100, its error at this budget is on average (area between the "
        "learning curves over log N) 0.50 [0.50, 0.50] times that of scratch.",
    ]


@pytest.mark.parametrize(("seeds", "end"), [(2, "scratch; it may be chance."), (3, "scratch.")])
def test_larger_errors_than_from_scratch_are_said(seeds, end):
    said = [s for s in findings(curves(range(seeds), 1.2), "force_mae") if "times that" in s][1:]
    assert len(said) == 3
    assert said[0].startswith("b, finetune: at N = 1, its error at this budget is 1.20")
    assert all(sentence.endswith(end) for sentence in said)


def flat_curves():
    """Return learning curves like the published ones, of which scratch is flat from N = 10."""
    values = {"scratch": [240, 90, 88, 92, 88], "finetune": [160, 68, 65, 64, 64]}
    return [
        *(
            record(strategy, size, 0, value)
            for strategy, errors in values.items()
            for size, value in zip((1, 10, 40, 100, 195), errors, strict=True)
        ),
        record("zero-shot", 0, None, 200.0),
    ]


def test_a_plateau_of_the_baseline_is_said():
    said = findings(flat_curves(), "force_mae")
    assert said[0].startswith(
        "b, scratch: at this budget, its error at N = 195 is 0.98 times that at N = 10: the length "
        "of training, not the number of structures, may limit it."
    )
    assert "may limit it" not in "".join(findings(curves(range(3), 0.5), "force_mae"))


@pytest.mark.parametrize("factor", [0.5, 1.2])
def test_every_sentence_on_errors_names_the_budget(factor):
    records = [*curves(range(5), factor), record("zero-shot", 0, None, 80.0), *flat_curves()]
    said = findings(records, "force_mae")
    assert said
    assert all("at this budget" in sentence for sentence in said)
    assert not any("negative transfer" in s or "better" in s for s in said)


def test_target_data_that_made_it_worse_are_said():
    said = findings([*curves(range(3), 0.9), record("zero-shot", 0, None, 80.0)], "force_mae")
    (sentence,) = [s for s in said if "which sees no target data" in s]
    assert sentence.startswith("b, finetune: at this budget, its error at N = 1 is 1.1")
    assert sentence.endswith(
        "times that of zero-shot, which sees no target data; it may be chance."
    )


def _above_a_level(factors):
    """Return the sentence on an arm whose errors are ``factors`` times those of zero-shot."""
    records = [
        of_init_seed(record(strategy, size, subset, value), seed)
        for seed, factor in enumerate(factors)
        for strategy, size, subset, value in (
            ("scratch", 1, seed, 300.0),
            ("finetune", 1, seed, 100.0 * factor),
            ("zero-shot", 0, None, 100.0),
        )
    ]
    (sentence,) = [s for s in findings(records, "force_mae") if "which sees no target data" in s]
    return sentence


def of_init_seed(one, init_seed):
    """Return a record of another init seed."""
    return one.model_copy(update={"model": one.model.replace(init_seed=init_seed)})


def test_what_the_interval_does_not_exclude_may_be_chance():
    assert _above_a_level([0.8, 1.3, 1.2, 0.9, 1.4]).endswith("; it may be chance.")
    certain = _above_a_level([1.3, 1.32, 1.28, 1.31, 1.29])
    assert "1.30 [1." in certain
    assert certain.endswith("which sees no target data.")


@pytest.mark.parametrize(("seeds", "end"), [(2, "scratch; it may be chance."), (3, "scratch.")])
def test_a_mean_over_the_learning_curve_of_few_pairs_may_be_chance(seeds, end):
    (said,) = [s for s in findings(curves(range(seeds), 0.5), "force_mae") if "area" in s]
    assert said.endswith(end)


def test_without_a_baseline_nothing_is_said():
    assert findings([record("finetune", 1, 0, 5.0)], "force_mae") == []


def test_ranks_are_of_the_largest_size_and_carry_tie_groups():
    found = ranking(curves(range(5), 0.5), "force_mae")
    assert found.title == "Ranks at N = 100 and this budget"
    assert found.lines[1][:3] == ["b, finetune", "1", "1"]
    assert found.lines[2][:3] == ["b, scratch", "2", "2"]
    assert ranking([], "force_mae") is None


@pytest.mark.parametrize("seeds", [1, 2])
def test_with_fewer_than_three_pairs_there_are_no_ranks_and_the_reason_is_given(seeds):
    found = ranking(curves(range(seeds), 0.5), "force_mae")
    assert "needs at least 3 pairs that all of them have" in found.text
    # One model that lacks a pair is enough: it could stand anywhere.
    lacking = curves(range(3), 0.5)[:-1]
    assert isinstance(ranking(lacking, "force_mae"), Paragraph)


@pytest.mark.parametrize(
    ("converged", "said"),
    [
        ([], "at N = 100 none is shown to be converged."),
        (["scratch"], "at N = 100 only b, scratch is shown to be converged."),
        (["scratch", "finetune"], ""),
    ],
    ids=["none", "one", "both"],
)
def test_of_several_budgets_only_converged_models_are_ranked_and_none_alone(converged, said):
    rows = analysis_of(curves(range(5), 0.5)).of_metric("force_mae")
    rows = [replace(row, place=row.place.replace(updates=400)) for row in rows]
    known = {
        series_of(row): SimpleNamespace(is_converged=row.place.strategy in converged)
        for row in rows
    }
    (found,) = errors.ranking(rows, METRICS.get("force_mae"), known)
    if said:
        assert found.text == f"Models are not ranked: {said}"
    else:
        assert [line[0] for line in found.lines[1:]] == ["b, finetune", "b, scratch"]


STRESS = [
    record_of(strategy, value, metric="stress_mae", unit="GPa")
    for strategy, value in (("scratch", 0.5123), ("finetune", 0.25))
]


@pytest.mark.parametrize(("records", "n_known"), [(STRESS, 2), ([], 0)])
def test_it_is_said_of_how_many_structures_the_stress_is_known(records, n_known):
    tests = TestSet(
        data="d" * 64, element="Ge", n_atoms=[8] * 3, temperature=[None] * 3, phases=[""] * 3,
        groups=[""] * 3,
    )  # fmt: skip
    measured = ModelErrors(
        job="e" * 64, data="d" * 64, energy=None, force_abs=[1, 1, 1], force_square=[1, 1, 1],
        stress_abs=[2.0] * n_known + [None] * (3 - n_known),
    )  # fmt: skip
    analysis = analysis_of(records, "stress_mae", errors=[measured], tests=[tests])
    (section,) = errors.errors(analysis)
    assert section.title == "stress_mae (GPa)"
    paragraph, *others = section.blocks
    said = f"Of Ge, {n_known} of 3 test structures have a known stress."
    assert paragraph.text.endswith(said)
    if records:
        assert others[0].lines[1:] == [["b", "10", "0.512", "0.250", "0.49 (1 pair)"]]
    else:
        assert (paragraph.text, others) == (said, [])


def test_means_beside_ranks_are_over_the_pairs_that_all_have():
    """Or the model of the first rank could have the larger mean."""
    first = {0: 10.0, 1: 10.0, 2: 10.0, 3: 100.0, 4: 100.0}
    some = [record_of("scratch", e, subset_seed=s, init_seed=s) for s, e in first.items()]
    some += [record_of("finetune", 12.0, subset_seed=s, init_seed=s) for s in range(3)]
    found = ranking(some, "force_mae")
    assert [line[-1] for line in found.lines[1:]] == ["10.0", "12.0"]
