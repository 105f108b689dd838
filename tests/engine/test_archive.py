"""Archives of jobs: round trips, and what strangers may send."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from fake_jobs import within

from tlbench.base.errors import InputError, StoreError
from tlbench.base.schema import Strict
from tlbench.engine.run.runner import run_jobs
from tlbench.engine.store.archive import export, import_archive
from tlbench.engine.store.manifest import write_manifest
from tlbench.engine.store.plans import plan_files, read_plan, write_plan
from tlbench.engine.store.store import State, Store
from tlbench.jobs.base import Job
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

DATA = Job("compare", {"n": 1}, label="the data", files={"a": "/home/somebody/a.xyz"})
TRAIN = Job("distance", {"n": 2}, {"data": DATA.key})


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    for job in (DATA, TRAIN):
        (store.begin(job) / "artefact.bin").write_bytes(job.key.encode() * 100)
        store.commit(job, {"answer": 42}, {"device": "cpu"})
    write_plan(store, "mine", {job.key: job for job in (DATA, TRAIN)})
    return store


@pytest.fixture
def other(tmp_path):
    return Store(tmp_path / "other")


def exported(store, name="jobs.tar", **options):
    path = store.root.parent / name
    export(store, path, plan_files(store), **options)
    return path


def files_of(store):
    return {
        str(path.relative_to(store.root)): path.read_bytes()
        for key in store.finished()
        for path in store.folder(key).iterdir()
    }


def test_a_run_from_an_imported_store_has_nothing_to_do(smoke, other):
    source = Store(smoke.copy_store(other.root.parent / "smoke"), read_only=True)
    archive = other.root.parent / "smoke.tar.gz"
    export(source, archive, plan_files(source))
    done = import_archive(other, archive)
    assert done.added == len(source.finished()) > 0
    assert files_of(other) == files_of(source)

    @contextmanager
    def never():
        raise AssertionError("there was nothing to do")
        yield

    jobs = plan(resolve(load_suite("smoke"))).jobs
    assert run_jobs(jobs, other, within(never)).complete
    assert {path.name for path in plan_files(other)} == {path.name for path in plan_files(source)}
    assert list(read_plan(plan_files(other)[0])) == list(jobs)


def test_imported_jobs_are_recognised_without_being_read_in_full(store, other, monkeypatch):
    import_archive(other, exported(store))
    read = []
    monkeypatch.setattr(
        "tlbench.engine.store.manifest._file_digest",
        lambda path: read.append(path) or hashlib.sha256(Path(path).read_bytes()).hexdigest(),
    )
    assert other.state(TRAIN.key) is State.FINISHED
    assert not [path for path in read if "artefact" in str(path)]


def test_the_same_jobs_are_the_same_bytes_wherever_they_lie(store, other):
    first = exported(store)
    import_archive(other, first)
    again = first.with_name("again.tar")
    export(other, again, plan_files(other))
    assert again.read_bytes() == first.read_bytes()
    packed = exported(store, "a.tar.gz").read_bytes()
    assert packed == exported(store, "b.tar.gz").read_bytes()
    assert gzip.decompress(packed) == first.read_bytes()


def test_any_tar_reads_an_archive_and_it_tells_nothing_about_the_machine(store):
    path = exported(store)
    listed = subprocess.run(["tar", "-tvf", path], capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 2 * 5 + 1
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        assert {(m.uid, m.uname, m.mtime, m.mode) for m in members} == {(0, "", 0, 0o644)}
        plan_text = gzip.decompress(archive.extractfile(members[0]).read())
    assert b"the data" in plan_text
    assert b"somebody" not in plan_text


def test_only_jobs_of_a_plan(store):
    lone = Job("compare", {"n": 9})
    store.begin(lone)
    store.commit(lone, {}, {})
    later = Job("distance", {"n": 8}, {"data": DATA.key})
    write_plan(store, "more", {DATA.key: DATA, later.key: later})
    more = [path for path in plan_files(store) if "more" in path.name]
    done = export(store, store.root.parent / "x.tar", more, only_plans=True)
    assert (done.plans, done.jobs, done.missing) == (1, 1, 1)
    assert export(store, store.root.parent / "x.tar", plan_files(store)).jobs == 3


@pytest.mark.parametrize("name", ["artefact.bin", "result.json", "manifest.json", "log.txt"])
def test_a_damaged_job_is_not_exported_and_the_older_archive_stays(store, name):
    archive = exported(store)
    before = archive.read_bytes()
    path = store.folder(TRAIN.key) / name
    path.write_bytes(b"?" + path.read_bytes()[1:] if path.exists() else b"unexpected")
    with pytest.raises(StoreError, match=rf"{TRAIN.key[:12]} cannot be exported.*verify --set-asi"):
        exported(store)
    assert archive.read_bytes() == before
    assert [p for p in archive.parent.iterdir() if p.is_file()] == [archive]


def test_jobs_that_are_there_are_kept_and_damaged_ones_replaced(store, other):
    archive = exported(store)
    assert import_archive(other, archive).added == 2
    again = import_archive(other, archive)
    assert (again.added, again.present, again.plans) == (0, 2, 0)
    (other.folder(DATA.key) / "artefact.bin").write_bytes(b"other")
    mended = import_archive(other, archive)
    assert (mended.added, mended.present, mended.mended) == (1, 1, 1)
    assert other.state(DATA.key, thorough=True) is State.FINISHED
    assert len(list((other.root / ".damaged").iterdir())) == 1


def test_a_job_that_somebody_works_on_is_left_to_them(store, other):
    archive = exported(store)
    with other.lock(TRAIN.key):
        done = import_archive(other, archive)
    assert (done.added, done.busy) == (1, 1)
    assert other.finished() == {DATA.key}


def only_whole_jobs(store):
    for key in store.finished():
        store.verify(key)
    left = store.root / ".incoming"
    assert not left.exists() or not list(left.iterdir())


@pytest.mark.parametrize("name", ["jobs.tar", "jobs.tar.gz"])
def test_an_archive_cut_anywhere_leaves_whole_jobs(store, tmp_path, name):
    content = exported(store, name).read_bytes()
    counts = set()
    # Empty blocks at the end may be fewer.
    length = len(content.rstrip(b"\0"))
    for number, size in enumerate([*range(0, length, length // 25), length - 1]):
        other = Store(tmp_path / f"other {number}")
        (tmp_path / "cut").write_bytes(content[:size])
        with pytest.raises(InputError, match=r"cut short|not a tar archive|does not end"):
            import_archive(other, tmp_path / "cut")
        only_whole_jobs(other)
        counts.add(len(other.finished()))
    assert counts >= {0, 1}


@pytest.mark.parametrize("name", ["jobs.tar", "jobs.tar.gz"])
def test_no_altered_byte_reaches_the_store(store, tmp_path, name):
    content = exported(store, name).read_bytes()
    good = files_of(store)
    for number, place in enumerate(range(7, len(content), len(content) // 60)):
        altered = bytearray(content)
        altered[place] ^= 1
        (tmp_path / "altered").write_bytes(altered)
        other = Store(tmp_path / f"other {number}")
        # What is not part of a job, such as a mode, may be anything.
        with suppress(InputError):
            import_archive(other, tmp_path / "altered")
        only_whole_jobs(other)
        assert files_of(other).items() <= good.items()


def rewritten(archive, change):
    """Write an archive anew after ``change`` of its list of [header, content]."""
    with tarfile.open(archive) as old:
        members = [[m, old.extractfile(m).read()] for m in old.getmembers()]
    members = change(members) or members
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as new:
        for header, content in members:
            header.size = len(content) if header.isreg() else 0
            new.addfile(header, io.BytesIO(content) if header.isreg() else None)
    return archive


def renamed(name):
    def change(members):
        members[2][0].name = name

    return change


def of_type(kind, target="../../etc/passwd"):
    def change(members):
        members[2][0].type = kind
        members[2][0].linkname = target

    return change


def repeated(place):
    return lambda members: [*members, members[place]]


def with_manifest(**changes):
    def change(members):
        value = json.loads(members[1][1])
        for name, new in changes.items():
            value[name] = {**value[name], **new}
        members[1][1] = sealed(value)

    return change


def sealed(value):
    """Return a manifest with the digest of itself."""
    body = {"files": value["files"], "stat": value["stat"]}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return json.dumps({**body, "digest": hashlib.sha256(text.encode()).hexdigest()}).encode()


def set_content(place, content):
    def change(members):
        members[place][1] = content

    return change


def without_result(members):
    """Leave the result out of a job and of its manifest."""
    value = json.loads(members[1][1])
    for part in ("files", "stat"):
        del value[part]["result.json"]
    members[1][1] = sealed(value)
    return [member for member in members if not member[0].name.endswith("/result.json")]


KEY = "0" * 64
HOSTILE = {
    "traversal": renamed(f"{KEY}/../../evil"),
    "absolute": renamed("/tmp/evil"),
    "no job": renamed("evil"),
    "nested": renamed(f"{KEY}/deep/evil"),
    "hidden": renamed(f"{KEY}/.evil"),
    "dots": renamed(f"{KEY}/.."),
    "control": renamed(f"{KEY}/a\nb"),
    "other case": renamed(f"{'A' * 64}/manifest.json"),
    "store's own": renamed("store.json"),
    "lock": renamed(".locks/evil"),
    "plan elsewhere": renamed(".plans/../evil-000000000000.jsonl.gz"),
    "plan of no jobs": renamed(".plans/evil-000000000000.jsonl.gz"),
    "long name": renamed(f"{KEY}/{'a' * 3000}"),
    "symbolic link": of_type(tarfile.SYMTYPE),
    "hard link": of_type(tarfile.LNKTYPE),
    "folder": of_type(tarfile.DIRTYPE),
    "device": of_type(tarfile.CHRTYPE),
    "pipe": of_type(tarfile.FIFOTYPE),
    "job twice": repeated(1),
    "file twice": lambda members: [*members[:3], members[2], *members[3:]],
    "plan twice": repeated(0),
    "sparse file": of_type(tarfile.GNUTYPE_SPARSE, target=""),
    "result missing": without_result,
    "file missing": lambda members: [*members[:2], *members[3:]],
    "file of another": lambda members: [*members[:6], members[2], *members[6:]],
    "manifest of lists": set_content(1, b'{"files": []}'),
    "manifest of nothing": set_content(1, b""),
    "manifest too deep": set_content(1, b"[" * 100_000),
    "manifest names a path": with_manifest(files={"../x": "0" * 64}),
    "manifest names itself": with_manifest(files={"manifest.json": "0" * 64}),
    "manifest without digests": with_manifest(files={"artefact.bin": 7}),
    "manifest of another job": with_manifest(files={"job.json": "0" * 64}),
    "plan of no text": set_content(0, b"junk"),
    "plan of another": set_content(0, gzip.compress(b'{"key": "x"}\n')),
    "plan without end": set_content(0, gzip.compress(b"x" * (2 << 20))),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_archives_are_refused_in_one_sentence(store, other, tmp_path, what):
    archive = rewritten(exported(store), HOSTILE[what])
    outside = sorted(p for p in tmp_path.rglob("*") if other.root not in p.parents)
    with pytest.raises(InputError, match="cannot be imported") as refused:
        import_archive(other, archive)
    assert "\n" not in str(refused.value)
    assert sorted(p for p in tmp_path.rglob("*") if other.root not in p.parents) == outside
    only_whole_jobs(other)


@pytest.mark.parametrize("times", [[6400, 10**30], ["a", "b"]])
def test_times_that_no_disk_can_hold_cost_only_speed(store, other, times):
    archive = rewritten(exported(store), with_manifest(stat={"artefact.bin": times}))
    assert import_archive(other, archive).added == 2
    assert all(other.state(key) is State.FINISHED for key in other.finished())


def test_results_that_are_none_do_no_harm_though_their_digests_are_right(store, other):
    folder = store.folder(TRAIN.key)
    (folder / "result.json").write_text("[" * 100_000)
    write_manifest(folder)
    import_archive(other, exported(store))
    with pytest.raises(StoreError, match=r"result\.json .* is nothing that such a job writes"):
        other.read_json(TRAIN.key, "result.json", Strict)


def test_a_bomb_is_noticed_before_it_is_unpacked(other, tmp_path):
    header = tarfile.TarInfo(f"{KEY}/manifest.json")
    header.size = 1 << 32
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(1 << 20)))
    with pytest.raises(InputError, match=r"unpacks to more than 1 GiB; .* raise --max-gib"):
        import_archive(other, path, max_bytes=1 << 30)
    with pytest.raises(InputError, match=r"manifest\.json is larger than 4 MiB"):
        import_archive(other, path)


def test_headers_that_would_fill_the_memory_are_not_read(other, tmp_path):
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE):
        header = tarfile.TarInfo("header")
        header.type, header.size = kind, 1 << 32
        (tmp_path / "x.tar").write_bytes(header.tobuf(tarfile.USTAR_FORMAT) + bytes(512))
        with pytest.raises(InputError, match="is not a regular file"):
            import_archive(other, tmp_path / "x.tar")


def test_a_large_plan_is_bounded(store, other):
    small = gzip.compress(b" " * (64 << 20) + b"\n")
    archive = rewritten(exported(store), set_content(0, small))
    with pytest.raises(InputError, match="is not a plan: it is too large, or cut short"):
        import_archive(other, archive)


@pytest.mark.parametrize("content", [b"", b"junk" * 1000, b"\x1f\x8bjunk", bytes(10)])
def test_what_is_no_archive_is_refused(other, tmp_path, content):
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.tar: cannot be imported: "):
        import_archive(other, tmp_path / "x.tar")
    with pytest.raises(InputError, match="No such file"):
        import_archive(other, tmp_path / "missing.tar")


def test_something_behind_the_end_is_refused(store, other):
    archive = exported(store)
    archive.write_bytes(archive.read_bytes() + b"more")
    with pytest.raises(
        InputError, match=r"does not end .*; jobs before that are verified and kept \(2\)"
    ):
        import_archive(other, archive)


def test_a_bug_is_not_taken_for_a_damaged_archive(store, other, monkeypatch):
    def broken(store, folder, key):
        raise ValueError("a bug")

    monkeypatch.setattr(Store, "place", broken)
    with pytest.raises(ValueError, match=r"^a bug$"):
        import_archive(other, exported(store))
    only_whole_jobs(other)
