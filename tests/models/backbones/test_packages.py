"""Networks of other packages' layers leave no files behind, and can be copied."""

import os
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import e3nn
import pytest
import tiny
import torch
from structures import liquid

from tlbench.graphs import graph_of

BUILD = (
    "from tlbench.models.potential import build_potential; build_potential({name!r}, {config!r})"
)


@pytest.mark.parametrize("name", ["schnet", "visnet", "dimenetpp"])
def test_a_process_leaves_no_temporary_files(name: str, tmp_path: Path) -> None:
    config = {**tiny.BACKBONES, **tiny.OTHERS}[name]
    command = [sys.executable, "-c", BUILD.format(name=name, config=config)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(command, env=environment, check=True)
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert left == []


@pytest.fixture
def scripting_e3nn() -> Iterator[None]:
    """Let e3nn compile with TorchScript, as it does by itself below torch 2.10."""
    before = e3nn.get_optimization_defaults()["jit_mode"]
    e3nn.set_optimization_defaults(jit_mode="script")
    yield
    e3nn.set_optimization_defaults(jit_mode=before)


@pytest.mark.usefixtures("scripting_e3nn")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", ["equivariant", "nequip"])
def test_a_network_of_e3nn_can_be_copied_where_e3nn_compiles(name: str) -> None:
    potential = tiny.potential(name)
    copy = deepcopy(potential)
    graph = graph_of(liquid(n_atoms=12), tiny.CUTOFF, dtype=potential.dtype)
    assert torch.equal(copy(graph).forces, potential(graph).forces)
    assert e3nn.get_optimization_defaults()["jit_mode"] == "script"
