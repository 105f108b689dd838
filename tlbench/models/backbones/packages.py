"""What other packages change in a process or leave behind in a folder, undone."""

import os
import random
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from torch import nn


@contextmanager
def isolated_import() -> Iterator[None]:
    """Let what is imported within print nothing, and leave the process as it was.

    Some packages add filters of warnings, draw random numbers, and set variables of the
    environment.
    """
    state, environment = random.getstate(), dict(os.environ)
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        yield
    random.setstate(state)
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


@contextmanager
def eager_e3nn() -> Iterator[None]:
    """Let e3nn build plain functions within.

    Below torch 2.10 it compiles them with TorchScript, and such modules cannot be copied.
    """
    from e3nn import get_optimization_defaults, set_optimization_defaults

    before = get_optimization_defaults()["jit_mode"]
    set_optimization_defaults(jit_mode="eager")
    try:
        yield
    finally:
        set_optimization_defaults(jit_mode=before)


def save_weights_alone(network: nn.Module) -> None:
    """Keep buffers out of the state of a network, for one whose configuration determines them all.

    Read from a file in another precision they would be rounded twice.
    """
    network.register_state_dict_post_hook(_remove_buffers)


def _remove_buffers(
    network: nn.Module, state: dict[str, Any], prefix: str, _metadata: dict[str, Any]
) -> None:
    for name, _ in network.named_buffers():
        state.pop(prefix + name, None)


def remove_templates(network: nn.Module) -> None:
    """Remove the modules that torch-geometric wrote for the layers of a network.

    The first layer of each class in a process renders a module of its own into a file, imports
    it, and leaves the file: thousands of them after some benchmarks.
    """
    from torch_geometric.nn import MessagePassing

    folder = Path(tempfile.gettempdir())
    for layer in {type(part) for part in network.modules() if isinstance(part, MessagePassing)}:
        for method in (layer.propagate, layer.edge_updater):
            module = sys.modules[method.__module__]
            written = Path(module.__file__ or "")
            if written.parent == folder:
                written.unlink(missing_ok=True)
                if module.__spec__ is not None and module.__spec__.cached:
                    Path(module.__spec__.cached).unlink(missing_ok=True)
