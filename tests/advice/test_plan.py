"""A comparison that fits the time: what is given up, in which order, and what is stated."""

from collections import Counter
from types import SimpleNamespace

import pytest
import yaml
from made_up_advice import GAIN, said

from tlbench.advice.candidates import Candidate
from tlbench.advice.design import Design
from tlbench.advice.plan import (
    FEWEST_PASSES,
    LEAST,
    PAIRS,
    SCALES,
    Scale,
    Target,
    TooShortError,
    fitting,
    scales_for,
    suite_text,
    suite_value,
)
from tlbench.data.cards import load_card
from tlbench.study.loading import load_suite
from tlbench.study.model_key import Place
from tlbench.study.study import resolve
from tlbench.study.suite import Suite
from tlbench.study.tuned import PRETRAINING

SEVENNET = Candidate("SevenNet-0", {"potential": "sevennet-0"}, "sevennet-0")
CHGNET = Candidate("CHGNet", {"potential": "chgnet-0.3.0"}, "chgnet-0.3.0")
SILICON = Candidate("Si", {"card": "sw-si-8", "backbones": ["schnet"]}, "schnet")
EVERY = [SEVENNET, CHGNET, SILICON]
COSTS = {SEVENNET: 10.0, CHGNET: 3.0, SILICON: 0.1}
"""Seconds of an update of a model of each size."""


def predict(found, scale):
    trials = 1.3 if scale.chooses_rates else 1.0
    return sum(COSTS[each] for each in found) * scale.n_sizes * scale.updates * trials


def fit(seconds, found=EVERY):
    return fitting(found, "schnet", seconds, predict)


def test_with_time_enough_nothing_is_given_up():
    found = fit(1e9)
    assert (found.found, found.scale, list(found.left_out)) == (EVERY, SCALES[0], [])


@pytest.mark.parametrize("seconds", [1e5, 2e4, 4e3, 1e3, 200, 10])
def test_the_estimate_fits_and_the_next_more_thorough_comparison_does_not(seconds):
    found = fit(seconds)
    assert found.seconds == predict(found.found, found.scale) <= seconds
    order = [*SCALES, LEAST]
    rank = order.index(found.scale)
    assert all(predict(found.found, scale) > seconds for scale in order[:rank])
    assert found.left_out


def test_updates_and_sizes_go_before_candidates_and_the_dearest_candidate_first():
    assert fit(2000).found == EVERY
    assert fit(2000).scale == Scale(1, 100, True)
    (given_up, _) = fit(900).left_out
    assert fit(900).found == [CHGNET, SILICON]
    assert given_up == (
        "SevenNet-0 is left out: 100 updates over 5 pairs would take about 16 min 40 s."
    )


def test_the_choice_of_learning_rates_goes_before_a_candidate():
    found = fit(1400)
    assert (found.found, found.scale) == (EVERY, Scale(1, 100))
    (reduced,) = found.left_out
    assert "and one learning rate for all instead of the best of four for each;" in reduced
    assert "learning rate" not in fit(2000).left_out[0]


def sized(n_train, n_validation=20):
    """Return a target of so many structures."""
    numbers = {"train": n_train, "validation": n_validation, "test": 20}
    return Target("x", SimpleNamespace(n_frames=numbers.get))


def test_comparisons_that_can_carry_a_recommendation_are_before_others():
    def passes(scale, size):
        return scale.updates * 2 / size

    assert scales_for(sized(40))[:6] == [*SCALES[:3], *SCALES[3:6]]
    many = scales_for(sized(1000))
    enough = [passes(scale, 100) >= FEWEST_PASSES for scale in many]
    assert enough == sorted(enough, reverse=True)
    assert enough.count(True) == 6
    assert many[5] == Scale(1, 500, True)
    assert set(many) == set(SCALES)


def test_with_few_validation_structures_learning_rates_are_not_chosen():
    few = scales_for(sized(40, 4))
    assert not any(scale.chooses_rates for scale in few)
    assert len(few) == len(set(few)) == len(SCALES) - 1
    assert all(scale.chooses_rates for scale in scales_for(sized(40, 5))[:-1])


def test_what_is_left_begins_again_with_the_most_thorough_comparison():
    found = fit(250)
    assert found.found == [SILICON]
    assert found.scale == Scale(2, 800, True)
    assert [text.split(" is ")[0] for text in found.left_out[:2]] == ["SevenNet-0", "CHGNet"]
    assert found.left_out[2].startswith("Reduced to fit the time: two sizes instead")


def test_the_backbone_that_scratch_trains_is_not_given_up_though_it_be_the_dearest():
    costs = {**COSTS, SILICON: 50.0}
    found = fitting(
        EVERY, "schnet", 5300, lambda some, scale: sum(costs[c] for c in some) * scale.updates
    )
    assert SILICON in found.found
    assert SEVENNET not in found.found


def test_too_short_a_time_is_refused_with_what_the_least_takes():
    with pytest.raises(
        TooShortError, match=r"the least comparison, of Si.* after 50 updates, takes about 5 s"
    ) as refused:
        fit(1)
    assert refused.value.seconds == predict([SILICON], LEAST)


def test_what_is_left_out_is_compared_with_the_least_comparison_that_is_planned():
    found = fit(6)
    assert found.scale == LEAST
    assert found.left_out[:2] == [
        "SevenNet-0 is left out: 50 updates over 5 pairs would take about 8 min 20 s.",
        "CHGNet is left out: 50 updates over 5 pairs would take about 2 min 30 s.",
    ]


def test_a_suite_has_five_pairs_two_budgets_and_scratch_of_one_backbone_alone(tmp_path):
    target = Target("sw-ge-8", load_card("sw-ge-8"))
    path = tmp_path / "suite.yaml"
    path.write_text(suite_text(suite_value(target, EVERY, "schnet", Scale(2, 400))))
    study = resolve(load_suite(path))
    assert len(study.suite.seed_pairs()) == PAIRS == 5
    assert study.suite.budgets == [100, 400]
    assert study.suite.sizes[1] == 2 * study.suite.sizes[0]
    trained = {(m.backbone, m.strategy, m.source) for m in study.grid}
    assert {each for each in trained if each[1] == "scratch"} == {
        ("schnet", "scratch", name) for name in ("Si",)
    }
    assert {each[0] for each in trained if each[1] == "finetune"} == {
        "sevennet-0", "chgnet-0.3.0", "schnet",
    }  # fmt: skip
    assert {each[0] for each in trained if each[1] == PRETRAINING} == {"schnet"}
    assert Place("sevennet-0", "scratch", 40, updates=400) not in {m.place for m in study.grid}


def test_every_start_is_also_measured_as_it_is_a_published_potential_once():
    target = Target("sw-ge-8", load_card("sw-ge-8"))
    study = resolve(Suite.model_validate(suite_value(target, EVERY, "schnet", SCALES[-1])))
    models = [m for m in study.grid if m.strategy == "zero-shot"]
    assert Counter(m.source for m in models) == {"SevenNet-0": 1, "CHGNet 0.3.0": 1, "Si": PAIRS}
    assert {(m.size, m.updates) for m in models} == {(0, None)}


def test_the_design_of_a_study_has_its_starts_and_structures():
    target = Target("sw-ge-8", load_card("sw-ge-8"))
    study = resolve(Suite.model_validate(suite_value(target, EVERY, "schnet", Scale(2, 400))))
    design = Design.of(study)
    assert design.starts == ("SevenNet-0", "CHGNet 0.3.0", "Si")
    assert (design.sizes, design.n_pairs) == (tuple(study.suite.sizes), PAIRS)
    assert design.n_test == target.card.n_frames("test")
    assert design.order == ""
    assert design.other_theories == {}


def test_a_source_of_another_level_of_theory_has_a_sign_in_its_row():
    card = load_card("mlearn-ge")
    value = suite_value(Target("mlearn-ge", card), EVERY, "schnet", Scale(2, 400))
    design = Design.of(resolve(Suite.model_validate(value)))
    assert list(design.other_theories) == ["Si"]
    section, _ = said(GAIN, {"other_theories": design.other_theories, "theory": design.theory})
    rows = [line for line in section.tables[0].lines if line[-1].endswith("] †")]
    assert {row[0] for row in rows} == {"Si"}
    assert "†: pretrained on labels of another level of theory, Si on Stillinger–Weber" in (
        section.tables[0].note
    )
    assert f"that of these data: {card.level_of_theory}." in section.tables[0].note
    assert "†" not in said(GAIN)[0].tables[0].note


def test_published_potentials_alone_are_compared_with_their_own_architecture():
    target = Target("sw-ge-8", load_card("sw-ge-8"))
    value = suite_value(target, [SEVENNET], "schnet", Scale(1, 100))
    assert "from_scratch" not in value
    assert yaml.safe_load(suite_text(value))["backbones"] == {"sevennet-0": {}}


def test_of_several_published_potentials_one_architecture_is_trained_from_scratch():
    target = Target("sw-ge-8", load_card("sw-ge-8"))
    value = suite_value(target, [SEVENNET, CHGNET], "schnet", Scale(1, 100))
    assert value["from_scratch"] == ["sevennet-0"]
    study = resolve(Suite.model_validate(value))
    assert {m.backbone for m in study.grid if m.strategy == "scratch"} == {"sevennet-0"}


@pytest.mark.parametrize(("n_train", "sizes"), [(1000, [25, 50, 100]), (8, [2, 4, 8])])
def test_the_largest_size_is_all_that_there_is_up_to_a_hundred(n_train, sizes):
    card = load_card("sw-ge-8")
    origin = card.origin.model_copy(update={"temperatures_k": [300.0], "frames": None})
    train = origin.train.model_copy(update={"trajectories": 1, "frames": n_train})
    origin = origin.model_copy(update={"train": train})
    assert Target("x", card.model_copy(update={"origin": origin})).sizes(3) == sizes
