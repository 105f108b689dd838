"""Submissions of suites of several sources: verified, and shown apart."""

import json
from dataclasses import replace

import pytest
from synthetic import publish

from tlbench.base.errors import InputError
from tlbench.board.reading import read_submission
from tlbench.board.site.build import build_site
from tlbench.board.site.overview import END, START
from tlbench.board.site.starts_table import starts_table
from tlbench.board.verification import verify
from tlbench.board.verification.models import expected
from tlbench.report.analysis import Analysis
from tlbench.report.sections.costs import median_text
from tlbench.report.sections.starts import mean_text, start_of, starts
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

SILICON = {
    "card": "sw-si-8", "changes": {"temperatures_k": [300, 900, 1500, 2100, 2700, 3300]},
    "backbones": ["schnet"],
}  # fmt: skip
CHANGES = (
    ("source", "null"),
    ("sources", json.dumps(["sevennet-0", "chgnet-0.3.0", SILICON])),
    ("backbones", "{sevennet-0: {}, chgnet-0.3.0: {}, schnet: {}}"),
    ("dynamics", "null"),
)


def cells(line):
    """Return the cells of a line of a table in Markdown."""
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    pytest.importorskip("sevenn")
    pytest.importorskip("chgnet")
    results = tmp_path_factory.mktemp("board") / "results"
    return publish(results, "universal", "quick", CHANGES)


def test_a_submission_of_several_sources_is_verified(published):
    verdict = verify(published, published.parents[1])
    assert verdict.problems == verdict.notes == []
    assert verdict.coverage.found == verdict.coverage.expected > 0


def test_weights_of_other_potentials_have_other_keys(published):
    suite = load_suite("quick", CHANGES)
    keys = plan(resolve(suite)).jobs.keys()
    assert {job.kind for job in plan(resolve(suite)).jobs.values()} >= {"weights"}
    path = published / "suite.json"
    stated = json.loads(path.read_text())
    assert stated["backbones"]["sevennet-0"] == {}
    again = load_suite(path)
    assert plan(resolve(again)).jobs.keys() == keys


def test_the_board_names_each_source(published, tmp_path):
    built = build_site(published.parents[1], tmp_path / "site")
    assert built.left_out == []
    pages = [p.read_text() for p in (tmp_path / "site").rglob("*.html")]
    for name in ("SevenNet-0", "CHGNet 0.3.0", "Si"):
        assert any(name in text for text in pages)


def test_a_front_page_has_the_starts_of_a_submission_with_their_errors_and_costs(
    published, tmp_path
):
    front, name = tmp_path / "README.md", f"<!-- starts quick/{published.name} -->"
    front.write_text(f"before\n{name}old<!-- end of starts -->\n{START}{END}")
    build_site(published.parents[1], tmp_path / "site", [front])
    lines = [cells(line) for line in front.read_text().partition(START)[0].splitlines()[3:-1]]
    entry = read_submission(published)
    (section,) = starts(Analysis.of(entry.results, entry.suite))
    (head, _, *table), (_, *report) = lines[:-1], section.tables[0].lines
    assert head == [
        "start (force_mae, meV/Å)",
        "N = 1",
        "N = 10",
        "energy_mae at N = 10 (meV/atom)",
        "training at N = 10 (s)",
        "force call (ms)",
    ]
    of_start = {line[0]: line for line in table}
    for structures, start, backbone, _, error, *_ in report:
        # The network is named unless the source is called like it.
        names = {start, f"{start} ({backbone})"} & of_start.keys()
        (line,) = (of_start[name] for name in names)
        assert line[head.index(structures.partition(",")[0])] == error
    assert {"scratch (sevennet-0)", "SevenNet-0 → Ge, finetune"} <= of_start.keys()
    assert len(table) == len({(line[1], line[2]) for line in report}) > 6
    means = [float(line[2].split()[0]) for line in table]
    assert means == sorted(means)
    rows = Analysis.of(entry.results, entry.suite).of_metric("energy_mae")
    energies = {start_of(row): mean_text(row) for row in rows if row.place.size == 10}
    tuned = "SevenNet-0 → Ge, finetune"
    assert of_start[tuned][3] == energies[tuned, "sevennet-0"]
    pretrained = [line[-2] for line in table if line[0].startswith("Si → Ge, finetune")]
    assert pretrained
    assert all(" + " in each for each in pretrained)
    untrained = {line[-2] for line in table if line[0].endswith("zero-shot")}
    assert untrained == {"–"} < {line[-2] for line in table}
    front.write_text(front.read_text().replace(published.name, "another"))
    with pytest.raises(InputError, match="starts quick/another --> names no submission"):
        build_site(published.parents[1], tmp_path / "other", [front])
    assert not (tmp_path / "other").exists()


def test_starts_that_lack_models_come_last_or_say_how_many_there_are(published, tmp_path):
    """They would have the errors and times of fewer structures, or of fewer pairs."""
    gone = [
        where
        for where in expected(read_submission(published).study)
        if where.model.size == 10
        and (
            (where.model.source, where.model.strategy) == ("SevenNet-0", "finetune")
            or (where.model.backbone, where.model.strategy, where.model.subset_seed)
            == ("schnet", "scratch", 0)
        )
    ]
    assert gone
    folder = publish(tmp_path / "results", "some", "quick", CHANGES, without=gone)
    lines = [cells(line) for line in starts_table(read_submission(folder)).splitlines()[2:]]
    assert lines[-1][0] == "SevenNet-0 → Ge, finetune"
    assert lines[-1][2:] == ["–", "–", "–", "–"]
    assert lines[-1][1] != "–"
    (scratch,) = (line for line in lines if line[0] == "scratch (schnet)")
    assert "pairs" not in scratch[1]
    assert scratch[2].endswith("(2 of 3 pairs)")


def test_times_are_those_of_the_source_of_a_start(tmp_path):
    changes = dict(CHANGES) | {
        "sources": json.dumps([SILICON, {"card": "mlearn-li"}]),
        "backbones": "{schnet: {}}",
    }
    folder = publish(tmp_path / "results", "two", "quick", [*changes.items()])
    entry = read_submission(folder)
    before = {}
    models = {record.trained: record.model for record in entry.results.records}
    for cost in entry.results.costs:
        model = models[cost.trained]
        if (model.strategy, model.size) == ("finetune", 10):
            before.setdefault(model.source, []).append(cost.pretraining_cpu_seconds)
    lines = [cells(line) for line in starts_table(entry).splitlines()[2:]]
    shown = {line[0].split()[0]: line[-2].split(" + ")[-1] for line in lines if "finet" in line[0]}
    assert len(before) == 2
    assert shown == {source: median_text(values) for source, values in before.items()}


def test_earlier_versions_measured_a_potential_as_it_is_for_each_seed(monkeypatch, tmp_path):
    def seeded(*suite, **how):
        return replace(resolve(*suite, **how), seeded=True)

    monkeypatch.setattr("synthetic.resolve", seeded)
    folder = publish(tmp_path / "board" / "results", "universal", "quick", CHANGES)
    verdict = verify(folder, folder.parents[1])
    assert verdict.problems == verdict.notes == []
    assert verdict.entry.study.seeded
    untrained = [m for m in verdict.entry.study.grid if m.source == "SevenNet-0" and not m.size]
    assert len(untrained) == len(verdict.entry.suite.init_seeds) > 1
