"""Recommendations on simulated studies, whose true ratios are known."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_advice import DESIGN, GAIN, PAIRS, SIZE, analysis, constant, row, said
from scipy.stats import binom

from tlbench.advice import rates
from tlbench.advice.answer import CHOSEN, Answer, answer_of, compared
from tlbench.advice.section import AS_IS_NOTE, BEST_NOTE, ONE_MODEL_NOTE, WORDS, advice_section
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.outcomes import outcomes
from tlbench.results.frame_errors import ModelErrors, TestSet
from tlbench.results.results import Results


def study(rng, ratios, pairs=PAIRS, scatter=0.1):
    """Return scratch, and an arm for each true ratio; pairs have a spread that arms share."""
    shared = rng.normal(0, 0.2, pairs)
    errors = [
        100 * ratio * np.exp(shared + rng.normal(0, scatter, pairs)) for ratio in (1, *ratios)
    ]
    return row(errors[0]), {f"s{n}": row(each, f"s{n}") for n, each in enumerate(errors[1:])}


def beside(scratch, starts):
    """Return every start as it is compared with scratch."""
    return compared({name: (each, scratch) for name, each in starts.items()})


def test_arms_that_do_not_differ_are_recommended_at_most_once_in_twenty_studies():
    rng, studies = np.random.default_rng(0), 1000
    claims = 0
    for _ in range(studies):
        found = beside(*study(rng, [1.0, 1.0, 1.0]))
        claims += any(each.side == "lower" for each in found)
    # With a rate of 5 % there would be no more, but with a probability of 1 in 1000.
    assert claims <= binom.ppf(0.999, studies, 0.05)
    # Only one side is recommended, so that half of the level remains.
    assert claims <= binom.ppf(0.999, studies, 0.025)


@pytest.mark.parametrize("others", [[], [1.0, 1.0], [0.7, 0.7]])
def test_the_stated_interval_of_a_recommended_start_covers_its_true_ratio(others):
    rng, recommended, covered = np.random.default_rng(1), 0, 0
    for _ in range(2000):
        scratch, starts = study(rng, [0.7, *others])
        best = beside(scratch, starts)[0]
        if best.side == "lower" and best.name == "s0":
            recommended += 1
            covered += best.ratio.interval.low <= 0.7 <= best.ratio.interval.high
    assert recommended > 400
    assert 0.92 <= covered / recommended <= 0.98


def tried(rng, ratio, shared, scatter=0.1, steepness=0.5):
    """Return a start with the best of its learning rates, one of which is right for it."""
    right = rng.uniform(-3.5, -2.5)

    def error(rate, pair):
        off = steepness * (np.log10(rate) - right) ** 2
        return 100 * ratio * np.exp(off + shared[pair] + rng.normal(0, scatter))

    first = {rate: error(rate, 0) for rate in rates.RATES}
    # Validation structures are others than those of the test.
    validation = {rate: value * np.exp(rng.normal(0, 0.1)) for rate, value in first.items()}
    last = rates.next_rate(validation)
    first[last] = error(last, 0)
    validation[last] = first[last] * np.exp(rng.normal(0, 0.1))
    best = min(validation, key=validation.get)
    return [first[best], *(error(best, pair) for pair in range(1, PAIRS))]


@pytest.mark.parametrize(("ratio", "low", "high"), [(1.0, 0, 0.05), (0.7, 0.9, 1)])
def test_a_start_with_a_chosen_learning_rate_is_recommended_where_it_is_better(ratio, low, high):
    rng, studies, found = np.random.default_rng(4), 400, 0
    for _ in range(studies):
        shared = rng.normal(0, 0.2, PAIRS)
        scratch = row(tried(rng, 1.0, shared))
        starts = {name: (row(tried(rng, ratio, shared), name), scratch) for name in "abc"}
        found += any(each.side == "lower" for each in compared(starts, least=CHOSEN))
    assert binom.ppf(0.001, studies, low) <= found <= binom.ppf(0.999, studies, high)


def test_a_real_gain_is_found_and_a_loss_is_not_recommended():
    scratch, starts = study(np.random.default_rng(2), [0.6, 1.5], scatter=0.02)
    better, worse = beside(scratch, starts)
    assert (better.name, better.side) == ("s0", "lower")
    assert (worse.name, worse.side) == ("s1", "higher")


def test_a_gain_of_less_than_three_per_cent_is_not_claimed():
    scratch, starts = study(np.random.default_rng(3), [0.98], scatter=0.001)
    assert beside(scratch, starts)[0].ratio.interval.high < 1
    assert beside(scratch, starts)[0].side == "same"


def test_four_pairs_are_too_few_for_a_claim():
    scratch, starts = study(np.random.default_rng(4), [0.5], pairs=4, scatter=0.01)
    assert beside(scratch, starts)[0].side == "no claim"


def curves(exponent, sizes=(20, 40), scatter=0.02, seed=5):
    """Return errors that fall as a power of the number of structures."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, 0.2, PAIRS)
    return {
        size: row(
            1000 * size**-exponent * np.exp(shared + rng.normal(0, scatter, PAIRS)), size=size
        )
        for size in sizes
    }


@pytest.mark.parametrize("sizes", [(20, 40), (10, 40), (30, 40)])
def test_a_doubling_follows_the_power_law_of_the_two_largest_sizes(sizes):
    curve = curves(0.5, sizes, scatter=1e-6)
    answer = Answer(curve, {}, DESIGN)
    assert answer.doubling("scratch").value == pytest.approx(2**-0.5, rel=1e-4)


def test_the_interval_of_a_doubling_covers_its_true_factor():
    covered = 0
    for seed in range(500):
        curve = curves(0.4, seed=seed)
        interval = Answer(curve, {}, DESIGN).doubling("scratch").interval
        covered += interval.low <= 2**-0.4 <= interval.high
    assert 0.92 <= covered / 500 <= 0.98


def test_nothing_is_extrapolated_from_one_size():
    curve = curves(0.4, (40,))
    assert Answer(curve, {}, DESIGN).doubling("scratch") is None


def test_starts_that_are_not_shown_to_be_worse_than_the_best_are_named():
    scratch, starts = study(np.random.default_rng(6), [0.60, 0.61, 0.9], scatter=0.03)
    answer = Answer({SIZE: scratch}, {n: {SIZE: each} for n, each in starts.items()}, DESIGN)
    best = answer.recommended
    assert best is not None
    assert [start.name for start, _ in answer.rivals(best)] == [
        name for name in ("s0", "s1") if name != best.name
    ]


def test_the_first_sentence_is_the_recommendation():
    section, text = said({"scratch": 200.0, "Si": 150.0, "SevenNet-0": 90.0})
    first = section.sentences[0]
    assert first.startswith(
        "Start from SevenNet-0: after 400 updates, in which each of the 40 structures was seen 20 "
        "times"
    )
    assert "0.4" in first
    assert "dimenetpp trained from scratch" in first
    assert "5 pairs" in first
    assert "Lower than from scratch, too: Si (0.7" in text
    assert "40 structures more would change the error of a start from SevenNet-0" in text
    # Both still fell to two thirds from 100 to 400 updates.
    assert "from 100 to 400 updates errors still changed by factors of 0.67" in text
    assert "its force error on 22 test structures is 0.4" in first
    assert "with as few updates: it is not shown to be converged" in text
    header, *lines = section.tables[0].lines
    assert header == ["start", "backbone", "N", "force MAE (meV/Å)", "/ scratch"]
    assert [line[0] for line in lines] == ["scratch", "SevenNet-0", "Si"] * 2
    assert [line[2] for line in lines] == ["40"] * 3 + ["20"] * 3
    assert all(sum(map(len, line)) + 8 <= 80 for line in lines)


def test_without_a_gain_nothing_is_recommended_and_harm_is_stated():
    _, text = said({"scratch": 200.0, "Si": 300.0, "SevenNet-0": 200.0})
    assert text.startswith("No start is recommended: after 400 updates, in which each of the 40 ")
    assert (
        "Not shown to differ from training from scratch by more than 3 %: SevenNet-0 (1.0" in text
    )
    assert "Do not start from Si (1.4" in text
    assert "Start from" not in text.replace("Do not start from", "")


def test_without_models_from_scratch_there_is_no_answer():
    found = analysis({"scratch": 200.0, "Si": 300.0, "SevenNet-0": 200.0})
    records = [r for r in found.results.records if r.model.strategy != "scratch"]
    without = Analysis(Results(records), found.suite, found.every_metric)
    assert answer_of(without, "dimenetpp", DESIGN) is None
    assert "Nothing can be recommended" in advice_section(None).sentences[0]


def test_nothing_is_claimed_from_four_test_structures():
    section, text = said(GAIN, {"n_test": 4})
    assert section.sentences[0].startswith(
        "No start is recommended: a claim needs 5 test structures, and there are 4; after 400 "
        "updates, in which each of the 40 structures was seen 20 times, the force errors on 4 test "
    )
    assert "Start from" not in text
    assert "would bring cannot be said from so few test structures" in text
    assert said(GAIN, {"n_test": 5})[1].startswith("Start from SevenNet-0")


def test_test_structures_with_a_mark_are_not_counted():
    found = analysis(GAIN)
    job = next(r.job for r in found.results.records if r.model.strategy == "scratch")
    tests = TestSet(
        data="a" * 64, element="Ge", n_atoms=[8] * 6, temperature=[None] * 6, phases=[""] * 6,
        groups=[""] * 6, marks={"copy": [0, 1]},
    )  # fmt: skip
    frames = ModelErrors.model_construct(job=job, data=tests.data)
    results = replace(found.results, errors=[frames], tests=[tests])
    marked = Analysis(results, found.suite, ("force_mae",), shares={})
    answer = answer_of(marked, "dimenetpp", DESIGN)
    assert answer.design.n_test == 4
    said_of = advice_section(answer).sentences
    assert "4 of 6 test structures count: 2 are copies of training structures." in said_of


@pytest.mark.parametrize("order", ["last", "blocks", "random"])
def test_correlated_test_structures_are_stated(order):
    text = said(GAIN, {"order": order})[1]
    assert ("one trajectory are correlated" in text) == (order != "random")


def test_where_all_structures_are_trained_on_intervals_are_for_these():
    assert "allow for the choice of seeds alone" in said(GAIN, {"n_train": 40})[1]
    assert "allow for the choice of seeds alone" not in said(GAIN)[1]


def test_where_errors_rise_the_weights_of_the_lowest_validation_error_are_compared():
    section, text = said({"scratch": 200.0, "Si": 300.0, "SevenNet-0": 180.0}, rise=["Si"])
    # The last weights of Si are worse than scratch, the best are seven times better.
    assert section.sentences[0].startswith("Start from Si")
    assert "0.15" in section.sentences[0]
    assert (
        "the weights of the lowest validation error are compared instead of the last: Si, " in text
    )
    lines = {line[0]: line for line in section.tables[0].lines[1:4]}
    assert lines["Si"][3].endswith(" *")
    assert not lines["SevenNet-0"][3].endswith(" *")
    assert BEST_NOTE in section.tables[0].note
    assert BEST_NOTE not in said(GAIN)[0].tables[0].note


def test_advice_compares_the_ratio_that_the_report_does():
    found = analysis(GAIN, rise=["scratch"])
    (outcome,) = [
        each
        for each in outcomes(found.every_row)
        if each.place.size == SIZE and each.transfer.source == "Si"
    ]
    answer = answer_of(found, "dimenetpp", DESIGN)
    assert outcome.is_rising
    assert answer.ratio("Si", SIZE).value == outcome.compared.value > 1


def test_fine_tuning_that_is_worse_than_the_potential_as_it_is_is_stated():
    section, _ = said(GAIN, as_is={"SevenNet-0": 20.0, "Si": 50.0}.items())
    assert "Worse fine-tuned than as it is: SevenNet-0 (1.5" in section.sentences[2]
    assert "times its error of 20.0 meV/Å); a lower learning rate may" in section.sentences[2]
    # Si is worse than as it is by 1 % or so.
    assert "Not shown to be better fine-tuned than as it is: Si (" in section.sentences[3]
    lines = section.tables[0].lines
    (row,) = [line for line in lines if line[0] == "SevenNet-0 as it is"]
    assert row[1:4] == ["sevennet-0", "0", "20.0"]
    words = WORDS.format(batch_size=2)
    assert section.tables[0].note.endswith(f"{AS_IS_NOTE} {ONE_MODEL_NOTE} {words}")
    note = said(GAIN, as_is={"Si": 50.0}.items())[0].tables[0].note
    assert note.endswith(f"{AS_IS_NOTE} {words}")
    assert all(sum(map(len, line)) + 8 <= 80 for line in lines)


def test_fine_tuning_that_is_better_than_the_potential_as_it_is_has_its_row_alone():
    section, text = said(GAIN, as_is={"SevenNet-0": 500.0}.items())
    assert "as it is" not in text
    names = [line[0] for line in section.tables[0].lines[1:]]
    assert names[:3] == ["scratch", "SevenNet-0", "SevenNet-0 as it is"]
    assert names.count("SevenNet-0 as it is") == 1
    assert AS_IS_NOTE not in said(GAIN)[0].tables[0].note


def test_a_potential_as_it_is_is_in_the_table_though_its_fine_tuning_failed():
    failed = {("SevenNet-0", size): 0 for size in (20, 40)}
    section, text = said(GAIN, pairs=failed.items(), as_is={"SevenNet-0": 20.0}.items())
    assert "SevenNet-0 as it is" in [line[0] for line in section.tables[0].lines]
    assert "fine-tuned than as it is" not in text


def test_nothing_is_said_of_fine_tuning_from_four_pairs_or_four_test_structures():
    few = {("SevenNet-0", 40): 4}
    as_is = {"SevenNet-0": 20.0}.items()
    assert "fine-tuned than as it is" not in said(GAIN, pairs=few.items(), as_is=as_is)[1]
    assert "fine-tuned than as it is" not in said(GAIN, {"n_test": 4}, as_is=as_is)[1]


@pytest.mark.parametrize(("true", "least", "most"), [(1.0, 0.0, 0.025), (1.5, 0.9, 1.0)])
def test_harm_by_fine_tuning_is_found_and_claimed_by_chance_at_half_the_level(true, least, most):
    rng, studies, claims = np.random.default_rng(7), 1000, 0
    for _ in range(studies):
        errors = 100 * true * np.exp(rng.normal(0, 0.1, PAIRS))
        start = row(errors, "s0")
        answer = Answer(
            {SIZE: row(100 * np.exp(rng.normal(0, 0.1, PAIRS)))}, {"s0": {SIZE: start}}, DESIGN,
            as_is={"s0": constant(100.0)},
        )  # fmt: skip
        (found,) = answer.beside_as_is
        claims += found.side == "higher"
    assert least <= claims / studies
    assert claims <= binom.ppf(0.999, studies, most)


def test_every_start_that_is_not_converged_is_named():
    text = said({"scratch": 200.0, "Si": 300.0, "SevenNet-0": 200.0})[1]
    sentence = text.partition("Not shown to be converged")[2].partition(". So")[0]
    assert all(f"({name})" in sentence for name in ("scratch", "Si", "SevenNet-0"))


def test_a_start_without_all_pairs_is_stated_and_stays_in_the_table():
    section, text = said(GAIN, pairs={("Si", 40): 0, ("SevenNet-0", 40): 2}.items())
    assert "Si is not compared in full: with 40 structures, 0 of 5 pairs" in text
    assert "SevenNet-0 is not compared in full: with 40 structures, 2 of 5 pairs" in text
    assert [line[0] for line in section.tables[0].lines[1:]].count("Si") == 1
    assert "not compared in full" not in said(GAIN)[1]


def test_why_more_structures_cannot_be_assessed_is_the_true_reason():
    failed = {(name, 20): 0 for name in ("scratch", "Si", "SevenNet-0")}
    assert "was not measured, because jobs failed" in said(GAIN, pairs=failed.items())[1]
    assert "for lack of time" in said(GAIN, {"sizes": (40,)}, sizes=(40,))[1]
