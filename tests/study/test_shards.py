"""Parts of a plan: disjoint in what they measure, complete together, each able to run alone."""

import pytest

from tlbench.base.errors import InputError
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.shards import part
from tlbench.study.study import resolve


@pytest.fixture(scope="module", params=["smoke", "stability-sw-cpu", "matrix-cpu"])
def jobs(request):
    return plan(resolve(load_suite(request.param))).jobs


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_parts_are_all_and_each_has_what_it_needs(jobs, of):
    parts = [part(jobs, number, of) for number in range(1, of + 1)]
    assert set().union(*parts) == set(jobs)
    for each in parts:
        assert list(each) == [key for key in jobs if key in each]
        assert all(parent in each for job in each.values() for parent in job.parents.values())


@pytest.mark.parametrize("of", [2, 3, 7])
def test_what_is_measured_and_target_models_are_in_one_part_each(jobs, of):
    parts = [part(jobs, number, of) for number in range(1, of + 1)]
    parents = {parent for job in jobs.values() for parent in job.parents.values()}
    sources = {job.parents["source"] for job in jobs.values() if "source" in job.parents}
    alone = [k for k, j in jobs.items() if k not in parents or j.kind in ("train", "simulate")]
    for key in set(alone) - sources:
        assert sum(key in each for each in parts) == 1


def test_parts_are_of_similar_size(jobs):
    trained = [sum(j.kind == "evaluate" for j in part(jobs, n, 3).values()) for n in (1, 2, 3)]
    assert max(trained) - min(trained) <= max(2, max(trained) / 10)


def test_more_parts_than_work_leaves_some_empty():
    jobs = plan(resolve(load_suite("smoke"))).jobs
    sizes = [len(part(jobs, n, 100)) for n in range(1, 101)]
    assert sizes[0] > 0
    assert sizes[-1] == 0


@pytest.mark.parametrize(("number", "of"), [(0, 3), (4, 3), (1, 0)])
def test_there_is_no_part_outside_the_range(number, of):
    with pytest.raises(InputError, match="should be from 1 to"):
        part({}, number, of)
