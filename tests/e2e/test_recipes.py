"""Every recipe of CONTRIBUTING.md is one file and one line, and works as printed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import tlbench

ROOT = Path(__file__).parents[2]
RECIPE = re.compile(
    r"^### (?P<title>.+?)\n.*?^File `(?P<file>[^`]+)`:\n\n```python\n(?P<code>.*?)^```\n\n"
    r"^Line in `(?P<table>[^`]+)`, below `(?P<anchor>[^`]+)`:\n\n```python\n(?P<line>[^\n]+)\n```",
    re.MULTILINE | re.DOTALL,
)
TITLES = {
    "A backbone", "A strategy", "A metric", "A property", "A reader", "An origin of data",
    "A kind of job", "A section of reports",
}  # fmt: skip


def recipes():
    """Return the recipes by title."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return {found["title"]: found for found in RECIPE.finditer(text)}


def apply(recipe, tree):
    """Add the file and the line of a recipe to a tree."""
    file, table = tree / recipe["file"], tree / recipe["table"]
    assert not file.exists(), file
    file.write_text(recipe["code"])
    lines = table.read_text().splitlines(keepends=True)
    (place,) = (n for n, line in enumerate(lines) if line.strip().startswith(recipe["anchor"]))
    lines.insert(place + 1, f"{recipe['line']}\n")
    table.write_text("".join(lines))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Return a copy of the package to which every recipe was applied."""
    root = tmp_path_factory.mktemp("tree")
    package = Path(tlbench.__file__).parent
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, root / "tlbench", ignore=skipped)
    shutil.copytree(ROOT / "datasets", root / "datasets", ignore=skipped)
    for recipe in recipes().values():
        apply(recipe, root)
    return root


def python(tree, *arguments):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(tree)},
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def frames_of_germanium():
    """Yield rattled crystals as the toy reader has them, with the forces of springs."""
    from ase.build import bulk

    random = np.random.default_rng(0)
    for _ in range(8):
        atoms = bulk("Ge", "diamond", a=5.65, cubic=True)
        moved = 0.05 * random.standard_normal((len(atoms), 3))
        moved -= moved.mean(axis=0)
        yield {
            "numbers": atoms.numbers.tolist(),
            "positions": (atoms.positions + moved).tolist(),
            "cell": atoms.cell.tolist(),
            "energy": float(2.5 * (moved**2).sum()),
            "forces": (-5 * moved).tolist(),
        }


def card(name, element, origin):
    about = {"title": name, "description": "toys", "licence": "MIT", "citation": ["nobody"]}
    units = {"length": "angstrom", "energy": "eV", "force": "eV/angstrom", "stress": "GPa"}
    theory = {"level_of_theory": "springs", "units": units}
    return {"name": name, **about, "elements": [element], **theory, "origin": origin}


@pytest.fixture(scope="module")
def suite(tree):
    """Return the file of a suite that uses the toys."""
    from hashlib import sha256

    text = "".join(json.dumps(frame) + "\n" for frame in frames_of_germanium())
    (tree / "ge.jsonl").write_text(text)
    rattled = {"kind": "rattled", "lattice_constant": 5.43, "displacement": 0.05, "frames": 6}
    (tree / "si.yaml").write_text(yaml.safe_dump(card("toy-si", "Si", rattled)))
    file = {"path": "ge.jsonl", "sha256": sha256(text.encode()).hexdigest(), "bytes": len(text)}
    parts = {"train": 4, "validation": 2, "test": 2}
    split = {part: {"files": ["ge.jsonl"], "frames": n} for part, n in parts.items()}
    read = {
        "kind": "files",
        "reader": "json-lines",
        "files": {"ge.jsonl": file},
        "split": {"name": "toy", "order": "random", **split},
    }
    (tree / "ge.yaml").write_text(yaml.safe_dump(card("toy-ge", "Ge", read)))
    described = yaml.safe_load((tree / "tlbench/suites/smoke.yaml").read_text()) | {
        "name": "toys",
        "source": {"card": "./si.yaml"},
        "target": {"card": "./ge.yaml"},
        "backbones": {"pairs": {"n_gaussians": 6}},
        "strategies": ["scratch", "finetune", "shrink"],
        "metrics": ["force_mae", "force_p95"],
        "by": [],
        "properties": ["density"],
    }
    (tree / "toys.yaml").write_text(yaml.safe_dump(described))
    return tree / "toys.yaml"


def test_every_recipe_is_one_file_and_one_line():
    assert recipes().keys() == TITLES


@pytest.mark.slow
def test_a_suite_runs_with_all_of_them(tree, suite):
    python(tree, "-m", "tlbench", "run", suite, "--out", tree / "out", "--store", tree / "store")
    lines = (tree / "out" / "records.jsonl").read_text().splitlines()
    records = [record for record in map(json.loads, lines) if "metric" in record]
    assert {r["backbone"] for r in records} == {"pairs"}
    assert {r["strategy"] for r in records} >= {"scratch", "finetune", "shrink"}
    errors = [r for r in records if "property" not in r["condition"]]
    assert {r["metric"] for r in errors} == {"force_mae", "force_p95"}
    assert all(r["value"] > 0 for r in errors)
    computed = (tree / "out" / "properties.jsonl").read_text().splitlines()[1:]
    densities = [value for line in computed for value in json.loads(line)["values"]]
    assert {value["quantity"] for value in densities} == {"density"}
    # The data have no reference potential, and their card no density.
    rates = [r for r in records if "property" in r["condition"]]
    assert {r["metric"] for r in rates} == {"property_failure_rate"}
    assert len(rates) == len(computed)
    page = (tree / "out" / "report.html").read_text()
    assert "Numbers by metric" in page
    assert "force_p95" in page


@pytest.mark.slow
def test_the_backbone_keeps_its_contract(tree):
    said = python(tree, "-m", "tlbench", "check-backbone", "pairs")
    assert "fails" not in said


@pytest.mark.slow
def test_the_job_is_done_and_kept(tree, suite):
    code = """
import sys
from tlbench.data.cards import load_card
from tlbench.engine.executors import local
from tlbench.engine.run.runner import Resources
from tlbench.engine.run.runner import run_jobs
from tlbench.engine.store.store import Store
from tlbench.jobs.volume import Config, Result
from tlbench.study.keys import KeyScheme
from tlbench.study.plan import dataset_job

data = dataset_job(load_card("./si.yaml"))
job = KeyScheme().job(Config(), {"data": data.key}, "volume")
store = Store("store")
assert run_jobs({data.key: data, job.key: job}, store, Resources()).complete
print(store.result(job.key, Result).volume)
"""
    (tree / "volume.py").write_text(
        f"if __name__ == '__main__':\n    {code.replace(chr(10), chr(10) + '    ')}"
    )
    assert float(python(tree, "volume.py")) == pytest.approx(5.43**3 / 8)
