"""Members of archives: what is written comes back, and what is hostile is refused."""

import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from tlbench.base.errors import InputError
from tlbench.data.archives import is_archive, names, unpack

FILES = {"set/train.xyz": b"two atoms", "set/test.xyz": b"one atom", "README": b"hello"}
PACKED = ["data.tar", "data.tar.gz", "data.zip"]


def packed(path: Path, files: dict[str, bytes]) -> Path:
    """Write an archive of the kind that the name says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", PACKED)
def test_members_come_back(tmp_path, name):
    path = packed(tmp_path / name, FILES)
    assert is_archive(path)
    assert names(path) == list(FILES)
    unpack(path, "set/test.xyz", tmp_path / "one", limit=8)
    assert (tmp_path / "one").read_bytes() == b"one atom"
    unpack(path, "set", tmp_path / "folder")
    found = {p.name: p.read_bytes() for p in (tmp_path / "folder").iterdir()}
    assert found == {"train.xyz": b"two atoms", "test.xyz": b"one atom"}


def test_an_archive_or_a_folder_of_it_without_files_is_refused(tmp_path):
    link = tarfile.TarInfo("set/a.xyz")
    link.type, link.linkname = tarfile.SYMTYPE, "b.xyz"
    with tarfile.open(tmp_path / "links.tar.gz", "w:gz") as archive:
        archive.addfile(link)
    for member, of in (("", "it"), ("set", "set")):
        complaint = (
            rf"links\.tar\.gz: {of} holds no file, but only links or devices, as 'set/a\.xyz'"
        )
        with pytest.raises(InputError, match=complaint):
            unpack(tmp_path / "links.tar.gz", member, tmp_path / "out")
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with pytest.raises(InputError, match=r"empty\.tar: it holds no file\.$"):
        unpack(tmp_path / "empty.tar", "", tmp_path / "out")


@pytest.mark.parametrize("name", PACKED)
def test_a_member_that_is_missing_is_named_with_a_near_one(tmp_path, name):
    path = packed(tmp_path / name, FILES)
    with pytest.raises(InputError, match=r"no member 'set/tets.xyz'; did you mean 'set/test.xyz'"):
        unpack(path, "set/tets.xyz", tmp_path / "one")


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("hostile", ["../out", "/etc/out", "set/../../out"])
def test_a_name_that_leads_out_is_refused(tmp_path, name, hostile):
    path = packed(tmp_path / name, {hostile: b"evil", **FILES})
    for look in (lambda: names(path), lambda: unpack(path, "", tmp_path / "in" / "it")):
        with pytest.raises(InputError, match="leads out of the archive"):
            look()
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    path = tmp_path / "data.tar.gz"
    info = tarfile.TarInfo("secret")
    info.type, info.linkname = kind, "/etc/passwd"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(info)
    assert names(path) == []
    with pytest.raises(InputError, match="'secret' is a link or a device"):
        unpack(path, "secret", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_link_in_a_zip_is_refused(tmp_path):
    path = tmp_path / "data.zip"
    info = zipfile.ZipInfo("secret")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(InputError, match="'secret' is a link or a device"):
        unpack(path, "secret", tmp_path / "out")


@pytest.mark.parametrize("name", ["bomb.tar.gz", "bomb.zip"])
def test_bombs_are_refused(tmp_path, name):
    path = packed(tmp_path / name, {"zeros": bytes(80 << 20)})
    assert path.stat().st_size < 1 << 20
    with pytest.raises(InputError, match=r"unpacks to more than (100 times|the 10 bytes)"):
        unpack(path, "zeros", tmp_path / "out", limit=10)
    with pytest.raises(InputError, match=r"unpacks to more than (100 times|the [\d,]+ bytes)"):
        unpack(path, "zeros", tmp_path / "out")
    assert (tmp_path / "out").stat().st_size <= 100 * (1 << 20)


def test_a_header_that_claims_much_is_refused(tmp_path):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 33
    path = tmp_path / "data.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    with pytest.raises(InputError, match="has a header of 8,589,934,592 bytes"):
        names(path)


@pytest.mark.parametrize("name", PACKED)
def test_a_damaged_archive_is_refused(tmp_path, name):
    path = packed(tmp_path / name, {"numbers": bytes(range(256)) * 500})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cannot be unpacked .*; fetch or copy the archive again"):
        unpack(path, "numbers", tmp_path / "out")


def test_other_files_are_not_archives(tmp_path):
    (tmp_path / "text").write_text("2\n\nSi 0 0 0\nSi 1 1 1\n" * 100)
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"3\n" * 1000))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(bytes(1000))[:20])
    (tmp_path / "empty").touch()
    for name in ("text", "text.gz", "cut.gz", "empty", "nowhere"):
        assert not is_archive(tmp_path / name)
