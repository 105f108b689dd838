"""A matrix of elements with distances, run as a user runs it."""

import json
import re

import pytest
import yaml
from command_line import without_workers

from tlbench.metrics.distances.quantities import OF_ENVIRONMENTS
from tlbench.report.analysis import Analysis
from tlbench.report.markdown import markdown
from tlbench.report.relations.section import relations
from tlbench.report.wording import draw_note
from tlbench.results.results import Results
from tlbench.study.loading import load_suite, suite_folder
from tlbench.study.study import resolve

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """Write the smoke suite as a matrix, of one backbone and with distances."""
    value = yaml.safe_load((suite_folder() / "smoke.yaml").read_text())
    small = value.pop("source")["changes"]
    del value["target"], value["backbones"]["dimenetpp"]
    value |= {
        "name": "small-matrix",
        "matrix": {"cards": "sw-{element}-8", "elements": ["Si", "Ge"], "changes": small},
        "training_temperatures_k": [600, 1800],
        "distances": {
            "values": 500, "environments": 100, "exact": 50, "resamples": 20, "halves": 2,
        },
    }  # fmt: skip
    path = tmp_path_factory.mktemp("matrix") / "matrix.yaml"
    path.write_text(yaml.safe_dump(value))
    return path


@pytest.fixture(scope="module")
def ran(suite, smoke):
    """Run it over the store of the smoke suite, which has its data sets and one source model."""
    out = suite.parent / "out"
    done = without_workers("run", suite, "--store", smoke.store, "--out", out, "--workers", 1)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_every_transfer_stands_in_the_table(ran):
    _, printed = ran
    assert re.search(r"^Si\s+Ge\s+schnet", printed, re.MULTILINE)
    assert re.search(r"^Ge\s+Si\s+schnet", printed, re.MULTILINE)
    few = r"schnet, finetune, N = 4 at 600 and 1800 K \(.*\): too few pairs for a claim; its error "
    assert re.search(few, printed)


def test_work_of_other_suites_is_shared(ran):
    _, printed = ran
    assert re.search(r"\b[1-9]\d* already in the store", printed)


def test_what_was_found_is_written_and_read_again(ran):
    out, _ = ran
    results = Results.read(out)
    suite = load_suite(str(out / "suite.json"))
    finetuned = [r.model for r in results.records if r.model.strategy == "finetune"]
    assert {(m.source, m.target) for m in finetuned} == {("Si", "Ge"), ("Ge", "Si")}
    # Si and Ge; for both targets, at two test temperatures, source and two training temperatures.
    assert len(results.distances) == 1 + 2 * 2 * 3
    overall = next(d for d in results.distances if d.a.temperature_k is d.b.temperature_k is None)
    assert set(OF_ENVIRONMENTS) < {d.name for d in overall.distances}
    assert len({p.model.model_dump_json() for p in results.profiles}) == len(results.profiles)
    trained = [p for p in results.profiles if p.model.size]
    assert all(len(p.coverage) == 1 and len(p.coverage[0].error) == 5 for p in trained)
    overall_error = {
        (r.model.target, r.model.strategy, r.job): r.value
        for r in results.records
        if r.metric == "force_mae" and not r.condition
    }
    for p in results.profiles:
        mean = overall_error[p.model.target, p.model.strategy, p.job]
        # Fifths have as many atoms, so their mean is the whole's; and so with coordination.
        for covered in p.coverage:
            assert sum(covered.error) / 5 == pytest.approx(mean, rel=0.02)
        counted = sum(error * n for error, n in p.by_coordination.values())
        assert counted / sum(n for _, n in p.by_coordination.values()) == pytest.approx(mean, 1e-3)
    assert (out / "summary.md").read_text() == markdown(
        results, suite.metrics, suite, draws=draw_note(resolve(suite))
    )
    (section,) = relations(Analysis.of(results, suite))
    assert section.tables


def test_the_report_has_a_section_with_plots(ran):
    out, _ = ran
    page = (out / "report.html").read_text()
    assert '<h2 id="relations">Ratio to scratch against distance and coverage' in page
    assert "transfers among Si, Ge" in page
    assert 'data-figure="distances"' in page
    words = re.sub("<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"\b(nan|inf|None)\b", words)


def test_a_second_run_changes_nothing(ran, suite, command, smoke):
    out, _ = ran
    before = {name: (out / name).read_bytes() for name in FILES}
    done = command("run", suite, "--store", smoke.store, "--out", out)
    assert done.returncode == 0
    assert "0 jobs run" in done.stdout
    assert {name: (out / name).read_bytes() for name in FILES} == before


FILES = ("records.jsonl", "distances.jsonl", "profiles.jsonl", "suite.json", "summary.md")


def test_provenance_names_every_job(ran):
    out, _ = ran
    lines = [json.loads(line) for line in (out / "provenance.jsonl").read_text().splitlines()[1:]]
    kinds = {line["kind"] for line in lines}
    assert {"environments", "distance", "coverage", "geometry"} < kinds
