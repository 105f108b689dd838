"""A GPU that fails takes a process with it and not the job."""

import pytest
import torch
from fake_jobs import HERE, FakeKind, add, graph

from tlbench.engine.run.runner import ATTEMPTS, run_jobs
from tlbench.engine.store.store import Store
from tlbench.engine.work.attempts import Task
from tlbench.engine.work.events import EVENTS, read_events
from tlbench.engine.work.gpu_errors import gpu_death, gpu_not_started
from tlbench.engine.work.supervisor import Supervisor
from tlbench.jobs import base

ASSERT = (
    "CUDA error: device-side assert triggered\n"
    "CUDA kernel errors might be asynchronously reported at some other API call"
)
FULL = (
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.10 GiB of "
    "which 4.00 GiB is free."
)


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError(ASSERT),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: uncorrectable ECC error encountered"),
        RuntimeError("CUDA driver error: unspecified launch failure"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("Triton Error [CUDA]: device-side assert triggered"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`"),
    ],
)
def test_a_cuda_error_is_the_end_of_a_process(error):
    death = gpu_death(error)
    assert death.startswith("a GPU error left its process unable to go on (")
    assert str(error).splitlines()[0] in death
    assert "memory of the GPU ran out" not in death
    assert not gpu_not_started(error)


@pytest.mark.parametrize(
    "text",
    [
        "No CUDA GPUs are available",
        "CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing "
        "env variable CUDA_VISIBLE_DEVICES after program start.",
        "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before "
        "calling NumCudaDevices()? Error 802: system not yet initialized",
        "CUDA driver initialization failed, you might not have a CUDA gpu.",
        "Found no NVIDIA driver on your system.",
        "CUDA error: no CUDA-capable device is detected",
    ],
)
def test_a_gpu_that_cannot_be_used_is_told_from_a_failing_job(text):
    assert gpu_death(RuntimeError(text)).startswith("CUDA could not be started on its GPU (")
    assert gpu_not_started(RuntimeError(text))
    assert not gpu_not_started(ValueError(text))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError(FULL),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("Triton Error [CUDA]: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_running_out_of_memory_is_said_with_what_to_do(error):
    death = gpu_death(error)
    assert death.startswith("the memory of the GPU ran out")
    assert "fewer workers per GPU" in death
    assert "smaller batch" in death
    assert ("20.00 GiB more" in death) == (str(error) == FULL)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
        RuntimeError("Expected all tensors to be on the same device, cuda:0 and cpu"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        MemoryError("out of memory"),
        ValueError("CUDA error: said by somebody else"),
    ],
)
def test_other_errors_are_those_of_the_job(error):
    assert gpu_death(error) is None


def test_an_error_that_follows_from_one_of_the_gpu_is_one():
    error = ValueError("the forces cannot be had")
    error.__cause__ = torch.AcceleratorError(ASSERT)
    assert "device-side assert" in gpu_death(error)


@pytest.mark.parametrize(
    ("error", "said"), [(ASSERT, "device-side assert triggered"), (FULL, "20.00 GiB more")]
)
def test_a_job_is_tried_again_and_fails_at_last(tmp_path, monkeypatch, error, said):
    ran = []

    def work(config, context):
        ran.append(config["name"])
        kind = torch.OutOfMemoryError if error == FULL else torch.AcceleratorError
        if len(ran) <= config["n"]:
            raise kind(error)
        return {}

    monkeypatch.setitem(base.KINDS, "sum", FakeKind(work))
    store = Store(tmp_path / "store")
    once = add("fails once", 1)
    report = run_jobs(graph(once), store, HERE)
    assert report.complete
    assert report.retried == [once.key]
    ran.clear()
    always = add("fails always", 99)
    report = run_jobs(graph(always), store, HERE)
    assert len(ran) == ATTEMPTS
    assert said in report.errors[always.key]
    assert report.errors[always.key].startswith(f"It was tried {ATTEMPTS} times; the last time, ")


FAILING_ONCE = f"""
from typing import ClassVar

from tlbench.jobs import kind


class Config(kind.Config):
    kind: ClassVar = "sum"
    name: str
    n: int


def run(config, context):
    import torch

    mark = context.folder / "begun"
    if not mark.exists():
        mark.touch()
        raise torch.AcceleratorError({ASSERT!r})
    return kind.Result.of()


KIND = kind.Kind(Config, kind.Result, run)
"""


def test_another_process_takes_over(tmp_path, kind_of_children):
    kind_of_children(FAILING_ONCE)
    store, job = Store(tmp_path / "store"), add("fails once", 1)
    task, supervisor = Task(job, str(store.root), "cpu"), Supervisor()
    first = supervisor.run(task)
    assert first.error is None
    assert "device-side assert" in first.death
    events = list(read_events(store.working_folder(job.key) / EVENTS))
    assert [event["event"] for event in events] == ["started", "failed"]
    assert "device-side assert" in events[-1]["traceback"]
    second = supervisor.run(task)
    supervisor.close()
    assert second.error is second.death is None
    started = [e for e in read_events(store.folder(job.key) / EVENTS) if e["event"] == "started"]
    assert [event["attempt"] for event in started] == [1, 2]
    assert started[0]["pid"] != started[1]["pid"]
    assert store.provenance(job.key).attempts == 2
