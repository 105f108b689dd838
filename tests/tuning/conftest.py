"""A search of a few small trials."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny
from inline import inline

from tlbench.engine.run.runner import Listener, Resources
from tlbench.engine.store.store import Store
from tlbench.jobs.base import Job
from tlbench.study.loading import load_suite
from tlbench.study.suite import Suite
from tlbench.study.tuned import Tuned
from tlbench.tuning import Search, tune

TRIALS = 5
"""One more than a round has."""

SETTINGS = [
    ("budgets", "null"),
    ("training.validation_points", "2"),
    ("pretraining.validation_points", "2"),
    ("budgets", "null"),
    ("training.updates", "6"),
    ("pretraining.updates", "6"),
    ("sizes", "[2]"),
    ("strategies", "[scratch, finetune, zero-shot]"),
]
SMALL = {k: v for k, v in tiny.BACKBONES["schnet"].items() if k != "cutoff"}


@pytest.fixture(scope="session")
def suite() -> Callable[..., Suite]:
    """Return a function that makes the suite, with more settings."""

    def make(*more: tuple[str, str]) -> Suite:
        return load_suite("smoke", [*SETTINGS, ("backbones", json.dumps({"schnet": SMALL})), *more])

    return make


@pytest.fixture(scope="session")
def search(suite: Callable[..., Suite]) -> Search:
    return Search(suite(), TRIALS)


IN_THIS_PROCESS = Resources(device="cpu", executor=(inline, 1))


class Folder:
    """Where a search leaves its results and its jobs, and what happened to the jobs."""

    def __init__(self, path: Path, store: Path | None = None) -> None:
        self.out, self.store = path / "out", Store(store or path / "store")
        self.events: list[tuple[str, str]] = []

    def tune(
        self,
        search: Search,
        on_event: Listener = lambda event, job, **fields: None,
        resources: Resources = IN_THIS_PROCESS,
    ) -> Tuned | None:
        self.events = []

        def note(event: str, job: Job, **fields: Any) -> None:
            self.events.append((event, job.label))
            on_event(event, job, **fields)

        return tune(search, self.out, self.store, resources, on_event=note)

    def ran(self) -> list[str]:
        """Return the labels of the jobs that the last search began."""
        return [label for event, label in self.events if event == "submitted"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("tuning"))


@pytest.fixture(scope="session")
def tuned(search: Search, folder: Folder) -> Tuned:
    found = folder.tune(search)
    assert found is not None
    return found
