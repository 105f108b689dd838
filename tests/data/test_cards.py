"""Shipped cards are complete, changes to them are checked, and digests follow the recipe."""

import math
from pathlib import Path

import ase.io
import pytest
import tiny
import yaml
from pydantic import ValidationError

from tlbench.base.errors import InputError, UnknownNameError
from tlbench.base.schema import read_yaml, validate
from tlbench.data.cards import Card, card_folder, card_names, load_card, shared_data
from tlbench.data.guess import guess_card
from tlbench.data.origins import SPLITS
from tlbench.reference.stillinger_weber import PARAMETERS
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

every_card = pytest.mark.parametrize("name", card_names())


def test_the_cards_of_the_first_suites_are_shipped():
    assert {"sw-si", "sw-ge"} <= set(card_names())
    assert card_names() == sorted(card_names())


@every_card
def test_a_shipped_card_is_complete(name):
    card = load_card(name)
    assert card.name == name
    for text in (card.title, card.description, card.level_of_theory, card.licence):
        assert text.strip()
    assert card.units.model_dump() == {
        "length": "angstrom", "energy": "eV", "force": "eV/angstrom", "stress": "GPa",
    }  # fmt: skip
    for split in SPLITS:
        assert card.n_frames(split) > 0


@pytest.mark.parametrize(("name", "element"), [("sw-si", "Si"), ("sw-ge", "Ge")])
def test_the_stillinger_weber_sets(name, element):
    card = load_card(name)
    assert card.elements == [element]
    temperatures = card.origin.temperatures_k
    assert temperatures == [300.0 * n for n in range(1, 12)]
    # At least 40 training frames at every temperature: the reference study's largest set
    # within one temperature.
    assert card.n_frames("train") >= 40 * len(temperatures)
    for split in SPLITS:
        part = getattr(card.origin, split)
        assert card.n_frames(split) == len(temperatures) * part.trajectories * part.frames
    equilibrium = 4 / math.sqrt(3) * 2 ** (1 / 6) * PARAMETERS[element].sigma
    assert card.origin.lattice_constant == pytest.approx(equilibrium, abs=5e-7)


def test_the_two_sets_differ_in_seed():
    assert load_card("sw-si").origin.seed != load_card("sw-ge").origin.seed


def test_an_unknown_card_gets_near_names():
    with pytest.raises(UnknownNameError, match=r"'sw-sj'; did you mean 'sw-si'"):
        load_card("sw-sj")
    with pytest.raises(InputError, match=r"no card file '../secrets'"):
        load_card("../secrets")


# --- changes -------------------------------------------------------------------------------


def test_a_change_replaces_a_key_of_the_origin_and_nothing_else():
    plain = load_card("sw-si")
    changed = load_card("sw-si", {"temperatures_k": [300], "seed": 7})
    assert changed.origin.temperatures_k == [300.0]
    assert changed.origin.seed == 7
    rest = {"origin": {"temperatures_k", "seed"}}
    assert changed.model_dump(exclude=rest) == plain.model_dump(exclude=rest)
    assert changed.n_frames("train") == 40
    assert load_card("sw-si") == load_card("sw-si", {}) == plain


def test_a_misspelt_change_gets_near_names():
    with pytest.raises(InputError, match=r"unknown key 'temperature_k'; did you mean 'temperat"):
        load_card("sw-si", {"temperature_k": [300]})
    lines = {(): 1, ("source",): 8, ("source", "temperature_k"): 9}
    with pytest.raises(InputError, match=r"s\.yaml:9: unknown key 'source\.temperature_k'; did"):
        load_card("sw-si", {"temperature_k": [300]}, "s.yaml", lines, ("source",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperatures_k": [600, 300]}, "distinct and ascending"),
        ({"temperatures_k": [300, 300]}, "distinct and ascending"),
        ({"temperatures_k": []}, "at least 1 item"),
        ({"temperatures_k": [-5]}, "greater than 0"),
        ({"repeats": [2, 2]}, "repeats"),
        ({"repeats": [2, 2, 0]}, "greater than 0"),
        ({"timestep_fs": 5.0}, "less than or equal to 4"),
        ({"lattice_constant": math.inf}, "finite"),
        ({"lattice_constant": math.nan}, "lattice_constant"),
        ({"element": "Ge"}, "unknown key 'element'"),
        ({"kind": "dft"}, "'stillinger-weber'"),
        ({"train": {"trajectories": 1}}, "'train.frames' is missing"),
        ({"train": {"trajectories": 1, "frame": 3}}, "did you mean 'frames'"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        load_card("sw-si", change)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"repeats": [100_000] * 3}, "a cell of 8,000,000,000,000,000 atoms is larger than"),
        ({"train": {"trajectories": 1, "frames": 10**9}}, "frames of 8 atoms are more than"),
        ({"train": {"trajectories": 10**9, "frames": 1}}, "frames of 8 atoms are more than"),
        ({"train": {"trajectories": 1, "frames": 10**12}}, "1000000000"),
        ({"interval_fs": 1e12}, "has more than 1,000,000,000 timesteps"),
        ({"timestep_fs": 1e-300}, "has more than 1,000,000,000 timesteps"),
        ({"equilibration_fs": 1e300}, "has more than 1,000,000,000 timesteps"),
        ({"lattice_constant": 1e300}, "'lattice_constant': .* 100"),
    ],
)
def test_data_that_cannot_be_sampled_are_refused(changes, complaint):
    small = {"repeats": [1, 1, 1], **changes}
    with pytest.raises(InputError, match=complaint):
        load_card("sw-ge", small)


def test_a_card_is_frozen():
    card = load_card("sw-si")
    with pytest.raises(ValidationError, match="frozen"):
        card.title = "other"


# --- digests ---------------------------------------------------------------------------------


def with_key(name: str, value: object) -> Card:
    path = card_folder() / "sw-si.yaml"
    card, lines = read_yaml(path)
    return validate(Card, {**card, name: value}, str(path), lines)


def test_the_digest_ignores_what_the_frames_do_not_depend_on():
    digest = load_card("sw-si").digest()
    assert len(digest) == 64
    assert load_card("sw-si").digest() == digest
    for name, value in [
        ("title", "Other title"),
        ("description", "Other words."),
        ("licence", "MIT"),
        ("citation", ["someone else"]),
        ("name", "other"),
    ]:
        assert with_key(name, value).digest() == digest
    # YAML writes 300 or 300.0: the same temperatures.
    whole, real = ({"temperatures_k": [kind(300)]} for kind in (int, float))
    assert load_card("sw-si", whole).digest() == load_card("sw-si", real).digest()


def test_units_that_the_data_do_not_have_are_refused():
    with pytest.raises(InputError, match=r"units\.energy"):
        with_key("units", {**load_card("sw-si").units.model_dump(), "energy": "kcal/mol"})


@pytest.mark.parametrize("elements", [["C"], ["Si", "Ge"]])
def test_elements_without_parameters_are_refused(elements):
    with pytest.raises(InputError, match="are of Si or of Ge, not of"):
        with_key("elements", elements)


def test_the_digest_follows_every_key_of_the_origin():
    changes = [
        {"lattice_constant": 5.43},
        {"repeats": [2, 2, 3]},
        {"temperatures_k": [300]},
        {"timestep_fs": 1.0},
        {"friction_per_ps": 5.0},
        {"melt": None},
        {"equilibration_fs": 1000},
        {"interval_fs": 100},
        {"seed": 1},
        {"frames": {"file": "sw-si-64.npz", "sha256": "0" * 64}},
        *({split: {"trajectories": 3, "frames": 7}} for split in SPLITS),
    ]
    keys = {key for change in changes for key in change}
    assert keys | {"kind"} == set(type(load_card("sw-si").origin).model_fields)
    digests = {load_card("sw-si", change).digest() for change in changes}
    digests |= {load_card("sw-si").digest(), load_card("sw-ge").digest()}
    assert len(digests) == len(changes) + 2


def written(folder: Path, name: str, seed: int, element: str = "Ge", **origin) -> Card:
    """Write ten crystals and a card for them; ``origin`` replaces keys of its origin."""
    path = folder / f"{name}.extxyz"
    ase.io.write(path, tiny.crystals(element, 10, seed=seed).to_ase(), format="extxyz")
    value = yaml.safe_load(guess_card(path).text)
    value["origin"] |= origin
    path.with_suffix(".yaml").write_text(yaml.safe_dump(value))
    return load_card(str(path.with_suffix(".yaml")))


def split(seed: int, **files: list[str]):
    parts = {part: {"files": files.get(part, ["a.extxyz"]), "frames": 2} for part in
             ("train", "validation", "test")}  # fmt: skip
    return {"name": "s", "order": "random", "seed": seed, **parts}


def test_identical_files_under_other_names_are_the_same_data(tmp_path):
    a, b = (written(tmp_path, name, seed=0) for name in "ab")
    assert a.digest() != b.digest()
    assert shared_data(a, b) == "the file a.extxyz of one is b.extxyz of the other"


def test_other_structures_of_one_element_are_other_data(tmp_path):
    a, b = (written(tmp_path, name, seed) for seed, name in enumerate("ab"))
    assert shared_data(a, b) is None


def test_another_split_of_a_file_is_the_same_data(tmp_path):
    a = written(tmp_path, "a", seed=0)
    other = load_card(str(tmp_path / "a.yaml"), {"split": split(seed=7)})
    assert other.digest() != a.digest()
    assert shared_data(a, other) == "both draw from the file a.extxyz"


def test_only_files_that_the_source_is_trained_on_count(tmp_path):
    a, b = (written(tmp_path, name, seed) for seed, name in enumerate("ab"))
    both = {**a.data_files(), **b.data_files()}
    files = {name: file.model_dump() for name, file in both.items()}
    trained_on_a = written(
        tmp_path, "source", 2, files=files, split=split(0, test=["b.extxyz"])
    )  # fmt: skip
    assert shared_data(trained_on_a, b) is None
    assert shared_data(trained_on_a, a)
    # The target is tested on what the source is trained on: one of two files is enough.
    target = written(
        tmp_path, "target", 3, files=files,
        split=split(0, train=["b.extxyz"], validation=["b.extxyz"]),
    )  # fmt: skip
    assert shared_data(trained_on_a, target) == "both draw from the file a.extxyz"


def test_sampled_data_are_the_same_if_seed_and_temperature_are():
    ge = load_card("sw-ge")
    more = load_card("sw-ge", {"train": {"trajectories": 9, "frames": 1}})
    assert "trajectories of seed" in (shared_data(ge, more) or "")
    assert shared_data(ge, load_card("sw-ge", {"seed": ge.origin.seed + 1})) is None
    assert shared_data(ge, load_card("sw-ge", {"temperatures_k": [333.0]})) is None
    assert shared_data(ge, load_card("sw-si")) is None


def same(*settings):
    return load_suite("smoke", settings, cards={"source": "sw-ge", "target": "sw-ge"})


def test_a_plan_of_the_same_data_is_refused_unless_it_is_asked_for():
    with pytest.raises(InputError, match=r"'sw-ge' .* hold the same data .*allow_same_data=true"):
        plan(resolve(same()))
    assert plan(resolve(same(("allow_same_data", "true")))).cells
    # Nothing is transferred.
    assert plan(resolve(same(("strategies", "[scratch]")))).cells


def test_that_it_may_be_asked_for_changes_no_digest():
    suite = load_suite("smoke")
    assert "allow_same_data" not in resolve(suite).complete()
    assert (
        resolve(load_suite("smoke", [("allow_same_data", "false")])).digest == resolve(suite).digest
    )
    # The complete suite of a run is one that can be run again.
    assert resolve(same(("allow_same_data", "true"))).complete()["allow_same_data"] is True
