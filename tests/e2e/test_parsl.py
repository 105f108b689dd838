"""Runs through Parsl, on blocks of workers on this machine, end as those without it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "clusters" / "loopback.py"
N_JOBS = 62
MARK = "TLBENCH_TEST_PARSL"

QUICKER = """
import runpy

config = runpy.run_path({example!r})["config"]
config.strategy_period = 1
config.executors[0].heartbeat_period = 1
config.executors[0].heartbeat_threshold = 8
config.executors[0].provider.worker_init = {init!r}
"""

HANGING = """
import sys
if "tlbench.engine.work.worker" in " ".join(sys.orig_argv):
    import time
    import tlbench.engine.work.worker as worker
    done = worker.perform

    def perform(job, *more, **others):
        if job.label == "pretrain schnet on Si, seed 0, 60 updates":
            time.sleep(600)
        return done(job, *more, **others)

    worker.perform = perform
"""


def wait_for(condition, what: str, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.05)
    return found


def events(path: Path) -> list[dict]:
    with suppress(OSError):
        return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    return []


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    group: int
    line: str


RUNS: list["ClusterRun"] = []


@pytest.fixture(autouse=True)
def no_run_outlives_its_test():
    yield
    while RUNS:
        run = RUNS.pop()
        if run.process.poll() is None:
            run.process.kill()
            run.finish()


class ClusterRun:
    """``tlbench run smoke --executor parsl``, and everything that it started on this machine."""

    def __init__(self, folder: Path, *options: object, config: Path | None = None, init: str = ""):
        self.folder = folder
        self.out, self.store = folder / "out", folder / "store"
        if config is None:
            config = folder / "cluster.py"
            config.write_text(QUICKER.format(example=str(EXAMPLE), init=init))
        command = [sys.executable, "-m", "tlbench", "run", "smoke", "--executor", "parsl"]
        command += ["--parsl-config", config, "--out", self.out, "--store", self.store, *options]
        self.process = subprocess.Popen(
            list(map(str, command)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            start_new_session=True,
            # Parsl renames its processes; without the latter their environment would go with it.
            env={**os.environ, MARK: str(folder), "SPT_NOENV": "1"},
        )

        RUNS.append(self)

    def finish(self, seconds: float = 120) -> str:
        text, _ = self.process.communicate(timeout=seconds)
        return text

    def told(self, event: str) -> list[dict]:
        return [each for each in events(self.out / "events.jsonl") if each["event"] == event]

    def finished(self) -> int:
        return len(list(self.store.glob("[0-9a-f]*/manifest.json")))

    def job_events(self, event: str) -> list[dict]:
        logs = self.store.rglob("events.jsonl")
        return [each for log in logs for each in events(log) if each["event"] == event]

    def processes(self) -> dict[int, Process]:
        """Return all living processes that this run started, however they were orphaned."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"{MARK}={self.folder}\0".encode() not in (folder / "environ").read_bytes():
                    continue
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                line = (folder / "cmdline").read_bytes().decode().replace("\0", " ")
                if fields[0] != "Z":
                    pid = int(folder.name)
                    found[pid] = Process(pid, int(fields[1]), int(fields[2]), line)
        return found

    def hold_a_busy_child(self) -> Process | None:
        """Stop a process in the middle of its job and return it; None if none is."""
        for child in self.processes().values():
            if "tlbench.engine.work.worker" not in child.line:
                continue
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGSTOP)
                if self._in_a_job(child.pid):
                    return child
                os.kill(child.pid, signal.SIGCONT)
        return None

    def _in_a_job(self, pid: int) -> bool:
        for log in self.store.rglob("events.jsonl"):
            told = events(log)
            if told and told[-1]["event"] == "started" and told[-1]["pid"] == pid:
                return True
        return False

    def wait_for_jobs(self, number: int) -> None:
        wait_for(lambda: self.finished() >= number or self.process.poll() is not None, "jobs")
        assert self.process.poll() is None, self.finish()


def test_two_blocks_do_the_work_to_the_same_records(smoke, tmp_path):
    run = ClusterRun(tmp_path, config=EXAMPLE)
    text = run.finish()
    assert run.process.returncode == 0, text
    assert (run.out / "records.jsonl").read_bytes() == smoke.records
    assert f"{N_JOBS} jobs run, 0 already in the store, 0 failed" in text
    assert Counter(each["attempt"] for each in run.job_events("started")) == {1: N_JOBS}

    logs = [*(run.out / "parsl").rglob("worker_*.log")]
    done = {log.parts[-3]: log.read_text().count("Completed executor task") for log in logs}
    assert set(done) == {"block-0", "block-1"}
    assert all(done.values())
    assert sum(done.values()) == N_JOBS

    # Parsl keeps to its folder, and leaves the terminal alone.
    assert {each.name for each in tmp_path.iterdir()} == {"out", "store"}
    assert (run.out / "parsl" / "000" / "parsl.log").exists()
    assert "parsl" not in text.replace(str(tmp_path), "").lower()
    wait_for(lambda: not run.processes(), "all processes to end", 10)


def test_what_is_killed_is_done_again_and_nothing_else(smoke, tmp_path):
    run = ClusterRun(tmp_path)

    run.wait_for_jobs(3)
    child = wait_for(run.hold_a_busy_child, "a busy process")
    os.kill(child.pid, signal.SIGKILL)
    wait_for(lambda: len(run.told("retried")) == 1, "the end of a process to be noticed")

    child = wait_for(run.hold_a_busy_child, "a busy process")
    os.kill(child.parent, signal.SIGKILL)
    os.kill(child.pid, signal.SIGCONT)
    wait_for(lambda: len(run.told("retried")) == 2, "the loss of a worker to be noticed")
    assert child.pid not in run.processes()

    child = wait_for(run.hold_a_busy_child, "a busy process")
    block = [each for each in run.processes().values() if each.group == child.group]
    assert any("process_worker_pool" in each.line for each in block)
    os.killpg(child.group, signal.SIGKILL)
    wait_for(lambda: len(run.told("retried")) == 3, "the loss of a block to be noticed")

    text = run.finish()
    assert run.process.returncode == 0, text
    reasons = [each["reason"] for each in run.told("retried")]
    assert "its process was killed (SIGKILL)" in reasons[0]
    assert "its worker on" in reasons[1]
    assert "its block of workers on" in reasons[2]
    assert text.count("Tried again:") == 3
    assert (run.out / "records.jsonl").read_bytes() == smoke.records
    finished = Counter(each["key"] for each in run.told("finished"))
    assert len(finished) == N_JOBS
    assert set(finished.values()) == {1}
    assert len(run.job_events("started")) == N_JOBS + 3
    wait_for(lambda: not run.processes(), "all processes to end", 10)


def test_a_job_over_its_time_is_tried_again_then_fails_and_a_resume_completes(
    smoke, command, tmp_path
):
    (tmp_path / "hanging").mkdir()
    (tmp_path / "hanging" / "sitecustomize.py").write_text(HANGING)
    init = f"export PYTHONPATH={tmp_path / 'hanging'}:$PYTHONPATH"
    run = ClusterRun(tmp_path, "--time-limit", "10s", "--tries", 2, init=init)
    text = run.finish()
    assert run.process.returncode == 1, text
    (failed,) = run.told("failed")
    assert failed["label"] == "pretrain schnet on Si, seed 0, 60 updates"
    reason = "It was tried 2 times; the last time, it took longer than its limit of 10 s."
    assert failed["error"] == reason
    # On a busy machine another job may have to be tried twice as well.
    retried = [each for each in run.told("retried") if each["key"] == failed["key"]]
    assert [each["attempt"] for each in retried] == [1]
    assert f"{N_JOBS - 1 - failed['skipped']} jobs run" in text
    assert run.finished() == N_JOBS - 1 - failed["skipped"]

    again = command("run", "smoke", "--out", run.out, "--store", run.store)
    assert again.returncode == 0, again.stdout + again.stderr
    assert (run.out / "records.jsonl").read_bytes() == smoke.records


def test_an_interrupted_or_killed_run_leaves_no_process_and_keeps_what_is_done(tmp_path):
    run = ClusterRun(tmp_path)
    run.wait_for_jobs(2)
    run.process.kill()
    run.finish()
    wait_for(lambda: not run.processes(), "all processes to end", 30)
    kept = run.finished()

    run = ClusterRun(tmp_path)
    run.wait_for_jobs(kept + 2)
    started = time.monotonic()
    # As a terminal does: to all processes in front.
    os.killpg(run.process.pid, signal.SIGINT)
    text = run.finish()
    assert time.monotonic() - started < 15
    assert run.process.returncode == 130, text
    assert "Interrupted. Finished jobs are kept" in text
    assert "Traceback" not in text
    wait_for(lambda: not run.processes(), "all processes to end", 10)
    assert kept + 2 <= run.finished() < N_JOBS
    assert run.told("run-stopped")


def test_a_run_whose_interchange_is_lost_ends_at_once_and_leaves_no_process(tmp_path):
    run = ClusterRun(tmp_path)
    run.wait_for_jobs(1)
    (interchange,) = [each for each in run.processes().values() if "HTEX inter" in each.line]
    os.kill(interchange.pid, signal.SIGKILL)
    text = run.finish(20)
    assert run.process.returncode == 2, text
    assert "its interchange has ended with exit code -9" in text
    assert "Traceback" not in text
    wait_for(lambda: not run.processes(), "all processes to end", 10)
    assert run.finished() >= 1


REFUSED = """
from parsl import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider, SlurmProvider

config = Config(
    executors=[HighThroughputExecutor({executor}, provider={provider})], strategy_period=1
)
"""
SLURM = "SlurmProvider(walltime='00:10:00')"
INTERCHANGE = "address='127.0.0.1'"


@pytest.mark.parametrize(
    ("executor", "provider", "complaint"),
    [
        (INTERCHANGE, SLURM, "the scheduler refuses it, exit code 127: "),
        (INTERCHANGE, SLURM, "the scheduler refuses it, exit code 1: sbatch: error: no account"),
        (
            f"{INTERCHANGE}, launch_cmd='no_such_pool {{{{block_id}}}}'",
            "LocalProvider(init_blocks=2, max_blocks=2)",
            "no_such_pool: command not found",
        ),
        ("address='203.0.113.7'", "LocalProvider()", "its interchange does not start: "),
    ],
)
def test_an_engine_that_can_do_no_job_ends_in_a_sentence(
    tmp_path, monkeypatch, executor, provider, complaint
):
    (tmp_path / "bin").mkdir()
    if "sbatch" in complaint:
        sbatch = tmp_path / "bin" / "sbatch"
        sbatch.write_text("#!/bin/sh\necho 'sbatch: error: no account' >&2\nexit 1\n")
        sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]]))
    config = tmp_path / "refused.py"
    config.write_text(REFUSED.format(executor=executor, provider=provider))
    run = ClusterRun(tmp_path, config=config)
    text = run.finish(40)
    assert run.process.returncode == 2, text
    assert text.count("\n") == 1, text
    assert text.startswith(f"tlbench: Parsl cannot run jobs with {config}: ")
    assert complaint in text
    assert "What is done is kept" in text
    wait_for(lambda: not run.processes(), "all processes to end", 10)
