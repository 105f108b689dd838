"""Locks of both ways: one holder at a time, whoever dies, stops, or only looks."""

import errno
import fcntl
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from lock_holders import dead, held, leave, like_this, stop

from tlbench.base.errors import LockedError, StoreError
from tlbench.base.holders import read_holder
from tlbench.base.locks import Lock, Way

both = pytest.mark.parametrize("way", list(Way))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "job.lock"


def marker(path):
    return path.with_suffix(".marker")


@both
def test_one_process_holds_it_and_others_know_which(path, way):
    lock = Lock(path, way, wait=False)
    assert lock.holder() is None
    assert not path.exists()
    with held(path, way) as pid:
        assert lock.holder().pid == pid
        with pytest.raises(LockedError, match=f"held by process {pid} on .* since ") as refused:
            lock.__enter__()
        assert refused.value.by == str(lock.holder())
    with lock:
        assert lock.holder().pid == os.getpid()
    assert lock.holder() is None


@both
def test_one_thread_holds_it(path, way):
    with Lock(path, way), pytest.raises(LockedError), Lock(path, way, wait=False):
        pass
    with Lock(path, way, wait=False):
        pass


@both
def test_a_killed_holder_is_followed_by_the_next(path, way):
    with held(path, way) as pid:
        os.kill(pid, signal.SIGKILL)
        with Lock(path, way):
            assert Lock(path, way).holder().pid == os.getpid()
    assert Lock(path, way).holder() is None


@both
def test_a_stopped_holder_keeps_it_and_is_said_to_be_stopped(path, way):
    with held(path, way) as pid:
        stop(pid)
        with pytest.raises(LockedError, match=f"is stopped .kill -CONT {pid}"):
            Lock(path, way, wait=False).__enter__()


@both
def test_who_waits_says_for_whom(path, way, caplog, monkeypatch):
    monkeypatch.setattr("tlbench.base.locks._QUIET_SECONDS", 0.0)
    with held(path, way) as pid:
        threading.Timer(0.1, os.kill, (pid, signal.SIGKILL)).start()
        with Lock(path, way):
            pass
    assert f"Waiting for {path}, which is held by process {pid} on " in caplog.text
    assert caplog.text.count("Waiting") == 1


def test_a_holder_that_has_gone_is_not_another_process(path, caplog, monkeypatch):
    monkeypatch.setattr("tlbench.base.locks._QUIET_SECONDS", 0.0)
    looks, takes = iter([like_this(host="elsewhere"), None]), iter([False, False, True])
    monkeypatch.setattr(Lock, "holder", lambda _: next(looks))
    monkeypatch.setattr(Lock, "_take", lambda _: next(takes))
    with Lock(path):
        assert caplog.text.count("Waiting") == 1


@both
@pytest.mark.parametrize("left", ["nothing", "a dead holder", "this process"])
def test_looking_takes_no_lock(path, way, left, monkeypatch):
    if left == "a dead holder":
        leave(path if way is Way.FLOCK else marker(path), dead())
    lock = Lock(path, way)
    if left == "this process":
        lock.__enter__()
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", lambda *_: pytest.fail("a lock was taken"))
        assert (lock.holder() is not None) == (left == "this process")
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == before
    lock.release()


def test_of_a_holder_on_another_machine_only_flock_knows(path):
    elsewhere = like_this(host="elsewhere")
    leave(path, elsewhere)
    assert Lock(path, Way.FLOCK).holder() is None
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert Lock(path, Way.FLOCK).holder() == elsewhere


def test_a_look_at_it_does_not_keep_it_from_who_takes_it(path):
    path.touch()
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        threading.Timer(0.05, fcntl.flock, (file, fcntl.LOCK_UN)).start()
        with Lock(path, Way.FLOCK, wait=False):
            pass


def test_a_marker_of_another_machine_is_respected_and_a_person_can_delete_it(path):
    leave(marker(path), like_this(host="elsewhere"))
    lock = Lock(path, Way.MARKER, wait=False)
    with pytest.raises(LockedError, match=r"on elsewhere since .* delete .*job\.marker") as refused:
        lock.__enter__()
    assert refused.value.by == lock.explain(lock.holder())
    marker(path).unlink()
    with lock:
        pass


def test_a_marker_that_cannot_be_read_is_respected(path):
    """It may be that of a later version."""
    marker(path).write_text("{}")
    with pytest.raises(LockedError, match=r"another process \(if that has ended, delete"):
        Lock(path, Way.MARKER, wait=False).__enter__()


def test_markers_leave_nothing_behind(path):
    for _ in range(2):
        with Lock(path, Way.MARKER):
            assert [p.name for p in path.parent.iterdir()] == ["job.marker"]
        assert not list(path.parent.iterdir())
        leave(marker(path), dead())


def test_a_marker_that_somebody_else_has_now_is_not_deleted(path):
    lock = Lock(path, Way.MARKER)
    lock.__enter__()
    marker(path).unlink()
    with Lock(path, Way.MARKER):
        lock.release()
        assert marker(path).exists()


def test_who_dies_while_taking_over_is_taken_over_too(path):
    first, second, third = dead(), dead(), dead()
    leave(marker(path), first)
    leave(marker(path).with_name(f"job.marker.{first.token}"), second)
    leave(marker(path).with_name(f"job.marker.{first.token}.{second.token}"), third)
    with Lock(path, Way.MARKER, wait=False):
        assert [p.name for p in path.parent.iterdir()] == ["job.marker"]


def test_who_takes_over_too_late_leaves_it_to_who_came_first(path, monkeypatch):
    """Between seeing the dead holder and claiming its place, another takes over."""
    leave(marker(path), dead())
    locks = [Lock(path, Way.MARKER, wait=False), Lock(path, Way.MARKER, wait=False)]

    def once(found):
        monkeypatch.setattr("tlbench.base.locks.read_holder", read_holder)
        locks[0].__enter__()
        return read_before

    read_before = read_holder(marker(path))
    monkeypatch.setattr("tlbench.base.locks.read_holder", once)
    with pytest.raises(LockedError):
        locks[1].__enter__()
    assert [p.name for p in path.parent.iterdir()] == ["job.marker"]
    locks[0].release()
    assert not list(path.parent.iterdir())


def test_of_many_who_take_over_one_wins_each_time(path):
    inside, taken, most = [], [], 60

    def work(number):
        while len(taken) < most:
            with Lock(path, Way.MARKER):
                inside.append(number)
                taken.append(number)
                time.sleep(0.0005)
                assert inside == [number]
                inside.clear()
                if len(taken) % 3:
                    # It dies: what it leaves is the marker of a process that has ended.
                    part = path.with_name(f"{number}")
                    leave(part, dead())
                    part.replace(marker(path))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(taken) >= most


@pytest.mark.parametrize(
    "number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM]
)
def test_where_there_is_no_flock(path, number, monkeypatch):
    def refuse(descriptor, how):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with Lock(path), pytest.raises(LockedError), Lock(path, wait=False):
        pass
    assert Lock(path).holder() is None
    with pytest.raises(StoreError, match='delete the entry "locks"'):
        Lock(path, Way.FLOCK).__enter__()


def test_other_errors_of_flock_are_passed_on(path, monkeypatch):
    def refuse(descriptor, how):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        Lock(path).__enter__()


def test_on_a_full_disk_it_is_held_by_somebody_unknown(path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", refuse)
    with (
        Lock(path, Way.FLOCK),
        pytest.raises(LockedError, match="another process"),
        Lock(path, Way.FLOCK, wait=False),
    ):
        pass
