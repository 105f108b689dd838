"""Shipped cards are complete, changes to them are checked, and digests follow the recipe."""

import math

import pytest
from pydantic import ValidationError

from tlbench.base.errors import InputError, UnknownNameError
from tlbench.base.schema import read_yaml, validate
from tlbench.data.cards import Card, card_folder, card_names, load_card
from tlbench.data.origins import SPLITS
from tlbench.reference.stillinger_weber import PARAMETERS

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
        *({split: {"trajectories": 3, "frames": 7}} for split in SPLITS),
    ]
    keys = {key for change in changes for key in change}
    assert keys | {"kind"} == set(type(load_card("sw-si").origin).model_fields)
    digests = {load_card("sw-si", change).digest() for change in changes}
    digests |= {load_card("sw-si").digest(), load_card("sw-ge").digest()}
    assert len(digests) == len(changes) + 2
