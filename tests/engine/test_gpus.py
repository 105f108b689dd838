"""Workers and GPUs: which there are, who is bound to which, and that a process sees its own."""

import json
from collections import Counter
from functools import partial

import pytest
import torch
from fake_jobs import FakeKind, add, graph

from tlbench.base.errors import InputError, TlbenchError
from tlbench.engine.executors import default_workers, local, slots
from tlbench.engine.run.runner import Resources, run_jobs
from tlbench.engine.store.store import Store
from tlbench.engine.work import devices
from tlbench.engine.work.attempts import Task
from tlbench.engine.work.devices import VISIBLE, check_device, gpus_for, visible_gpus
from tlbench.engine.work.supervisor import execute
from tlbench.jobs import base

UUID = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"
MIG = "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f", "MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb"

JOBS = [add(f"job {n}", n) for n in range(6)]


@pytest.fixture
def gpus(monkeypatch):
    """Return a function that pretends that CUDA finds so many GPUs."""

    def pretend(count, visible=None):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(devices, "_DRIVER_FILES", ("/dev/null",))
        monkeypatch.delenv(VISIBLE, raising=False)
        if visible is not None:
            monkeypatch.setenv(VISIBLE, visible)

    return pretend


@pytest.mark.parametrize(
    ("count", "visible", "found"),
    [
        (0, None, ()),
        (0, "", ()),
        (0, "-1", ()),
        (3, None, ("0", "1", "2")),
        (2, "3,1", ("3", "1")),
        (2, " 3 , 1 ", ("3", "1")),
        # CUDA reads up to the first that is not there.
        (2, "0,1,-1,2", ("0", "1")),
        (2, f"{UUID},2", (UUID, "2")),
        # CUDA shows a process one of them alone.
        (1, ",".join(MIG), MIG),
        (0, ",".join(MIG), ()),
    ],
)
def test_gpus_are_named_as_the_user_has_named_them(gpus, count, visible, found):
    gpus(count, visible)
    assert visible_gpus() == found


def test_one_worker_per_gpu_unless_more_are_asked_for(gpus):
    gpus(2, "5,7")
    for device in ("auto", "cuda"):
        assert slots(device) == ["5", "7"]
        assert Counter(slots(device, workers_per_gpu=3)) == {"5": 3, "7": 3}
        assert slots(device, workers=3) == ["5", "7", "5"]
        assert slots(device, workers=1) == ["5"]
    assert slots("cpu") == [None] * default_workers()
    assert slots("cpu", workers=3) == [None] * 3


def test_without_a_gpu_there_is_a_worker_per_core(gpus, monkeypatch):
    gpus(0)
    assert slots("auto") == [None] * default_workers()
    # A plan may be for another machine.
    assert slots("cuda", workers_per_gpu=4) == ["0"] * 4

    def loaded():
        raise AssertionError("torch was asked although no driver is there")

    monkeypatch.setattr(devices, "_DRIVER_FILES", ())
    monkeypatch.setattr(torch.cuda, "is_available", loaded)
    assert gpus_for("auto") == ()


def test_what_contradicts_is_refused(gpus):
    gpus(1)
    with pytest.raises(InputError, match="give one of them"):
        Resources(workers=2, workers_per_gpu=2).check()
    with pytest.raises(InputError, match="done on the CPU"):
        Resources(device="cpu", workers_per_gpu=2).check()
    with pytest.raises(InputError, match="for --executor local only"):
        Resources(executor=(local, 1), workers_per_gpu=2).check()
    Resources(workers_per_gpu=2).check()
    gpus(0)
    with pytest.raises(InputError, match="no usable CUDA device"):
        Resources(workers_per_gpu=2).check()


@pytest.mark.parametrize(
    ("built", "visible", "why"),
    [(None, "0", "built for CPUs alone"), ("12.4", "9", "is '9'"), ("12.4", None, "found; use")],
)
def test_why_no_gpu_can_be_used_is_said(gpus, monkeypatch, built, visible, why):
    gpus(0, visible)
    monkeypatch.setattr(torch.version, "cuda", built)
    with pytest.raises(InputError, match=why):
        check_device("cuda")


def test_there_are_no_more_workers_than_jobs_and_they_are_dealt_out_to_the_gpus(gpus):
    gpus(4)
    make, workers = Resources(workers_per_gpu=2).of(5)
    assert (make.func, make.args, workers) == (local, (["0", "1", "2", "3", "0"],), 5)


SEEN = """
import os, sys
from typing import ClassVar

# Whoever imports torch imports it after this.
assert "torch" not in sys.modules
AT_START = os.environ.get("CUDA_VISIBLE_DEVICES")

from tlbench.engine.work import worker
from tlbench.jobs import base, kind

asked = []
worker.resolve = lambda device: asked.append(device) or "cpu"


class Config(kind.Config):
    kind: ClassVar = "sum"
    name: str = ""
    n: int = 0


class Result(kind.Result):
    visible: str | None


def run(config, context):
    if ON_GPU and asked != ["cuda"] * len(asked):
        raise RuntimeError(f"asked to compute on {asked}")
    if AT_START in ("dead", "dead, too"):
        raise RuntimeError("No CUDA GPUs are available")
    return Result.of(visible=AT_START)


KIND = kind.Kind(Config, Result, run, uses_device=ON_GPU)
"""


@pytest.mark.parametrize("bound", [["1", UUID], [None]])
def test_a_process_sees_its_gpu_from_its_start(tmp_path, monkeypatch, kind_of_children, bound):
    kind_of_children(SEEN.replace("ON_GPU", "False"))
    monkeypatch.setenv(VISIBLE, "4,1,2")
    store = Store(tmp_path / "store")
    jobs = JOBS[: len(bound)]
    with local(bound) as pool:
        tasks = [Task(job, str(store.root), "cpu") for job in jobs]
        outcomes = [future.result() for future in [pool.submit(execute, task) for task in tasks]]
    assert [outcome.error or outcome.death for outcome in outcomes] == [None] * len(jobs)
    results = [json.loads((store.folder(job.key) / "result.json").read_text()) for job in jobs]
    assert {result["visible"] for result in results} == {gpu or "4,1,2" for gpu in bound}


@pytest.fixture
def run_on(kind_of_children, monkeypatch):
    """Return a function that runs jobs on some GPUs while "auto" would be the CPU."""
    kind_of_children(SEEN.replace("ON_GPU", "True"))
    monkeypatch.setitem(base.KINDS, "sum", FakeKind(None, uses_device=True))

    def run(slots, store):
        resources = Resources(executor=(partial(local, slots), len(slots)))
        return run_jobs(graph(*JOBS), store, resources)

    return run


@pytest.mark.parametrize("slots", [["dead", "1"], ["dead", "1", "dead", "1"]])
def test_a_gpu_that_is_lost_gets_no_more_jobs(tmp_path, run_on, slots):
    """It was there when workers were dealt out; the CPU does not do its jobs unnoticed."""
    store = Store(tmp_path / "store")
    report = run_on(slots, store)
    assert report.errors == {}
    assert report.complete
    assert 1 <= len(report.retried) <= slots.count("dead")
    results = [json.loads((store.folder(job.key) / "result.json").read_text()) for job in JOBS]
    assert {result["visible"] for result in results} == {"1"}


def test_without_a_gpu_that_can_be_used_a_run_ends(tmp_path, run_on):
    with pytest.raises(TlbenchError, match="dead, too") as raised:
        run_on(["dead", "dead, too"], Store(tmp_path / "store"))
    assert "CUDA could not be started on its GPU (No CUDA GPUs are available)" in str(raised.value)
    assert "the same command continues from here" in str(raised.value)
