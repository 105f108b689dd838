"""A kind of jobs that do what a test asks for, and a store for them."""

import json

import pytest
from fake_jobs import FakeKind

from tlbench.base.errors import DivergedError, InputError
from tlbench.engine.store.store import Store
from tlbench.jobs import base


@pytest.fixture
def ran(monkeypatch, _kind_exists_for_keys):
    """Jobs of kind "sum" add their number to their parents' results; returns who ran."""
    names = []

    def work(config, context):
        names.append(config["name"])
        if config.get("fails"):
            raise InputError("this job\nfails on purpose")
        if config.get("diverges"):
            raise DivergedError("The loss is nan")
        if config.get("crashes"):
            raise ZeroDivisionError("a bug")
        (context.folder / "artefact").write_text("weights")
        parents = [json.loads((p / "result.json").read_text()) for p in context.parents.values()]
        return {"sum": config["n"] + sum(p["sum"] for p in parents)}

    monkeypatch.setitem(base.KINDS, "sum", FakeKind(work))
    return names


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture(autouse=True)
def _kind_exists_for_keys(monkeypatch):
    monkeypatch.setitem(base.KINDS, "sum", FakeKind(None))
