"""Which arms are trained where, which are tuned, and tuned settings that are of another suite."""

import json

import pytest
import yaml
from tuned_arms import ARM, given

from tlbench.base.errors import InputError
from tlbench.report.wording import budget_label, budget_note, tuning_label
from tlbench.study.loading import load_suite
from tlbench.study.model_key import Place
from tlbench.study.places import trained_places, untuned_places
from tlbench.study.study import resolve
from tlbench.study.tuned import PRETRAINING


def suite(tuned=None, strategies=("scratch", "finetune", "scratch-long", "zero-shot")):
    """Return a suite of two budgets."""
    settings = [
        ("backbones", "{schnet: {}}"),
        ("strategies", json.dumps(strategies)),
        ("sizes", "[1, 4]"),
        ("training.updates", "60"),
        ("budgets", "[20, 60]"),
        ("pretraining.updates", "90"),
        ("pretraining_budgets", "[30, 90]"),
    ]
    if tuned is not None:
        settings.append(("tuned", json.dumps(tuned.model_dump(mode="json"))))
    return load_suite("smoke", settings)


def test_every_arm_that_trains_has_a_place_at_each_size_and_budget():
    places = trained_places(suite())
    assert places[:2] == [Place("schnet", PRETRAINING, 0, updates=n) for n in (30, 90)]
    assert len(places) == 2 + 2 * 2 * 2 + 2
    assert {p.updates for p in places if p.strategy == "scratch-long"} == {60}
    assert {place.strategy for place in places} == {
        PRETRAINING, "scratch", "finetune", "scratch-long",
    }  # fmt: skip
    assert {place.strategy for place in trained_places(suite(strategies=["scratch"]))} == {
        "scratch"
    }
    assert {place.updates for place in trained_places(load_suite("transfer"))} == {None}


def test_scratch_may_be_left_out_of_some_backbones_and_of_nothing_else():
    settings = [("backbones", "{schnet: {}, dimenetpp: {}}"), ("from_scratch", "[schnet]")]
    found = load_suite("smoke", [*settings, ("strategies", "[scratch, finetune]")])
    both = {("schnet", "scratch"), ("schnet", "finetune"), ("dimenetpp", "finetune")}
    pretrained = {(name, PRETRAINING) for name in ("schnet", "dimenetpp")}
    places = {(place.backbone, place.strategy) for place in trained_places(found)}
    assert places == both | pretrained
    study = resolve(found)
    assert {(model.backbone, model.strategy) for model in study.grid} == places
    long = load_suite("smoke", [*settings, ("strategies", "[scratch-long, finetune]")])
    assert {p.backbone for p in trained_places(long) if p.strategy == "scratch-long"} == {"schnet"}
    every = resolve(load_suite("smoke", [settings[0], ("strategies", "[scratch, finetune]")]))
    assert study.protocol_digest == every.protocol_digest
    assert study.digest != every.digest


def test_models_are_trained_with_the_settings_of_their_size_and_budget():
    """A compute-matched arm by the budget that it is compared at; all others as the suite says."""
    tuned = given(
        pretrain=[ARM | {"updates": 90}],
        **{"scratch-long": [ARM | {"sizes": [4], "updates": 60, "size": 4}]},
    )
    study = resolve(suite(tuned))
    tuned_at = set()
    for model in study.grid:
        training = study.training(model)
        if training is not None and training.learning_rate == 5e-3:
            tuned_at.add((model.strategy, model.size, model.updates, training.updates))
    n_source = next(m.size for m in study.grid if m.strategy == PRETRAINING)
    assert tuned_at == {(PRETRAINING, n_source, 90, 90), ("scratch-long", 4, 60, 60 + 90)}
    assert resolve(suite()).digest != study.digest
    assert resolve(suite()).protocol_digest == study.protocol_digest


def test_what_is_not_tuned_is_named_arm_by_arm():
    both = [ARM | {"sizes": [1, 4], "updates": n} for n in (20, 60)]
    some = given(
        pretrain=[ARM | {"updates": 90}],
        scratch=both,
        finetune=[ARM | {"sizes": [4], "updates": 60}],
    )
    tuned = suite(some)
    assert untuned_places(tuned)[:2] == [
        Place("schnet", PRETRAINING, 0, updates=30),
        Place("schnet", "finetune", 1, updates=20),
    ]
    said = budget_note(tuned, tuned=True)
    assert (
        "Not tuned: schnet, pretrain (after 30 updates); schnet, finetune (N = 1 and 4 after 20 "
        "updates, N = 1 after 60 updates); schnet, scratch-long."
    ) in said
    assert "No arm was tuned" not in said
    every = [{"sizes": [1, 4], "updates": n} for n in (20, 60)]
    arms = {name: [ARM | each for each in every] for name in ("scratch", "finetune")}
    alone = suite(given(**arms, **{"scratch-long": [ARM | {"sizes": [1, 4], "updates": 60}]}))
    assert "Pretraining was not tuned (schnet)." in budget_note(alone, tuned=True)
    assert "No arm was tuned" in budget_note(suite())
    assert "Not tuned" not in budget_note(suite())


def test_headlines_say_whether_arms_are_tuned():
    plain, part = suite(), suite(given(scratch=[ARM]))
    whole = suite(given(**{n: [ARM] for n in (PRETRAINING, "scratch", "finetune", "scratch-long")}))
    assert budget_label(plain).endswith("; untuned")
    assert budget_label(part).endswith("; partly tuned")
    assert budget_label(whole).endswith("; tuned")
    assert tuning_label([plain, whole]) == "partly tuned"
    # Those of one budget are what was published.
    published = budget_label(load_suite("transfer"))
    assert published.endswith("not shown to be converged")


@pytest.mark.parametrize(
    ("tuned", "complaint"),
    [
        (given("quick", scratch=[ARM]), "settings are of suite 'quick', not of 'smoke'; tune this"),
        (
            given(scratch=[ARM | {"updates": 6400}]),
            "schnet, scratch is tuned at budget 6400, which the suite does not have; it has 20, 60",
        ),
        (
            given(pretrain=[ARM | {"updates": 20}]),
            "schnet, pretrain is tuned at budget 20, which the suite does not have; it has 30, 90",
        ),
        (
            given(finetune=[ARM | {"sizes": [4, 195]}]),
            "schnet, finetune is tuned at size 195, which the suite does not have; it has 1, 4",
        ),
        (given(finetun=[ARM]), "'finetun' is not trained by the suite; did you mean 'finetune'"),
    ],
)
def test_settings_of_another_suite_are_refused_with_one_sentence(tuned, complaint):
    with pytest.raises(InputError) as error:
        suite(tuned)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_a_suite_of_which_less_is_run_keeps_the_settings_of_what_is_left(tmp_path):
    """Narrowing a tuned suite on the command line is no contradiction to its settings."""
    both = [ARM | {"sizes": [1, 4], "updates": n} for n in (20, 60)]
    whole = given(pretrain=[ARM | {"updates": 90}], scratch=both, finetune=both)
    path = tmp_path / "tuned.yaml"
    path.write_text(yaml.safe_dump(suite(whole).model_dump(mode="json", exclude_defaults=True)))
    fewer = load_suite(path, [("sizes", "[4]"), ("budgets", "[60]")], strategies=["scratch"])
    left = [(name, group.sizes, group.updates) for _, name, group in fewer.tuned.groups()]
    assert left == [("scratch", [4], 60)]
    assert load_suite(path, backbones=["dimenetpp"]).tuned is None
    odd = json.dumps([ARM | {"sizes": [2]}])
    with pytest.raises(InputError, match="is tuned at size 2, which the suite does not have"):
        load_suite(path, [("sizes", "[4]"), ("tuned.arms.schnet.scratch", odd)])


def test_settings_that_were_found_on_other_data_are_left_out_unless_they_are_asked_for(tmp_path):
    """What is best for germanium is no guess to make for lithium in silence."""
    whole = given(scratch=[ARM | {"sizes": [1, 4], "updates": 20}])
    path = tmp_path / "suite.yaml"
    path.write_text(yaml.safe_dump(suite(whole).model_dump(mode="json", exclude_defaults=True)))
    fewer = [("sizes", "[4]")]
    assert load_suite(path, fewer).tuned is not None
    other = {"target": "mlearn-li"}
    assert load_suite(path, fewer, cards=other).tuned is None
    assert load_suite(path, cards={"source": "mlearn-si"}).tuned is None
    settings = tmp_path / "tuned.yaml"
    settings.write_text(yaml.safe_dump(whole.model_dump(mode="json")))
    assert load_suite(path, [("tuned", str(settings))], cards=other).tuned == whole


def test_an_arm_that_is_tuned_from_one_of_two_sources_is_not_tuned(tmp_path):
    value = yaml.safe_load(load_suite("smoke").model_dump_json(exclude_none=True))
    value["sources"] = [value.pop("source"), {"card": "sw-si-64"}]
    path = tmp_path / "two.yaml"

    def places(*sources):
        arms = [ARM | {"source": source} for source in sources]
        named = given("smoke", finetune=arms, scratch=arms[:1]) if arms else None
        path.write_text(yaml.safe_dump(value | {"tuned": named and named.model_dump(mode="json")}))
        return {place.strategy for place in untuned_places(load_suite(str(path), [], ["schnet"]))}

    assert {"finetune", "scratch"} < places()
    assert "finetune" in places("Si (sw-si-8)")
    assert not {"finetune", "scratch"} & places("Si (sw-si-8)", "Si (sw-si-64)")
