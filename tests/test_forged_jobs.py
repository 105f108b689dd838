"""Jobs that are in a store as they were stored, and make no sense: named where they are read."""

import json
import shutil
import time

import pytest
from damage import forge

from tlbench.base.errors import InputError, StoreError
from tlbench.engine.store.manifest import write_manifest
from tlbench.engine.store.store import Store
from tlbench.jobs import evaluate
from tlbench.jobs.base import KINDS
from tlbench.results.results import Results
from tlbench.run import run_suite
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

DENORMAL = 5e-324


@pytest.fixture(scope="module")
def planned():
    return plan(resolve(load_suite("smoke")))


@pytest.fixture
def store(smoke, tmp_path):
    return Store(smoke.copy_store(tmp_path / "store"))


def keys_of(planned, kind):
    return [key for key, job in planned.jobs.items() if job.kind == kind]


def measured(**changes):
    return {"metrics": [{"metric": "force_mae", "condition": {}, "value": 1.0, **changes}]}


def test_what_jobs_return_is_a_result_of_their_kind(planned, smoke):
    for key, job in planned.jobs.items():
        result = (smoke.store / key / "result.json").read_bytes()
        assert KINDS[job.kind].result.model_validate_json(result)


@pytest.mark.parametrize(
    "value",
    [
        measured(value="12"),
        measured(value=float("nan")),
        measured(value=float("inf")),
        measured(value=DENORMAL),
        measured(value=-DENORMAL),
        measured(value=1e300),
        measured(value=True),
        measured(value=None),
        measured(metric=7),
        measured(metric="no_such_metric"),
        measured(condition={"temperature_k": [300]}),
        measured(condition=[]),
        measured(more=1),
        {"metrics": [{"metric": "force_mae", "value": 1.0}]},
        {"metrics": {}},
        {},
        [],
        None,
        "text",
    ],
)
def test_a_result_that_makes_no_sense_names_its_job(value, store, planned):
    key = keys_of(planned, "evaluate")[0]
    forge(store.folder(key), "result.json", json.dumps(value).encode())
    with pytest.raises(StoreError, match=rf"result\.json of the job {key[:12]} in the store"):
        Results.collect(planned, store, planned.jobs)


@pytest.mark.parametrize(
    "changes",
    [
        {"wall_seconds": -1.0},
        {"wall_seconds": "1"},
        {"cpu_seconds": float("nan")},
        {"wall_seconds": 1e300},
        {"threads": 0},
        {"device_name": None},
        {"updates": 1e9, "updates_of_attempt": 1e-300},
        {"updates": 1e11, "updates_of_attempt": 1.0, "wall_seconds": 1e3},
        {"git_commit": "HEAD"},
        {"packages": []},
        {"more": 1},
    ],
)
def test_a_provenance_that_makes_no_sense_names_its_job(changes, store, planned):
    key = keys_of(planned, "train")[-1]
    known = json.loads(store.read(key, "provenance.json"))
    forge(store.folder(key), "provenance.json", json.dumps({**known, **changes}).encode())
    with pytest.raises(StoreError, match=rf"provenance\.json of the job {key[:12]} in the store"):
        Results.collect(planned, store, planned.jobs)


def test_a_forged_job_ends_a_run_in_a_sentence(smoke, store, planned, tmp_path):
    key = keys_of(planned, "evaluate")[0]
    forge(store.folder(key), "result.json", b'{"metrics": 5}')
    with pytest.raises(StoreError, match=f"{key[:12]}.* run the suite with another --store"):
        run_suite(load_suite("smoke"), tmp_path / "out", store.root)
    assert not (tmp_path / "out" / "records.jsonl").exists()


def test_a_bug_of_ours_is_not_called_a_forgery(smoke, tmp_path, monkeypatch):
    def broken(*arguments):
        raise AttributeError("a bug")

    monkeypatch.setattr("tlbench.results.results.collect_costs", broken)
    with pytest.raises(AttributeError, match="a bug"):
        run_suite(load_suite("smoke"), tmp_path / "out", smoke.store)


def test_a_job_that_computes_nonsense_fails():
    with pytest.raises(InputError, match=r"makes no sense: metrics\.0\.value: .*5e-324"):
        evaluate.Result.of(**measured(value=DENORMAL))


def test_many_results_are_read_in_little_time(smoke, planned, tmp_path):
    key = keys_of(planned, "evaluate")[0]
    folder = tmp_path / "job"
    shutil.copytree(smoke.store / key, folder)
    write_manifest(folder)
    store = Store(smoke.store, read_only=True)
    store.folder = lambda key: folder
    started = time.process_time()
    for _ in range(1000):
        store.result(key, evaluate.Result)
        store.provenance(key)
    assert time.process_time() - started < 2
