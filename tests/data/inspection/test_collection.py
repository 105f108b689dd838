"""Frames keep the names of their files and know their parts; what cannot be read is a finding."""

from dataclasses import replace

import ase.io
import numpy as np
import pytest
import yaml
from tiny import crystals

from tlbench.base.errors import InputError
from tlbench.data.cards import load_card
from tlbench.data.guess import guess_card
from tlbench.data.inspection.collection import from_card, from_file, from_parts
from tlbench.data.inspection.validation import validate_collection
from tlbench.data.origins.base import sha256_of

CARD = {
    "name": "mine",
    "title": "Mine",
    "description": "Hot crystals.",
    "elements": ["Ge"],
    "level_of_theory": "Stillinger–Weber",
    "licence": "CC0-1.0",
    "citation": ["none"],
    "units": {"length": "angstrom", "energy": "eV", "force": "eV/angstrom", "stress": "GPa"},
}


@pytest.fixture(scope="module")
def frames():
    return crystals("Ge", 12)


def write(path, frames):
    ase.io.write(path, frames.to_ase(), format="extxyz")
    return path


@pytest.fixture
def card(tmp_path, frames):
    """Return a card of two files, of which two frames stand in no part."""
    files = {}
    for name, chosen in (("a.extxyz", range(8)), ("b.extxyz", range(8, 12))):
        path = write(tmp_path / name, frames.select(chosen))
        size = path.stat().st_size
        files[name] = {"path": name, "sha256": sha256_of(path), "bytes": size}
    split = {
        "name": "mine",
        "order": "random",
        "seed": 3,
        "train": {"frames": 5, "files": ["a.extxyz"]},
        "validation": {"frames": 2, "files": ["a.extxyz"]},
        "test": {"frames": 3, "files": ["b.extxyz"]},
    }
    origin = {"kind": "files", "reader": "extxyz", "files": files, "split": split}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**CARD, "origin": origin}))
    return path


def test_frames_of_a_card_know_their_file_and_part(card):
    loaded = load_card(str(card))
    collection = from_card(loaded)
    assert collection.elements == ("Ge",)
    assert collection.names.tolist()[7:9] == ["a.extxyz frame 7", "b.extxyz frame 0"]
    paths = {name: card.parent / name for name in loaded.data_files()}
    parts = loaded.read(paths)
    for part, expected in parts.items():
        found = collection.frames.select(collection.parts == part)
        np.testing.assert_array_equal(found.energy, expected.energy)
    assert collection.unused.sum() == 2


def test_a_split_that_cannot_be_made_is_a_finding(card):
    text = card.read_text().replace("frames: 5", "frames: 50")
    card.write_text(text)
    collection = from_card(load_card(str(card)))
    assert validate_collection(collection).summary().startswith("12 structures checked: 1 error,")
    (finding,) = collection.unreadable
    assert (finding.severity, finding.check) == ("error", "split")
    assert "asks for 50 frames" in finding.message


def test_a_frame_without_energy_is_named(tmp_path, frames):
    path = write(tmp_path / "mine.xyz", frames.select(range(3)))
    lines = path.read_text().splitlines()
    lines[11] = lines[11].replace(" energy=", " energie=")
    path.write_text("\n".join(lines) + "\n")
    collection = from_file(path)
    assert collection.names.tolist() == ["mine.xyz frame 0", "mine.xyz frame 2"]
    (finding,) = collection.unreadable
    assert (finding.severity, finding.frame) == ("error", "mine.xyz frame 1")
    assert finding.message.startswith("Has no energy")
    assert validate_collection(collection).n_structures == 3


def test_nan_labels_are_named(tmp_path, frames):
    broken = frames.forces.copy()
    broken[9] = np.nan
    path = write(tmp_path / "mine.extxyz", replace(frames, forces=broken))
    (finding,) = from_file(path).unreadable
    assert finding.frame == "mine.extxyz frame 1"
    assert "forces are not finite" in finding.message


def test_a_file_of_which_nothing_can_be_read_is_checked_too(tmp_path, frames):
    broken = replace(frames, energy=np.full(12, np.nan))
    found = validate_collection(from_file(write(tmp_path / "mine.extxyz", broken)))
    assert found.summary() == "12 structures checked: 1 error, 0 warnings"
    assert found.findings[0].frame == "12 frames: mine.extxyz frame 0–11"
    assert [finding.frame for finding in found.each] == [
        f"mine.extxyz frame {index}" for index in range(12)
    ]


def test_files_that_cannot_be_read_at_all(tmp_path):
    with pytest.raises(InputError, match="no data file"):
        from_file(tmp_path / "missing.extxyz")
    path = tmp_path / "data.json"
    path.write_text("[]")
    with pytest.raises(InputError, match="is JSON; name its reader in a card"):
        from_file(path)
    with pytest.raises(InputError, match="'mlearn' has settings without defaults; write a card"):
        from_file(path, "mlearn")
    path = tmp_path / "alone.xyz"
    path.write_text("1\nenergy=-1.0 Properties=species:S:1:pos:R:3:forces:R:3\nGe 0 0 0 0 0 0\n")
    with pytest.raises(InputError, match="isolated atoms only"):
        from_file(path)


EMPTY = "0\nenergy=0.0 Properties=species:S:1:pos:R:3:forces:R:3\n"
ISOLATED = "1\nenergy=-1.0 Properties=species:S:1:pos:R:3:forces:R:3\nGe 0 0 0 0 0 0\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (2 * EMPTY, "has frames without atoms only;"),
        (ISOLATED, "has isolated atoms only;"),
        (EMPTY + ISOLATED, "has isolated atoms and frames without atoms only;"),
    ],
)
def test_a_file_without_structures_says_what_it_has_instead(tmp_path, text, said):
    path = tmp_path / "a.xyz"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        from_file(path)


def test_a_frame_that_one_check_refuses_does_not_break_the_others(frames):
    positions = frames.positions.copy()
    positions[0] = np.nan
    positions[9] = positions[8]
    cell = frames.cell.copy()
    cell[2] = 0
    broken = replace(frames, positions=positions, cell=cell)
    broken = type(frames).concatenate([broken, frames.select([5])])
    found = validate_collection(from_parts({"train": broken}))
    errors = [(f.check, f.frame) for f in found.findings if f.severity == "error"]
    assert errors == [
        ("labels", "train frame 0"),
        ("cell", "train frame 2"),
        ("overlap", "train frame 1"),
    ]
    assert [(f.check, f.frame) for f in found.findings[3:]] == [("duplicate", "train frame 5")]
    assert found.summary() == "13 structures checked: 3 errors, 1 warning"
    assert "too few" in found.notes[0] or "fewer" in found.notes[0]


def test_the_keys_of_a_file_without_a_card_are_guessed(tmp_path, frames):
    path = write(tmp_path / "mine.xyz", frames)
    text = path.read_text().replace(":forces:", ":REF_forces:").replace(" energy=", " REF_energy=")
    path.write_text(text)
    collection = from_file(path)
    assert len(collection) == len(frames)
    assert not collection.unreadable
    assert "energies: key 'REF_energy'" in collection.guessed
    np.testing.assert_allclose(collection.frames.energy, frames.energy)


def test_a_key_of_a_card_that_no_frame_has_is_one_finding(tmp_path, frames):
    path = write(tmp_path / "mine.extxyz", frames)
    card = tmp_path / "mine.yaml"
    text = guess_card(path).text.replace("stress_key: stress", "stress_key: stres")
    assert "stress_key: stres\n" in text
    card.write_text(text)
    said = [finding.message for finding in from_card(load_card(str(card))).unreadable]
    assert any("'stres' that the card's stress_key names; did you mean 'stress'" in s for s in said)
