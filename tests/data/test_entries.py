"""What paths mean: files, folders, archives, and which part they are."""

import tarfile
import zipfile
from pathlib import Path

import ase.io
import pytest
import tiny
import yaml
from formats import alloys, frames_of, write_fitsnap, write_vasprun

from tlbench.base.errors import InputError
from tlbench.data.cards import Card, load_card
from tlbench.data.entries import part_of
from tlbench.data.fetch import fetch
from tlbench.data.guess import guess_card


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLBENCH_DATA", str(tmp_path / "cache"))
    monkeypatch.delenv("TLBENCH_DATA_MIRROR", raising=False)
    return tmp_path


def card_of(folder: Path, *paths: Path, **arguments: object) -> tuple[Card, str]:
    """Write a card in ``folder``, and return it with what was said."""
    guess = guess_card(list(paths), folder=folder, **arguments)
    (folder / "card.yaml").write_text(guess.text)
    return load_card(folder / "card.yaml"), "\n".join(guess.said)


def sizes(card: Card) -> list[int]:
    parts = card.read(fetch(card))
    assert [len(part) for part in parts.values()] == [card.n_frames(split) for split in parts]
    return [len(part) for part in parts.values()]


def write(path: Path, n_frames: int, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ase.io.write(path, tiny.crystals("Ge", n_frames, seed=seed).to_ase(), format="extxyz")
    return path


def packed(path: Path, *files: Path) -> Path:
    """Pack files under their paths relative to the archive's folder."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in files:
                archive.write(file, file.relative_to(path.parent))
    else:
        with tarfile.open(path, "w:gz") as archive:
            for file in files:
                archive.add(file, file.relative_to(path.parent))
    return path


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("ge_TEST.xyz", "test"),
        ("valid.traj", "validation"),
        ("train2.xyz", "train"),
        ("latest.xyz", None),
        ("interval.xyz", None),
        ("OUTCAR", None),
    ],
)
def test_words_in_names(name, part):
    assert part_of(name) == part


def test_several_files_at_once_keep_their_split(folder):
    files = [write(folder / f"{name}.xyz", n, n) for name, n in (("a", 6), ("b", 5), ("test", 4))]
    card, said = card_of(folder, *files)
    assert sizes(card) == [10, 1, 4]
    assert card.origin.split.train.files == ["a.xyz", "b.xyz"]
    assert "4 test (from test.xyz)" in said


def test_a_folder_keeps_its_split(folder):
    for name, n in (("train", 6), ("val", 2), ("test", 4)):
        write(folder / "set" / name / "data.xyz", n, n)
    (folder / "set" / "README").write_text("about")
    card, _ = card_of(folder, folder / "set")
    assert sizes(card) == [6, 2, 4]
    assert sorted(card.data_files()) == [
        "set-test-data.xyz", "set-train-data.xyz", "set-val-data.xyz",
    ]  # fmt: skip
    assert card.data_files()["set-test-data.xyz"].path == "set/test/data.xyz"


def test_runs_in_folders_of_their_own(folder):
    for temperature in (300, 600):
        (folder / "runs" / f"{temperature}K").mkdir(parents=True)
        write_vasprun(folder / "runs" / f"{temperature}K" / "vasprun.xml", alloys()[::2])
        (folder / "runs" / f"{temperature}K" / "INCAR").write_text("ENCUT = 520")
    card, said = card_of(folder, folder / "runs")
    assert sum(sizes(card)) == 6
    assert card.elements == ["Mo", "W"]
    assert "format: vasp-xml" in said
    assert "stress: key 'stress', in 6 of 6 frames" in said
    assert "positive in tension, to which ase converts that of the code" in said
    assert "'free_energy' differs from 'energy'; forces are derivatives of the free energy" in said


def test_a_folder_of_fitsnap_is_one_entry(folder):
    path = write_fitsnap(folder / "JSON", alloys())
    card, said = card_of(folder, path)
    assert list(card.data_files()) == ["JSON"]
    assert sum(sizes(card)) == 5
    assert "stress: in 5 of 5 frames" in said
    (path / "Bulk" / "frame_0.json").write_text("changed")
    with pytest.raises(InputError, match=r"JSON: has \d+ bytes, but the card says"):
        fetch(card)


@pytest.mark.parametrize("name", ["data.tar.gz", "data.zip"])
def test_a_member_of_an_archive(folder, name):
    train = write(folder / "set" / "ge_train.xyz", 10)
    test = write(folder / "set" / "ge_test.xyz", 4, 1)
    archive = packed(folder / name, train, test)
    train.unlink()
    test.unlink()
    card, said = card_of(folder, archive / "set" / "ge_train.xyz")
    assert sizes(card) == [9, 1, 4]
    assert "4 test (from ge_test.xyz)" in said
    file = card.data_files()["ge_train.xyz"]
    assert (file.path, file.archive.member) == (name, "set/ge_train.xyz")
    whole, _ = card_of(folder, archive)
    assert whole.digest() == card.digest()
    with pytest.raises(InputError, match=r"no member 'set/ge_trian.xyz'; did you mean 'set/ge_t"):
        card_of(folder, archive / "set" / "ge_trian.xyz")


def test_a_link_counts_where_it_is(folder):
    elsewhere = write(folder / "elsewhere" / "ge.xyz", 5)
    (folder / "here").mkdir()
    (folder / "here" / "ge.xyz").symlink_to(elsewhere)
    card, _ = card_of(folder / "here", folder / "here" / ".." / "here" / "ge.xyz")
    assert card.data_files()["ge.xyz"].path == "ge.xyz"
    with pytest.raises(InputError, match="a card's files are in its folder or below"):
        card_of(folder / "here", elsewhere)


def test_a_folder_in_an_archive(folder):
    path = write_fitsnap(folder / "JSON", alloys())
    archive = packed(folder / "data.tar.gz", *(p for p in path.rglob("*.json")))
    plain, _ = card_of(folder, path)
    card, _ = card_of(folder, archive / "JSON")
    assert card.data_files()["JSON"].sha256 == plain.data_files()["JSON"].sha256
    assert sum(sizes(card)) == 5
    whole, _ = card_of(folder, packed(folder / "all.zip", *(p for p in path.rglob("*.json"))))
    assert sum(sizes(whole)) == 5


def test_frames_without_labels_are_counted(folder):
    images = alloys(12)
    images[3].calc = None
    ase.io.write(folder / "mow.traj", images)
    card, said = card_of(folder, folder / "mow.traj")
    assert "1 of 12 frames has no energy or no forces (frame 3)" in said
    assert sum(sizes(card)) == 11
    train = card.read(fetch(card))["train"]
    assert set(train.energy) <= set(frames_of(alloys(12)).energy)


def test_frames_that_cannot_be_used_are_counted(folder):
    path = write_fitsnap(folder / "JSON", alloys())
    for number in (0, 1):
        file = path / "Bulk" / f"frame_{number}.json"
        file.write_text(file.read_text().replace('"Forces"', '"Force"'))
    with pytest.raises(InputError, match=r"2 of 5 frames cannot be used; .*frame_0.json\) has no"):
        card_of(folder, path)


def test_what_is_not_one_data_set_is_refused(folder):
    write(folder / "ge.xyz", 5)
    ase.io.write(folder / "mow.traj", alloys())
    with pytest.raises(InputError, match=r"several: ge\.xyz \(extxyz\), mow\.traj \(traj\)"):
        card_of(folder, folder / "ge.xyz", folder / "mow.traj")
    with pytest.raises(InputError, match=r"^ge\.xyz: is given twice; name each file"):
        card_of(folder, folder / "ge.xyz", test=[folder / "ge.xyz"])
    pair = [folder / name / "runs" for name in ("first", "second")]
    for number, runs in enumerate(pair):
        write(runs / "ge.xyz", 5, number)
    with pytest.raises(InputError, match="files of one card need different names"):
        card_of(folder, *pair)
    (folder / "empty").mkdir()
    # CASTEP also has files that end in md.
    (folder / "empty" / "readme.md").write_text("nothing")
    with pytest.raises(InputError, match=r"has no frames: none of its files is .* \(readme\.md\)"):
        card_of(folder, folder / "empty")
    with pytest.raises(InputError, match="is read as a whole, so its card cannot be in it"):
        guess_card(path := write_fitsnap(folder / "JSON", alloys()), folder=path)


def test_a_card_of_an_archive_is_plain_yaml(folder):
    file = write(folder / "ge.xyz", 5)
    text = guess_card(packed(folder / "data.zip", file), folder=folder).text
    assert "&" not in text
    assert str(folder) not in text
    assert yaml.safe_load(text)["origin"]["files"]["ge.xyz"]["path"] == "data.zip"
