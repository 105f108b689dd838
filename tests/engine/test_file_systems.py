"""File systems with odd locks: what a store finds out, records, says, and how it is used then."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from faulty import wait_for
from lock_holders import dead, leave, like_this, stop
from runners import Runner

from tlbench.base.errors import StoreError
from tlbench.engine.store import file_systems
from tlbench.engine.store.file_systems import Locks, find_locks, limitation, mount_of
from tlbench.engine.store.store import FORMAT, Store
from tlbench.jobs.base import Job

KEY = Job("dataset", {"n": 1}).key

PRELOADED = """
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int answer(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL || strcmp(value, "0") == 0)
        return 0;
    errno = atoi(value);
    return -1;
}

int flock(int file, int how) { return answer("ANSWER_OF_FLOCK"); }
int link(const char *from, const char *to) { return answer("ANSWER_OF_LINK"); }
int linkat(int a, const char *from, int b, const char *to, int flags)
{
    return answer("ANSWER_OF_LINK");
}
"""
"""flock that fails, or succeeds always; hard links likewise, if they are asked for."""

ODD = {
    "ENOLCK": errno.ENOLCK,
    "ENOSYS": errno.ENOSYS,
    "EOPNOTSUPP": errno.EOPNOTSUPP,
    "no-op": 0,
}
MOUNTS = """\
whatever else there is
22 27 0:21 / /proc rw,relatime - proc proc rw
30 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
31 30 0:40 / /scratch rw shared:1 - nfs server:/scratch rw,vers=3,nolock,local_lock=all
32 30 0:41 / /home rw - nfs4 server:/home rw,vers=4.2,local_lock=none
33 30 0:42 / /lustre rw - lustre 10.0.0.1@tcp:/fs rw,flock,lazystatfs
34 30 0:43 / /lustre/local rw - lustre 10.0.0.1@tcp:/fs rw,localflock
35 30 0:44 / /my\\040disk\\134x rw - nfs server:/x rw,local_lock=flock
36 30 0:45 / /twice rw - nfs server:/x rw,nolock
37 36 0:46 / /twice rw - tmpfs tmpfs rw
"""


@pytest.fixture(scope="session")
def libraries(tmp_path_factory):
    """Return the two libraries: without flock, and without hard links either."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("nothing can be put before the C library here")
    folder = tmp_path_factory.mktemp("preloaded")
    flock, _, rest = PRELOADED.partition("int link(")
    for name, text in {"flock": flock, "both": f"{flock}int link({rest}"}.items():
        (folder / f"{name}.c").write_text(text)
        command = [compiler, "-shared", "-fPIC", "-o", folder / f"{name}.so", folder / f"{name}.c"]
        subprocess.run(command, check=True)
    return folder


def odd(libraries, name, answer):
    return {"LD_PRELOAD": str(libraries / f"{name}.so"), "ANSWER_OF_FLOCK": str(answer)}


def made(root, environment):
    """Make a store in another process, and return what that says."""
    code = (
        "import sys; from tlbench.engine.store.store import Store; "
        "print(Store(sys.argv[1]).limitation)"
    )
    return subprocess.run(
        [sys.executable, "-c", code, root],
        env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip


def locks_of(root):
    return json.loads((root / "store.json").read_text())["locks"]


@pytest.mark.parametrize("name", ODD)
def test_a_store_without_working_locks_uses_markers_and_says_so(libraries, tmp_path, name):
    run = made(tmp_path / "store", odd(libraries, "flock", ODD[name]))
    assert run.stdout.startswith(f"The file system of the store {tmp_path / 'store'} has no locks;")
    assert locks_of(tmp_path / "store") == "markers"
    assert [path.name for path in (tmp_path / "store" / ".locks").iterdir()] == []
    # A process that has locks takes the same.
    with Store(tmp_path / "store").lock(KEY):
        assert [p.suffix for p in (tmp_path / "store" / ".locks").iterdir()] == [".marker"]


def test_a_store_that_cannot_be_locked_at_all_is_refused(libraries, tmp_path):
    answers = {**odd(libraries, "both", errno.ENOLCK), "ANSWER_OF_LINK": str(errno.EPERM)}
    run = made(tmp_path / "store", answers)
    assert "has neither locks nor hard links" in run.stderr.splitlines()[-1]
    assert not (tmp_path / "store" / "store.json").exists()


@pytest.fixture
def answers(monkeypatch):
    """Return a function that makes flock, and hard links, fail in this process."""

    def fail(number):
        def failing(*_, **__):
            raise OSError(number, os.strerror(number))

        return failing

    def make(flock, link=None):
        monkeypatch.setattr("fcntl.flock", fail(flock))
        if link is not None:
            monkeypatch.setattr("os.link", fail(link))

    return make


@pytest.mark.parametrize("name", ["EPERM", "EACCES", "EINVAL", "EIO", "EAGAIN", "ENOLCK"])
def test_markers_serve_whatever_flock_answers(answers, tmp_path, name):
    answers(getattr(errno, name))
    assert find_locks(tmp_path) is Locks.MARKERS
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["EPERM", "EACCES", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL"])
@pytest.mark.parametrize("flock", [errno.ENOLCK, errno.EPERM])
def test_hard_links_that_are_missing_are_named(answers, tmp_path, flock, name):
    number = getattr(errno, name)
    answers(flock, number)
    with pytest.raises(StoreError) as error:
        Store(tmp_path / "store")
    assert f"neither locks nor hard links ({os.strerror(number)})" in str(error.value)
    assert list((tmp_path / "store" / ".working").iterdir()) == []


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EROFS", "EIO"])
def test_a_file_system_that_cannot_be_written_is_not_one_without_hard_links(
    answers, tmp_path, name
):
    number = getattr(errno, name)
    answers(errno.ENOLCK, number)
    with pytest.raises(StoreError) as error:
        Store(tmp_path / "store")
    assert "hard links" not in str(error.value)
    assert os.strerror(number) in str(error.value)


def test_a_folder_that_may_not_be_written_is_said_to_be_that(tmp_path, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("pathlib.Path.touch", forbidden)
    with pytest.raises(StoreError) as error:
        Store(tmp_path / "store")
    assert "hard links" not in str(error.value)
    assert os.strerror(errno.EACCES) in str(error.value)


def test_a_store_where_locks_work(tmp_path):
    store = Store(tmp_path / "store")
    assert locks_of(store.root) == "flock"
    assert store.limitation is None


def test_what_was_found_out_is_not_tried_again(tmp_path, monkeypatch):
    Store(tmp_path / "store")
    monkeypatch.setattr(
        "tlbench.engine.store.store.find_locks", lambda folder: pytest.fail("again")
    )
    Store(tmp_path / "store")


def test_a_store_from_before_finds_out_when_it_is_first_written(tmp_path):
    root = Store(tmp_path / "store").root
    (root / "store.json").write_text(json.dumps({"format": FORMAT}))
    Store(root, read_only=True)
    assert "locks" not in json.loads((root / "store.json").read_text())
    Store(root)
    assert locks_of(root) == "flock"


@pytest.mark.parametrize("text", ['"unheard of"', "[]", "3"])
def test_locks_that_are_not_known_are_explained(tmp_path, text):
    root = Store(tmp_path / "store").root
    (root / "store.json").write_text(f'{{"format": {FORMAT}, "locks": {text}}}')
    with pytest.raises(StoreError, match="is damaged"):
        Store(root)


@pytest.mark.parametrize(
    ("folder", "kind", "option"),
    [
        ("/data", "ext4", "relatime"),
        ("/scratch/a/b", "nfs", "nolock"),
        ("/scratches", "ext4", "rw"),
        ("/lustre/x", "lustre", "flock"),
        ("/lustre/local/x", "lustre", "localflock"),
        ("/my disk\\x/y", "nfs", "local_lock=flock"),
        ("/twice/x", "tmpfs", "rw"),
    ],
)
def test_the_mount_of_a_folder(tmp_path, folder, kind, option):
    found = mount_of(tmp_path.__class__(folder), MOUNTS.splitlines())
    assert found[0] == kind
    assert option in found[1]


@pytest.mark.parametrize(
    ("mount", "found"),
    [
        ("ext4 /dev/sda1 rw", Locks.FLOCK),
        ("nfs server:/x rw,nolock", Locks.LOCAL),
        ("nfs4 server:/x rw,local_lock=flock", Locks.LOCAL),
        ("nfs server:/x rw,local_lock=all", Locks.LOCAL),
        ("nfs server:/x rw,local_lock=posix", Locks.FLOCK),
        ("lustre x@tcp:/fs rw,localflock", Locks.LOCAL),
        ("lustre x@tcp:/fs rw,flock", Locks.FLOCK),
    ],
)
def test_locks_of_one_machine_are_told_by_the_mount(tmp_path, monkeypatch, mount, found):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"30 1 8:1 / / rw - {mount}\n")
    monkeypatch.setattr(file_systems, "_MOUNTS", mounts)
    assert find_locks(tmp_path) is found
    assert list(tmp_path.iterdir()) == [mounts]
    said = limitation(found, tmp_path)
    assert (said is None) == (found is Locks.FLOCK)
    assert found is Locks.FLOCK or "several machines must not use this store" in said


def test_without_a_list_of_mounts_locks_are_those_of_the_system(tmp_path, monkeypatch):
    monkeypatch.setattr(file_systems, "_MOUNTS", tmp_path / "none")
    assert find_locks(tmp_path) is Locks.FLOCK


def test_a_process_that_cannot_try_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(StoreError, match=r"cannot be found out \(exit code 1\); choose another"):
        Store(tmp_path / "store")
    assert list((tmp_path / "store" / ".working").iterdir()) == []


@pytest.fixture
def markers(tmp_path):
    """Return a store whose file system had no locks when it was made."""
    root = Store(tmp_path / "store").root
    (root / "store.json").write_text(json.dumps({"format": FORMAT, "locks": "markers"}))
    return root


def test_two_runners_do_every_job_once(libraries, markers):
    """They would not, did they rely on a flock that always succeeds."""
    environment = odd(libraries, "flock", 0)
    runners = [Runner(markers, [0.02] * 12, environment) for _ in range(2)]
    for runner in runners:
        runner.begin()
    for runner in runners:
        runner.end()
    assert runners[0].done() == list(range(12))
    assert list((markers / ".locks").iterdir()) == []
    assert list((markers / ".working").iterdir()) == []


@pytest.mark.parametrize("locks", [Locks.FLOCK, Locks.MARKERS])
def test_a_run_says_for_whom_it_waits_and_goes_on_when_that_is_killed(markers, locks):
    (markers / "store.json").write_text(json.dumps({"format": FORMAT, "locks": locks.value}))
    first, second = Runner(markers, [600, 0]), Runner(markers, [0, 0])
    first.begin()
    wait_for(first.log.exists, "the first job", 30)
    second.begin()
    line = second.read_until("elsewhere 0")
    assert re.search(rf"process {first.pid} on \S+ since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d'", line)
    stop(first.pid)
    assert f"is stopped (kill -CONT {first.pid}" in second.read_until("elsewhere 0")
    first.kill()
    second.end()
    # The first time, it was killed.
    assert second.done() == [0, 0, 1]


def test_a_store_sees_who_works_under_a_marker(markers):
    store = Store(markers)
    marker = markers / ".locks" / f"{KEY}.marker"
    assert not store.is_locked(KEY)
    leave(marker, like_this(host="elsewhere"))
    assert store.holder(KEY).host == "elsewhere"
    leave(marker, dead())
    assert not store.is_locked(KEY)
