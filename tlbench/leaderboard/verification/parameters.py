"""Counting the parameters of networks that a stranger describes, within bounds.

A description is a line of text, and the network may be anything: a million blocks, or products of
features that take hours to set up. So networks are built in a process of their own, which has so
much time and memory; what it has not counted by then is not known.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from tlbench.errors import TlbenchError
from tlbench.schema import canonical_json

SECONDS = 30
"""Of the processor, and twice as many by the clock."""

MEMORY = 1 << 30
"""Bytes of data; PyTorch alone takes a third of it."""


def count_parameters(
    networks: Mapping[str, Mapping[str, Any]], seconds: int = SECONDS
) -> dict[str, int]:
    """Return the number of trainable parameters of each network.

    Parameters
    ----------
    networks
        Name of a backbone → its configuration.
    seconds
        Of the processor, for all of them.

    Returns
    -------
    dict
        Those that could be counted within ``seconds`` and `MEMORY`; others are left out, as are
        those whose package is not installed here.
    """
    keys = {name: canonical_json([name, config]) for name, config in networks.items()}
    new = {name: networks[name] for name, key in keys.items() if key not in _KNOWN}
    if new:
        counted = _count_elsewhere(new, seconds)
        _KNOWN.update({keys[name]: counted.get(name) for name in new})
    found = {name: _KNOWN[key] for name, key in keys.items()}
    return {name: count for name, count in found.items() if count is not None}


_KNOWN: dict[str, int | None] = {}
"""What was counted in this process, as many submissions are of the same networks."""


def _count_elsewhere(networks: Mapping[str, Mapping[str, Any]], seconds: int) -> dict[str, int]:
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        said, _ = process.communicate(json.dumps(networks), timeout=2 * seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    # The last line may have been broken off.
    lines = [line for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return dict(map(json.loads, lines))


def _count(name: str, config: Mapping[str, Any]) -> int | None:
    import torch

    from tlbench.backbones import BACKBONES

    checked = BACKBONES.get(name).model_validate(config)
    try:
        # Without memory for the numbers, or the time to draw them.
        with torch.device("meta"):
            return checked.build().n_parameters()
    except RuntimeError:
        # Some compute constants while they are built, which need numbers.
        return checked.build().n_parameters()
    except TlbenchError:
        return None


def _main() -> None:
    seconds = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    for name, config in json.load(sys.stdin).items():
        count = _count(name, config)
        if count is not None:
            sys.stdout.write(json.dumps([name, count]) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    _main()
