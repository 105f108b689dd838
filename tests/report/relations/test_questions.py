"""What ratios go with: planted relations are found, and none is claimed where there is none."""

import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from analyses import analysis_of, record_of, table_of

from tlbench.metrics.chemistry import differences
from tlbench.metrics.distances.quantities import SetDistance
from tlbench.report.relations.chemistry import chemistry
from tlbench.report.relations.questions import (
    HEADLINE,
    answer,
    p_text,
    predictors_findings,
    questions,
)
from tlbench.report.relations.section import distances_table, elements_table
from tlbench.report.sections.errors import findings
from tlbench.results.distances import DataDistance, NamedSet
from tlbench.study.model_key import Transfer

ELEMENTS = ("Si", "Ge", "Li", "Mo")


def record(strategy="scratch", value=100.0, seed=0, **changes):
    job = f"{strategy}{seed}{changes}"
    seeds = {"subset_seed": seed, "init_seed": seed}
    return record_of(strategy, value, **{**seeds, "job": job, **changes})


def named(element, split="train", part=None, temperature_k=None):
    return NamedSet(
        data=element, element=element, split=split, part=part, temperature_k=temperature_k,
        n_frames=10,
    )  # fmt: skip


def apart(a, b, value):
    of_environments = SetDistance(
        name="exact", form="scaled", unit="", value=value, low=0.9 * value, high=1.1 * value,
        floor=0.01,
    )  # fmt: skip
    return DataDistance(a=a, b=b, distances=[of_environments], job="k")


def matrix(ratio_of):
    """Return records of every ordered pair, with the ratio to scratch that is asked for."""
    found = []
    for source, target in permutations(ELEMENTS, 2):
        ends = {"source": source, "target": target}
        for seed in (0, 1):
            found.append(record(value=100 + seed, seed=seed, **ends))
            ratio = ratio_of(source, target)
            found.append(record("finetune", (100 + seed) * ratio, seed, **ends))
    return found


def between():
    """Return a distance for every pair of elements, no two alike."""
    pairs = [(a, b) for n, a in enumerate(ELEMENTS) for b in ELEMENTS[:n]]
    return {frozenset(pair): 0.1 * (n + 1) for n, pair in enumerate(pairs)}


def distances():
    return [apart(*(named(e) for e in sorted(pair)), value) for pair, value in between().items()]


def asked(records, known=None):
    found = questions(
        analysis_of(records, distances=distances() if known is None else known), "force_mae"
    )
    return {question.title: question for question in found}


FIRST = "Does the ratio to scratch go with the distance between the data sets?"


WITHIN = "Among sources of one target, does the ratio to scratch go with distance?"
OF_PARTS = "Among parts of the source, does the ratio to scratch go with distance to test data?"
COST = "Does the error at other temperatures go with the distance from the one trained at?"
GAIN = "Does the ratio to scratch go with the distance from training to test structures?"


def test_a_planted_relation_is_found():
    records = matrix(lambda a, b: math.exp(between()[frozenset({a, b})] - 0.5))
    told = answer(asked(records)[FIRST]).associations[HEADLINE]["b, finetune, N = 10"]
    assert told.rho == pytest.approx(1)
    assert told.n_points == 12
    assert told.skill == pytest.approx(0, abs=1e-6)
    # The only exchange of names that leaves all as it is is none at all.
    assert told.chance == pytest.approx(1 / 24)
    # Pairs of elements count, in both directions as one.
    assert told.n_groups == 6


def test_targets_that_differ_do_not_hide_which_source_is_best():
    offset = dict(zip(ELEMENTS, (-0.6, 0.9, 0.3, -0.2), strict=True))
    records = matrix(lambda a, b: math.exp(0.2 * between()[frozenset({a, b})] + offset[b]))
    found = asked(records)
    overall = answer(found[FIRST]).associations[HEADLINE]["b, finetune, N = 10"]
    of_source = answer(found[WITHIN]).associations[HEADLINE]
    assert abs(overall.rho) < 0.7
    assert of_source["b, finetune, N = 10"].rho == pytest.approx(1, abs=0.02)


def test_chemistry_stands_beside_distances():
    predictors = answer(asked(matrix(lambda a, b: 0.5 + 0.01 * len(a + b)))[FIRST]).associations
    assert not predictors, "nothing predicts ratios that do not vary"
    records = matrix(lambda a, b: 0.5 + 0.1 * ELEMENTS.index(a) + 0.01 * ELEMENTS.index(b))
    assert {"group", "period", "electronegativity", "valence electrons"} <= set(
        answer(asked(records)[FIRST]).associations
    )


@pytest.mark.parametrize(
    ("chance", "text"),
    [(1 / 720, "p < 0.01"), (0.0099, "p < 0.01"), (0.01, "p = 0.01"), (1, "p = 1.00")],
)
def test_no_share_of_exchanges_is_given_as_zero(chance, text):
    assert p_text(chance) == text


def said(question):
    return " ".join(predictors_findings(question, answer(question)))


def test_noise_is_rarely_concluded_from():
    """Of many correlations the strongest is strong, and the exchange of names knows it."""
    rng = np.random.default_rng(0)
    chances = []
    for _ in range(60):
        question = asked(matrix(lambda a, b: float(np.exp(rng.normal()))))[FIRST]
        chances.append(answer(question).chance)
    # 1 of 24 is the least there can be, so 4 % of noise is claimed to be something.
    assert sum(chance <= 0.05 for chance in chances) <= 8
    assert 0.3 < np.mean(chances) < 0.7


def test_what_is_concluded_says_how_likely_chance_is():
    planted = said(asked(matrix(lambda a, b: math.exp(between()[frozenset({a, b})])))[FIRST])
    assert "4 elements exchanged their names, one as strong would be found in 4.2%" in planted
    assert "the least there can be is 4.2%" in planted
    rng = np.random.default_rng(1)
    noise = said(asked(matrix(lambda a, b: float(np.exp(rng.normal()))))[FIRST])
    assert "so it may be chance, and nothing is concluded" in noise


def test_few_elements_say_so():
    records = [
        r
        for r in matrix(lambda a, b: 0.5)
        if {r.model.source, r.model.target} <= {"Si", "Ge", "Li"}
    ]
    for number, r in enumerate(records):
        records[number] = r.model_copy(update={"value": r.value + 3 * number})
    found = said(asked(records)[FIRST])
    assert found.endswith("With 3 elements nothing is concluded.")


def test_an_arm_without_target_data_is_no_point():
    records = matrix(lambda a, b: 0.5 + 0.1 * ELEMENTS.index(a))
    records += [
        record("zero-shot", 300.0, subset_seed=None, size=0, source=a, target=b)
        for a, b in permutations(ELEMENTS, 2)
    ]
    assert {p.series for p in asked(records)[FIRST].points} == {"b, finetune, N = 10"}
    # In the table it stands, beside every size.
    lines = table_of(records).lines
    assert lines[0][:4] == ["source", "target", "backbone", "N"]
    assert len(lines) == 1 + 12
    assert all(line[lines[0].index("zero-shot")] == "300.0" for line in lines[1:])


def test_the_range_of_ratios_is_given_and_transfers_that_share_models_are_not_counted():
    records = matrix(lambda a, b: 1.2 if b == "Li" else 0.8)
    (found,) = findings(analysis_of(records), "force_mae")
    assert found == (
        "b, finetune: at this budget, its error is 0.80 (Si → Ge, N = 10; 2 pairs) to 1.20 "
        "(Si → Li, N = 10; 2 pairs) times that of scratch."
    )
    assert not any("worth" in title for title in table_of(records).lines[0])


def temperatures(error):
    """Return records of models trained and tested at some temperatures."""
    return [
        record(
            strategy,
            error(strategy, train, test) + seed,
            seed,
            train_temperature_k=train,
            condition={"temperature_k": test},
        )
        for strategy in ("scratch", "finetune")
        for train in (300.0, 1200.0, 2100.0)
        for test in (300.0, 1200.0, 2100.0)
        for seed in (0, 1)
    ]


def test_distances_of_temperatures_tell_what_transfer_costs():
    def error(strategy, train, test):
        gap = abs(train - test) / 100
        return 100 + 10 * gap if strategy == "scratch" else 80 + 2 * gap

    known = [
        apart(
            named("Ge", temperature_k=train),
            named("Ge", "test", temperature_k=test),
            0.01 + abs(train - test) / 1e4,
        )
        for train in (300.0, 1200.0, 2100.0)
        for test in (300.0, 1200.0, 2100.0)
    ]
    found = asked(temperatures(error), known)
    cost = found[COST]
    gain = found[GAIN]
    told = answer(cost).associations[HEADLINE]
    assert told["b, scratch, N = 10"].rho == pytest.approx(1)
    assert told["b, finetune, N = 10"].rho == pytest.approx(1)
    # The ratio falls with the distance, so the gain rises.
    assert answer(gain).associations[HEADLINE]["b, finetune, N = 10"].rho == pytest.approx(-1)


def test_parts_of_the_source_are_compared_at_each_test_temperature():
    parts = ("300 K", "1200 K", "all")
    of_part = dict(zip(parts, (0.9, 0.7, 0.5), strict=True))
    records = [
        r.model_copy(
            update={
                "model": r.model.replace(source_part=part),
                "value": r.value * (of_part[part] if r.model.strategy == "finetune" else 1),
            }
        )
        for part in parts
        for r in temperatures(lambda strategy, train, test: 100 + train / 100 + test / 50)
    ]
    known = [
        apart(
            named("Si", part=part),
            named("Ge", "test", temperature_k=test),
            of_part[part] + test / 1e3,
        )
        for part in parts
        for test in (300.0, 1200.0, 2100.0)
    ]
    question = asked(records, known)[OF_PARTS]
    for told in answer(question).associations[HEADLINE].values():
        assert told.rho > 0.9
        assert told.n_points == 9
    lines = table_of(records_over_all(records)).lines
    assert [line[1] for line in lines[1:]] == [part for part in parts for _ in range(3)]


def records_over_all(records):
    return [r.model_copy(update={"condition": {}}) for r in records]


def test_the_table_of_distances_marks_what_is_resolved():
    close = apart(named("Si"), named("Ge"), 0.02)
    far = apart(named("Si"), named("Mo"), 0.5)
    close = close.model_copy(
        update={"distances": [close.distances[0].model_copy(update={"low": 0.0})]}
    )
    header, line = distances_table([close, far])
    assert header == ["distance", "form", "Si, Ge", "Si, Mo"]
    assert line[2] == "0.02 [0, 0.022] (0.01)"
    assert line[3] == "0.5* [0.45, 0.55] (0.01)"


def test_with_one_training_temperature_nothing_can_be_exchanged_nor_concluded():
    records = [
        r
        for r in temperatures(lambda strategy, train, test: 100 + test / 10 + 3 * len(strategy))
        if r.model.train_temperature_k == 300.0
    ]
    known = [
        apart(named("Ge", temperature_k=300.0), named("Ge", "test", temperature_k=test), test / 1e4)
        for test in (300.0, 1200.0, 2100.0)
    ]
    question = asked(records, known)[GAIN]
    found = answer(question)
    assert found.chance is None
    assert said(question).endswith("With 1 training temperatures nothing is concluded.")


def test_alloys_differ_by_the_mean_over_mapped_pairs():
    """In and Ga, P and As are one period apart, in one group."""
    found = chemistry(Transfer("Ga–As", None, "In–P"), None)
    assert found["group"] == 0
    assert found["period"] == 1
    indium, phosphorus = differences("In", "Ga"), differences("P", "As")
    for name, value in found.items():
        assert value == pytest.approx((indium[name] + phosphorus[name]) / 2), name
    # As given, across the groups; names may say which card they are of.
    crossed = chemistry(Transfer("Ga–As (a)", None, "In–P (b)"), {"In": "As", "P": "Ga"})
    assert crossed["group"] == 2


def test_one_element_differs_as_it_did():
    assert chemistry(Transfer("Si", None, "Mo"), None) == differences("Si", "Mo")


def test_alloys_are_named_in_the_table_of_elements():
    ends = [("Mo–W", "Nb–Ta"), ("Mo–Ta", "Nb–W"), ("Mo–Nb", "Ta–W")]
    records = [
        record(strategy, 100.0, source=source, target=target)
        for source, target in ends
        for strategy in ("scratch", "finetune")
    ]
    table = elements_table(analysis_of(records))
    assert [line[0] for line in table[1:]] == [", ".join(pair) for pair in ends]
    assert all("–" not in cell for line in table[1:] for cell in line[1:])


def test_scratch_that_trains_longer_is_no_transfer():
    some = matrix(lambda source, target: 0.5 + 0.1 * len(source))
    longer = [
        record("scratch-long", 50.0, m.subset_seed, source=m.source, target=m.target)
        for m in (r.model for r in some if r.model.strategy == "finetune")
    ]
    series = {point.series for point in asked(some + longer)[FIRST].points}
    assert series == {"b, finetune, N = 10"}


def test_what_was_not_tested_by_exchange_is_not_said_to_be_beyond_chance():
    """The chance is that of other predictors, all of whose exchanges are known."""
    known = {frozenset(pair): value for pair, value in between().items()}
    question = asked(matrix(lambda a, b: math.exp(known[frozenset((a, b))])))[FIRST]
    found = answer(question)
    name, series, best = found.strongest()
    assert "If the 4 elements exchanged" in next(predictors_findings(question, found))
    found.associations[name][series] = replace(best, chance=None)
    assert next(predictors_findings(question, found)).endswith(
        "It is not known for every exchange of their names, so that nothing is concluded."
    )
