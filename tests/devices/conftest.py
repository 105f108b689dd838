"""What tests on the pretended accelerator share: a process of its own for every force field."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch.utils.backend_registration as registration

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _devices_in_python():
    if not hasattr(registration, "_setup_privateuseone_for_python_backend"):
        pytest.skip("this torch has no devices that are written in Python")


@pytest.fixture(scope="session")
def in_a_process():
    """Return a function that runs a script of this folder, without compiled kernels."""
    paths = os.pathsep.join(map(str, [HERE, HERE.parent, *sys.path]))
    environment = {**os.environ, "TLBENCH_KERNELS": "off", "PYTHONPATH": paths}

    def run(script, *arguments):
        command = [sys.executable, HERE / script, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)

    return run
