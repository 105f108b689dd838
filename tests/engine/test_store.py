"""The store: complete jobs only, damage noticed, versions respected."""

import hashlib
import json
import os
import re
import shutil

import pytest

from tlbench.base.errors import DamagedJobError, LockedError, StoreError
from tlbench.base.files import PART
from tlbench.engine.store.manifest import write_manifest
from tlbench.engine.store.store import FORMAT, State, Store
from tlbench.jobs.base import Job

JOB = Job("compare", {"n": 1}, label="made for the test")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def commit(store, job=JOB, content=b"weights"):
    folder = store.begin(job)
    (folder / "artefact.bin").write_bytes(content)
    store.commit(job, {"answer": 42}, {"device": "cpu"})
    return store.folder(job.key)


def test_a_job_is_there_once_it_is_committed_and_not_before(store):
    store.begin(JOB)
    assert store.state(JOB.key) is State.ABSENT
    folder = commit(store)
    assert store.state(JOB.key) is State.FINISHED
    assert json.loads(store.read(JOB.key, "result.json")) == {"answer": 42}
    assert json.loads(store.read(JOB.key, "provenance.json")) == {"device": "cpu"}
    assert (folder / "artefact.bin").read_bytes() == b"weights"
    assert not store.working_folder(JOB.key).exists()


def test_the_folder_describes_the_job_and_the_digest_of_each_file(store):
    folder = commit(store)
    assert hashlib.sha256((folder / "job.json").read_bytes()).hexdigest() == JOB.key
    manifest = json.loads((folder / "manifest.json").read_text())["files"]
    assert set(manifest) == {"artefact.bin", "job.json", "provenance.json", "result.json"}
    assert manifest["artefact.bin"] == hashlib.sha256(b"weights").hexdigest()


@pytest.mark.parametrize(
    "name", ["artefact.bin", "job.json", "result.json", "provenance.json", "manifest.json"]
)
@pytest.mark.parametrize("how", ["flipped", "truncated", "missing"])
def test_every_kind_of_damage_is_noticed(store, name, how):
    path = commit(store) / name
    content = bytearray(path.read_bytes())
    if how == "flipped":
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    elif how == "truncated":
        path.write_bytes(content[:-2])
    else:
        path.unlink()
    assert store.state(JOB.key) is State.DAMAGED
    with pytest.raises(DamagedJobError, match=r"\.json|artefact\.bin"):
        store.verify(JOB.key)


def alter_unseen(path):
    """Change a file and leave its size and time of change as they were."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_no_byte_of_the_manifest_can_be_altered_unseen(store):
    path = commit(store) / "manifest.json"
    content = path.read_bytes()
    for place in range(len(content)):
        altered = bytearray(content)
        altered[place] ^= 1
        path.write_bytes(altered)
        assert store.state(JOB.key) is State.DAMAGED, altered[place - 20 : place + 20]


@pytest.mark.parametrize("name", ["result.json", "provenance.json"])
def test_what_records_are_made_of_is_read_to_recognise_a_job(store, name):
    alter_unseen(commit(store) / name)
    assert store.state(JOB.key) is State.DAMAGED
    with pytest.raises(DamagedJobError, match=rf"{name} does not match its digest; set what is"):
        store.read(JOB.key, name)


@pytest.mark.parametrize("name", ["artefact.bin", "job.json"])
def test_other_files_are_read_where_they_are_used(store, name):
    alter_unseen(commit(store) / name)
    # Recognising a job does not read them; that is what makes it fast.
    assert store.state(JOB.key, job=JOB) is State.FINISHED
    assert store.state(JOB.key, thorough=True) is State.DAMAGED
    with pytest.raises(DamagedJobError, match=name):
        store.verify(JOB.key)
    store.clear_damaged(JOB.key)
    assert store.state(JOB.key) is State.ABSENT


def trained(store, leaving=("potential.safetensors", "curve.json"), training=True):
    job = Job("train", {"training": {"updates": 1} if training else None})
    folder = store.begin(job)
    for name in leaving:
        (folder / name).write_bytes(b"weights")
    store.commit(job, {}, {})
    return store.folder(job.key)


@pytest.mark.parametrize("left", [(), ("curve.json",), ("potential.safetensors",)])
def test_a_job_that_has_not_left_all_it_should_is_not_finished(store, left):
    with pytest.raises(DamagedJobError, match="is missing, which the job should have left"):
        trained(store, left)
    assert store.finished() == set()


def test_what_a_job_should_leave_depends_on_its_settings(store):
    trained(store)
    trained(store, ("potential.safetensors",), training=False)
    assert len(store.finished()) == 2


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_a_manifest_without_what_the_job_should_have_left_is_damage(store, thorough, known):
    """As a race once left it: all that the manifest names is there and right."""
    folder = trained(store)
    (folder / "potential.safetensors").unlink()
    write_manifest(folder)
    job = Job("train", {"training": {"updates": 1}}) if known else None
    assert store.state(folder.name, thorough, job) is State.DAMAGED
    store.clear_damaged(folder.name)
    assert store.state(folder.name) is State.ABSENT


def test_a_file_with_another_time_is_read_to_tell(store):
    path = commit(store) / "artefact.bin"
    os.utime(path, ns=(0, 0))
    assert store.state(JOB.key) is State.FINISHED
    alter_unseen(path)
    assert store.state(JOB.key) is State.DAMAGED


def test_a_store_copied_without_times_is_as_good(store, tmp_path):
    commit(store)
    shutil.copytree(store.root, tmp_path / "copy", copy_function=shutil.copyfile)
    copy = Store(tmp_path / "copy")
    assert copy.state(JOB.key) is State.FINISHED
    assert json.loads(copy.read(JOB.key, "result.json")) == {"answer": 42}


@pytest.mark.parametrize("name", ["artefact.bin", "job.json", "result.json", "provenance.json"])
def test_jobs_of_stores_from_before_times_were_recorded_are_read_in_full(store, name):
    path = commit(store) / "manifest.json"
    path.write_text(json.dumps({"files": json.loads(path.read_text())["files"]}, indent=1))
    assert store.state(JOB.key) is State.FINISHED
    assert json.loads(store.read(JOB.key, "result.json")) == {"answer": 42}
    alter_unseen(path.with_name(name))
    assert store.state(JOB.key) is State.DAMAGED


def test_a_sound_job_is_not_cleared_away(store):
    commit(store)
    store.clear_damaged(JOB.key)
    assert store.state(JOB.key) is State.FINISHED


def test_everything_is_on_the_disk_before_the_job_is_in_place(store, monkeypatch):
    flushed = set()
    monkeypatch.setattr(os, "fsync", lambda d: flushed.add(os.fstat(d).st_ino))
    folder = commit(store)
    assert {path.stat().st_ino for path in [*folder.iterdir(), folder, store.root]} <= flushed


def test_a_file_that_does_not_belong_is_damage(store):
    (commit(store) / "extra").write_text("?")
    assert store.state(JOB.key) is State.DAMAGED


def test_a_finished_job_under_another_jobs_name_is_damage(store):
    other = Job("compare", {"n": 2})
    commit(store).rename(store.folder(other.key))
    assert store.state(other.key) is State.DAMAGED


def test_damaged_jobs_are_kept_aside_each_under_its_own_name(store):
    places = []
    for _ in range(2):
        commit(store)
        places.append(store.set_aside(JOB.key))
        assert store.state(JOB.key) is State.ABSENT
    assert len(set(places)) == 2
    assert all((place / "artefact.bin").exists() for place in places)


def test_what_a_killed_attempt_was_writing_is_not_published(store):
    for name in (f"job.json.abc{PART}", f"checkpoint{PART}", "checkpoint.safetensors"):
        (store.begin(JOB) / name).write_text("left over")
    kept = {path.name for path in store.begin(JOB).iterdir()}
    assert kept == {"checkpoint.safetensors"}


def test_looking_at_a_store_changes_nothing(store):
    commit(store)
    before = sorted(store.root.rglob("*"))
    for folder in (store.root / ".damaged", store.root / ".locks"):
        folder.rmdir()
    looked = Store(store.root, read_only=True)
    assert looked.state(JOB.key) is State.FINISHED
    assert len(sorted(store.root.rglob("*"))) == len(before) - 2


@pytest.mark.parametrize(
    "content", [None, "", "{}", "[]", '{"files": {}, "stat": {}, "digest": "0"}']
)
def test_what_to_do_about_a_damaged_manifest_is_said(store, content):
    path = commit(store) / "manifest.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(DamagedJobError) as error:
        store.read(JOB.key, "result.json")
    assert str(error.value).startswith(str(path))
    assert "; set what is damaged aside with 'tlbench store verify --set-aside'" in str(error.value)


def test_a_newer_format_is_refused_and_left_alone(store):
    path = store.root / "store.json"
    path.write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(StoreError, match="update tlbench"):
        Store(store.root)
    assert json.loads(path.read_text()) == {"format": FORMAT + 1}


@pytest.mark.parametrize(("advice", "locks"), [(0, "flock"), (1, "markers")])
def test_a_damaged_format_file_is_explained(store, advice, locks):
    """Also how locks that were chosen by hand stay so."""
    path = store.root / "store.json"
    path.write_text("{")
    with pytest.raises(StoreError, match="is damaged") as error:
        Store(store.root)
    assert path.read_text() == "{"
    path.write_text(re.findall(r"\{.*?\}", str(error.value))[advice])
    Store(store.root)
    assert json.loads(path.read_text()) == {"format": FORMAT, "locks": locks}


def test_a_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="choose another with --store"):
        Store(tmp_path / "file" / "store")


def other_store_finishes(store, content=b"weights"):
    """Finish the job as a process does that has the same lock, or uses none."""
    other = Store(store.root.with_name("other"))
    commit(other, content=content).rename(store.folder(JOB.key))


def test_a_job_that_another_has_finished_meanwhile_is_left_as_it_is(store):
    (store.begin(JOB) / "artefact.bin").write_bytes(b"mine")
    other_store_finishes(store, b"theirs")
    assert store.commit(JOB, {"answer": 42}, {"device": "cpu"}) is False
    assert (store.folder(JOB.key) / "artefact.bin").read_bytes() == b"theirs"
    assert store.state(JOB.key, thorough=True) is State.FINISHED
    assert not store.begun()


def test_a_damaged_job_that_came_meanwhile_is_replaced(store):
    (store.begin(JOB) / "artefact.bin").write_bytes(b"mine")
    other_store_finishes(store, b"theirs")
    alter_unseen(store.folder(JOB.key) / "artefact.bin")
    assert store.commit(JOB, {"answer": 42}, {"device": "cpu"}) is True
    assert (store.folder(JOB.key) / "artefact.bin").read_bytes() == b"mine"
    assert len(list((store.root / ".damaged").iterdir())) == 1


def test_a_damaged_job_that_somebody_works_on_is_left_to_them(store):
    alter_unseen(commit(store) / "artefact.bin")
    with store.lock(JOB.key), pytest.raises(LockedError, match=f"process {os.getpid()} on"):
        store.clear_damaged(JOB.key)
    assert store.folder(JOB.key).exists()
