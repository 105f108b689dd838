"""``tlbench data distances``: data sets and trajectories, and what cannot be compared."""

import json
from pathlib import Path

import ase.io
import pytest
import tiny
import yaml

from tlbench.data.cards import card_folder
from tlbench.report.inspection.comparison import read_file

QUICK = [
    "--set", "values=500", "--set", "environments=100", "--set", "exact=50",
    "--set", "resamples=20", "--set", "halves=2",
]  # fmt: skip


def trajectory(path: Path, element: str = "Ge", n_frames: int = 6, seed: int = 0) -> Path:
    ase.io.write(path, tiny.crystals(element, n_frames, seed=seed).to_ase())
    return path


def small_card(folder: Path) -> Path:
    """Write a card of Stillinger–Weber silicon that is sampled in a second."""
    value = yaml.safe_load((card_folder() / "sw-si.yaml").read_text())
    part = {"trajectories": 1, "frames": 4}
    value["origin"] |= {
        "repeats": [1, 1, 1], "temperatures_k": [600], "melt": None, "equilibration_fs": 100,
        "interval_fs": 50, "train": part, "validation": dict(part), "test": dict(part),
    }  # fmt: skip
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(value))
    return path


def test_a_data_set_and_a_trajectory_are_compared(capsys, monkeypatch, tmp_path):
    from tlbench.cli import main

    card, file = small_card(tmp_path), trajectory(tmp_path / "md.extxyz")
    monkeypatch.chdir(tmp_path)
    arguments = ["tlbench", "data", "distances", str(card), str(file), *QUICK]
    monkeypatch.setattr("sys.argv", [*arguments, "--store", str(tmp_path / "store")])
    with pytest.raises(SystemExit) as exit_:
        main()
    printed = capsys.readouterr().out
    assert not exit_.value.code
    for words in ("pair distances", "environments, exact transport", "95 % interval", "floor"):
        assert words in printed
    assert "6 structures, 48 atoms" in printed
    written = json.loads((tmp_path / "runs/data/distances.json").read_text())
    assert written["format"] == 1
    assert written["settings"]["values"] == 500
    (pair,) = written["pairs"]
    assert pair["b"] == str(file)
    assert len(pair["distances"]) == 16


def test_cards_of_one_name_are_told_apart_by_their_paths(printed, tmp_path):
    for number, name in enumerate(("a/train", "b/train")):
        (tmp_path / name).parent.mkdir()
        trajectory(tmp_path / f"{name}.extxyz", n_frames=10, seed=number)
        printed("data", "new", tmp_path / f"{name}.extxyz")
    other = trajectory(tmp_path / "md.extxyz", seed=3)
    names = ["a/train.yaml", "b/train.yaml", str(other)]
    printed("data", "distances", *names, *QUICK, "--store", tmp_path / "store")
    written = json.loads((tmp_path / "runs/data/distances.json").read_text())
    pairs = [(pair["a"], pair["b"]) for pair in written["pairs"]]
    assert pairs == [(names[0], names[1]), (names[0], names[2]), (names[1], names[2])]


def test_what_lacks_labels_is_compared_by_its_structure(tmp_path):
    frames, why = read_file(trajectory(tmp_path / "labelled.xyz"))
    assert not why
    assert len(frames) == 6
    bare = tmp_path / "bare.xyz"
    images = tiny.crystals("Ge", 3).to_ase()
    for atoms in images:
        atoms.calc = None
    ase.io.write(bare, images, format="extxyz")
    frames, why = read_file(bare)
    assert "no key looks like energies" in why
    assert len(frames) == 3


def test_long_trajectories_are_thinned_evenly(tmp_path, monkeypatch):
    monkeypatch.setattr("tlbench.report.inspection.comparison.MOST_FRAMES", 3)
    frames, _ = read_file(trajectory(tmp_path / "long.xyz", n_frames=7))
    assert frames.temperature_k.tolist() == [300.0, 300.0, 300.0]
    assert len(frames) == 3


def test_identical_sets_are_refused(refused, tmp_path):
    one = trajectory(tmp_path / "one.xyz")
    two = tmp_path / "two.xyz"
    two.write_bytes(one.read_bytes())
    assert "are the same data, so their distance is 0" in refused("data", "distances", one, two)


def test_a_single_frame_is_refused(refused, tmp_path):
    one = trajectory(tmp_path / "one.xyz", n_frames=1)
    two = trajectory(tmp_path / "two.xyz", seed=1)
    said = refused("data", "distances", one, two)
    assert "one.xyz has a single structure" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sw-si"], "name at least two"),
        (["sw-si", "nothing.xyz"], "no data set and no file 'nothing.xyz'"),
        (["nowhere", "sw-si"], "Unknown data set 'nowhere'"),
        (
            ["sw-si", "sw-ge", "--part", "tests"],
            "--part should be one of train, validation, test, but is tests.",
        ),
        (["sw-si", "sw-ge", "--set", "exacts=3"], "did you mean 'exact'"),
        (["sw-si", "sw-ge", "--set", "resamples=3"], "greater than or equal to 20"),
    ],
)
def test_bad_input_is_one_sentence(refused, arguments, said):
    assert said in refused("data", "distances", *arguments)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no frames"),
        ("hello\nworld\n", "line 1: expected a number of atoms, found 'hello'"),
        (
            '2\nLattice="5 0 0 0 5 0 0 0 5"\nSi 0 0 0\nSi nan 0 0\n' * 2,
            "frame 1 has positions or a cell that are not finite",
        ),
        (
            '2\nLattice="1e-9 0 0 0 5 0 0 0 5"\nSi 0 0 0\nSi 1 0 0\n' * 2,
            "do not span a cell",
        ),
        ("2\n\nSi 0 0 0\nSi 40 0 0\n" * 2, "no two atoms are within 6 Å"),
    ],
)
def test_odd_files_are_one_sentence(refused, tmp_path, text, said):
    odd = tmp_path / "odd.xyz"
    odd.write_text(text)
    assert said in refused("data", "distances", odd, trajectory(tmp_path / "fine.xyz"))


def test_elements_are_distinguished_if_asked_for(tmp_path, capsys, monkeypatch):
    """Two sets of one crystal differ by what their elements are, to the aware alone."""
    from tlbench.cli import main

    one, other = trajectory(tmp_path / "si.xyz", "Si"), tmp_path / "ge.xyz"
    images = ase.io.read(one, index=":")
    for number, atoms in enumerate(images):
        atoms.symbols[:] = "Ge"
        atoms.positions += 1e-3 * number
    ase.io.write(other, images)
    found = {}
    for elements in ("blind", "aware"):
        out = tmp_path / f"{elements}.json"
        arguments = ["data", "distances", one, other, "--out", out, *QUICK]
        arguments += ["--set", f"elements={elements}"]
        monkeypatch.setattr("sys.argv", ["tlbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, capsys.readouterr()
        distances = json.loads(out.read_text())["pairs"][0]["distances"]
        found[elements] = {(d["name"], d["form"]): d["value"] for d in distances}
    assert found["blind"]["exact", "raw"] < 1e-4
    assert found["aware"]["exact", "raw"] == pytest.approx(2**0.5, abs=1e-6)
    assert found["aware"]["angle", "raw"] == found["blind"]["angle", "raw"]
