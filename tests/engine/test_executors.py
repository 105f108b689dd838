"""The local executor and its supervisors: real processes, gone when the runner is."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from tlbench.engine.executors import default_workers, local
from tlbench.engine.store.store import Store
from tlbench.engine.work.attempts import Limits, Task
from tlbench.engine.work.events import EVENTS, LOG, read_events
from tlbench.engine.work.supervisor import INTERRUPTED, THREAD_VARIABLES, Supervisor, execute
from tlbench.jobs.base import Job

pytestmark = pytest.mark.slow

ENDLESS = 10**7


def training(updates):
    """Return a job that trains so often."""
    from tlbench.study.loading import load_suite
    from tlbench.study.models import plan
    from tlbench.study.study import resolve

    jobs = plan(resolve(load_suite("smoke", [("pretraining.updates", str(updates))]))).jobs
    return next(job for job in jobs.values() if job.label.startswith("pretrain schnet"))


@pytest.fixture(scope="module")
def store(smoke, tmp_path_factory):
    """Return a store that has data sets and no models."""
    store = Store(tmp_path_factory.mktemp("executors") / "store")
    data = training(ENDLESS).parents["data"]
    shutil.copytree(smoke.store / data, store.folder(data))
    return store


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def events(store, job):
    return list(read_events(store.working_folder(job.key) / EVENTS))


def test_as_many_workers_as_usable_cores():
    assert default_workers() == len(os.sched_getaffinity(0))


def test_jobs_run_in_other_processes_of_one_thread_each(store):
    job = training(1)
    with local([None]) as pool:
        outcome = pool.submit(execute, Task(job, str(store.root), "cpu")).result()
    assert outcome.error is outcome.death is outcome.fault is None
    assert outcome.seconds > 0
    started, finished = read_events(store.folder(job.key) / EVENTS)
    assert started["pid"] != os.getpid()
    assert (started["event"], finished["event"]) == ("started", "finished")
    assert store.provenance(job.key).threads == 1


def test_a_child_of_the_supervisor_sees_one_thread_and_what_this_process_can_import(tmp_path):
    script = (
        "import os, json, sys; from tlbench.engine.work import supervisor as s;"
        "s._BOOT = 'import os, json, sys; sys.path[:] = json.loads(sys.argv[1]);"
        "os.write(int(sys.argv[2]), (json.dumps([os.environ[v] for v in ' + "
        "repr(list(s.THREAD_VARIABLES)) + '] + [sys.path[-1]]) + chr(10)).encode())';"
        "sys.path.append('/nowhere'); print(json.dumps(s.Child(None).answer(60)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == ["1"] * len(THREAD_VARIABLES) + ["/nowhere"]


def test_leaving_ends_a_job_in_the_middle_of_its_work(store):
    job = training(ENDLESS)
    with local([None]) as pool:
        future = pool.submit(execute, Task(job, str(store.root), "cpu"))
        wait_for(lambda: events(store, job))
        pid = events(store, job)[0]["pid"]
        started = time.monotonic()
    assert time.monotonic() - started < 10
    assert future.result().death == INTERRUPTED
    last = events(store, job)[-1]
    assert (last["event"], last["error"]) == ("interrupted", INTERRUPTED)
    assert "killed" not in (store.working_folder(job.key) / LOG).read_text()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not store.is_locked(job.key)


def watched(store, job, limits=None):
    """Start a job under a supervisor; return the supervisor and where its outcome will be."""
    supervisor, outcomes = Supervisor(), []
    task = Task(job, str(store.root), "cpu", limits or Limits())
    thread = threading.Thread(target=lambda: outcomes.append(supervisor.run(task)))
    thread.start()
    return supervisor, outcomes, thread


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_process_that_is_ended_is_told_from_a_job_that_fails(store, number):
    job = training(ENDLESS - number)
    supervisor, outcomes, thread = watched(store, job)
    wait_for(lambda: events(store, job))
    os.kill(events(store, job)[0]["pid"], number)
    thread.join(60)
    assert outcomes[0].error is None
    assert number.name in outcomes[0].death
    last = events(store, job)[-1]
    assert (last["event"], last["error"]) == ("killed", outcomes[0].death)
    # The next job gets a new process.
    again = supervisor.run(Task(training(2), str(store.root), "cpu"))
    assert again.death is again.error is None
    supervisor.close()


def test_an_interrupt_of_the_whole_terminal_is_left_to_the_runner(store):
    """It reaches every process of the terminal, also one that has not got to its first line."""
    job = training(3)
    supervisor, outcomes, thread = watched(store, job)
    for _ in range(20):
        for child in list(supervisor._children.values()):
            os.kill(child._process.pid, signal.SIGINT)
        time.sleep(0.02)
    thread.join(60)
    assert outcomes[0].death is outcomes[0].error is None
    supervisor.close()


def test_a_job_that_takes_too_long_is_ended_and_may_be_tried_again(store):
    job = training(ENDLESS + 1)
    supervisor, outcomes, thread = watched(store, job, Limits(seconds=4))
    thread.join(60)
    assert outcomes[0].death == "it took longer than its limit of 4 s"
    assert events(store, job)[-1]["error"] == outcomes[0].death
    supervisor.close()


def test_a_job_that_takes_too_much_memory_fails(store):
    job = training(ENDLESS + 2)
    supervisor, outcomes, thread = watched(store, job, Limits(memory_mib=60))
    thread.join(60)
    assert outcomes[0].death is None
    assert outcomes[0].error.startswith("it took too much memory: ")
    assert outcomes[0].error.endswith("its limit is 60 MiB")
    supervisor.close()


def test_the_end_of_a_process_is_noted_under_the_lock_of_its_job(store, monkeypatch):
    """Another process may be at the job again: what it is writing is not to be deleted."""
    task = Task(training(5), str(store.root), "cpu")
    begin = Store.begin

    def checked(store, job):
        assert store.is_locked(job.key)
        return begin(store, job)

    monkeypatch.setattr(Store, "begin", checked)
    Supervisor._note(task, "killed", "by the test")
    assert [event["event"] for event in events(store, task.job)] == ["killed"]
    part = store.working_folder(task.job.key) / "checkpoint.part"
    part.touch()
    with store.lock(task.job.key):
        Supervisor._note(task, "killed", "by the test")
    assert part.exists()
    assert len(events(store, task.job)) == 1


def test_an_interpreter_that_is_gone_is_named(store):
    outcome = Supervisor().run(Task(training(3), str(store.root), "cpu", python="/no/python"))
    assert outcome.error == "/no/python: No such file or directory"


def test_what_a_job_prints_is_in_its_log(store, tmp_path, monkeypatch):
    """Python's warnings and C's output alike."""
    module = tmp_path / "loud.py"
    module.write_text(
        "import os\n"
        "from typing import ClassVar\n"
        "from tlbench.jobs import kind\n"
        "class Config(kind.Config):\n"
        "    kind: ClassVar = 'loud'\n"
        "def run(config, context):\n"
        "    print('from Python', flush=True)\n"
        "    os.system('echo from elsewhere')\n"
        "    return kind.Result.of()\n"
        "KIND = kind.Kind(Config, kind.Result, run)\n"
    )
    (tmp_path / "sitecustomize.py").write_text(
        "from tlbench.jobs import base\nimport loud\nbase.KINDS['loud'] = loud.KIND\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    from tlbench.jobs import base

    monkeypatch.syspath_prepend(tmp_path)
    import loud

    monkeypatch.setitem(base.KINDS, "loud", loud.KIND)
    job = Job("loud", {}, label="loud")
    supervisor = Supervisor()
    outcome = supervisor.run(Task(job, str(store.root), "cpu"))
    supervisor.close()
    assert outcome.error is outcome.death is None
    log = (store.folder(job.key) / "log.txt").read_text()
    assert "from Python" in log
    assert "from elsewhere" in log
