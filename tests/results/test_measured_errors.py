"""Errors on test structures of a run: those of its jobs, without what cannot be stored."""

import numpy as np
import pytest

from tlbench.base.errors import DamagedJobError
from tlbench.engine.store.store import Store
from tlbench.metrics.spec import FrameErrors
from tlbench.results.frame_errors import recompute
from tlbench.results.measured_errors import collect_errors, is_storable, read_errors
from tlbench.results.records import read_records
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve


@pytest.fixture(scope="module")
def planned():
    return plan(resolve(load_suite("smoke")))


def test_what_is_collected_gives_every_record_of_the_run_again(smoke, planned):
    errors, tests = collect_errors(planned, Store(smoke.store), planned.jobs)
    sets, known = {each.data: each for each in tests}, {each.job: each for each in errors}
    assert sorted(each.element for each in tests) == ["Ge", "Si"]
    for record in read_records(smoke.out / "records.jsonl"):
        each = known[record.job]
        values = recompute(each, sets[each.data], [record.metric], planned.suite.by)
        wanted = record.metric, tuple(record.condition.items())
        assert values[wanted] == pytest.approx(record.value, rel=1e-6)


def test_jobs_that_are_not_finished_have_no_errors(smoke, planned):
    measured = {cell.job for cell in planned.cells}
    errors, tests = collect_errors(planned, Store(smoke.store), planned.jobs.keys() - measured)
    assert errors == tests == []
    some = sorted(measured)[:2]
    errors, _ = collect_errors(planned, Store(smoke.store), some)
    assert {each.job for each in errors} == set(some)


def test_models_that_have_diverged_are_left_out(smoke, planned, monkeypatch):
    first = planned.cells[0].job

    def read(store, job, settings):
        found = read_errors(store, job, settings)
        scale = np.inf if job == first else 1
        return FrameErrors(found.energy, scale * found.force_abs, found.force_square, found.n_atoms)

    monkeypatch.setattr("tlbench.results.measured_errors.read_errors", read)
    errors, _ = collect_errors(planned, Store(smoke.store), planned.jobs)
    assert {each.job for each in errors} == {cell.job for cell in planned.cells} - {first}


@pytest.mark.parametrize(
    ("changed", "storable"),
    [({}, True), ({"energy": np.nan}, True), ({"energy": -2e12}, False),
     ({"force_abs": np.nan}, False), ({"force_square": 2e12}, False)],
)  # fmt: skip
def test_what_is_beyond_measure_is_not_stored(changed, storable):
    values = {"energy": -1.0, "force_abs": 1.0, "force_square": 1.0, "n_atoms": 8} | changed
    assert is_storable(FrameErrors(**{k: np.array([v]) for k, v in values.items()})) == storable


def test_errors_that_are_not_what_the_job_wrote_are_refused(smoke, planned, tmp_path):
    store = Store(smoke.copy_store(tmp_path / "store"))
    job = planned.cells[0].job
    path = store.folder(job) / "errors.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedJobError):
        collect_errors(planned, store, planned.jobs)
