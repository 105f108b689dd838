"""Several processes that tune in one folder at once."""

import pytest
from faulty import done, end, events, start, write_suite

from tlbench.tuning import RESULT
from tlbench.tuning.ledger import TRIALS

pytestmark = pytest.mark.slow


def test_two_processes_in_one_folder_share_the_trials_and_agree(tmp_path):
    suite = write_suite(tmp_path / "shared.yaml")
    store, out = tmp_path / "store", tmp_path / "out"
    options = ("--trials", 5, "--workers", 1)
    both = [start(suite, out, store, *options, verb="tune") for _ in range(2)]
    for process in both:
        text = end(process)
        assert process.returncode == 0, text
    found = done(out)
    assert len(found) == 2 + 3 * 5
    assert set(found.values()) == {1}
    assert "failed" not in {event["event"] for event in events(out)}
    alone = tmp_path / "alone"
    text = end(process := start(suite, alone, store, *options, verb="tune"))
    assert process.returncode == 0, text
    for name in (RESULT, TRIALS):
        assert (alone / name).read_bytes() == (out / name).read_bytes()
    assert not list(out.glob("*.part"))
