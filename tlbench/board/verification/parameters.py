"""Counting the parameters of networks that others describe, within bounds.

A description is a line of text, and the network may be anything: a million blocks, or products of
features that take hours to set up. So each network is built in a process of its own, which has so
much time and memory. They are forked from one that has PyTorch, which takes seconds to import.
"""

import gc
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from tlbench.base.errors import TlbenchError
from tlbench.base.schema import canonical_json

SECONDS = 4
"""Of the processor, for one network; and `PATIENCE` times as many by the clock."""

PATIENCE = 10

ALL_SECONDS = 120
"""By the clock, for all networks."""

MEMORY = 640 << 20
"""Bytes of data of one process; with the packages of all our backbones it has 420 MiB, which
processes share that are forked."""

CUTOFF = 5.0
"""Å; that with which networks are built to be counted."""


def count_parameters(
    networks: Mapping[str, Mapping[str, Any]], seconds: int = SECONDS
) -> dict[str, int | None]:
    """Return the number of trainable parameters of each network.

    Parameters
    ----------
    networks
        Name of a backbone → its configuration.
    seconds
        Of the processor, for each of them.

    Returns
    -------
    dict
        None for a network that cannot be built within ``seconds`` and `MEMORY`. Those whose package
        is not installed here are left out.
    """
    keys = {name: canonical_json([name, config]) for name, config in networks.items()}
    new = {name: networks[name] for name, key in keys.items() if key not in _KNOWN}
    counted = _count_elsewhere(new, seconds) if new else {}
    _KNOWN.update({keys[name]: count for name, count in counted.items() if count is not None})
    known = {name: _KNOWN[key] for name, key in keys.items() if key in _KNOWN}
    return {**counted, **known}


_KNOWN: dict[str, int] = {}
"""What was counted in this process, as many submissions are of the same networks."""


def _count_elsewhere(
    networks: Mapping[str, Mapping[str, Any]], seconds: int
) -> dict[str, int | None]:
    # One thread: others would not be there after a fork, and each has memory of its own.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **threads},
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(json.dumps(networks), timeout=ALL_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
    except BaseException:
        # Ctrl-C does not reach its session.
        os.killpg(process.pid, signal.SIGKILL)
        raise
    else:
        if process.returncode:
            raise RuntimeError(f"counting parameters has ended with {process.returncode}")
    # The last line may have been broken off.
    lines = [line for line in said.splitlines(keepends=True) if line.endswith("\n")]
    found = dict(map(json.loads, lines))
    return {name: found.get(name) for name in networks if found.get(name, 0) is not None}


def _count(name: str, config: Mapping[str, Any]) -> int:
    import torch

    from tlbench.models.backbones import BACKBONES

    checked = BACKBONES.get(name).model_validate(config)
    try:
        # Without memory for the numbers, or the time to draw them.
        with torch.device("meta"):
            return checked.build().n_parameters()
    except RuntimeError:
        # Some compute constants while they are built, which need numbers.
        return checked.build().n_parameters()


def _is_installed(name: str) -> bool:
    """Return whether the packages of a backbone are here; import them if it is one of tlbench."""
    from tlbench.models.backbones import BACKBONES

    try:
        if BACKBONES.provider(name) is None:
            # As it is by default, which takes little.
            _count(name, {"cutoff": CUTOFF})
    except (TlbenchError, ModuleNotFoundError):
        return False
    return True


def _write(name: str, count: int | None) -> None:
    sys.stdout.write(json.dumps([name, count]) + "\n")
    sys.stdout.flush()


def _main() -> None:
    """Write the count of each network, None if it is not installed; nothing if it is too large."""
    seconds = int(sys.argv[1])
    # In case the parent process has died.
    signal.alarm(2 * ALL_SECONDS)
    for name, config in json.load(sys.stdin).items():
        if not _is_installed(name):
            _write(name, None)
            continue
        # So that collecting garbage does not write to, and so copy, what is shared.
        gc.freeze()
        child = os.fork()
        if child == 0:
            try:
                resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
                resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
                signal.alarm(PATIENCE * seconds)
                _write(name, _count(name, config))
            finally:
                os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    _main()
