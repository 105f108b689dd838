"""Several processes that tune in one folder at once, and one that is killed."""

import pytest
from faulty import done, end, events, finished, start, wait_for, write_suite

from tlbench.tuning import RESULT
from tlbench.tuning.ledger import TRIALS

pytestmark = pytest.mark.slow

OPTIONS = ("--trials", 5, "--workers", 1)
JOBS = 2 + 3 * 5
"""Data sets, and a model in each trial of pretraining and two strategies."""


def test_two_processes_share_the_trials_and_find_what_one_does_that_was_killed(tmp_path):
    suite = write_suite(tmp_path / "shared.yaml")
    store, out = tmp_path / "store", tmp_path / "out"
    both = [start(suite, out, store, *OPTIONS, verb="tune") for _ in range(2)]
    for process in both:
        text = end(process)
        assert process.returncode == 0, text
    assert len(done(out)) == JOBS
    assert set(done(out).values()) == {1}
    assert "failed" not in {event["event"] for event in events(out)}
    assert not list(out.glob("*.part"))

    alone, store = tmp_path / "alone", tmp_path / "another store"
    killed = start(suite, alone, store, *OPTIONS, verb="tune")
    wait_for(lambda: len(finished(store)) >= JOBS // 2, "half of the trials")
    killed.kill()
    end(killed)
    kept = len(finished(store))
    assert kept < JOBS
    again = start(suite, alone, store, *OPTIONS, verb="tune")
    text = end(again)
    assert again.returncode == 0, text
    assert finished(store).keys() == finished(tmp_path / "store").keys()
    for name in (RESULT, TRIALS):
        assert (alone / name).read_bytes() == (out / name).read_bytes()
