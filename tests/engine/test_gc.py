"""Deleting from a store: what a plan needs stays, and so does what somebody works on."""

import os
import threading

import pytest

from tlbench.base.errors import StoreError
from tlbench.base.files import PART
from tlbench.engine.store.garbage import INCOMING, REMOVED, collect, find_garbage, incoming_lock
from tlbench.engine.store.inventory import scrub
from tlbench.engine.store.plans import plan_files, write_plan
from tlbench.engine.store.store import State, Store
from tlbench.jobs.base import Job

DATA = Job("compare", {"n": 1})
TRAIN = Job("distance", {"n": 2}, {"data": DATA.key})
OTHER = Job("compare", {"n": 3})
LATER = Job("distance", {"n": 4}, {"data": OTHER.key})


@pytest.fixture
def store(tmp_path):
    """Return a store with two planned jobs and one of no plan, all finished."""
    store = Store(tmp_path / "store")
    write_plan(store, "mine", {job.key: job for job in (DATA, TRAIN)})
    for job in (DATA, TRAIN, OTHER):
        commit(store, job)
    return store


def commit(store, job):
    (store.begin(job) / "artefact.bin").write_bytes(bytes(1000))
    store.commit(job, {}, {})


def sorts(pieces):
    return sorted(piece.sort for piece in pieces)


def test_what_a_plan_needs_stays_and_what_none_needs_goes(store):
    before = sorted(store.root.rglob("*"))
    found = find_garbage(store)
    assert [piece.path for piece in found] == [store.folder(OTHER.key)]
    assert found[0].size > 1000
    assert sorted(store.root.rglob("*")) == before
    assert collect(store).removed == found
    assert store.finished() == {DATA.key, TRAIN.key}
    assert all(store.state(job.key, thorough=True) is State.FINISHED for job in (DATA, TRAIN))
    assert not list((store.root / REMOVED).iterdir())
    assert find_garbage(store) == []


def test_a_parent_of_a_planned_job_is_needed_even_if_the_plan_does_not_list_it(store):
    write_plan(store, "part", {LATER.key: LATER})
    assert find_garbage(store) == []


def test_without_a_plan_nobody_can_tell(tmp_path):
    store = Store(tmp_path / "store")
    commit(store, DATA)
    for function in (find_garbage, collect):
        with pytest.raises(StoreError, match="tlbench plan SUITE --save"):
            function(store)
    assert store.finished() == {DATA.key}


def test_with_a_damaged_plan_nobody_can_tell(store):
    path = plan_files(store)[0]
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(StoreError, match="is damaged"):
        collect(store)
    assert len(store.finished()) == 3


def test_a_dropped_plan_goes_with_its_jobs_and_leaves_what_others_need(store):
    write_plan(store, "other", {OTHER.key: OTHER, DATA.key: DATA})
    mine = next(path for path in plan_files(store) if "mine" in path.name)
    assert sorts(find_garbage(store, [mine])) == ["job", "plan"]
    assert mine.exists()
    collect(store, [mine])
    assert not mine.exists()
    assert store.finished() == {DATA.key, OTHER.key}


def test_a_job_that_somebody_works_on_is_left(store):
    with store.lock(OTHER.key):
        done = collect(store)
    assert done.busy == OTHER.key
    assert (sorts(done.removed), sorts(done.left)) == ([], ["job"])
    assert store.state(OTHER.key) is State.FINISHED


def test_the_parents_of_a_running_job_without_a_plan_are_left(store):
    store.begin(LATER)
    with store.lock(LATER.key):
        done = collect(store)
    assert done.busy == LATER.key
    assert sorts(done.left) == ["job", "working"]
    assert store.folder(OTHER.key).exists()
    assert store.working_folder(LATER.key).exists()


def test_a_planned_job_that_runs_keeps_nothing_else(store):
    with store.lock(TRAIN.key):
        assert sorts(collect(store).removed) == ["job"]


def test_a_plan_whose_job_is_running_is_not_dropped(store):
    mine = plan_files(store)
    with store.lock(TRAIN.key):
        done = collect(store, mine)
    assert done.busy == TRAIN.key
    assert plan_files(store) == mine
    assert len(store.finished()) == 3


def test_a_run_that_plans_during_the_removal_finds_its_jobs_gone_and_not_half_gone(
    store, monkeypatch
):
    seen = []

    def plan_and_look():
        write_plan(store, "late", {OTHER.key: OTHER})
        seen.append(store.state(OTHER.key))

    runner = threading.Thread(target=plan_and_look)

    def nobody(store, needed):
        # What is needed has been looked up, nothing has been removed yet.
        runner.start()
        runner.join(0.2)
        assert not seen

    monkeypatch.setattr("tlbench.engine.store.garbage._busy", nobody)
    collect(store)
    runner.join()
    assert seen == [State.ABSENT]


def test_checkpoints_of_planned_jobs_stay_and_others_go(store):
    planned = Job("distance", {"n": 5}, {"data": DATA.key})
    write_plan(store, "more", {planned.key: planned})
    for job in (planned, LATER, DATA):
        (store.begin(job) / "checkpoint.safetensors").write_bytes(bytes(10))
    found = {p.path.name for p in find_garbage(store) if p.sort == "working"}
    # What is left of a job that is finished serves nobody.
    assert found == {LATER.key, DATA.key}
    collect(store)
    assert [p.name for p in (store.root / ".working").iterdir()] == [planned.key]


def test_what_crashes_left_goes_if_it_is_old(store):
    store.set_aside(OTHER.key)
    for folder in (store.root, store.root / ".plans", store.root / ".locks"):
        for name in (f"old{PART}", f"new{PART}"):
            (folder / name).write_text("half")
        os.utime(folder / f"old{PART}", (0, 0))
    (store.root / REMOVED / "half gone").mkdir(parents=True)
    assert sorts(find_garbage(store)) == ["damaged", "part", "part", "part", "removed"]
    collect(store)
    left = {p.name for p in store.root.rglob(f"*{PART}")}
    assert left == {f"new{PART}"}
    assert not list((store.root / ".damaged").iterdir())


def test_an_import_in_progress_is_left_and_a_broken_one_goes(store):
    running, broken = (store.root / INCOMING / name for name in ("running", "broken"))
    for area in (running, broken):
        (area / OTHER.key).mkdir(parents=True)
    with incoming_lock(running):
        done = collect(store)
    assert [piece.path for piece in done.left] == [running]
    assert sorted(p.name for p in (store.root / INCOMING).iterdir()) == ["running", "running.lock"]


def test_lock_files_stay(store):
    locks = sorted((store.root / ".locks").iterdir())
    collect(store)
    assert set(locks) <= set((store.root / ".locks").iterdir())


def test_what_cannot_be_deleted_is_said(store, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("tlbench.engine.store.garbage._delete", refuse)
    with pytest.raises(StoreError, match=r"Not everything could be deleted .*Permission denied"):
        collect(store)
    monkeypatch.undo()
    # It is out of the way all the same, and the next time deletes it.
    assert store.state(OTHER.key) is State.ABSENT
    assert sorts(collect(store).removed) == ["removed"]


def test_scrubbing_finds_a_byte_that_size_and_time_do_not_show(store):
    path = store.folder(TRAIN.key) / "artefact.bin"
    before = path.stat()
    path.write_bytes(bytes(999) + b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    keys = sorted(store.finished())
    assert [job.key for job in scrub(store, keys) if job.problem] == [TRAIN.key]
    with store.lock(TRAIN.key):
        assert {job.fate for job in scrub(store, keys, set_aside=True)} == {"left", "in use"}
    done = {job.key: job for job in scrub(store, keys, set_aside=True)}
    assert "artefact.bin does not match its digest" in done[TRAIN.key].problem
    assert done[TRAIN.key].fate == "set aside"
    assert store.state(TRAIN.key) is State.ABSENT
    assert store.state(DATA.key) is State.FINISHED
