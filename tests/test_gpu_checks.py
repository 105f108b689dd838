"""The checks that are run on a GPU: on the CPU they pass, and errors that are planted are found."""

import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import torch
from fake_jobs import FakeKind, add
from gpu import __main__ as command
from gpu import agreement, sharing, speed
from gpu.findings import JSON, MARKDOWN, Finding, Report

from tlbench.engine.store.store import Store
from tlbench.engine.work.cost import Stopwatch
from tlbench.jobs import base

ROOT = Path(__file__).parents[1]


@pytest.fixture
def report(tmp_path):
    return Report(tmp_path, "cpu", 100.0)


@pytest.mark.slow
def test_on_a_cpu_everything_is_run_and_passes(tmp_path):
    arguments = ["--device", "cpu", "--quick", "--suite", "none", "--out", tmp_path]
    paths = [str(ROOT), str(ROOT / "benchmarks")]
    done = subprocess.run(
        [sys.executable, "-m", "gpu", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=560,
        env={**os.environ, "PYTHONPATH": ":".join(paths)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads((tmp_path / JSON).read_text())
    assert written["passed"] is True
    verdicts = {each["what"]: each["verdict"] for each in written["findings"]}
    correct = [each for each in written["findings"] if each["is_correctness"]]
    assert len(correct) == 28
    assert {each["verdict"] for each in correct} == {"agrees"}
    # The CPU without compiled kernels rounds in another order: a comparison of two computations.
    assert any(each["value"] > 0 for each in correct)
    others = {what: verdict for what, verdict in verdicts.items() if "waits" in what}
    assert set(others.values()) == {"on a GPU only"}
    rates = [e for e in written["findings"] if "workers" in e["what"]]
    assert [each["value"] > 0 for each in rates] == [True]
    table = (tmp_path / MARKDOWN).read_text()
    assert table.startswith(
        f"{written['device']}; driver none, CUDA none; torch {torch.__version__}"
    )
    assert "Checks of correctness passed." in table.splitlines()[0]
    assert table.count("| agrees |") == 28
    assert str(tmp_path / MARKDOWN) in done.stdout


def run(monkeypatch, tmp_path, *checks):
    """Run the command with other checks of correctness and no measurements."""
    monkeypatch.setattr(agreement, "sections", lambda quick, suite: list(checks))
    for module in (speed, sharing):
        monkeypatch.setattr(module, "sections", lambda quick: [])
    with warnings.catch_warnings():
        threads = torch.get_num_threads()
        code = command.main(["--device", "cpu", "--out", str(tmp_path)])
        torch.set_num_threads(threads)
    return code, (tmp_path / MARKDOWN).read_text() if (tmp_path / MARKDOWN).exists() else ""


def finding(value, bound=1e-6):
    return lambda report: report.add(Finding("forces", value, "", bound, is_correctness=True))


@pytest.mark.parametrize(
    ("value", "code", "verdict"),
    [(1e-7, 0, "agrees"), (1e-5, 1, "**differs**"), (float("nan"), 1, "**differs**")],
)
def test_the_exit_code_says_whether_results_agree(monkeypatch, tmp_path, value, code, verdict):
    found, table = run(monkeypatch, tmp_path, ("forces", finding(value)))
    assert found == code
    assert table.splitlines()[-1].endswith(f"| {verdict} |")
    assert ("did **not** pass" in table) == bool(code)


def test_a_check_that_raises_has_not_passed_and_the_next_is_run(monkeypatch, tmp_path):
    def broken(report):
        raise RuntimeError("CUDA error: an illegal memory access | was encountered")

    code, table = run(monkeypatch, tmp_path, ("broken", broken), ("forces", finding(0.0)))
    assert code == 1
    assert "| broken |  |  | **failed**: RuntimeError: CUDA error: an illegal memory" in table
    assert table.splitlines()[-1].endswith("| agrees |")


def test_without_any_check_nothing_has_passed(monkeypatch, tmp_path):
    assert run(monkeypatch, tmp_path)[0] == 1


def test_a_check_without_time_has_not_passed(tmp_path):
    report = Report(tmp_path, "cpu", 1.0)
    report.section("forces", finding(0.0), is_correctness=True)
    assert report.passed is False
    assert report.findings[0].verdict == "no time was left"


def test_measurements_do_not_decide_whether_it_passed(report):
    report.add(Finding("forces", 0.0, "", 1e-6, is_correctness=True))
    report.add(Finding("launches", 3000.0, "", 1500.0), Finding("update", 12.3456, "ms"))
    assert report.passed is True
    assert report.markdown().splitlines()[-2:] == [
        "| launches | 3,000 | ≤ 1,500 | **missed** |",
        "| update | 12.35 ms |  | measured |",
    ]


def off_by(monkeypatch, relative):
    """Let the device, which is asked first, give energies that are off."""
    real, calls = agreement.results_of, []

    def results_of(potential, frames):
        calls.append(potential)
        energy, *others = real(potential, frames)
        first = len(calls) % 3 == 1
        return (energy * (1 + relative) if first else energy, *others)

    monkeypatch.setattr(agreement, "results_of", results_of)


@pytest.mark.parametrize(
    ("relative", "n_differ"),
    [(1e-6, 2), (1e-3, 4)],
    ids=["seen in float64 only", "as large as TF32 would make it"],
)
def test_energies_that_are_off_are_noticed(monkeypatch, report, relative, n_differ):
    off_by(monkeypatch, relative)
    agreement.predictions("schnet", quick=True)(report)
    verdicts = [each.verdict for each in report.findings]
    assert verdicts.count("**differs**") == n_differ
    assert len(verdicts) == 8


def test_a_suite_whose_errors_are_off_is_noticed(monkeypatch, report):
    found = {"cpu": {"a": 200.0, "b": 300.0}, "off": {"a": 200.0, "b": 330.0}}
    report.device = "off"
    monkeypatch.setattr(agreement, "_force_errors", lambda name, device, report: found[device])
    agreement.suite("smoke")(report)
    assert report.findings[0].value == pytest.approx(0.1)
    assert report.findings[0].verdict == "**differs**"


def test_a_suite_that_fails_says_how(report):
    report.section("suite", agreement.suite("no-such-suite"), is_correctness=True)
    assert report.passed is False
    assert "exit code 2" in report.findings[0].verdict


def test_launches_and_waits_are_counted_by_their_names():
    names = ["cudaLaunchKernel", "aten::add", "cuLaunchKernelEx", "cudaMemcpyAsync"]
    assert speed.launches_among(names) == 2
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for text in ("called a synchronizing CUDA operation", "something else"):
            warnings.warn(text, stacklevel=1)
    assert speed.waits_among(said) == 1


def test_a_worker_that_dies_is_a_finding(report):
    report.device = "nowhere"
    began = time.monotonic()
    report.section("workers", sharing.shared_by(1, quick=True), is_correctness=False)
    said = "a worker ended with exit code 1: RuntimeError: Expected one of cpu, cuda"
    assert said in report.findings[0].verdict
    assert time.monotonic() - began < 60


def test_jobs_with_tf32_are_counted(tmp_path, monkeypatch):
    monkeypatch.setitem(base.KINDS, "sum", FakeKind(None))
    store = Store(tmp_path / "store")
    measured = Stopwatch().provenance("cpu")
    for n, tf32 in enumerate((True, False, None, True)):
        job = add(f"job {n}", n)
        store.begin(job)
        store.commit(job, {}, measured | {"tf32": tf32})
    assert agreement.jobs_with_tf32(store.root) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "/dev/null/x"], "--out /dev/null/x: Not a directory"),
        (["--out", "here", "--suite", "smok"], "--suite smok: "),
    ],
)
def test_what_cannot_be_carried_out_is_refused_at_once(
    tmp_path, monkeypatch, capsys, arguments, said
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(agreement, "sections", lambda quick, suite: pytest.fail("checks began"))
    with pytest.raises(SystemExit) as ended:
        command.main(["--device", "cpu", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_help_has_purpose_defaults_and_where_more_is_said(capsys):
    with pytest.raises(SystemExit):
        command.main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "what it computes on a CPU" in shown
    assert "(default: 560)" in shown
    assert "benchmarks/gpu/README.md" in shown


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_a_gpu_that_is_not_there_is_said(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["--out", str(tmp_path)])
    assert ended.value.code == 2
    assert "no usable GPU was found; --device cpu --quick runs anywhere" in capsys.readouterr().err
