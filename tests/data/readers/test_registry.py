"""The registry of readers: what there is, and what a reader needs."""

import sys

import pytest

from tlbench.base.errors import TlbenchError
from tlbench.base.registry import Registry
from tlbench.data.readers import READERS
from tlbench.data.readers.base import Reader


def test_the_readers_that_there_are():
    assert {"ase", "deepmd", "extxyz", "fitsnap", "mlearn", "runner"} <= {*READERS.names()}


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "dpdata", None)
    monkeypatch.delitem(sys.modules, "tlbench.data.readers.deepmd", raising=False)
    again: Registry[Reader] = Registry("reader", extras=READERS._extras)
    again.register("deepmd", READERS.path("deepmd"))
    with pytest.raises(
        TlbenchError, match=r"'deepmd' needs the package 'dpdata'.*'tlbench\[dpdata\]'"
    ):
        again.get("deepmd")
