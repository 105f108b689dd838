"""From files to train, validation and test: disjoint, reproducible, and refused in one sentence."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import ase.io
import numpy as np
import pytest
import tiny
from ase import Atoms
from real_data import MLEARN, needs_mlearn

from tlbench.base.errors import InputError
from tlbench.data.cards import Card, load_card
from tlbench.data.fetch import fetch
from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS
from tlbench.data.origins.base import sha256_of
from tlbench.data.readers import READERS
from tlbench.data.splits import Drawn, Split, chosen, divide


def made(n_frames: int = 20, seed: int = 0) -> Frames:
    """Return crystals of 300, 600 and 900 K in turn, in two groups, numbered by trajectory."""
    frames = tiny.crystals("Si", n_frames, seed=seed)
    number = np.arange(n_frames)
    return replace(
        frames,
        trajectory=number + 100 * seed,
        group=np.where(number % 2, "odd", "even"),
        phase=np.where(number < 15, "crystal", "liquid"),
    )


def split(order: str = "random", seed: int = 0, **parts: Mapping[str, Any]) -> Split:
    part = {"files": ["a"], "frames": 4}
    value = {name: {**part, **parts.get(name, {})} for name in SPLITS}
    return Split.model_validate({"name": "s", "order": order, "seed": seed, **value})


def numbers(parts: Mapping[str, Frames]) -> dict[str, list[int]]:
    return {name: frames.trajectory.tolist() for name, frames in parts.items()}


def test_parts_are_disjoint_and_have_the_sizes_asked_for():
    parts = numbers(divide({"a": made()}, split(train={"frames": 12})))
    assert {name: len(found) for name, found in parts.items()} == {
        "train": 12, "validation": 4, "test": 4,
    }  # fmt: skip
    assert sorted(n for part in parts.values() for n in part) == list(range(20))


def test_the_seed_decides_what_is_drawn():
    frames = {"a": made()}
    assert numbers(divide(frames, split())) == numbers(divide(frames, split()))
    assert numbers(divide(frames, split())) != numbers(divide(frames, split(seed=1)))


def test_the_order_in_which_files_are_listed_does_not_matter():
    files = {"a": made(), "b": made(seed=1)}
    both = split(train={"files": ["a", "b"]}, test={"files": ["b"]})
    found = numbers(divide(files, both))
    assert numbers(divide(dict(reversed(files.items())), both)) == found


def test_last_takes_the_end_of_the_file():
    parts = numbers(divide({"a": made()}, split("last", train={"frames": 12})))
    assert parts["test"] == [16, 17, 18, 19]
    assert parts["validation"] == [12, 13, 14, 15]
    assert parts["train"] == list(range(12))


def test_a_part_is_drawn_from_what_matches_it():
    files = {"a": made(), "b": made(seed=1)}
    parts = divide(
        files,
        split(
            train={"groups": ["odd"], "temperatures_k": [300, 600]},
            validation={"without_groups": ["odd"], "phases": ["crystal"]},
            test={"files": ["b"]},
        ),
    )
    assert set(parts["train"].group) == {"odd"}
    assert set(parts["train"].temperature_k) <= {300.0, 600.0}
    assert set(parts["validation"].group) == {"even"}
    assert set(parts["validation"].phase) == {"crystal"}
    assert (parts["test"].trajectory >= 100).all()
    assert (parts["train"].trajectory < 100).all()


COMPOSITIONS = {"Ge": 0, "SiGe3": 1, "SiGe": 2, "Si": 4}
"""Formula → silicon atoms in a structure of four."""


def alloys() -> Frames:
    """Return five structures of each composition."""
    numbers = [[14] * n + [32] * (4 - n) for n in COMPOSITIONS.values() for _ in range(5)]
    return Frames.unlabelled([Atoms(each, positions=np.eye(4, 3)) for each in numbers])


@pytest.mark.parametrize("order", ["random", "last"])
@pytest.mark.parametrize(
    ("asked", "left_out", "tested"),
    [
        ("compositions", ["SiGe"], {"SiGe"}),
        ("compositions", ["SiGe", "Ge"], {"SiGe", "Ge"}),
        ("elements", ["Si"], {"SiGe3", "SiGe", "Si"}),
        ("elements", ["Ge"], {"SiGe3", "SiGe", "Ge"}),
    ],
)
def test_a_composition_or_an_element_is_left_for_the_test(order, asked, left_out, tested):
    others = {f"without_{asked}": left_out}
    parts = divide(
        {"a": alloys()},
        split(
            order,
            train={"frames": 3} | others,
            validation={"frames": 2} | others,
            test={"frames": 5 * len(tested), asked: left_out},
        ),
    )
    assert set(parts["test"].composition) == tested
    for name in ("train", "validation"):
        assert set(parts[name].composition) <= COMPOSITIONS.keys() - tested
    if asked == "elements":
        for name in ("train", "validation"):
            assert left_out[0] not in parts[name].element_counts


def test_a_composition_can_be_left_out_of_all_parts():
    without = {"frames": 4, "without_compositions": ["SiGe3"]}
    parts = divide({"a": alloys()}, split(train=without, validation=without, test=without))
    for frames in parts.values():
        assert "SiGe3" not in frames.composition


def test_what_a_split_does_not_select_by_changes_no_recipe(card):
    recipe = card.origin.recipe()["split"]["train"]
    assert not any("composition" in key or "element" in key for key in recipe)
    changed = card.origin.model_dump(mode="json")
    changed["split"]["train"]["without_elements"] = ["Ge"]
    again = type(card.origin).model_validate(changed)
    assert again.recipe()["split"]["train"]["without_elements"] == ["Ge"]
    assert again.elements_left_out() == ["Ge"]


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ({"frames": 13}, "asks for 13 frames, but 20 match it, of which other parts took 8"),
        ({"groups": ["surface"]}, "no frame has the group 'surface'; there are: even, odd"),
        ({"without_groups": ["od"]}, "no frame has the group 'od'"),
        (
            {"temperatures_k": [450]},
            r"no frame has the temperature '450 K'; there are: 300 K, 600 K",
        ),
        ({"phases": ["glass"]}, "no frame has the phase 'glass'; there are: crystal, liquid"),
        ({"groups": ["odd"], "phases": ["liquid"]}, "asks for 4 frames, but [23] match it"),
        ({"compositions": ["SiC"]}, "no frame has the composition 'SiC'; there are: Si"),
        ({"without_compositions": ["Si8"]}, "no frame has the composition 'Si8'; there are: Si"),
        ({"elements": ["Ge"]}, "no frame has the element 'Ge'; there are: Si"),
        ({"without_elements": ["Si"]}, r"asks for \d+ frames, but 0 match it"),
    ],
)
def test_a_part_that_cannot_be_filled_is_refused(part, complaint):
    with pytest.raises(InputError, match=rf"split\.(train|validation|test).*{complaint}"):
        divide({"a": made()}, split(train=part))


def subset(size: int, temperature_k: float) -> Drawn:
    return Drawn(size=size, seed=2, temperature_k=temperature_k)


def test_a_subset_of_one_temperature():
    frames = made(30)
    found = chosen(frames, subset(4, 600.0))
    assert found.temperature_k.tolist() == [600.0] * 4
    nested = chosen(frames, subset(2, 600.0))
    assert nested.trajectory.tolist() == found.trajectory.tolist()[:2]
    with pytest.raises(InputError, match="at 450 K; temperatures there are: 300, 600, 900"):
        chosen(frames, subset(4, 450.0))
    with pytest.raises(InputError, match="cannot be drawn from 10"):
        chosen(frames, subset(11, 600.0))


# --- whole cards ------------------------------------------------------------------------------


@pytest.fixture
def card(tmp_path) -> Card:
    """Return a card of 20 silicon crystals beside their file."""
    path = tmp_path / "si.extxyz"
    ase.io.write(path, made().to_ase(), format="extxyz")
    part = {"files": ["si.extxyz"], "frames": 5}
    origin = {
        "reader": "extxyz",
        "options": {},
        "files": {
            "si.extxyz": {
                "path": "si.extxyz", "sha256": sha256_of(path), "bytes": path.stat().st_size,
            }
        },
        "split": {"name": "s", "order": "last", "train": part, "validation": part, "test": part},
    }  # fmt: skip
    card = load_card("mlearn-si", origin)
    card._folder = tmp_path
    return card


def parts_of(card: Card) -> dict[str, Frames]:
    return card.read(fetch(card))


def test_a_card_is_read(card):
    parts = parts_of(card)
    assert {split: len(frames) for split, frames in parts.items()} == dict.fromkeys(SPLITS, 5)
    assert all(card.n_frames(split) == 5 for split in SPLITS)


def test_a_changed_file_is_refused(card):
    path = card.folder / "si.extxyz"
    path.write_text(path.read_text().replace("Si", "Ge", 1))
    with pytest.raises(InputError, match=r"has the SHA-256 .*, but the card says"):
        parts_of(card)


def test_a_missing_file_is_refused(card):
    (card.folder / "si.extxyz").unlink()
    with pytest.raises(InputError, match=r"si\.extxyz: cannot be read"):
        parts_of(card)


def test_another_element_is_refused_and_its_frame_named(card):
    mixed = Frames.concatenate([made(7), tiny.crystals("Ge", 13)])
    path = card.folder / "si.extxyz"
    ase.io.write(path, mixed.to_ase(), format="extxyz")
    now = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
    file = card.origin.files["si.extxyz"].model_copy(update=now)
    origin = card.origin.model_copy(update={"files": {"si.extxyz": file}})
    changed = card.model_copy(update={"origin": origin})
    with pytest.raises(InputError, match=r"structure 7 contains Ge, but .* are of Si"):
        parts_of(changed)


# --- the DFT cards ----------------------------------------------------------------------------


@needs_mlearn
@pytest.mark.parametrize("name", ["mlearn-si", "mlearn-ge", "mlearn-li", "mlearn-mo"])
def test_the_shipped_cards_fit_their_files(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TLBENCH_DATA", str(tmp_path))
    card = load_card(name)
    places = fetch(card, MLEARN)
    parts = card.read(places)
    assert "Surface" not in set(np.concatenate([frames.group for frames in parts.values()]))
    reader = card.origin.reader_options()
    assert reader.bragg_peak in ((4, 4, 0), (3, 3, 0))
    expected = {"train": 195, "validation": 22, "test": 24}
    if name == "mlearn-ge":
        # The study's 217 structures, divided as it divides them; the test file stays apart.
        assert {split: len(frames) for split, frames in parts.items()} == expected
        assert card.origin.split.name == "roecken-zavadlav-2025"
        every = READERS.get("mlearn").read(places["training.json"], reader)
        pool = sorted(every.energy[every.group != "Surface"])
        assert sorted([*parts["train"].energy, *parts["validation"].energy]) == pool
