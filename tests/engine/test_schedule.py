"""The schedule: what is ready, in which order, found without searching."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlbench.engine.run.schedule import Schedule
from tlbench.jobs.base import Job


def add(number, *parents):
    roles = {f"p{i}": parent.key for i, parent in enumerate(parents)}
    return Job("evaluate", {"number": number}, roles)


def graph(*jobs):
    return {job.key: job for job in jobs}


class Counting(dict):
    """A dictionary that counts how often it is looked into."""

    looks = 0

    def __getitem__(self, key):
        self.looks += 1
        return super().__getitem__(key)


@st.composite
def graphs(draw):
    """Return jobs whose parents stand before them."""
    jobs = []
    for number in range(draw(st.integers(1, 12))):
        parents = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else ()
        jobs.append(add(number, *(jobs[p] for p in sorted(parents))))
    return jobs


@given(jobs=graphs(), data=st.data())
def test_jobs_come_after_their_parents_and_after_a_failure_not_at_all(jobs, data):
    start = {j.key: data.draw(st.sampled_from(["waiting", "waiting", "cached"])) for j in jobs}
    bad = data.draw(st.sets(st.sampled_from([j.key for j in jobs])))
    status = dict(start)
    schedule = Schedule(graph(*jobs), status)
    taken = []
    while (key := schedule.take()) is not None:
        taken.append(key)
        if key in bad:
            schedule.fail(key)
        else:
            schedule.finish(key, "done")
    expected = {}
    for job in jobs:
        parents = [expected[parent] for parent in job.parents.values()]
        if start[job.key] == "cached":
            expected[job.key] = "cached"
        elif {"failed", "skipped"} & set(parents):
            expected[job.key] = "skipped"
        else:
            expected[job.key] = "failed" if job.key in bad else "done"
    assert status == expected
    order = {key: place for place, key in enumerate(taken)}
    assert set(order) == {key for key, s in expected.items() if s in ("done", "failed")}
    for job in jobs:
        for parent in job.parents.values():
            if job.key in order and parent in order:
                assert order[parent] < order[job.key]


def test_the_most_urgent_goes_first_and_among_equals_the_first():
    plain, other = add(0), add(1)
    urgent = add(2)
    jobs = graph(plain, other, urgent, add(3, urgent), add(4, urgent))
    schedule = Schedule(jobs, dict.fromkeys(jobs, "waiting"))
    assert [schedule.take() for _ in range(4)] == [urgent.key, plain.key, other.key, None]


def test_what_was_taken_or_failed_before_is_not_handed_out_again():
    taken, failed = add(0), add(1)
    child = add(2, taken)
    late = add(3, child, failed)
    jobs = graph(taken, failed, child, late)
    status = {taken.key: "submitted", failed.key: "failed", child.key: "waiting"}
    status[late.key] = "waiting"
    schedule = Schedule(jobs, status)
    assert schedule.take() is None
    assert status[late.key] == "skipped"
    schedule.finish(taken.key, "done")
    assert schedule.take() == child.key


@pytest.mark.parametrize("count", [10, 1000])
def test_a_change_costs_the_same_however_many_jobs_there_are(count):
    parents = [add(n) for n in range(count)]
    jobs = graph(*parents, *(add(count + n, p) for n, p in enumerate(parents)))
    status = Counting.fromkeys(jobs, "waiting")
    schedule = Schedule(jobs, status)
    status.looks = 0
    for _ in range(5):
        schedule.finish(schedule.take(), "done")
    assert status.looks <= 5
