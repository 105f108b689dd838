"""Budgets: the grid of models that they make, what is planned, and what is refused."""

from collections import Counter

import pytest
import yaml

from tlbench.base.errors import InputError
from tlbench.data.cards import card_folder
from tlbench.study.loading import load_suite, suite_folder
from tlbench.study.models import plan
from tlbench.study.study import resolve

ARMS = "[scratch, finetune, scratch-long, zero-shot]"
SETTINGS = [
    ("training", "{validation_points: 2}"),
    ("pretraining", "{validation_points: 2}"),
    ("budgets", "[10, 20, 40]"),
    ("pretraining_budgets", "[30, 60]"),
    ("strategies", ARMS),
]


@pytest.fixture
def study():
    return resolve(load_suite("smoke", SETTINGS))


def test_every_arm_is_trained_at_each_budget(study):
    suite = study.suite
    count = Counter((m.strategy, m.updates) for m in study.grid)
    n_sets = len(suite.sizes) * len(suite.seed_pairs()) * len(suite.backbones)
    n_seeds = len(suite.init_seeds) * len(suite.backbones)
    assert count == {
        **{(name, b): n_sets for name in ("scratch", "finetune") for b in (10, 20, 40)},
        ("scratch-long", 40): n_sets,
        ("zero-shot", None): n_seeds,
        **{("pretrain", b): n_seeds for b in (30, 60)},
    }
    assert len(study.grid) == len(set(study.grid)) <= suite.n_models()


def test_no_suite_has_more_models_than_it_is_said_to_have():
    many = [("sizes", "[1]"), ("subset_seeds", "[0]"), ("budgets", "[40]")]
    many += [("pretraining_budgets", "[1, 3, 7, 15, 30, 60]"), ("strategies", "[finetune]")]
    many += [("pretraining.validation_points", "1")]
    study = resolve(load_suite("smoke", [*SETTINGS, *many]))
    assert len(study.grid) <= study.suite.n_models()


def test_each_model_trains_for_its_budget_and_the_long_one_for_both(study):
    for model in study.grid:
        training = study.training(model)
        if model.strategy == "zero-shot":
            assert training is None
        else:
            extra = 60 if model.strategy == "scratch-long" else 0
            assert training.updates == model.updates + extra


def test_target_models_start_from_the_last_budget_and_source_models_are_measured_at_each(study):
    planned = plan(study)
    updates = {key: job.config.get("training") for key, job in planned.jobs.items()}
    started = [cell for cell in planned.cells if cell.pretrained]
    assert {updates[cell.pretrained]["updates"] for cell in started} == {60}
    sources = Counter((c.model.updates, c.weights) for c in planned.cells if c.model.size == 12)
    n_seeds = len(study.suite.backbones)
    assert sources == {(b, w): n_seeds for b in (30, 60) for w in ("last", "best")}
    # Best weights are measured of the same training.
    trained = {(c.model, c.trained) for c in planned.cells if study.training(c.model)}
    assert len(trained) == sum(study.training(model) is not None for model in study.grid)


def test_a_suite_without_budgets_has_the_digests_that_it_had():
    """As they were before there were budgets; changing one would orphan what is published."""
    base = resolve(load_suite("matrix-cpu"))
    assert base.digest == "a414119730d445c1e3eac41f54d95927d9163114981a8d672ad76e92d71a21d8"
    assert (
        base.protocol_digest == "6a8235cf78c7eb7c72da4eed365b9411e8057fde9bae56debda3e7aff35f62a7"
    )
    assert {model.updates for model in base.grid} == {None}
    for setting in (("budgets", "null"), ("validation", "null"), ("subsets", "null")):
        assert resolve(load_suite("matrix-cpu", [setting])).digest == base.digest
    smoke = resolve(load_suite("smoke"))
    assert resolve(load_suite("smoke", [("budgets", "[10, 30]")])).digest != smoke.digest


TWO = ("budgets", "[10, 20]")
ONE = [("budgets", "null"), ("training.updates", "20")]
MD = "{temperature_k: 300, time_ps: 2, equilibration_ps: 1, budgets: [%s]}"
REFUSED = {
    "unsorted": ([("budgets", "[20, 10]")], r"budgets should be distinct and ascending \(given"),
    "twice": ([("budgets", "[20, 20]")], r"budgets should be distinct and ascending \(given"),
    "none": ([("budgets", "[]")], "'budgets': list should have at least 1 item"),
    "zero": ([("budgets", "[0, 20]")], "'budgets.0': input should be greater than 0"),
    "no list": ([("budgets", "20")], "'budgets': input should be a valid list"),
    "words": ([("budgets", "[few, 20]")], "'budgets.0': input should be a valid integer"),
    "fractions": ([("budgets", "[10.5, 20]")], "'budgets.0': input should be a valid integer"),
    "validation": ([("budgets", "[1, 20]")], "1 update cannot have the 2 points of validation"),
    "no validation": ([TWO, ("training.validation_points", "0")], "set it to 1 or more"),
    "no validation of pretraining": (
        [TWO, ("pretraining.validation_points", "0")], "pretraining.validation_points is 0",
    ),
    "updates": (
        [("training.updates", "20"), ("budgets", "[10, 30]")],
        "training.updates is 20, but the last of budgets is 30",
    ),
    "other updates": ([TWO, ("training.updates", "10")], "is 10, but the last of budgets is 20"),
    "pretraining alone": ([*ONE, ("pretraining_budgets", "[60]")], "set 'budgets', too"),
    "pretraining unsorted": (
        [TWO, ("pretraining_budgets", "[60, 20]")], "pretraining_budgets should be distinct",
    ),
    "pretraining updates": (
        [TWO, ("pretraining_budgets", "[20, 50]")], "pretraining.updates is 60, but the last of",
    ),
    "pretraining validation": (
        [TWO, ("pretraining_budgets", "[5, 60]")], "5 updates cannot have the 10 points",
    ),
    "long alone": ([TWO, ("strategies", "[scratch, scratch-long]")], "no arm of the suite is"),
    "long with nothing fine-tuned": (
        [TWO, ("strategies", "[scratch-long, zero-shot]")], "is pretrained and fine-tuned; add one",
    ),
    "much validation": (
        [TWO, ("validation", "{size: 9}")],
        "validation.size is 9, but the validation part of 'sw-ge-8' has 4 structures; choose ",
    ),
    "strata": ([("subsets", "stratified")], "the card of 'sw-ge-8' has no strata; add 'strata'"),
    "subsets": ([("subsets", "halves")], "'subsets': input should be 'stratified' or 'random'"),
    "close": ([("budgets", "[10, 79, 80]")],
        "budgets: convergence cannot be judged from 79 to 80 updates; let each budget be at least"),
    "nearly twice": ([("budgets", "[10, 19]")], "cannot be judged from 10 to 19 updates"),
    "pretraining close": (
        [("pretraining_budgets", "[40, 60]")],
        "pretraining_budgets: convergence cannot be judged from 40 to 60 updates; let each",
    ),
    "validation size": ([TWO, ("validation", "{size: 0}")], "'validation.size': input should"),
    "simulated": ([TWO, ("dynamics", MD % 30)], r"budget 30 is not among the suite's .*\(10, 20\)"),
    "simulated without": ([*ONE, ("dynamics", MD % 20)], "budget 20 is not among .*there are none"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_budgets_cannot_be_is_said_in_one_sentence(case):
    settings, said = REFUSED[case]
    with pytest.raises(InputError, match=said) as caught:
        resolve(load_suite("smoke", settings))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("budgets=[20, 10]", "budgets should be distinct and ascending (given: [20, 10])"),
        ("budgets=[1, 20]", "1 update cannot have the 2 points of validation"),
        ("subsets=stratified", "the card of 'sw-ge-8' has no strata"),
    ],
)
def test_the_command_line_says_so_and_exits_with_2(command, tmp_path, settings, said):
    found = command("run", "smoke", "--set", settings, "--out", tmp_path, "--store", tmp_path / "s")
    assert found.returncode == 2
    assert said in " ".join((found.stdout + found.stderr).split())
    assert "Traceback" not in found.stdout + found.stderr


def test_strata_that_no_frame_has_are_refused(command, tmp_path):
    card = yaml.safe_load((card_folder() / "sw-ge-8.yaml").read_text())
    (tmp_path / "ge.yaml").write_text(yaml.safe_dump(card | {"strata": ["group"]}))
    suite = yaml.safe_load((suite_folder() / "smoke.yaml").read_text())
    suite["target"]["card"] = str(tmp_path / "ge.yaml")
    del suite["backbones"]["dimenetpp"]
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump(suite | {"name": "mine", "strategies": ["scratch"], "subsets": "stratified"})
    )
    where = ("--out", tmp_path / "out", "--store", tmp_path / "store")
    found = command("run", tmp_path / "mine.yaml", *where)
    said = " ".join((found.stdout + found.stderr).split())
    assert found.returncode != 0
    assert "strata: no structure has a known group" in said
    assert "Traceback" not in said
