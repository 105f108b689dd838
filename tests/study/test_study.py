"""A suite resolved: what it names is looked up once."""

from collections import Counter

import pytest

from tlbench.base.errors import InputError
from tlbench.base.formats import later
from tlbench.data import cards
from tlbench.models.backbones import BACKBONES
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve
from tlbench.study.suite import Suite
from tlbench.training.config import TrainingConfig

PARTS = ("source_parts", "[{temperatures_k: [600]}, {share: 0.5}, {}]")


@pytest.fixture
def reads(monkeypatch):
    """Return how often each card is read from here on."""
    counted = Counter()
    read = cards._read

    def counting(path, changed):
        counted[path.stem] += 1
        return read(path, changed)

    monkeypatch.setattr(cards, "_read", counting)
    return counted


@pytest.mark.parametrize(
    ("name", "settings", "names"),
    [
        ("smoke", [PARTS], {"sw-si-8", "sw-ge-8"}),
        ("matrix", [], {"mlearn-si", "mlearn-ge", "mlearn-li", "mlearn-mo"}),
    ],
)
def test_each_card_is_read_once(reads, name, settings, names):
    suite = load_suite(name, settings)
    reads.clear()
    study = resolve(suite)
    assert reads == dict.fromkeys(names, 1)
    # Nor does what is made of a study read one again.
    assert plan(study).jobs
    assert study.digest != study.protocol_digest
    assert study.complete()["name"] == name
    assert len(study.cards) == len(names)
    assert reads == dict.fromkeys(names, 1)


def test_a_study_spells_out_every_setting():
    study = resolve(load_suite("smoke", [("backbones.schnet.n_filters", "8")]))
    settings = study.backbones["schnet"]
    assert settings["n_filters"] == 8
    assert settings["cutoff"] == study.suite.cutoff
    assert settings.keys() == BACKBONES.get("schnet").model_fields.keys()
    first, last = [model for model in study.grid if model.strategy == "scratch"][:2]
    assert (first.updates, last.updates) == (10, 20)
    assert study.training(last) == study.suite.training
    assert study.training(first) == study.suite.training.model_copy(update={"updates": 10})
    assert study.training(last.replace(strategy="pretrain", updates=60)) == study.suite.pretraining
    assert study.training(last.replace(strategy="zero-shot", updates=None)) is None


def test_the_grid_has_every_coordinate_of_the_suite():
    study = resolve(load_suite("smoke", [PARTS, ("training_temperatures_k", "[600, 1800]")]))
    trained = [model for model in study.grid if model.strategy == "finetune"]
    suite = study.suite
    assert len(set(trained)) == len(trained)
    n_places = 3 * 2 * len(suite.sizes) * len(suite.budgets) * len(suite.backbones)
    assert len(trained) == n_places * len(suite.seed_pairs())
    assert {model.updates for model in trained} == set(suite.budgets)
    assert {model.source_part for model in trained} == {"600 K", "50 % of all", "all"}
    assert {model.train_temperature_k for model in trained} == {600.0, 1800.0}
    assert {model.pair for model in trained} == set(suite.seed_pairs())
    sources = {(m.source_part, m.size) for m in study.grid if m.strategy == "pretrain"}
    assert sources == {("600 K", 6), ("50 % of all", 6), ("all", 12)}


def test_two_different_cards_of_one_name_are_refused(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        text = (cards.card_folder() / "sw-ge.yaml").read_text()
        (tmp_path / f"{name}.yaml").write_text(text.replace("seed: 1", f"seed: {seed}", 1))
    own = {"source": str(tmp_path / "a.yaml"), "target": str(tmp_path / "b.yaml")}
    one, other = (cards.load_card(path).digest() for path in own.values())
    suite = load_suite("transfer", cards=own)
    assert one != other
    with pytest.raises(InputError, match="are both named 'sw-ge', but describe different data"):
        resolve(suite)


def test_a_setting_that_is_added_later_changes_no_digest():
    class LaterTraining(TrainingConfig):
        warm_up: int = later(0)

    class LaterSuite(Suite):
        training: LaterTraining

    suite = load_suite("smoke")
    before = resolve(suite)
    value = suite.model_dump(mode="json")
    added = resolve(LaterSuite.model_validate(value))
    assert added.complete()["training"]["warm_up"] == 0
    assert (added.digest, added.protocol_digest) == (before.digest, before.protocol_digest)
    used = LaterSuite.model_validate({**value, "training": {**value["training"], "warm_up": 5}})
    assert resolve(used).digest != before.digest


def test_models_of_one_part_of_the_source_are_simulated():
    dynamics = ("dynamics", "{temperature_k: 300, time_ps: 2}")
    one = ("source_parts", "[{temperatures_k: [600]}]")
    models = [each.model for each in plan(resolve(load_suite("smoke", [one, dynamics]))).simulated]
    assert {each.source_part for each in models if each.strategy == "finetune"} == {"600 K"}
    with pytest.raises(InputError, match="one source, or one part of it, and one target"):
        load_suite("smoke", [PARTS, dynamics])
