"""How many jobs are done at a time, as the command line asks for it."""

import os
import subprocess
import sys

import pytest

from tlbench.cli import _complain


@pytest.fixture
def counted(printed, monkeypatch):
    """Return a function that returns for how many workers a plan is shown, on two GPUs."""

    def count(*arguments):
        found = []
        monkeypatch.setattr("tlbench.engine.executors.default_workers", lambda: 16)
        monkeypatch.setattr(
            "tlbench.engine.executors.gpus_for",
            lambda device: () if device == "cpu" else ("GPU-a", "GPU-b"),
        )
        monkeypatch.setattr(
            "tlbench.cli.plan.show_plan",
            lambda planned, root, device, workers, *more, **options: found.append(workers),
        )
        printed(*arguments)
        return found[0]

    return count


@pytest.mark.parametrize("verb", [("plan", "smoke"), ("run", "smoke", "--dry-run")])
def test_plans_are_for_a_worker_per_gpu_or_as_many_as_asked_for(counted, verb):
    assert counted(*verb) == 2
    assert counted(*verb, "--workers-per-gpu", 3) == 6
    assert counted(*verb, "--workers", 3) == 3
    assert counted(*verb, "--device", "cpu") == 16


@pytest.mark.parametrize("verb", ["plan", "run", "tune"])
def test_workers_per_gpu_without_a_gpu_are_refused(refused, verb):
    if verb == "tune":
        pytest.importorskip("optuna")
    said = refused(verb, "smoke", "--device", "cpu", "--workers-per-gpu", 2)
    assert "--workers-per-gpu: jobs would be done on the CPU" in said


def test_two_numbers_of_workers_are_refused(refused):
    assert "give one of them" in refused("run", "smoke", "--workers", 2, "--workers-per-gpu", 2)


def test_a_gpu_without_memory_left_is_said_in_one_sentence_and_other_errors_are_raised(
    refused, monkeypatch
):
    import torch

    def run(error):
        def fail(*arguments):
            raise error

        monkeypatch.setattr("tlbench.run.run_suite", fail)
        return refused("run", "smoke")

    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has")
    assert "The memory of the GPU ran out when 2.00 GiB more was asked for; use " in run(full)
    with pytest.raises(RuntimeError, match="device-side assert"):
        run(torch.AcceleratorError("CUDA error: device-side assert triggered"))


def test_a_dry_run_without_a_gpu_names_the_plan_that_needs_none(refused, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    said = refused("run", "smoke", "--dry-run", "--device", "cuda")
    assert "no usable CUDA device was found" in said
    assert said.strip().endswith("Jobs of another machine are shown by tlbench plan.")


def test_a_complaint_is_wrapped_between_words_on_a_terminal_alone(monkeypatch, capsys):
    text = "--device cuda: no usable CUDA device was found; see /a/path-of/" + 90 * "x" + " for it."
    shown = []
    for is_terminal in (False, True):
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr("sys.stderr.isatty", lambda found=is_terminal: found)
        with pytest.raises(SystemExit):
            _complain(text)
        shown.append(capsys.readouterr().err.splitlines())
    assert shown[0] == [f"tlbench: {text}"]
    assert shown[1][0] == "tlbench: --device cuda: no usable CUDA device was found; see"
    assert shown[1][1:] == ["/a/path-of/" + 90 * "x", "for it."]


@pytest.mark.parametrize(("asked", "threads"), [(None, "1"), ("2", "2")])
def test_linear_algebra_has_one_thread_unless_asked_otherwise(asked, threads):
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    if asked is not None:
        environment["OPENBLAS_NUM_THREADS"] = asked
    code = (
        "import os, sys; sys.argv = ['tlbench', '--version']\n"
        "from tlbench.__main__ import main\n"
        "assert 'numpy' not in sys.modules\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    said = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert said.split()[-1] == threads
