"""Tuned settings: which models have them, and which have the suite's own."""

import json

import pytest
from tuned_arms import ARM, given

from tlbench.base.errors import InputError
from tlbench.study.loading import load_suite
from tlbench.study.tuned import PRETRAINING, Tuned, TunedSettings, read_tuned
from tlbench.training.config import TrainingConfig

OWN = TrainingConfig(updates=400)
OF_VERSION_1 = {
    "suite": "s",
    "suite_digest": "",
    "study": "",
    "size": 10,
    "pairs": 1,
    "arms": {
        "schnet": {
            name: {
                "settings": {"learning_rate": 0.005, "final_learning_rate_fraction": 0.1},
                "trials": 2,
                "pruned": 0,
                "validation_force_mae": 90.0,
                "default_validation_force_mae": 100.0,
            }
            for name in (PRETRAINING, "finetune")
        }
    },
}


def test_settings_of_version_1_are_for_all_sizes_and_budgets():
    """Also where a suite holds them, which does not say of which version they are."""
    tuned = Tuned.model_validate(OF_VERSION_1)
    assert "size" in OF_VERSION_1
    for name, size, updates in (("finetune", 1, 400), ("finetune", 195, 6400), (PRETRAINING, 0, 9)):
        found = tuned.training("schnet", name, size, updates, OWN)
        assert (found.learning_rate, found.final_learning_rate_fraction) == (0.005, 0.1)
        assert found.updates == 400
    assert tuned.training("schnet", "scratch", 1, 400, OWN) is OWN
    assert [group.size for _, _, group in tuned.groups()] == [None, 10]


def test_settings_are_those_of_the_size_and_the_budget_and_never_of_another():
    tuned = given(
        scratch=[
            ARM | {"sizes": [1], "updates": 400, "settings": settings(1e-2)},
            ARM | {"sizes": [10, 40], "updates": 400, "settings": settings(2e-2)},
            ARM | {"sizes": [10, 40], "updates": 1600, "settings": settings(3e-2)},
        ]
    )

    def rate(size, updates):
        return tuned.training("schnet", "scratch", size, updates, OWN).learning_rate

    assert rate(1, 400) == 1e-2
    assert rate(10, 400) == rate(40, 400) == 2e-2
    assert rate(10, 1600) == 3e-2
    own = OWN.learning_rate
    assert [rate(1, 1600), rate(100, 400), rate(10, 6400)] == [own] * 3


def settings(rate):
    return TunedSettings(learning_rate=rate, final_learning_rate_fraction=0.1)


@pytest.mark.parametrize(
    "other",
    [
        {"sizes": [10, 100], "updates": 400},
        {"sizes": None, "updates": 400},
        {"sizes": [1, 10], "updates": None},
    ],
)
def test_two_settings_for_one_model_are_refused(other):
    first = ARM | {"sizes": [1, 10], "updates": 400}
    with pytest.raises(ValueError, match="has two settings for the same size, budget and source"):
        given(scratch=[first, ARM | other])
    assert given(scratch=[first, ARM | {"sizes": [1, 10], "updates": 1600}])


def test_all_arms_have_as_many_trials():
    with pytest.raises(ValueError, match="should have as many trials"):
        given(scratch=[ARM], finetune=[ARM | {"trials": 3}])


@pytest.mark.parametrize("arms", [None, [], {"schnet": 3}, {"schnet": {"scratch": 3}}])
def test_a_damaged_file_of_version_1_is_refused(tmp_path, arms):
    path = tmp_path / "tuned.yaml"
    path.write_text(json.dumps(OF_VERSION_1 | {"arms": arms}))
    with pytest.raises(InputError, match=r"tuned\.yaml"):
        read_tuned(path)


def test_settings_of_a_source_are_for_no_other():
    """An arm may have settings from each source; from scratch it has the same for all."""
    tuned = given(
        finetune=[
            ARM | {"source": "Si", "settings": settings(1e-2)},
            ARM | {"source": "sevennet-0", "settings": settings(1e-4)},
        ],
        scratch=[ARM | {"settings": settings(3e-3)}],
    )

    def rate(arm, source):
        return tuned.training("schnet", arm, 10, 400, OWN, source).learning_rate

    assert rate("finetune", "Si") == 1e-2
    assert rate("finetune", "sevennet-0") == 1e-4
    assert rate("finetune", "C") == OWN.learning_rate
    assert rate("scratch", "Si") == rate("scratch", "sevennet-0") == 3e-3
    assert tuned.group("schnet", "finetune", 10, 400) is not None


def test_two_settings_for_one_source_are_refused():
    first = ARM | {"source": "Si"}
    for other in (first, ARM):
        with pytest.raises(ValueError, match="has two settings for the same size"):
            given(finetune=[first, other])


def test_a_rate_that_would_have_no_effect_is_refused():
    """Every arm has a tuned one, and a report would name the other."""
    few = [("budgets", "[100]"), ("sizes", "[10]")]
    rate = ("training.learning_rate", "0.05")
    dimenetpp = {"backbones": ["dimenetpp"]}
    with pytest.raises(InputError, match=r"training.learning_rate would have no effect.*to null"):
        load_suite("universal-cpu", [*few, rate], **dimenetpp)
    fraction = ("pretraining.final_learning_rate_fraction", "0.5")
    with pytest.raises(InputError, match=r"^pretraining.final_learning_rate_fraction would have"):
        load_suite("universal-cpu", [*few, fraction], **dimenetpp)
    alike = load_suite("universal-cpu", [*few, rate, ("tuned", "null")], **dimenetpp)
    assert alike.training.learning_rate == 0.05
    # Of this suite DimeNet++ has the suite's own rate, SchNet tuned ones.
    assert load_suite("equal-updates-sw-cpu", [rate]).training.learning_rate == 0.05
