"""``tlbench baseline``, ``check`` and ``compare``, as a user calls them."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tlbench.regression.numbers import read_baseline
from tlbench.results.records import RECORDS_FORMAT, read_records
from tlbench.study.loading import load_suite

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "benchmarks" / "baselines" / "smoke.json"


@pytest.fixture(scope="module")
def baseline(smoke, command, tmp_path_factory):
    """Return a baseline of the smoke run."""
    path = tmp_path_factory.mktemp("baseline") / "smoke.json"
    made = command("baseline", smoke.out, "--out", path)
    assert made.returncode == 0, made.stderr
    assert "228 numbers of the suite smoke (version 3)" in made.stdout
    return path


def failures(path):
    """Return the names of the cases that failed."""
    return [case.get("name") for case in ET.parse(path).iter("testcase") if len(case)]


def test_an_identical_rerun_passes(smoke, command, baseline, tmp_path):
    done = command(
        "check", smoke.out, "--baseline", baseline, "--exact", "--junit", tmp_path / "junit.xml"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 228 numbers that both have are identical." in done.stdout
    assert failures(tmp_path / "junit.xml") == []


@pytest.fixture(scope="module")
def planted(smoke, tmp_path_factory):
    """Return a run of the smoke suite by a tlbench whose schnet has forces 20 % more wrong."""
    folder = tmp_path_factory.mktemp("planted")
    hidden = shutil.ignore_patterns("__pycache__")
    for part in ("tlbench", "datasets"):
        shutil.copytree(ROOT / part, folder / part, ignore=hidden)
    code = folder / "tlbench" / "jobs" / "evaluate.py"
    right = "forces=forces - frames.forces,"
    assert code.read_text().count(right) == 1
    wrong = '* (1.2 if "schnet" in str(potential.name) else 1.0),'
    code.write_text(code.read_text().replace(right, f"forces=(forces - frames.forces) {wrong}"))
    # Models are the same; only what measures them is run again.
    shutil.copytree(smoke.store, folder / "store")
    for job in (folder / "store").glob("*/job.json"):
        if json.loads(job.read_text())["kind"] == "evaluate":
            shutil.rmtree(job.parent)
    done = subprocess.run(
        [
            sys.executable, "-m", "tlbench", "run", "smoke", "--workers", "1",
            "--store", "store", "--out", "out",
        ],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


@pytest.mark.slow
def test_a_backbone_that_became_worse_is_caught(planted, command, baseline, tmp_path):
    junit, summary = tmp_path / "junit.xml", tmp_path / "summary.md"
    done = command(
        "check", planted, "--baseline", baseline, "--junit", junit, "--markdown", summary
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("smoke (version 3): schnet got worse, beside ")
    assert "schnet, all 6 places: force_mae × 1.200" in done.stdout
    failed = failures(junit)
    # Two metrics of forces: the backbone, and six places under three conditions, five of them also
    # with their best weights.
    assert len(failed) == 2 * (1 + 6 * 3 + 5)
    assert all(name.startswith("schnet, ") and ": force_" in name for name in failed)
    assert summary.read_text().startswith("**Failed.** ")


@pytest.mark.slow
def test_a_tolerance_lets_a_loss_pass_and_exactness_does_not(planted, command, baseline):
    tolerances = ["--tolerance", "force_mae=0.25", "--tolerance", "force_rmse=0.25"]
    arguments = ["check", planted, "--baseline", baseline, *tolerances]
    passed = command(*arguments)
    assert passed.returncode == 0
    assert "so every number should be the same to the last bit" in passed.stdout
    assert "78 of 228 numbers changed: schnet, " in passed.stdout
    exact = command(*arguments, "--exact")
    assert exact.returncode == 1
    assert "the numbers are not identical" in exact.stdout


@pytest.mark.slow
def test_two_runs_side_by_side(smoke, planted, printed, tmp_path):
    text = printed("compare", smoke.out, planted, "--json", "found.json", "--markdown", "found.md")
    assert "1.200 (2 pairs)" in text
    assert "228 numbers in both" in text
    assert "| schnet, zero-shot, N 0, Si → Ge |" in (tmp_path / "found.md").read_text()
    rows = json.loads((tmp_path / "found.json").read_text())["rows"]
    forces = [row for row in rows if row["metric"] == "force_mae"]
    assert {(row["backbone"], round(row["change"], 9)) for row in forces} == {
        ("schnet", 1.2), ("dimenetpp", 1.0),
    }  # fmt: skip


def test_a_run_that_lacks_records_fails(smoke, command, baseline, tmp_path):
    records = read_records(smoke.out / "records.jsonl")
    RECORDS_FORMAT.write_lines(
        tmp_path / "records.jsonl", [r for r in records if r.model.backbone != "schnet"]
    )
    done = command("check", tmp_path, "--baseline", baseline)
    assert done.returncode == 1
    assert "114 numbers are missing" in done.stdout


def test_the_committed_baseline_is_of_the_suite_as_it_is(smoke):
    committed = read_baseline(COMMITTED)
    suite = load_suite("smoke")
    assert (committed.suite, committed.version) == (suite.name, suite.version)
    models = [record.model for record in read_records(smoke.out / "records.jsonl")]
    measured = {(model.backbone, model.strategy, model.size) for model in models}
    columns = committed.table[["backbone", "strategy", "size"]]
    assert set(columns.itertuples(index=False, name=None)) == measured
    assert all(origin.git_dirty is False for origin in committed.origins)


def test_the_smoke_suite_is_not_worse_than_the_committed_baseline(smoke, command):
    done = command("check", smoke.out, "--baseline", COMMITTED)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def files(smoke, baseline, tmp_path):
    """Put runs and baselines, whole and damaged, where ``refused`` calls the command line."""
    for name in ("run", "other"):
        (tmp_path / name).mkdir()
    # ``refused`` watches for records that a mistake leaves behind.
    text = (smoke.out / "records.jsonl").read_bytes()
    (tmp_path / "run" / "records.jsonl.gz").write_bytes(gzip.compress(text))
    other = text.replace(b'"suite": "smoke"', b'"suite": "quick"')
    (tmp_path / "other" / "records.jsonl.gz").write_bytes(gzip.compress(other))
    (tmp_path / "baseline.json").write_bytes(baseline.read_bytes())
    (tmp_path / "damaged.json").write_bytes(baseline.read_bytes()[:-20])


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["check", "none", "--baseline", "baseline.json"], "none: there is no records.jsonl"),
        (["check", "run", "--baseline", "none.json"], "none.json: there is no such file"),
        (["check", "run", "--baseline", "run"], "make a baseline file of it"),
        (["check", "run", "--baseline", "damaged.json"], "damaged.json: is not valid JSON"),
        (["check", "other", "--baseline", "baseline.json"], "only runs of one suite"),
        (
            ["check", "run", "--baseline", "baseline.json", "--tolerance", "force_mea=1"],
            "did you mean 'force_mae'",
        ),
        (
            ["check", "run", "--baseline", "baseline.json", "--junit", "none/junit.xml"],
            "none/junit.xml: cannot be written (No such file or directory)",
        ),
        (["baseline", "none", "--out", "new.json"], "none: there is no records.jsonl"),
        (["baseline", "run", "--out", "run"], "run: cannot be written"),
        (["compare", "run", "none"], "none: there is no records.jsonl"),
        (["compare", "run", "damaged.json"], "damaged.json: is not valid JSON"),
        (["compare", "run", "other"], "only runs of one suite"),
    ],
)
def test_misuse_is_one_sentence(refused, arguments, complaint):
    assert complaint in refused(*arguments)
