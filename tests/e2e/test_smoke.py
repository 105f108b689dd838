"""The smoke suite, run as a user runs it: records, report, and running it again."""

import html.parser
import json
import re
import shutil
import subprocess
from collections import Counter

import pytest
from command_line import processor_seconds

from tlbench import load_suite, read_records, run_suite

REQUIRED = {
    "suite", "suite_digest", "source", "target", "backbone", "strategy", "size",
    "subset_seed", "init_seed", "metric", "unit", "value", "condition", "job",
}  # fmt: skip


@pytest.fixture(scope="module")
def records(smoke):
    return [json.loads(line) for line in smoke.records.splitlines()[1:]]


@pytest.fixture(scope="module")
def provenance(smoke):
    lines = (smoke.out / "provenance.jsonl").read_text().splitlines()[1:]
    return [json.loads(line) for line in lines]


def test_finishes_in_under_a_minute_also_on_a_single_processor(smoke):
    assert smoke.processor_seconds < 60


def test_every_arm_of_every_backbone_is_measured_at_every_budget_and_seed(records):
    overall = {
        (r["backbone"], r["strategy"], r.get("updates"), r["subset_seed"], *r["condition"].values())
        for r in records
        if r["metric"] == "force_mae"
        and r["target"] == "Ge"
        and "temperature_k" not in r["condition"]
    }
    trained = {
        (backbone, strategy, updates, seed, *weights)
        for backbone in ("dimenetpp", "schnet")
        for strategy in ("scratch", "finetune")
        for updates in (10, 20)
        for seed in (0, 1)
        for weights in ((), ("best",))
    }
    zero_shot = {(backbone, "zero-shot", None, None) for backbone in ("dimenetpp", "schnet")}
    assert overall == trained | zero_shot


def test_records_have_the_published_fields(records):
    for record in records:
        assert record.keys() >= REQUIRED
        assert record["value"] > 0
        assert set(record["condition"]) <= {"temperature_k", "weights"}
    assert {r["unit"] for r in records if r["metric"] == "force_mae"} == {"meV/Å"}
    assert {r["condition"].get("temperature_k") for r in records} == {None, 600.0, 1800.0}


def test_energies_of_a_model_without_target_data_are_not_published(records):
    metrics = {r["metric"] for r in records if r["strategy"] == "zero-shot"}
    assert metrics == {"force_mae", "force_rmse"}


def test_data_sets_and_pretraining_are_shared(provenance):
    labels = Counter(p["label"].split()[0] for p in provenance if p["kind"] != "evaluate")
    trained = {"pretrain": 2, "scratch": 8, "finetune": 8, "zero-shot": 2}
    assert labels == {"data": 2, "speed": 2, **trained}


def test_every_model_says_what_it_cost(smoke, records, provenance):
    by_label = {p["label"]: p for p in provenance}
    lines = (smoke.out / "costs.jsonl").read_text().splitlines()[1:]
    costs = {c["model"]: c for c in map(json.loads, lines)}
    assert len(lines) == len(costs)
    for record in records:
        cost = costs[record["model"]]
        assert cost["device"] == provenance[0]["device_name"]
        assert cost["n_parameters"] > 1000
        assert 0 < cost["force_call_seconds"] < 5
        assert cost["peak_memory_mib"] > 50
        trained = record["strategy"] != "zero-shot"
        assert cost["updates"] == record.get("updates", 0)
        assert (cost["updates"] > 0) == trained
        assert (cost["updates_per_second"] is not None) == trained
        transferred = record["strategy"] in ("finetune", "zero-shot")
        source = by_label[
            f"pretrain {record['backbone']} on Si, seed {record['init_seed']}, 60 updates"
        ]
        expected = source["cpu_seconds"] if transferred else None
        assert cost["pretraining_cpu_seconds"] == expected


def test_every_job_says_where_it_comes_from(provenance):
    for job in provenance:
        assert job["packages"]["torch"]
        assert job["device"] in ("cpu", "cuda")
        assert job["device_name"]
        assert job["threads"] == 1
        assert job["wall_seconds"] >= 0
        assert job["cpu_seconds"] >= 0
        assert job["peak_memory_mib"] > 0
        assert re.match(r"\d{4}-\d\d-\d\dT", job["started"])
        assert "git_commit" in job
        assert "git_dirty" in job


def test_transfer_starts_below_scratch(records):
    # With ten updates a random network has barely left the level of predicting no force.
    def mean(strategy):
        values = [
            r["value"]
            for r in records
            if r["strategy"] == strategy and r["metric"] == "force_mae" and r.get("updates") == 10
        ]
        return sum(values) / len(values)

    assert mean("finetune") < mean("scratch")


class _References(html.parser.HTMLParser):
    """Collects what a page would load from elsewhere."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "href") and value and not value.startswith(("data:", "#")):
                self.found.append(value)


def test_the_report_is_one_file_that_loads_nothing(smoke):
    page = (smoke.out / "report.html").read_text()
    references = _References()
    references.feed(page)
    assert references.found == []
    styles = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    assert "url(" not in styles
    assert "@import" not in styles


def test_the_report_shows_table_and_provenance(smoke, provenance):
    page = (smoke.out / "report.html").read_text().replace('<td class="text">', "<td>")
    lines = (smoke.out / "summary.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith("| dimenetpp "))
    name, *cells = row.strip("| ").split(" | ")
    assert f"<bdi>{name}</bdi>" in page
    for cell in cells:
        assert f"<td>{cell}</td>" in page
    assert provenance[0]["device_name"].split(",")[0] in page
    assert f"torch {provenance[0]['packages']['torch']}" in page


@pytest.mark.slow
def test_every_plot_is_drawn_in_a_browser(smoke, tmp_path):
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path}", "--virtual-time-budget=10000", "--dump-dom",
        f"file://{smoke.out / 'report.html'}",
    ]  # fmt: skip
    page = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    figures = re.findall(r'class="plot[^>]*data-figure="([a-z-]+)"', page)
    assert len(figures) == 4
    drawn = page.count('class="main-svg"')
    # Plotly draws a figure in two or three layers.
    assert drawn >= 2 * len(figures)


def test_a_second_run_does_no_work(smoke, process, tmp_path):
    # A lock names its holder, and the plan in use is the newest.
    changing = {".working", ".locks", ".plans"}

    def times():
        paths = [p for p in smoke.store.rglob("*") if not changing & {*p.parts}]
        return {p: p.stat().st_mtime_ns for p in paths if p.is_file()}

    before = times()
    started = processor_seconds()
    again = process("run", "smoke", "--out", tmp_path, "--store", smoke.store)
    seconds = processor_seconds() - started
    assert again.returncode == 0
    assert "0 jobs run, 62 already in the store" in again.stdout
    assert (tmp_path / "records.jsonl").read_bytes() == smoke.records
    assert times() == before
    # Most of it is the start of Python: machines differ twofold in speed.
    assert seconds < smoke.processor_seconds / 6


def test_paths_may_be_strings_in_python(smoke, tmp_path):
    run = run_suite(
        load_suite("smoke"), out=str(tmp_path / "out"), store=str(smoke.store), mirror=str(tmp_path)
    )
    assert run.report.count("cached") == 62
    assert read_records(str(tmp_path / "out" / "records.jsonl")) == run.records


def test_a_dry_run_touches_nothing(command, tmp_path):
    shown = command("run", "smoke", "--dry-run", "--store", tmp_path / "store", "--out", tmp_path)
    assert shown.returncode == 0
    assert "62 jobs, 62 to do" in shown.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_suite_that_a_run_leaves_behind_reproduces_it(smoke, command, tmp_path):
    again = command("run", smoke.out / "suite.json", "--out", tmp_path, "--store", smoke.store)
    assert "0 jobs run" in again.stdout
    assert (tmp_path / "records.jsonl").read_bytes() == smoke.records


@pytest.mark.slow
def test_results_that_cannot_be_written_cost_one_sentence_and_no_work(smoke, command, tmp_path):
    (tmp_path / "records.jsonl").mkdir()
    failed = command("run", "smoke", "--out", tmp_path, "--store", smoke.store)
    assert failed.returncode == 2
    assert failed.stderr.count("\n") == 1
    assert "with another --out" in failed.stderr


@pytest.mark.slow
def test_a_table_shows_the_metric_that_was_asked_for(smoke, command, tmp_path):
    run = command(
        "run", "smoke", "--backbone", "schnet", "--set", "metrics=[energy_mae]", "--workers", 1,
        "--out", tmp_path, "--store", smoke.store,
    )  # fmt: skip
    assert run.returncode == 0
    assert "energy_mae (meV/atom)" in run.stdout
    assert "| schnet | 4 |" in (tmp_path / "summary.md").read_text()


@pytest.mark.slow
def test_a_job_that_fails_is_reported_and_the_rest_goes_on(smoke, command, tmp_path):
    run = command(
        "run", "smoke", "--backbone", "schnet", "--set", "training.learning_rate=1e30",
        "--set", "budgets=[3, 6]", "--workers", 1, "--out", tmp_path, "--store", smoke.store,
    )  # fmt: skip
    assert run.returncode == 1
    assert re.search(
        r"Failed: scratch schnet, N 4, 3 updates, seed 0/0 on Ge \(job \w{12}\): The loss is",
        run.stdout,
    )
    assert "Traceback" not in run.stdout + run.stderr
    assert "8 failed, 16 skipped" in run.stdout
    lines = (tmp_path / "records.jsonl").read_text().splitlines()[1:]
    records = [json.loads(line) for line in lines]
    assert {r["strategy"] for r in records} == {"pretrain", "zero-shot"}
    assert "8 jobs failed" in (tmp_path / "report.html").read_text()
