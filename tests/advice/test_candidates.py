"""What can be started from on a machine, and why something cannot."""

import pytest
from own_data import write_crystals

from tlbench.advice import candidates as module
from tlbench.advice.advise import _check, advise
from tlbench.advice.candidates import CUTOFF, candidates, nearest
from tlbench.advice.plan import SCALES, Target, suite_value
from tlbench.advice.question import Question
from tlbench.advice.target import target_card
from tlbench.base.errors import InputError, TlbenchError
from tlbench.data.cards import load_card
from tlbench.models.potential import build_potential
from tlbench.study.study import resolve
from tlbench.study.suite import Suite
from tlbench.transfer.potentials import POTENTIALS, PublishedPotential


@pytest.fixture(autouse=True)
def _no_files(tmp_path, monkeypatch):
    """Let nothing be on the machine but what tlbench ships."""
    monkeypatch.setenv("TLBENCH_DATA", str(tmp_path / "data"))


def card_of(*elements):
    card = load_card("sw-ge-8")
    return card.model_copy(update={"elements": list(elements), "name": "mine"})


@pytest.fixture
def _weights(monkeypatch):
    """Let the weights of all published potentials be there."""
    monkeypatch.setattr(PublishedPotential, "checkpoint", lambda self: b"")


@pytest.mark.usefixtures("_weights")
def test_every_published_potential_that_knows_the_elements_is_a_candidate():
    found = candidates(load_card("zuo-cu"), "dimenetpp").found
    published = [each for each in found if not each.is_data]
    assert [each.source["potential"] for each in published] == POTENTIALS.names()
    assert [each.backbone for each in published] == POTENTIALS.names()


@pytest.mark.usefixtures("_weights")
def test_a_potential_that_does_not_know_an_element_is_left_out_by_name():
    found = candidates(card_of("Po"), "dimenetpp")
    assert all(each.is_data for each in found.found)
    assert "SevenNet-0 was not trained on Po." in found.left_out


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr("tlbench.transfer.potentials.published.find_spec", lambda name: None)
    (missing, *_) = [
        s for s in candidates(card_of("Cu"), "dimenetpp").left_out if "sevennet-0" in s
    ]
    assert "pip install 'tlbench[sevenn]'" in missing


def test_data_sets_of_near_elements_are_preferred_and_absent_ones_are_named():
    data, absent = nearest(load_card("zuo-ni"))
    # What is shipped itself is not from first principles.
    assert data == []
    assert absent[0] == "zuo-cu"
    assert "mlearn-li" in absent
    (said,) = [s for s in candidates(load_card("zuo-ni"), "schnet").left_out if "zuo-cu" in s]
    assert said.count("tlbench data fetch ") == 3


def test_far_data_sets_that_could_be_fetched_are_named_where_there_are_no_near_ones():
    _, absent = nearest(card_of("Po"))
    assert len(absent) > 3
    (said,) = [s for s in candidates(card_of("Po"), "schnet").left_out if " fetch " in s]
    assert all(f"tlbench data fetch {name}" in said for name in absent[:3])


@pytest.mark.usefixtures("_weights")
def test_an_empirical_data_set_is_compared_with_data_from_first_principles_if_it_is_named():
    found = candidates(load_card("mlearn-ge"), "schnet")
    assert all(not each.is_data for each in found.found)
    assert "schnet is not trained, because no data set to pretrain it on is here." in found.left_out
    (named,) = candidates(load_card("mlearn-ge"), "schnet", ["sw-ge-8"]).found
    assert named.is_data


def test_what_is_shipped_is_a_candidate_and_what_has_to_be_sampled_is_not():
    data, _ = nearest(card_of("Ge"))
    assert [card.name for card in data] == ["sw-ge-64", "sw-si-64", "sw-si-8"]
    found = [each.name for each in candidates(card_of("Ge"), "schnet").found]
    # One of each element.
    assert found[-2:] == ["Ge (sw-ge-64)", "Si (sw-si-64)"]


def test_of_data_sets_with_the_same_training_structures_one_is_named():
    data, absent = nearest(load_card("mlearn-si"))
    names = [*(card.name for card in data), *absent]
    assert "mlearn-ge" in names
    assert "mlearn-ge-whole-test" not in names


def test_a_data_set_is_no_source_for_itself():
    assert "sw-ge-8" not in [card.name for card in nearest(load_card("sw-ge-8"))[0]]
    with pytest.raises(InputError, match="holds the data that advice is asked for"):
        candidates(load_card("sw-ge-8"), "schnet", ["sw-ge-8"])


def test_only_what_is_asked_for_is_compared():
    found = candidates(load_card("sw-ge-8"), "schnet", ["sw-si-8"])
    assert [each.source for each in found.found] == [{"card": "sw-si-8", "backbones": ["schnet"]}]
    assert found.left_out == ()
    with pytest.raises(TlbenchError, match="did you mean 'sw-si-8'"):
        candidates(load_card("sw-ge-8"), "schnet", ["sw-si8"])


def test_a_data_set_that_is_refused_makes_room_for_the_next_one():
    def check(each):
        if "sw-ge" in each.name:
            raise InputError(f"{each.name} holds most of these structures.")

    found = candidates(card_of("Ge"), "schnet", None, check)
    assert [each.name for each in found.found if each.is_data] == ["Si (sw-si-64)"]
    assert "Ge (sw-ge-64) holds most of these structures." in found.left_out


def test_nothing_to_start_from_is_said_with_a_way_out(monkeypatch):
    monkeypatch.setattr(module, "card_names", list)
    monkeypatch.setattr("tlbench.transfer.potentials.published.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"There is nothing to start from.*--sources"):
        candidates(card_of("Cu"), "schnet")


def test_a_file_of_the_same_architecture_is_a_candidate_and_another_is_refused(tmp_path):
    path = tmp_path / "mine.safetensors"
    own = build_potential("schnet", {"cutoff": CUTOFF})
    own.reference_energy[32] = -1.0
    own.save(path)
    (found,) = candidates(load_card("sw-ge-8"), "schnet", [str(path)]).found
    assert found.source == {"file": str(path), "backbones": ["schnet"]}
    assert not found.is_data
    with pytest.raises(InputError, match=r"is not a 'dimenetpp' with its default settings"):
        candidates(load_card("sw-ge-8"), "dimenetpp", [str(path)])


def test_nothing_is_downloaded_for_a_data_set_that_is_named():
    fetch = r"Cu.* not on this machine.*tlbench data fetch zuo-cu"
    with pytest.raises(InputError, match=fetch.replace("Cu", "zuo-cu")):
        candidates(load_card("zuo-ni"), "schnet", ["zuo-cu"])
    with pytest.raises(InputError, match="tlbench data fetch zuo-cu"):
        advise(Question("zuo-cu", 600.0))


def test_two_potentials_of_runs_are_called_like_the_folders_of_these(tmp_path):
    own = build_potential("schnet", {"cutoff": CUTOFF})
    own.reference_energy[32] = -1.0
    paths = [tmp_path / run / "potential.safetensors" for run in ("one", "_ two")]
    for path in paths:
        path.parent.mkdir()
        own.save(path)
    found = candidates(load_card("sw-ge-8"), "schnet", [str(path) for path in paths]).found
    assert [each.source["name"] for each in found] == ["one", "two"]
    value = suite_value(Target("sw-ge-8", load_card("sw-ge-8")), found, "schnet", SCALES[-1])
    study = resolve(Suite.model_validate(value))
    assert {m.source for m in study.grid if m.strategy == "finetune"} == {"one", "two"}


@pytest.mark.parametrize("name", ["scratch/potential.safetensors", "scratch.safetensors"])
def test_a_potential_is_not_called_like_training_from_scratch(tmp_path, name):
    own = build_potential("schnet", {"cutoff": CUTOFF})
    own.reference_energy[32] = -1.0
    (tmp_path / name).parent.mkdir(exist_ok=True)
    own.save(tmp_path / name)
    (found,) = candidates(load_card("sw-ge-8"), "schnet", [str(tmp_path / name)]).found
    assert found.source["name"] == "scratch potential"


def test_a_damaged_file_is_not_taken_for_one_that_holds_the_same_structures(tmp_path):
    ours = write_crystals(tmp_path / "ours.extxyz", "Ge", 20)
    theirs = write_crystals(tmp_path / "theirs.extxyz", "Ge", 20)
    theirs.write_text(theirs.read_text() + "\n")
    name, card, _ = target_card(str(ours), tmp_path)
    other, _, _ = target_card(str(theirs), tmp_path)
    (found,) = candidates(card, "schnet", [other]).found
    with pytest.raises(InputError, match="holds most of these structures"):
        _check(found, Target(name, card), "schnet")
    theirs.write_text(theirs.read_text()[:-100])
    with pytest.raises(InputError, match=r"theirs\.extxyz: has \d+ bytes, but the card says"):
        _check(found, Target(name, card), "schnet")
