"""What the tests of faults share: starting a run, watching it, and counting its jobs."""

import contextlib
import copy
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from command_line import in_this_process

from tlbench.engine.store.manifest import MANIFEST
from tlbench.engine.store.store import is_key

SMALL_CELL = {
    "repeats": [1, 1, 1],
    "temperatures_k": [600, 1800],
    "melt": None,
    "equilibration_fs": 200,
    "interval_fs": 100,
    "train": {"trajectories": 1, "frames": 6},
    "validation": {"trajectories": 1, "frames": 2},
    "test": {"trajectories": 1, "frames": 4},
}
SUITE: dict[str, Any] = {
    "name": "faults",
    "version": 1,
    "title": "A suite to be disturbed",
    "description": "As small as a suite gets.",
    "source": {"card": "sw-si", "changes": SMALL_CELL},
    "target": {"card": "sw-ge", "changes": SMALL_CELL},
    "cutoff": 4.0,
    "backbones": {
        "schnet": {"hidden_channels": 8, "n_filters": 8, "n_interactions": 1, "n_gaussians": 10}
    },
    "strategies": ["scratch", "finetune"],
    "sizes": [2],
    "subset_seeds": [0, 1],
    "init_seeds": [0],
    "pretraining": {"updates": 20, "batch_size": 4, "learning_rate": 0.003},
    "training": {
        "updates": 10,
        "batch_size": 2,
        "learning_rate": 0.003,
        "validation_points": 2,
    },
    "metrics": ["force_mae"],
    "by": ["temperature_k"],
}
DYNAMICS = {
    "temperature_k": 300,
    "time_ps": 0.2,
    "equilibration_ps": 0.1,
    "sample_fs": 20,
    "replicas": 2,
}
DISTANCES = {"values": 200, "environments": 50, "exact": 50, "resamples": 20}


def write_suite(path: Path, **changes: Any) -> Path:
    """Write the suite of these tests; JSON is YAML."""
    path.write_text(json.dumps(copy.deepcopy({**SUITE, **changes})))
    return path


def start(
    suite: Path | str,
    out: Path,
    store: Path,
    *options: object,
    verb: str = "run",
    path: Path | None = None,
) -> subprocess.Popen[str]:
    """Start a run, or a tuning; ``path`` is put before the modules that all of it find."""
    command = [sys.executable, "-m", "tlbench", verb, suite, "--out", out, "--store", store]
    env = dict(os.environ)
    if path is not None:
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(path), env.get("PYTHONPATH")]))
    return subprocess.Popen(
        [*map(str, command), *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=env,
    )


def end(run: subprocess.Popen[str]) -> str:
    """Return what a run said until its end."""
    text, _ = run.communicate(timeout=240)
    assert "Traceback" not in text, text
    return text


def complete(suite: Path | str, out: Path, store: Path, *options: object) -> str:
    """Run to the end, which has to be a good one, on one worker if ``options`` ask for no more."""
    where = (suite, "--out", out, "--store", store, "--workers", 1)
    finished = in_this_process("run", *where, *options)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 120) -> None:
    """Poll until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.02)


def workers(pid: int) -> list[int]:
    """Return the processes in which a runner has jobs done."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            line = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == pid and b"tlbench.engine.work.worker" in line:
            found.append(int(stat.parent.name))
    return sorted(found)


def session(leader: int) -> list[int]:
    """Return all processes that a command has begun and that run, itself included."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(of) == leader and state != "Z":
            found.append(int(stat.parent.name))
    return sorted(found)


def alive(pid: int) -> bool:
    """Say whether a process runs, and is not merely still listed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(pid: int, how: int = signal.SIGKILL) -> bool:
    """Send a signal; False if the process has gone already."""
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return False
    return True


Jobs = dict[str, tuple[int, bytes]]


def finished(store: Path) -> Jobs:
    """Return the folder of each finished job: its key → its inode and its manifest."""
    found: Jobs = {}
    if not store.exists():
        return found
    for folder in filter(lambda each: is_key(each.name), store.iterdir()):
        # Not by a glob, which passes over what it has no permission to read.
        with contextlib.suppress(FileNotFoundError):
            found[folder.name] = folder.stat().st_ino, (folder / MANIFEST).read_bytes()
    return found


def assert_kept(before: Jobs, after: Jobs) -> None:
    """Nothing that was finished was lost, or done again: then its folder would be another."""
    lost = {key for key, job in before.items() if after.get(key) != job}
    assert not lost


def events(out: Path) -> list[dict[str, Any]]:
    """Return the events of all runs into a folder."""
    return [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]


def done(*outs: Path) -> Counter[str]:
    """Return how often each job was done, over runs into these folders."""
    return Counter(
        event["key"]
        for out in outs
        for event in events(out)
        if event["event"] == "finished" and not event["reused"]
    )
