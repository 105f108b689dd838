"""Backbones that exclude each other side by side: mace-torch in an environment of its own."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from environments import link_packages, make_environment, pip

from tlbench.results.records import read_records

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
CONSTRAINTS = Path(__file__).with_name("mace-constraints.txt")
TESTING = ("hypothesis", "pytest", "pytest-timeout")


def run(*command: object) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TLBENCH"))}
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=900, env=clean
    )


@pytest.fixture(scope="module")
def python():
    """Return the interpreter of a new environment with mace-torch and this tlbench."""
    # What it shares with ours is linked: only what differs is installed.
    with tempfile.TemporaryDirectory(prefix="tlbench-mace-") as folder:
        python = make_environment(Path(folder) / "env")
        link_packages(python, ("tlbench[mace]", "hatchling", *TESTING), CONSTRAINTS)
        done = run(
            *pip(python), "install", "--quiet", "--no-compile", "--no-build-isolation",
            "--constraint", CONSTRAINTS, f"{ROOT}[mace]", *TESTING,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield python


@pytest.fixture(scope="module")
def finished(python, tmp_path_factory):
    """Run the suite with all three from this environment."""
    folder = tmp_path_factory.mktemp("interpreters")
    where = ("--out", folder / "out", "--store", folder / "store")
    done = run(
        sys.executable, "-m", "tlbench", "run", "interpreters", f"--python=mace={python}", *where
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_three_backbones_run_side_by_side(finished):
    records = read_records(finished / "out" / "records.jsonl")
    assert {record.model.backbone for record in records} == {"dimenetpp", "mace", "nequip"}
    for record in records:
        assert record.value is not None
        assert record.value > 0


def test_the_provenance_tells_the_environments_apart(finished):
    lines = (finished / "out" / "provenance.jsonl").read_text().splitlines()[1:]
    jobs = [json.loads(line) for line in lines]
    found = {
        (job["environment"], job["packages"].get("e3nn"), job["packages"].get("mace-torch"))
        for job in jobs
    }
    (ours,) = (versions for environment, *versions in found if environment is None)
    (theirs,) = (versions for environment, *versions in found if environment == "mace")
    assert theirs == ["0.4.4", "0.3.16"]
    assert ours[0] != "0.4.4"
    assert ours[1] is None
    assert len({job["installed"] for job in jobs}) == 2
    assert all((job["environment"] == "mace") == ("mace" in job["label"]) for job in jobs)


def test_the_same_suite_without_the_interpreter_says_what_is_missing(finished, tmp_path):
    backbones = ("--backbone", "mace")
    where = ("--out", tmp_path / "out", "--store", tmp_path / "store")
    done = run(sys.executable, "-m", "tlbench", "run", "interpreters", *backbones, *where)
    assert done.returncode == 1
    assert "tlbench run --python mace=PATH" in done.stdout


def test_mace_keeps_the_contract_in_its_environment(python):
    done = run(
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        ROOT / "tests" / "models" / "backbones" / "test_mace.py",
        ROOT / "tests" / "transfer" / "potentials" / "test_mace_checkpoints.py",
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "passed" in done.stdout
