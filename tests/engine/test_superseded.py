"""An edit of the code: what is done again is said, and what it leaves behind goes."""

import os

import pytest

from tlbench.engine.store.garbage import collect, find_garbage
from tlbench.engine.store.plans import packed_plan, place_plan, plan_files, read_plan, write_plan
from tlbench.engine.store.store import Store
from tlbench.engine.store.superseded import CodeChange, code_change, superseded
from tlbench.jobs.base import Job


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def planned(first="1", second="1", n=1):
    """Return two jobs, one after the other, with these digests of their code."""
    data = Job("compare", {"n": n}, sources={"compare": first})
    sources = {"distance": second, "metric force_mae": first}
    child = Job("distance", {"n": n}, {"data": data.key}, sources=sources)
    return {job.key: job for job in (data, child)}


def write(store, jobs, when, suite="mine"):
    path = write_plan(store, suite, jobs)
    os.utime(path, (when, when))
    return path


def finish(store, jobs):
    for job in jobs.values():
        store.begin(job)
        store.commit(job, {}, {})


def test_what_has_changed_is_said_with_the_jobs_that_are_done_again(store):
    write(store, planned(), 1)
    change = code_change(store, "mine", planned(first="2"))
    assert change.sentence() == (
        "The code of compare and of the metric force_mae has changed since this suite was last "
        "planned with this store: 2 jobs are done again."
    )
    assert code_change(store, "mine", planned(second="2")).jobs == 1


def test_where_all_code_has_changed_nothing_is_listed(store):
    write(store, planned(), 1)
    assert code_change(store, "mine", planned(first="2", second="2")).sentence() == (
        "All code has changed since this suite was last planned with this store: "
        "2 jobs are done again."
    )


def test_where_every_kind_has_changed_the_kinds_are_not_listed():
    change = CodeChange(["train", "dataset", "metric force_mae"], ["backbone schnet"], 3)
    assert change.sentence().startswith("The code of every kind of job and of the metric force_mae")


def test_one_source_that_is_all_there_is_keeps_its_name(store):
    def alone(digest):
        job = Job("speed", {}, sources={"speed": digest})
        return {job.key: job}

    write(store, alone("1"), 1)
    assert code_change(store, "mine", alone("2")).sentence().startswith("The code of speed has")


@pytest.mark.parametrize("now", [planned(), planned(first="2", n=2)])
def test_nothing_is_said_of_the_same_code_or_of_other_work(store, now):
    write(store, planned(), 1)
    assert code_change(store, "mine", now) is None


def test_nothing_is_said_of_another_suite_or_where_all_is_done(store):
    write(store, planned(), 1)
    assert code_change(store, "other", planned(first="2")) is None
    finish(store, planned(first="2"))
    assert code_change(store, "mine", planned(first="2")) is None


def test_the_newest_plan_is_what_is_compared_with(store):
    write(store, planned(first="2"), 2)
    write(store, planned(), 1)
    assert code_change(store, "mine", planned(first="2")) is None
    assert code_change(store, "mine", planned(first="2", second="2")).names == ["distance"]


def test_the_plan_of_older_code_goes_with_its_jobs(store):
    older, newer = planned(), planned(second="2")
    path = write(store, older, 1)
    write(store, newer, 2)
    other = write(store, planned(n=2), 3)
    finish(store, older | newer)
    assert superseded(store) == {path}
    assert sorted(piece.sort for piece in find_garbage(store)) == ["job", "plan"]
    collect(store)
    assert store.finished() == newer.keys()
    assert other in plan_files(store)
    assert find_garbage(store) == []


def test_values_of_other_settings_are_other_work(store):
    """As seed 5 with ten structures and seed 10 with five."""
    for when, n, m in ((1, 5, 10), (2, 10, 5)):
        job = Job("compare", {"n": n, "m": m})
        write(store, {job.key: job}, when)
    assert superseded(store) == set()


def test_of_two_sets_that_are_compared_either_may_be_the_first(store):
    jobs = [Job("distance", {"a": a, "b": b}) for a, b in (("x", "y"), ("y", "x"))]
    paths = [write(store, {job.key: job}, when) for when, job in enumerate(jobs)]
    assert superseded(store) == {paths[0]}


def test_code_that_is_as_it_was_before_is_in_use_again(store):
    older = write(store, planned(), 1)
    newer = write(store, planned(first="2"), 2)
    write_plan(store, "mine", planned())
    assert older.exists()
    assert superseded(store) == {newer}


def test_a_plan_from_elsewhere_does_not_take_the_place_of_ones_own(store, tmp_path):
    foreign = write_plan(Store(tmp_path / "other"), "mine", planned(first="2"))
    own = write(store, planned(), 1)
    assert place_plan(store, foreign.name, packed_plan(foreign), 1 << 20)
    assert [path.name for path in superseded(store)] == [foreign.name]
    assert own in plan_files(store)


def test_a_plan_of_other_code_can_be_followed(store):
    """As from another terminal, while the code is edited."""
    assert read_plan(write(store, planned(), 1)).keys() == planned().keys()


def test_an_older_plan_stays_while_somebody_works_on_a_job_of_it(store):
    older = planned()
    path = write(store, older, 1)
    write(store, planned(second="2"), 2)
    with store.lock(list(older)[1]):
        assert collect(store).busy == list(older)[1]
    assert path.exists()
