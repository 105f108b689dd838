"""Files of a card that are members of an archive: unpacked once, verified twice."""

import errno
import hashlib
import tarfile
from pathlib import Path

import ase.io
import pytest
import tiny
import yaml

from tlbench.base.errors import InputError
from tlbench.data.cards import Card, load_card
from tlbench.data.fetch import data_folder, fetch, needs_download
from tlbench.data.guess import guess_card
from tlbench.data.origins.base import bytes_of, sha256_of

MEMBER = "set/si.extxyz"


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    """Return a card of an archive that lies beside it."""
    monkeypatch.setenv("TLBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("TLBENCH_DATA_MIRROR", raising=False)
    path = tmp_path / "si.extxyz"
    ase.io.write(path, tiny.crystals("Si", 10).to_ase(), format="extxyz")
    value = yaml.safe_load(guess_card(path).text)
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as archive:
        archive.add(path, MEMBER)
    path.unlink()
    packed = tmp_path / "all.tar.gz"
    value["origin"]["files"]["si.extxyz"] |= {
        "path": "all.tar.gz",
        "archive": {"member": MEMBER, "sha256": sha256_of(packed), "bytes": bytes_of(packed)},
    }
    (tmp_path / "si.yaml").write_text(yaml.safe_dump(value))
    return load_card(tmp_path / "si.yaml")


def changed(card: Card, archive: dict | None = None, **about: object) -> Card:
    file = card.data_files()["si.extxyz"]
    if archive:
        about["archive"] = file.archive.model_copy(update=archive)
    files = {"si.extxyz": file.model_copy(update=about)}
    origin = card.origin.model_copy(update={"files": files})
    again = card.model_copy(update={"origin": origin})
    again._folder = card.folder
    return again


def test_a_member_is_unpacked_and_read(card):
    places = fetch(card)
    assert places["si.extxyz"].is_relative_to(data_folder())
    assert sum(len(part) for part in card.read(places).values()) == 10
    (card.folder / "all.tar.gz").unlink()
    assert fetch(card) == places
    assert sorted(p.name for p in data_folder().rglob("*") if p.is_file()) == [
        ".lock",
        "si.extxyz",
    ]


def test_a_mirror_has_the_archive(card, tmp_path):
    (tmp_path / "mirror").mkdir()
    (card.folder / "all.tar.gz").rename(tmp_path / "mirror" / "all.tar.gz")
    far = changed(card, url="http://127.0.0.1:1/releases/all.tar.gz", path=None)
    with pytest.raises(InputError, match=r"cannot be fetched .*put that file at .*all\.tar\.gz"):
        fetch(far)
    assert needs_download(far)
    found = fetch(far, mirror=tmp_path / "mirror")["si.extxyz"]
    assert not needs_download(far)
    found_bytes = found.read_bytes()
    found.unlink()
    # The archive is kept, so that the member can be unpacked again.
    assert not needs_download(far)
    assert fetch(far)["si.extxyz"].read_bytes() == found_bytes
    assert hashlib.sha256(found.read_bytes()).hexdigest() == far.data_files()["si.extxyz"].sha256


def test_the_archive_that_a_file_is_in_changes_no_digest(card):
    other = changed(card, {"member": "elsewhere"}, path="other.zip")
    assert other.digest() == card.digest()
    assert "archive" not in str(card.recipe())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"archive": {"member": "set/s.extxyz"}}, "no member 'set/s.extxyz'; did you mean 'set/s"),
        ({"archive": {"sha256": "0" * 64}}, r"all\.tar\.gz: has the SHA-256 .* but the card says"),
        ({"archive": {"bytes": 7}}, "bytes, but the card says 7"),
        ({"sha256": "0" * 64}, "its member 'set/si.extxyz' is not the file that the card means"),
        ({"bytes": 100}, "set/si.extxyz unpacks to more than the 100 bytes"),
        ({"bytes": 10_000_000}, r"si\.extxyz: has \d+ bytes, but the card says 10000000"),
    ],
)
def test_what_is_not_as_the_card_says_is_refused(card, change, complaint):
    with pytest.raises(InputError, match=complaint):
        fetch(changed(card, **change))


@pytest.mark.parametrize("member", ["/etc/passwd", "../secret", "set/../../secret"])
def test_a_member_is_inside_its_archive(card, member):
    path = card.folder / "si.yaml"
    path.write_text(path.read_text().replace(MEMBER, member))
    with pytest.raises(InputError, match="name of a file inside the archive"):
        load_card(path)


def test_a_full_disc_is_not_the_fault_of_the_archive(card, monkeypatch):
    def full(self: Path, *arguments: object, **options: object) -> object:
        if self.name == "si.extxyz":
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(self, *arguments, **options)

    opened = Path.open
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(InputError, match=r"No space left on device\); choose another folder with"):
        fetch(card)
