"""Properties from a suite to records, report and a board of one's own, and forgeries of them."""

import json
import re
import shutil

import pytest
from command_line import without_workers
from forging import edit_lines

from tlbench import load_results
from tlbench.board.verification import verify
from tlbench.report.analysis import Analysis
from tlbench.report.properties.section import properties
from tlbench.study.loading import load_suite

pytestmark = pytest.mark.slow

SMALL = (
    "--backbone", "schnet", "--set", "budgets=null", "--set", "training.updates=20",
    "--set", "training.validation_points=0", "--workers", 1,
    "--set", "properties={lattice: {phases: [fcc, sc]}, eos: {}}",
)  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory, command):
    """Run the smoke suite with lattice constants, and publish it on a private board."""
    folder = tmp_path_factory.mktemp("properties")
    store = ("--store", folder / "store")
    done = without_workers("run", "smoke", *SMALL, *store, "--out", folder / "out")
    assert done.returncode == 0, done.stderr
    lines = (folder / "out" / "provenance.jsonl").read_text().splitlines()
    clean = [json.loads(line) | {"git_dirty": False} for line in lines[1:]]
    text = "".join(f"{json.dumps(line)}\n" for line in (json.loads(lines[0]), *clean))
    (folder / "out" / "provenance.jsonl").write_text(text)
    added = command(
        "board", "add", folder / "out", *store, "--name", "me", "--board", folder / "board"
    )
    assert added.returncode == 0, added.stderr
    return folder


def test_every_error_follows_from_a_value_and_that_of_the_potential_of_the_data(ran):
    found = load_results(ran / "out")
    lattices = [each for each in found.properties if each.property == "lattice"]
    # Two arms of two pairs, and zero-shot of one seed.
    assert len(lattices) == len(found.properties) / 2 == 5
    for each in lattices:
        assert (each.prototype, each.elements) == ("diamond", ["Ge"])
        assert each.origin == "Stillinger–Weber Ge"
        values = {(v.quantity, v.condition["phase"]): v for v in each.values}
        first = values["lattice_constant", "diamond"]
        assert first.reference == pytest.approx(5.653621, abs=2e-6)
        errors = {
            (r.metric, r.condition.get("phase")): r.value
            for r in found.records
            if r.job == each.job
        }
        if first.value is not None:
            wanted = abs(first.value - first.reference)
            assert errors["lattice_constant_error", "diamond"] == wanted
        failed = sum(v.failure is not None for v in each.values) / len(each.values)
        assert errors["property_failure_rate", None] == failed


def test_tables_of_a_run_are_joined_by_the_model(ran):
    found = load_results(ran / "out")
    table, errors = found.properties.to_frame(), found.records.to_frame()
    assert set(table["model"]) <= set(errors["model"])
    assert set(table["property"]) == {"lattice", "eos"}


def test_curves_are_of_every_model_and_of_the_reference(ran):
    found = load_results(ran / "out").curves
    assert {each.property for each in found} == {"eos"}
    assert [each.model is None for each in found] == [True] + [False] * 5
    (curve,) = found[0].curves
    # The least energy is at the volume of the lattice constant of theory.
    assert curve.x[curve.y.index(min(curve.y))] == pytest.approx(5.653621**3 / 8, rel=1e-5)


def test_a_report_has_the_values_beside_the_reference(ran):
    suite = load_suite(ran / "out" / "suite.json")
    (section,) = properties(Analysis.of(load_results(ran / "out"), suite))
    head, reference, *arms = section.tables[0].lines
    place = head.index("a diamond (Å)")
    assert (reference[0], reference[place]) == ("reference", "5.6536")
    assert [line[1] for line in arms] == ["scratch", "finetune", "zero-shot"]
    page = (ran / "out" / "report.html").read_text()
    assert "Physical properties" in page
    assert "5.6536" in page
    assert '<a href="properties.csv">properties.csv</a>' in page
    assert (ran / "out" / "properties.csv").read_text().count("\n") > 30


def test_a_board_verifies_them_and_shows_them(ran, command, tmp_path):
    done = command("board", "build", "--board", ran / "board", "--out", tmp_path / "site")
    assert done.returncode == 0, done.stderr
    pages = "".join(path.read_text() for path in (tmp_path / "site").rglob("*.html"))
    assert "physical properties of 5 of them" in pages
    assert "lattice_constant_error" in pages
    board = (tmp_path / "site" / "suites").rglob("index.html")
    (board,) = (path for path in board if "Physical properties" in path.read_text())
    text = board.read_text()
    assert "curves-eos" in text
    assert "5.6536" in text
    assert "reference" in (board.parent / "properties.csv").read_text()


def first(rows):
    return rows[0]["values"][0]


FORGERIES = {
    "a value that its error does not follow from": (
        lambda rows: first(rows).update(value=5.0, failure=None),
        "lattice_constant_error.* recomputed",
    ),
    "the reference of one model": (
        lambda rows: first(rows).update(reference=5.0),
        "the values of the reference are not those beside other models",
    ),
    "a failure that was none": (
        lambda rows: first(rows).update(value=None, failure="it broke"),
        "property_failure_rate.* recomputed",
    ),
    "neither value nor failure": (
        lambda rows: first(rows).update(value=None, failure=None),
        "properties.jsonl.gz:2: is not a property of a model",
    ),
    "a failure that is markup": (
        lambda rows: first(rows).update(value=None, failure="<b>"),
        "holds more than words",
    ),
    "another quantity": (
        lambda rows: first(rows).update(quantity="hardness"),
        "'hardness' is not one of its quantities",
    ),
    "another crystal": (lambda rows: rows[0].update(prototype="fcc"), "of another crystal"),
    "another reference": (
        lambda rows: rows[0].update(origin="experiment"),
        "given as 'experiment', but is the potential of the data",
    ),
    "a property that was not asked for": (
        lambda rows: rows[0].update(property="phonons"),
        "does not ask for it",
    ),
    "another job": (lambda rows: rows[0].update(job="0" * 64), "the key of the job 000000000000"),
    "a model that is missing": (lambda rows: rows[1:], "does not follow"),
    "a value twice": (
        lambda rows: rows[0]["values"].append(first(rows)),
        "a value is given twice",
    ),
    "a model twice": (lambda rows: [*rows, rows[0]], "is given twice"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_what_is_forged_is_refused(name, ran, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(ran / "board" / "results", results)
    folder = results / "smoke" / "me"
    assert verify(folder, results, private=True).problems == []
    change, reason = FORGERIES[name]
    edit_lines(folder, "properties", lambda rows: change(rows) or rows)
    problems = verify(folder, results, private=True).problems
    assert re.search(reason, "\n".join(problems), re.IGNORECASE), problems


def curve(rows):
    return rows[1]["curves"][0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: curve(rows).update(x_label="<script>"), "holds more than words"),
        (lambda rows: curve(rows)["x"].pop() and None, "not a list of curves"),
        (lambda rows: [*rows, rows[0]], "curves of the property eos are given twice"),
        (lambda rows: rows[0].update(property="phonons"), "There are curves of phonons, but not"),
        (lambda rows: rows[1]["model"].update(size=3), "There are curves of eos, but not"),
    ],
)
def test_forged_curves_are_refused(change, reason, ran, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(ran / "board" / "results", results)
    folder = results / "smoke" / "me"
    edit_lines(folder, "curves", lambda rows: change(rows) or rows)
    problems = verify(folder, results, private=True).problems
    assert re.search(reason, "\n".join(problems), re.IGNORECASE), problems
