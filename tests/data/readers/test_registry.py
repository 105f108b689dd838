"""The registry of readers: what there is, and what a reader needs."""

import sys

import pytest

from tlbench.base.errors import TlbenchError
from tlbench.data.readers import READERS


def test_the_readers_that_there_are():
    assert {"ase", "deepmd", "extxyz", "fitsnap", "mlearn", "runner"} <= {*READERS.names()}


def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dpdata", None)
    (tmp_path / "set.000").mkdir()
    (tmp_path / "type.raw").write_text("0")
    reader = READERS.get("deepmd")
    with pytest.raises(TlbenchError, match=r"needs the package dpdata.*'tlbench\[dpdata\]'"):
        reader.read(tmp_path, reader.options())
