"""Networks of torch-geometric's layers leave no files behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny

BUILD = (
    "from tlbench.models.potential import build_potential; build_potential({name!r}, {config!r})"
)


@pytest.mark.parametrize("name", ["schnet", "visnet", "dimenetpp"])
def test_a_process_leaves_no_temporary_files(name: str, tmp_path: Path) -> None:
    config = {**tiny.BACKBONES, **tiny.OTHERS}[name]
    command = [sys.executable, "-c", BUILD.format(name=name, config=config)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run(command, env=environment, check=True)
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert left == []
