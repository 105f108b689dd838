"""The examples for clusters load without a cluster, and do what they say."""

import os
import runpy
import subprocess
import sys
import types
from pathlib import Path

import pytest
from parsl import Config

from tlbench.engine.executors.parsl.executor import parsl_executor

CLUSTERS = Path(__file__).parents[1] / "examples" / "clusters"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_configuration_is_tested_here_and_told_of():
    names = {path.stem for path in CLUSTERS.glob("*.py")}
    assert names == {"loopback", "gpus", "slurm", "kubernetes"}
    readme = (CLUSTERS / "README.md").read_text()
    for path in CLUSTERS.glob("*.*[!d]"):
        assert f"`{path.name}`" in readme


@pytest.mark.parametrize(
    ("name", "at_once"), [("loopback", 2), ("gpus", 8), ("slurm", 4 * 8), ("kubernetes", 4 * 4)]
)
def test_a_configuration_loads_and_touches_nothing(name, at_once, empty_folder, monkeypatch):
    if name == "kubernetes":
        _pretend_kubernetes(monkeypatch)
    _, found = parsl_executor(CLUSTERS / f"{name}.py", empty_folder / "parsl")
    assert found == at_once
    config = runpy.run_path(str(CLUSTERS / f"{name}.py"))["config"]
    assert isinstance(config, Config)
    assert not list(empty_folder.iterdir())
    for executor in config.executors:
        # A block that is lost must be noticed, and must not be lost by one late sign of life.
        assert executor.heartbeat_threshold >= 4 * executor.heartbeat_period
        assert executor.workers_per_node == executor.max_workers_per_node
        assert executor.prefetch_capacity == 0


def _pretend_kubernetes(monkeypatch):
    """Put the parts of the package that Parsl uses before it asks for a pod in its place."""
    import parsl.providers.kubernetes.kube as kube

    config = types.SimpleNamespace(load_kube_config=lambda: None)
    client = types.SimpleNamespace(CoreV1Api=object)
    monkeypatch.setattr(kube, "_kubernetes_enabled", True)
    monkeypatch.setattr(kube, "config", config, raising=False)
    monkeypatch.setattr(kube, "client", client, raising=False)


def test_a_block_on_slurm_ends_by_itself_before_its_wall_time(monkeypatch):
    config = runpy.run_path(str(CLUSTERS / "slurm.py"))
    (executor,) = config["config"].executors
    hours, minutes, seconds = map(int, executor.provider.walltime.split(":"))
    longest_job = 3600 * config["LONGEST_JOB"]
    assert executor.drain_period + longest_job < 3600 * hours + 60 * minutes + seconds


SLOTS = """
from pathlib import Path
from tlbench.engine.executors.parsl.executor import parsl_executor

wait = "__import__('time').sleep(0.3)"
rank, gpu = (f"__import__('os').environ['{name}']" for name in (
    "PARSL_WORKER_RANK", "CUDA_VISIBLE_DEVICES"
))
make, at_once = parsl_executor(Path("gpus.py"), Path("parsl"))
found = set()
with make() as pool:
    while len(found) < at_once:
        asked = [pool.submit(eval, f"({wait}, {rank} + ':' + {gpu})") for _ in range(at_once)]
        found |= {each.result(60)[1] for each in asked}
print(*sorted(found))
"""


@pytest.mark.slow
def test_each_slot_of_each_gpu_gets_a_worker(empty_folder, monkeypatch):
    (empty_folder / "nvidia-smi").write_text("#!/bin/sh\necho GPU 0: one\necho GPU 1: two\n")
    (empty_folder / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(empty_folder), os.environ["PATH"]]))
    text = (CLUSTERS / "gpus.py").read_text()
    assert "GPUS = 4" in text
    (empty_folder / "gpus.py").write_text(text.replace("GPUS = 4", "GPUS = 2", 1))
    # In a process of its own, because Parsl leaves files open.
    run = subprocess.run(
        [sys.executable, "-c", SLOTS], capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout.split() == ["0:0", "1:0", "2:1", "3:1"]


def programs(folder: Path, **scripts: str) -> dict[str, str]:
    """Write programs, and return an environment that has them."""
    folder.mkdir()
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/bash\n{script}\n")
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": os.pathsep.join([str(folder), os.environ["PATH"]])}


@pytest.mark.parametrize("script", sorted(CLUSTERS.glob("*.sh")), ids=lambda path: path.name)
def test_a_script_is_one_that_bash_can_read(script):
    subprocess.run(["bash", "-n", script], check=True)


def test_a_task_of_the_array_does_its_part(empty_folder):
    environment = programs(empty_folder / "bin", tlbench='echo "$*"')
    (empty_folder / "activate").touch()
    environment |= {
        "SLURM_ARRAY_TASK_ID": "3",
        "SLURM_ARRAY_TASK_COUNT": "8",
        "SLURM_CPUS_PER_TASK": "4",
        "STORE": "my store",
        "ENVIRONMENT": str(empty_folder),
    }
    (empty_folder / "bin" / "activate").touch()
    command = ["bash", CLUSTERS / "slurm_array.sh", "quick", "8"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == "run quick --store my store --shard 3/8 --workers 4\n"


def test_jobs_of_a_level_are_an_array_that_waits_for_the_level_below(empty_folder):
    environment = programs(
        empty_folder / "bin",
        tlbench=f'exec {sys.executable} -m tlbench "$@"',
        sbatch='printf "%q " "$@" >> sbatch.log; echo >> sbatch.log; wc -l < sbatch.log',
    )
    store = empty_folder / "my store"
    environment["STORE"] = str(store)
    command = ["bash", CLUSTERS / "slurm_jobs.sh", "smoke", "--time=01:00:00"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    submitted = (empty_folder / "sbatch.log").read_text().splitlines()
    assert len(submitted) == 4
    assert "--array=1-4 " in submitted[0]
    assert "--dependency" not in submitted[0]
    for number, line in enumerate(submitted[1:], start=1):
        assert f"--dependency=afterany:{number} " in line
        assert "--time=01:00:00" in line

    # What Slurm would run as the second task of the first array.
    (empty_folder / "bin" / "tlbench").write_text('#!/bin/bash\nprintf "%s|" "$@"\n')
    script = (
        'wrapped=; eval set -- "$(head -1 sbatch.log)"; '
        'while [ $# -gt 1 ]; do shift; done; eval "$1"'
    )
    environment["SLURM_ARRAY_TASK_ID"] = "2"
    run = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    _, key, *rest = run.stdout.split("|")
    (keys,) = empty_folder.glob("my store-keys-*")
    lines = (keys / "all").read_text().splitlines()
    assert key == lines[1].split()[1]
    assert rest == ["--store", str(store), ""]


def test_long_levels_are_several_arrays_and_a_second_suite_leaves_the_first_alone(empty_folder):
    environment = programs(
        empty_folder / "bin",
        tlbench=f'exec {sys.executable} -m tlbench "$@"',
        sbatch='printf "%q " "$@" >> sbatch.log; echo >> sbatch.log; wc -l < sbatch.log',
    )
    environment.update(STORE=str(empty_folder / "store"), LONGEST="4")
    command = ["bash", CLUSTERS / "slurm_jobs.sh", "smoke"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    submitted = (empty_folder / "sbatch.log").read_text().splitlines()
    # Levels of 4, 10, 30 and 18 jobs.
    sizes = [line.split("--array=1-")[1].split()[0] for line in submitted]
    assert sizes == ["4", "4", "4", "2", *["4"] * 7, "2", *["4"] * 4, "2"]
    assert "--dependency=afterany:2:3:4 " in submitted[4]
    (first,) = empty_folder.glob("store-keys-*")
    before = {path: path.read_text() for path in first.iterdir()}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert len(list(empty_folder.glob("store-keys-*"))) == 2
    assert {path: path.read_text() for path in first.iterdir()} == before
