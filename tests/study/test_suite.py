"""Suites: what ships is valid, and what is changed is checked."""

import json
import re

import pytest
import yaml

from tlbench.base.errors import InputError, UnknownNameError
from tlbench.board.reading import read_study
from tlbench.data.cards import card_folder
from tlbench.models.backbones import BACKBONES
from tlbench.study.loading import load_published, load_suite, suite_folder, suite_names
from tlbench.study.models import plan
from tlbench.study.study import resolve


@pytest.mark.parametrize("name", suite_names())
def test_every_suite_that_ships_can_be_planned(name):
    suite = load_suite(name)
    assert suite.name == name
    assert plan(resolve(suite)).cells


def test_the_study_is_as_published():
    suite = load_suite("si-ge-sw")
    assert suite.sizes == [1, 10, 40, 100, 195]
    assert len(suite.subset_seeds) >= 5
    assert suite.cutoff == 5.0
    config = suite.backbone_config("dimenetpp").model_dump()
    published = {
        "hidden_channels": 32, "out_channels": 64, "interaction_channels": 16,
        "basis_channels": 8, "type_channels": 16, "n_blocks": 4, "n_before_skip": 1,
        "n_after_skip": 2, "n_output_layers": 3, "n_radial": 6, "n_spherical": 7,
        "envelope_exponent": 6,
    }  # fmt: skip
    assert published.items() <= config.items()
    assert suite.training.learning_rate == 1e-3
    assert suite.training.final_learning_rate_fraction == 0.01
    assert suite.training.loss.model_dump() == {"energy": 0.0, "forces": 1.0, "stress": 0.0}
    assert len(suite.target.load().origin.temperatures_k) == 11


def test_the_command_line_overrides_one_key():
    settings = [("pretraining.updates", "7"), ("backbones.schnet.n_filters", "9")]
    suite = load_suite("smoke", settings)
    assert suite.pretraining.updates == 7
    assert suite.pretraining.batch_size == load_suite("smoke").pretraining.batch_size
    assert suite.backbone_config("schnet").model_dump()["n_filters"] == 9


def test_a_chosen_backbone_keeps_the_suites_settings_for_it():
    suite = load_suite("smoke", backbones=["schnet"])
    assert list(suite.backbones) == ["schnet"]
    assert suite.backbones["schnet"] == load_suite("smoke").backbones["schnet"]


def test_chosen_strategies_replace_the_suites_whatever_their_order():
    suite = load_suite("smoke", strategies=["zero-shot", "l2-sp", "scratch", "zero-shot"])
    assert suite.strategies == ["scratch", "zero-shot", "l2-sp"]
    # Naming all of them changes nothing.
    whole = load_suite("smoke")
    assert (
        resolve(load_suite("smoke", strategies=whole.strategies[::-1])).digest
        == resolve(whole).digest
    )
    chosen = plan(resolve(load_suite("smoke", strategies=["finetune+random"])))
    assert {cell.model.strategy for cell in chosen.cells} == {"pretrain", "finetune+random"}


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("finetun", "Unknown strategy 'finetun'; did you mean 'finetune'"),
        ("finetune+randm", "Unknown element initialisation 'randm'; did you mean 'random'"),
        ("scratch+mean", "'scratch' leaves no choice"),
    ],
)
def test_a_strategy_that_there_is_not_is_refused(name, complaint):
    with pytest.raises((UnknownNameError, InputError), match=complaint.replace("+", r"\+")):
        load_suite("smoke", strategies=[name])


@pytest.mark.parametrize("name", ["si-ge-dft-energy", "si-ge-dft-energy-cpu"])
def test_suites_with_energies_differ_from_those_of_forces_in_the_loss_alone(name):
    suite, forces = load_suite(name), load_suite(name.replace("-energy", ""))
    for training in (suite.training, suite.pretraining):
        first, last = training.weights(0), training.weights(training.updates - 1)
        assert (first.energy, last.energy) == (1e-3, pytest.approx(10))
        assert (first.forces, last.forces) == (1, 1)
    loss = {"loss": forces.training.loss, "final_loss": None}
    assert suite.training.model_copy(update=loss) == forces.training
    assert suite.pretraining.model_copy(update=loss) == forces.pretraining
    for same in ("source", "target", "cutoff", "budgets", "pretraining_budgets", "pairing"):
        assert getattr(suite, same) == getattr(forces, same)
    assert suite.seed_pairs() == forces.seed_pairs()
    assert ["phase"] in suite.by


def test_a_suite_may_be_a_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text((suite_folder() / "smoke.yaml").read_text())
    assert load_suite(str(path)) == load_suite(path) == load_suite("smoke")


@pytest.mark.parametrize("name", suite_names())
def test_a_complete_suite_is_the_same_suite(tmp_path, name):
    suite = load_suite(name)
    path = tmp_path / "suite.json"
    path.write_text(json.dumps(resolve(suite).complete()))
    again = load_suite(str(path))
    assert resolve(again).digest == resolve(suite).digest
    assert list(plan(resolve(again)).jobs) == list(plan(resolve(suite)).jobs)


def test_a_bare_backbone_can_be_changed(tmp_path):
    path = tmp_path / "mine.yaml"
    text = (suite_folder() / "quick.yaml").read_text().replace("schnet: {}", "schnet:")
    path.write_text(text)
    suite = load_suite(str(path), [("backbones.schnet.n_filters", "8")])
    assert suite.backbones["schnet"] == {"n_filters": 8}


def test_the_cutoff_belongs_to_the_suite():
    with pytest.raises(InputError, match="set 'cutoff' at the top"):
        load_suite("smoke", [("backbones.schnet.cutoff", "3.0")])


def test_unknown_names_come_with_near_ones():
    with pytest.raises(UnknownNameError, match="did you mean 'smoke'"):
        load_suite("smoek")
    with pytest.raises(UnknownNameError, match="did you mean 'schnet'"):
        load_suite("smoke", backbones=["shcnet"])


def test_a_suite_of_too_many_models_is_refused_before_it_is_laid_out(tmp_path):
    text = (suite_folder() / "smoke.yaml").read_text()
    text = re.sub(r"(?m)^sizes: .*", f"sizes: {list(range(1, 15_001))}", text)
    text = text.replace("frames: 6", "frames: 20000")
    path = tmp_path / "huge.yaml"
    path.write_text(re.sub(r"(?m)^subset_seeds: .*", f"subset_seeds: {list(range(3000))}", text))
    with pytest.raises(InputError, match=r"has 630,000,000 models, .* at most 200,000"):
        load_suite(path)


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("pretraining.updates", "1000000000000000000", "'pretraining.updates': .* 100000000"),
        ("pretraining.updates", "'" + "9" * 4000 + "'", "'pretraining.updates': .* 100000000"),
        ("pretraining.updates", "59" + ":59" * 3000, "'pretraining.updates': .*valid integer"),
        ("training.batch_size", "100001", "'training.batch_size': .* 100000"),
        ("training.validation_points", "1000000000", "'training.validation_points': "),
        ("init_seeds", f"['{10**4000}']", "'init_seeds.0': "),
        ("version", f"'{10**4000}'", "'version': "),
        ("dynamics", "{temperature_k: 300, time_ps: 1.0e+306}", "'dynamics.time_ps': "),
        ("dynamics", "{temperature_k: 300, time_ps: 9, timestep_fs: 1.0e-300}", "timestep_fs': "),
        ("dynamics", "{temperature_k: 300, time_ps: 9, replicas: 1000000000}", "replicas': "),
        ("dynamics", "{temperature_k: 300, time_ps: 9, sample_fs: 1.0e+308}", "sample_fs': "),
        (
            "dynamics",
            "{temperature_k: 300, time_ps: 9, criteria: {window_fs: 1.0e+308}}",
            "window_fs': ",
        ),
    ],
)
def test_a_number_beyond_all_use_is_refused(key, value, complaint):
    with pytest.raises(InputError, match=complaint):
        load_suite("smoke", [(key, value)])


@pytest.mark.parametrize("cutoff", ["1.0e-300", "0.09", "51"])
def test_a_cutoff_beyond_all_use_is_refused(cutoff):
    with pytest.raises(InputError, match=r"cutoff.*(given|greater|less)"):
        plan(resolve(load_suite("smoke", [("cutoff", cutoff)])))


def test_the_digest_follows_results_not_words():
    base = resolve(load_suite("smoke")).digest
    assert resolve(load_suite("smoke", [("title", "other")])).digest == base
    assert resolve(load_suite("smoke", [("sizes", "[1, 3]")])).digest != base
    assert resolve(load_suite("smoke", [("target.changes.train.frames", "5")])).digest != base
    assert resolve(load_suite("smoke", [("backbones.schnet.n_filters", "17")])).digest != base


def test_architectures_share_a_protocol():
    base = resolve(load_suite("smoke")).protocol_digest
    for setting in (
        ("title", "other"),
        ("backbones.schnet.n_filters", "17"),
        ("backbones", "{visnet: {}}"),
        ("strategies", "[scratch, finetune, head-only]"),
    ):
        assert resolve(load_suite("smoke", [setting])).protocol_digest == base
    for setting in (
        ("sizes", "[1, 3]"),
        ("cutoff", "5"),
        ("budgets", "[7, 20]"),
        ("subset_seeds", "[0]"),
        ("target.changes.train.frames", "5"),
        ("version", "9"),
    ):
        assert resolve(load_suite("smoke", [setting])).protocol_digest != base


def test_backbones_of_a_published_suite_need_not_be_installed(tmp_path):
    value = resolve(load_suite("smoke")).complete()
    value["backbones"]["my-network"] = {"channels": 32}
    (tmp_path / "suite.json").write_text(json.dumps(value))
    published = read_study(tmp_path / "suite.json")
    assert published.suite.backbones["my-network"] == {"channels": 32}
    assert published.protocol_digest == resolve(load_suite("smoke")).protocol_digest
    value["backbones"]["my-network"]["channels"] = 64
    (tmp_path / "suite.json").write_text(json.dumps(value))
    assert read_study(tmp_path / "suite.json").digest != published.digest


def test_settings_of_a_plugin_are_those_it_was_published_with(tmp_path, monkeypatch):
    value = resolve(load_suite("smoke")).complete()
    # As if the version that is installed now had a setting that there was none of then.
    del value["backbones"]["schnet"]["n_filters"]
    (tmp_path / "suite.json").write_text(json.dumps(value))
    monkeypatch.setitem(BACKBONES._providers, "schnet", "tlbench-schnet 2.0")
    published = read_study(tmp_path / "suite.json")
    assert published.complete()["backbones"] == value["backbones"]
    assert "n_filters" in resolve(load_suite("smoke")).complete()["backbones"]["schnet"]


def test_small_numbers_of_a_plugin_stay_numbers(tmp_path):
    value = resolve(load_suite("smoke")).complete()
    value["backbones"]["my-network"] = {"rate": 1e-05}
    (tmp_path / "suite.json").write_text(json.dumps(value))
    assert load_published(tmp_path / "suite.json").backbones["my-network"] == {"rate": 1e-05}


def test_a_published_suite_is_the_suite(tmp_path):
    for name in suite_names():
        suite = load_suite(name)
        (tmp_path / "suite.json").write_text(json.dumps(resolve(suite).complete()))
        assert read_study(tmp_path / "suite.json").digest == resolve(suite).digest


def matrix(tmp_path, **changes):
    """Write the smoke suite as a matrix of its two elements."""
    value = yaml.safe_load((suite_folder() / "smoke.yaml").read_text())
    small = value.pop("source")["changes"]
    del value["target"]
    value["matrix"] = {"cards": "sw-{element}-8", "elements": ["Si", "Ge"], "changes": small}
    path = tmp_path / "matrix.yaml"
    path.write_text(yaml.safe_dump({**value, **changes}))
    return path


def test_a_matrix_is_every_ordered_pair(tmp_path):
    pairs = [ends.transfer for ends in resolve(load_suite("matrix")).ends]
    assert len(pairs) == len(set(pairs)) == 12
    assert all(pair.source != pair.target for pair in pairs)
    small = load_suite("matrix", [("matrix.elements", "[Si, Ge]")])
    assert len(resolve(small).ends) == 2
    assert len(resolve(load_suite(str(matrix(tmp_path)))).ends) == 2


def test_an_element_without_a_card_is_refused_in_one_sentence():
    with pytest.raises(InputError, match=r"no data set 'mlearn-w' for W; such") as said:
        resolve(load_suite("matrix", [("matrix.elements", "[Si, W]")]))
    assert "there for Li, Si, Ge, Mo." in str(said.value)
    assert "\n" not in str(said.value)


def test_an_element_may_have_a_card_of_the_users(tmp_path):
    for element in ("si", "ge"):
        card = (card_folder() / f"sw-{element}.yaml").read_text()
        (tmp_path / f"mine-{element}.yaml").write_text(card)
    path = matrix(tmp_path)
    value = yaml.safe_load(path.read_text())
    value["matrix"]["cards"] = "mine-{element}.yaml"
    path.write_text(yaml.safe_dump(value))
    assert [c.elements for c in resolve(load_suite(str(path))).cards] == [["Si"], ["Ge"]]
    (tmp_path / "mine-ge.yaml").write_text((card_folder() / "sw-si.yaml").read_text())
    with pytest.raises(InputError, match="should be of Ge alone, but is of Si"):
        resolve(load_suite(str(path)))


def test_a_spectrum_that_is_not_recorded_cannot_be_measured():
    metrics = "metrics", "[force_mae, velocity_spectrum_error]"
    with pytest.raises(InputError, match=r"needs the key dynamics\.spectrum"):
        load_suite("smoke", [metrics])
    dynamics = "{temperature_k: 300, time_ps: 4, spectrum: {}}"
    assert load_suite("smoke", [metrics, ("dynamics", dynamics)]).dynamics.spectrum is not None
    with pytest.raises(InputError, match=r"no window of spectrum\.window_fs \(2000 fs\)"):
        load_suite("smoke", [metrics, ("dynamics", dynamics.replace("4", "2"))])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": {"card": "sw-si"}}, "either a matrix of elements or 'source'"),
        ({"matrix": None}, "the key 'source' is missing"),
        ({"matrix": {"cards": "sw-si", "elements": ["Si", "Ge"]}}, "symbol of an element goes"),
        ({"matrix": {"cards": "sw-{element}-8", "elements": ["Si"]}}, "at least 2"),
        ({"matrix": {"cards": "sw-{element}-8", "elements": ["Si", "Si"]}}, "is given twice"),
        ({"matrix": {"cards": "sw-{element}-8", "elements": ["Si", "Xy"]}}, "'Xy' is not a symbol"),
        (
            {"dynamics": {"temperature_k": 300, "time_ps": 5}},
            "only a suite of one source, or one part of it, and one target is simulated",
        ),
        ({"source_parts": [{}]}, "either a matrix of elements or 'source_parts'"),
    ],
)
def test_a_matrix_that_cannot_be_is_refused(tmp_path, changes, said):
    with pytest.raises(InputError, match=said):
        load_suite(str(matrix(tmp_path, **changes)))


def test_source_and_target_of_a_matrix_cannot_be_replaced(tmp_path):
    with pytest.raises(InputError, match=r"choose them with --set 'matrix.elements"):
        load_suite(str(matrix(tmp_path)), cards={"source": "sw-ge"})


@pytest.mark.parametrize("name", ["properties-sw-cpu", "properties-dft-cpu"])
def test_suites_of_elastic_properties_measure_errors_of_stress(name: str) -> None:
    assert "stress_mae" in resolve(load_suite(name)).complete()["metrics"]


def test_parts_of_the_source_are_distinct_and_have_names():
    suite = load_suite("smoke", [("source_parts", "[{temperatures_k: [600]}, {share: 0.5}, {}]")])
    assert [t.part.label() for t in resolve(suite).ends] == ["600 K", "50 % of all", "all"]
    with pytest.raises(InputError, match="a part is given twice"):
        load_suite("smoke", [("source_parts", "[{}, {share: 1}]")])
    with pytest.raises(InputError, match="distinct and ascending"):
        load_suite("smoke", [("source_parts", "[{temperatures_k: [600, 300]}]")])


def test_elements_of_a_matrix_may_have_data_sets_of_other_names():
    study = resolve(load_suite("matrix-nine-cpu"))
    assert len(study.ends) == 72
    named = {ends.transfer.source: ends.source.name for ends in study.ends}
    assert (named["Si"], named["Cu"], named["W"]) == ("mlearn-si", "zuo-cu", "snap-w")


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ("{Pd: zuo-cu}", "others: Pd is not among the elements of the matrix"),
        ("{Si: my/si.yaml}", "others: my/si.yaml is a path"),
        ("{Si: mlearn-ge}", "should be of Si alone, but is of Ge"),
    ],
)
def test_data_sets_of_other_names_that_cannot_be_are_refused(others, message):
    with pytest.raises(InputError, match=message):
        resolve(load_suite("matrix", [("matrix.others", others)]))
