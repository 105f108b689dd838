"""Runner and workers are killed again and again, and the records are those of a quiet run."""

import random
import subprocess
import time
from pathlib import Path

import pytest
from faulty import (
    SUITE,
    alive,
    assert_kept,
    end,
    finished,
    kill,
    start,
    wait_for,
    workers,
)

pytestmark = pytest.mark.slow

LONGEST_SECONDS = 1.0
"""Until the next kill: long enough for a process to start and do something now and then."""


class Victim:
    """A run that is killed and started again."""

    def __init__(self, suite: Path, folder: Path) -> None:
        self.suite, self.out, self.store = suite, folder / "out", folder / "store"
        self.known = finished(self.store)
        self.run = self.start()

    def start(self) -> subprocess.Popen[str]:
        return start(self.suite, self.out, self.store, "--tries", 1000, "--workers", 2)

    def strike(self, how: str, delay: float) -> bool:
        """Wait, kill, and start again what does not do so itself; False if it was too late."""
        if how == "commit":
            before = len(finished(self.store))
            self.wait(3, lambda: len(finished(self.store)) > before)
        else:
            self.wait(delay, lambda: False)
        if self.run.poll() is not None:
            return False
        if how == "worker":
            pids = workers(self.run.pid)
            struck = bool(pids) and kill(random.choice(pids))
        else:
            orphans = workers(self.run.pid)
            self.run.kill()
            self.run.communicate(timeout=60)
            struck = True
            wait_for(lambda: not any(map(alive, orphans)), "workers to end", 30)
            self.count()
            self.run = self.start()
        self.count()
        return struck

    def wait(self, seconds, condition) -> None:
        """Wait for a time, or until something happens or the run ends."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.run.poll() is None and not condition():
            time.sleep(0.005)

    def count(self) -> None:
        """Whatever was finished still is, and has not been done a second time."""
        now = finished(self.store)
        assert_kept(self.known, now)
        assert not list((self.store / ".damaged").glob("*"))
        self.known = now

    def end(self, records: bytes) -> None:
        text = end(self.run)
        assert self.run.returncode == 0, text
        self.count()
        assert (self.out / "records.jsonl").read_bytes() == records
        assert not list((self.store / ".working").glob("[0-9a-f]*"))


@pytest.mark.parametrize("number_of_kills", [20, pytest.param(200, marks=pytest.mark.long)])
def test_kills_lose_nothing_and_change_no_record(small, tmp_path, number_of_kills):
    assert SUITE["name"] == small.suite.stem
    random.seed(20)
    kills = {"worker": 0, "runner": 0, "commit": 0}
    number = 0
    victim = Victim(small.suite, tmp_path / str(number))
    while sum(kills.values()) < number_of_kills:
        how = random.choices(["worker", "runner", "commit"], [7, 2, 1])[0]
        kills[how] += victim.strike(how, random.uniform(0, LONGEST_SECONDS))
        if victim.run.poll() is not None:
            victim.end(small.records)
            number += 1
            victim = Victim(small.suite, tmp_path / str(number))
    victim.end(small.records)
    assert all(kills.values())
    assert victim.known.keys() == small.jobs.keys()
