"""The wheel is complete: built, installed alone into an empty environment, run from elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from environments import link_packages, make_environment, pip

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_installed_wheel_runs_the_smoke_suite(smoke, tmp_path):
    def run(*command: object) -> str:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TLBENCH"))}
        finished = subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("tlbench-*.whl")
    python = make_environment(tmp_path / "env")
    # Of all that is installed here, it has what the wheel requires, and what that requires.
    link_packages(python, ["tlbench"])
    run(*pip(python), "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel)
    tlbench = python.with_name("tlbench")

    suites = run(tlbench, "ls", "suites")
    assert {"smoke", "quick", "si-ge-sw"} <= set(suites.split())
    assert "lattice_constant: 5.43095" in run(tlbench, "show", "dataset", "sw-si-64")
    # Without it type checkers take no notice of the package's types.
    run(
        python,
        "-c",
        "import importlib.resources as r; (r.files('tlbench') / 'py.typed').read_text()",
    )
    # One worker here and two in the undisturbed run: the bytes must not depend on it.
    run(tlbench, "run", "smoke", "--workers", 1, "--store", tmp_path / "store")
    records = tmp_path / "runs" / "smoke" / "records.jsonl"
    assert records.read_bytes() == smoke.records
