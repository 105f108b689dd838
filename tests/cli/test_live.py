"""What a run says while it goes on, where the output is not a terminal."""

from types import SimpleNamespace

import pytest

from tlbench.cli import live
from tlbench.cli.live import Display
from tlbench.engine.run.runner import Report

WHO = "process 4711 on node7 since 2026-11-28 12:00:00"
PLAN = SimpleNamespace(jobs={f"{n:064}": SimpleNamespace(label=f"job {n}") for n in range(100)})
KEY = next(iter(PLAN.jobs))


@pytest.fixture
def shown(capsys, monkeypatch):
    """Return a function that shows which jobs are done elsewhere, and returns what is printed."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(live.time, "monotonic", lambda: clock.now)
    display = Display()

    def show(elsewhere, after=0.0, limitation=None):
        clock.now += after
        report = Report({}, elsewhere=elsewhere)
        display.update(PLAN, SimpleNamespace(limitation=limitation), report)
        return capsys.readouterr().out

    return show


def test_a_wait_is_explained_after_a_second_and_once(shown):
    assert shown({KEY: WHO}) == ""
    assert shown({KEY: WHO}, 0.5) == ""
    assert shown({KEY: WHO}, 0.6) == f"Waiting for job 0 (job {KEY[:12]}), done by {WHO}.\n"
    assert shown({KEY: WHO}, 5) == ""


def test_a_holder_that_is_stopped_is_news(shown):
    shown({KEY: WHO})
    shown({KEY: WHO}, 2)
    assert "which is stopped" in shown({KEY: f"{WHO}, which is stopped"}, 1)


def test_a_short_wait_is_not_mentioned(shown):
    assert shown({KEY: WHO}) == ""
    assert shown({}, 2) == ""
    assert shown({KEY: WHO}, 2) == ""


def test_many_waits_are_not_a_flood(shown):
    waits = dict.fromkeys(PLAN.jobs, WHO)
    shown(waits)
    lines = shown(waits, 2).splitlines()
    assert len(lines) == 21
    assert lines[-1].endswith("see them with: tlbench status.")
    assert shown(waits, 2) == ""


def test_what_the_store_does_not_support_is_said_first_and_once(shown):
    assert shown({}, limitation="Several machines must not use it.").startswith("Several machines")
    assert shown({}, limitation="Several machines must not use it.") == ""
