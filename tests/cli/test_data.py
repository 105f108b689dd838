"""``tlbench data``, and what happens when the data of a run are not what they should be."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io
import pytest
import tiny
import yaml
from real_data import MLEARN, needs_mlearn
from typer.testing import CliRunner

from tlbench.cli import app
from tlbench.data.cards import load_card
from tlbench.data.frames import Frames
from tlbench.data.guess import guess_card


def entry(number: int, element: str = "Ge") -> dict[str, Any]:
    """Return a structure as the mlearn files have them."""
    (atoms,) = tiny.crystals(element, 1, seed=number).to_ase()
    return {
        "structure": {
            "lattice": {"matrix": atoms.cell.tolist()},
            "sites": [
                {"species": [{"element": element}], "xyz": x} for x in atoms.positions.tolist()
            ],
        },
        "outputs": {
            "energy": atoms.get_potential_energy(),
            "forces": atoms.get_forces().tolist(),
            "virial_stress": None,
        },
        "group": "AIMD-NVT",
        "description": "Snapshot 1 of 9 of AIMD NVT simulation at 300 K",
    }


@pytest.fixture
def run_with(refused, tmp_path) -> Callable[..., str]:
    """Run a suite on a file of ten structures that was spoilt, and return the complaint.

    ``spoil`` changes the list of structures, ``card_change`` the card, ``text`` the file after
    its digest was taken.
    """

    def run(
        spoil: Callable[[list[Any]], None] = lambda entries: None,
        card_change: Callable[[dict[str, Any]], None] = lambda card: None,
        text: Callable[[str], str] = lambda text: text,
        arguments: tuple[str, ...] = (),
    ) -> str:
        good = tmp_path / "good.extxyz"
        ase.io.write(good, tiny.crystals("Si", 10).to_ase(), format="extxyz")
        (tmp_path / "good.yaml").write_text(guess_card(good).text)
        entries = [entry(number) for number in range(10)]
        spoil(entries)
        path = tmp_path / "ge.json"
        path.write_text(text(json.dumps(entries)))
        card = yaml.safe_load((tmp_path / "good.yaml").read_text())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        part = {"files": ["ge.json"], "frames": 2}
        card |= {"name": "ge", "elements": ["Ge"]}
        card["origin"] |= {
            "reader": "mlearn",
            "options": {"bragg_peak": [4, 4, 0]},
            "files": {
                "ge.json": {"path": "ge.json", "sha256": digest, "bytes": path.stat().st_size}
            },
            "split": {
                "name": "s", "order": "last", "train": {**part, "frames": 6},
                "validation": {**part}, "test": part,
            },
        }  # fmt: skip
        card_change(card)
        # JSON is YAML without aliases.
        (tmp_path / "ge.yaml").write_text(json.dumps(card, indent=1))
        return refused(
            "run", "smoke", "--source", "good.yaml", "--target", "ge.yaml", *arguments
        )  # fmt: skip

    return run


def test_a_truncated_file(run_with):
    complaint = run_with(text=lambda text: text[:-200])
    assert "ge.json: is not whole JSON" in complaint


def test_a_wrong_digest(run_with):
    def change(card: dict[str, Any]) -> None:
        card["origin"]["files"]["ge.json"]["sha256"] = "0" * 64

    assert "but the card says 000000000000…" in run_with(card_change=change)


def test_a_loss_that_needs_labels_that_are_not_there(run_with):
    complaint = run_with(arguments=("--set", "training.loss.stress=1"))
    assert "The loss weighs stress, but some structures of 'ge' have none" in complaint


def test_a_frame_without_forces(run_with):
    complaint = run_with(lambda entries: entries[7]["outputs"].pop("forces"))
    assert "ge.json: frame 7: has no forces." in complaint


def test_mixed_elements(run_with):
    complaint = run_with(lambda entries: entries.__setitem__(3, entry(3, "Si")))
    assert "structure 3 contains Si, but the card says that the data are of Ge" in complaint


def test_a_card_with_an_unknown_key(run_with):
    def change(card: dict[str, Any]) -> None:
        card["licens"] = card.pop("licence")

    complaint = run_with(card_change=change)
    assert "unknown key 'licens'; did you mean 'licence'" in complaint
    assert "ge.yaml:" in complaint


def test_a_temperature_that_no_frame_has(run_with):
    complaint = run_with(arguments=("--set", "training_temperatures_k=[450]"))
    assert "No training structure was sampled at 450 K; temperatures there are: 300." in complaint


def test_a_temperature_that_the_split_names_and_no_frame_has(run_with):
    def change(card: dict[str, Any]) -> None:
        card["origin"]["split"]["test"]["temperatures_k"] = [450]

    assert "split.test: no frame has the temperature '450 K'" in run_with(card_change=change)


def test_a_split_that_leaves_a_part_empty(run_with):
    def change(card: dict[str, Any]) -> None:
        card["origin"]["split"]["test"]["frames"] = 10

    complaint = run_with(card_change=change)
    assert "split.validation asks for 2 frames, but 10 match it, of which other parts" in complaint


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"reader": "mlern"}, "unknown reader 'mlern'; did you mean 'mlearn'?"),
        ({"options": {}}, "bragg_peak"),
        ({"files": {"../x": {"path": "x", "sha256": "0" * 64, "bytes": 1}}}, "plain name"),
        ({"files": {"x": {"path": "x", "sha256": "0" * 64, "bytes": 1}}}, "names the file"),
        ({"spilt": {}}, "unknown key 'origin.spilt'; did you mean 'split'?"),
        ({"split": {"nmae": "s"}}, "unknown key 'origin.split.nmae'; did you mean 'name'?"),
        ({"files": {"ge.json": {"path": "/dev/zero", "sha256": "0" * 64, "bytes": 1}}}, "inside"),
        ({"files": {"ge.json": {"path": "../x", "sha256": "0" * 64, "bytes": 1}}}, "inside it"),
        ({"files": {"ge.json": {"sha256": "0" * 64, "bytes": 1}}}, "either a url or a path"),
        ({"files": {"ge.json": {"url": "file:///x", "sha256": "0" * 64, "bytes": 1}}}, "url"),
    ],
)
def test_a_card_that_makes_no_sense(run_with, change, complaint):
    assert complaint in run_with(card_change=lambda card: card["origin"].update(change))


@pytest.mark.parametrize("verb", ["validate", "new", "describe", "distances", "fetch"])
@pytest.mark.parametrize("name", ["pipe.extxyz", "pipe.yaml", "/dev/zero", "folder.extxyz"])
def test_what_is_there_and_not_a_regular_file_is_called_so(refused, tmp_path, verb, name):
    """Nothing reads a pipe, which would wait for ever."""
    os.mkfifo(tmp_path / "pipe.extxyz")
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.extxyz").mkdir()
    data = [name, name] if verb == "distances" else [name]
    said = "is a pipe or a device, not a regular"
    if name == "folder.extxyz":
        said = "has no frames: none of its files" if verb == "new" else "is a folder;"
    assert f"{name}: {said}" in refused("data", verb, *data)


def test_other_mistakes(refused, tmp_path):
    assert "There is no card file 'mine.yaml'" in refused("data", "fetch", "mine.yaml")
    assert "did you mean 'mlearn-ge'" in refused("data", "fetch", "mlearn-gee")
    assert "cannot be read" in refused("data", "new", "missing.extxyz")
    (tmp_path / "si.yaml").write_text("")
    (tmp_path / "si.extxyz").write_text("")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "si.extxyz").write_text("")
    assert "si.yaml: exists already" in refused("data", "new", "si.extxyz", "--out", "si.yaml")
    other = refused("data", "new", "si.extxyz", "--out", "elsewhere/new.yaml")
    assert "si.extxyz: a card's files are in its folder or below" in other
    assert "a card's name ends in .yaml" in refused("data", "new", "si.extxyz", "--out", "si.txt")
    assert "no mirror folder" in refused("data", "fetch", "mlearn-ge", "--mirror", "nowhere")


# --- names ------------------------------------------------------------------------------------


@pytest.fixture
def cards(printed, tmp_path) -> Callable[..., list[Path]]:
    """Return cards that ``tlbench data new`` writes for files of other frames and elements."""

    def make(*names: str) -> list[Path]:
        for number, name in enumerate(names):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            frames = tiny.crystals("Ge" if number else "Si", 10, seed=number)
            ase.io.write(path, frames.to_ase(), format="extxyz")
            printed("data", "new", path)
        return [(tmp_path / name).with_suffix(".yaml") for name in names]

    return make


def test_a_data_set_is_named_after_its_card(cards, printed, tmp_path):
    """So that two cards of one file are two data sets."""
    (first,) = cards("si.extxyz")
    printed("data", "new", tmp_path / "si.extxyz", "--out", tmp_path / "Si again.yaml")
    assert load_card(str(first)).name == "si"
    assert load_card(str(tmp_path / "Si again.yaml")).name == "si-again"


def test_cards_of_one_name_and_different_data_are_not_mixed(cards, refused, printed):
    source, target = cards("si/train.extxyz", "ge/train.extxyz")
    arguments = ("--source", source, "--target", target, "--set", "sizes=[1]")
    said = refused("plan", "transfer", *arguments)
    assert f"{source} and {target} are both named 'train', but describe different data" in said
    assert said == refused("run", "transfer", *arguments)
    target.write_text(target.read_text().replace("name: train", "name: ge-train"))
    assert "data set ge-train" in printed("plan", "transfer", *arguments, "--all")


def test_two_cards_of_one_name_and_the_same_data_are_one_data_set(cards, printed, tmp_path):
    _, target = cards("si.extxyz", "ge.extxyz")
    copy = shutil.copy(target, tmp_path / "copy.yaml")
    arguments = ("--source", copy, "--target", target, "--set", "sizes=[1]")
    arguments += ("--set", "allow_same_data=true")
    assert printed("plan", "transfer", *arguments, "--all").count("data set ge") == 1


# --- fetching ---------------------------------------------------------------------------------


@needs_mlearn
def test_fetching_says_where_the_files_are(tmp_path, monkeypatch):
    monkeypatch.setenv("TLBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("TLBENCH_DATA_MIRROR", str(MLEARN))
    found = CliRunner().invoke(app, ["data", "fetch", "mlearn-ge"])
    assert found.exit_code == 0
    paths = [Path(line) for line in found.output.split()]
    assert [p.name for p in paths] == ["training.json", "test.json"]
    assert paths[0].read_bytes() == (MLEARN / "Ge" / "training.json").read_bytes()


# --- bring your own ---------------------------------------------------------------------------


@pytest.mark.slow
def test_from_two_files_to_a_report_in_three_commands(command, tmp_path):
    for element, seed in (("Si", 0), ("Ge", 1)):
        frames: Frames = tiny.crystals(element, 30, seed=seed)
        path = tmp_path / f"{element.lower()}.extxyz"
        ase.io.write(path, frames.to_ase(), format="extxyz")
        made = command("data", "new", path)
        assert made.returncode == 0, made.stderr
        assert f"elements: {element}" in made.stdout
        assert "24 train, 3 validation, 3 test" in made.stdout
    finished = command(
        "run", "transfer", "--source", tmp_path / "si.yaml", "--target", tmp_path / "ge.yaml",
        "--set", "sizes=[1, 10]", "--set", "subset_seeds=[0]", "--set", "init_seeds=[0]",
        "--set", "cutoff=4.0", "--workers", 1,
        "--set", "pretraining.updates=10", "--set", "training.updates=5",
        "--out", tmp_path / "out", "--store", tmp_path / "store",
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert "finetune  " in finished.stdout
    assert "/ scratch" in finished.stdout
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Ge of ge.extxyz" in page
    # The written suite can be run again, and everything is done.
    again = command(
        "run", tmp_path / "out" / "suite.json", "--out", tmp_path / "again",
        "--store", tmp_path / "store",
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "0 jobs run" in again.stdout
    first, second = ((tmp_path / n / "records.jsonl").read_bytes() for n in ("out", "again"))
    assert first == second
    # With everything done, the files are not missed.
    (tmp_path / "ge.extxyz").unlink()
    assert command(
        "run", tmp_path / "out" / "suite.json", "--out", tmp_path / "again",
        "--store", tmp_path / "store",
    ).returncode == 0  # fmt: skip
    shutil.rmtree(tmp_path / "store")


def test_a_second_card_of_a_file_gets_a_name_of_its_own(cards, printed, tmp_path):
    cards("si.extxyz")
    said = printed("data", "new", tmp_path / "si.extxyz")
    assert "si-2.yaml: written; si.yaml already existed" in said
    assert load_card(str(tmp_path / "si-2.yaml")).name == "si-2"
