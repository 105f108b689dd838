"""Files: written whole, read within bounds."""

import errno
import gzip
import json
import os
from pathlib import Path

import pytest

from tlbench.base.files import (
    make_once,
    read_bounded,
    read_sealed,
    stored,
    write_sealed,
    write_whole,
)


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_what_is_written_is_read(tmp_path, name):
    write_whole(tmp_path / name, "Å\n" * 1000)
    assert read_bounded(tmp_path / name).decode() == "Å\n" * 1000
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_a_name_that_is_not_utf_8_is_written_as_json_has_it(tmp_path, name):
    odd = os.fsdecode(b"caf\xe9.extxyz")
    write_whole(tmp_path / name, json.dumps({"file": odd, "unit": "Å"}, ensure_ascii=False))
    text = read_bounded(tmp_path / name).decode()
    assert "Å" in text
    assert json.loads(text)["file"] == odd


def test_a_compressed_file_is_small_and_the_same_each_time(tmp_path):
    write_whole(tmp_path / "a.gz", "Å\n" * 1000)
    write_whole(tmp_path / "b.gz", "Å\n" * 1000)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert (tmp_path / "a.gz").stat().st_size < 100


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_no_more_is_read_than_allowed(tmp_path, name):
    write_whole(tmp_path / name, "x" * 1000)
    assert len(read_bounded(tmp_path / name, 1000)) == 1000
    with pytest.raises(ValueError, match="larger than"):
        read_bounded(tmp_path / name, 999)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cut short"),
        (gzip.compress(b"x" * 100, mtime=0)[:-9], "cut short"),
        (b"plain text", "not compressed by gzip"),
        (gzip.compress(b"x", mtime=0) + b"y", "something follows"),
        (gzip.compress(b"x", mtime=0) + gzip.compress(b"y", mtime=0), "something follows"),
        (gzip.compress(b"x" * 100, mtime=0)[:-5] + b"\0" * 5, "not compressed by gzip"),
    ],
)
def test_what_is_no_compressed_file_is_refused(tmp_path, content, message):
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_bounded(tmp_path / "a.gz")


def test_the_plain_file_comes_first(tmp_path):
    plain, packed = tmp_path / "a.txt", tmp_path / "a.txt.gz"
    assert stored(plain) == plain
    packed.touch()
    assert stored(plain) == packed
    plain.touch()
    assert stored(plain) == plain


def test_what_was_sealed_is_read_only_if_no_bit_has_changed(tmp_path):
    path = tmp_path / "sealed"
    assert read_sealed(path) is None
    write_sealed(path, b"content")
    assert read_sealed(path) == b"content"
    assert [p.name for p in tmp_path.iterdir()] == ["sealed"]
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        assert read_sealed(path) is None
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert read_sealed(path) is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_refuses_late_is_no_disk_that_has_it(tmp_path, monkeypatch, number):
    """Network file systems say only at the flush that there is no space left."""

    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.fsync", refuse)
    path = tmp_path / "file"
    with pytest.raises(OSError, match=os.strerror(number)):
        write_whole(path, "text")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_flushed_is_as_good(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr("os.fsync", refuse)
    write_whole(tmp_path / "file", "text")
    assert (tmp_path / "file").read_text() == "text"


def test_two_who_write_the_same_file_at_once_do_not_share_a_part(tmp_path, monkeypatch):
    """A reader never sees, and nobody ever loses, what another is in the middle of writing."""
    path = tmp_path / "checkpoint.safetensors"
    replace, others = Path.replace, [b"other"]

    def interrupted(part, target):
        if others:
            write_sealed(path, others.pop())
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    write_sealed(path, b"content")
    assert read_sealed(path) == b"content"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_file_is_made_once_and_is_complete(tmp_path):
    path = tmp_path / "file"
    assert make_once(path, b"first")
    assert not make_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]
