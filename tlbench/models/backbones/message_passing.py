"""What torch-geometric's layers of messages leave behind in the folder for temporary files."""

import sys
import tempfile
from pathlib import Path

from torch import nn
from torch_geometric.nn import MessagePassing


def remove_templates(network: nn.Module) -> None:
    """Remove the modules that torch-geometric wrote for the layers of a network.

    The first layer of each class in a process renders a module of its own into a file, imports
    it, and leaves the file: thousands of them after some benchmarks.
    """
    folder = Path(tempfile.gettempdir())
    for layer in {type(part) for part in network.modules() if isinstance(part, MessagePassing)}:
        for method in (layer.propagate, layer.edge_updater):
            written = Path(sys.modules[method.__module__].__file__ or "")
            if written.parent == folder:
                written.unlink(missing_ok=True)
