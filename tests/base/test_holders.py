"""Whether the holder of a lock still runs, as far as that can be known."""

import os
import signal
import subprocess
import sys
import time

import pytest
from lock_holders import leave, like_this, stop

from tlbench.base.holders import read_holder, this_process, written


@pytest.fixture
def other():
    """Yield a process that sleeps."""
    with subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def holder_of(pid):
    from tlbench.base.holders import _state

    return like_this(pid=pid, started=_state(pid)[1])


def test_a_process_is_there_until_it_has_ended(other):
    found = holder_of(other.pid)
    assert found.here
    assert not found.gone
    other.kill()
    # Gone at once, although nobody has waited for it yet.
    deadline = time.monotonic() + 10
    while not found.gone:
        assert time.monotonic() < deadline
    other.wait()
    assert found.gone


def test_a_stopped_process_is_said_to_be(other):
    found = holder_of(other.pid)
    assert "stopped" not in str(found)
    stop(other.pid)
    assert found.stopped
    assert not found.gone
    assert str(found).endswith(f"which is stopped (kill -CONT {other.pid} resumes it)")
    os.kill(other.pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({}, False),
        ({"started": 1}, True),
        ({"started": 0}, False),
        ({"boot": "another"}, True),
        ({"boot": "another", "host": "elsewhere"}, False),
        ({"host": "elsewhere", "started": 1}, False),
        ({"namespace": 1, "started": 1}, False),
        ({"boot": "", "started": 1}, False),
    ],
)
def test_only_what_is_certain_counts(changes, gone):
    """A number that another process has got, a boot, another machine, a container, and no /proc."""
    assert like_this(**changes).gone is gone


def test_who_and_since_when(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    said = str(like_this(host="node7\x1b", pid=os.getpid(), since=1.8e9))
    assert (
        said == f"process {os.getpid()} on node7\N{REPLACEMENT CHARACTER} since 2027-01-15 08:00:00"
    )
    monkeypatch.undo()
    time.tzset()


def test_a_holder_is_read_as_it_was_written(tmp_path):
    mine = this_process()
    leave(tmp_path / "lock", mine)
    assert read_holder(tmp_path / "lock") == mine


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\x00",
        b"[" * 100_000,
        b"4711",
        written(like_this(pid=0)),
        written(like_this(pid=1 << 40)),
        written(like_this(since=float("inf"))),
        written(like_this(since=1e300)),
        written(like_this(token="../../x")),
        written(like_this())[:-20],
    ],
)
def test_a_file_that_names_nobody(tmp_path, content):
    (tmp_path / "lock").write_bytes(content)
    assert read_holder(tmp_path / "lock") is None
