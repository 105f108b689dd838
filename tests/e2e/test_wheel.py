"""The wheel is complete: built, installed alone into an empty environment, run from elsewhere."""

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from environments import link_packages, make_environment, pip

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """Return the folder of wheel and source archive: those to be published, or built here."""
    if made := os.environ.get("TLBENCH_DIST"):
        return ROOT / made
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def tracked(*folders):
    """Return the files of the repository below some folders."""
    command = ["git", "-C", ROOT, "ls-files", "-z", "--", *folders]
    listed = subprocess.run(command, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("what belongs into the package is known in a clone only")
    return {name for name in listed.stdout.split("\0") if name}


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_data_sets_and_nothing_else(dist):
    (path,) = dist.glob("*.whl")
    assert path.name == f"tlbench-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(path) as wheel:
        names = {info.filename for info in wheel.infolist() if not info.is_dir()}
        about = wheel.read(f"tlbench-{VERSION}.dist-info/METADATA").decode()
    data = {name.replace("datasets/", "tlbench/datasets/", 1) for name in tracked("datasets")}
    files = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    info = {f"tlbench-{VERSION}.dist-info/{name}" for name in files}
    assert names == tracked("tlbench") | data | info
    assert f"\nVersion: {VERSION}\n" in about
    assert path.stat().st_size < 5_000_000


@pytest.mark.slow
def test_the_source_archive_holds_what_building_and_testing_needs(dist):
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    files = tracked("tlbench", "datasets", "tests", "README.md", "LICENSE", "CHANGELOG.md",
                    "CITATION.cff", "pyproject.toml", ".gitignore")  # fmt: skip
    assert names == files | {"PKG-INFO"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_installed_wheel_runs_the_smoke_suite(dist, smoke, tmp_path):
    def run(*command: object) -> str:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TLBENCH"))}
        finished = subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    (wheel,) = dist.glob("tlbench-*.whl")
    python = make_environment(tmp_path / "env")
    # Of all that is installed here, it has what the wheel requires, and what that requires.
    link_packages(python, ["tlbench"])
    run(*pip(python), "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel)
    tlbench = python.with_name("tlbench")

    assert run(tlbench, "--version") == f"tlbench {VERSION}\n"
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
