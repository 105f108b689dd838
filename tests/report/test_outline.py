"""A section is one function in one list: every renderer shows it."""

import sys
from types import SimpleNamespace

import one_budget
import plotly.graph_objects as go
from analyses import analysis_of, record_of

from tlbench.report import outline
from tlbench.report.content import Figure, Paragraph, Section, Sentences, Table, pivot, text_columns
from tlbench.report.html import figures_json, write_report
from tlbench.report.markdown import markdown, section_text
from tlbench.report.outline import sections_of
from tlbench.results.results import Results
from tlbench.study.study import resolve

RECORDS = [
    record_of(strategy, value, target=target, size=1, condition=condition)
    for strategy, target, value in (
        ("scratch", "Ge", 2.0), ("finetune", "Ge", 1.0), ("pretrain", "Si", 1.0),
    )
    for condition in ({}, {"phase": "crystal"})
]  # fmt: skip


def toy(analysis):
    lines = [["arm", "rows"], ["scratch", str(len(analysis.rows))]]
    figure = Figure("toy-figure", "Toys, drawn", "A note.", {"one": go.Figure, "two": go.Figure})
    table = Table("Toys", lines, "Of | toys.")
    blocks = [Paragraph("Toys <b>."), table, Sentences(["Said."]), figure]
    yield Section("toy", "Toys of the run", blocks)


def test_a_section_that_is_listed_stands_in_every_rendering(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tlbench.report.toys", SimpleNamespace(toy=toy))
    monkeypatch.setattr(outline, "SECTIONS", (*outline.SECTIONS, "toys:toy"))
    text = markdown(Results(RECORDS), ["force_mae"], one_budget.smoke())
    assert "**Toys of the run**" in text
    assert "| scratch | 4 |" in text
    assert "- Said." in text
    write_report(tmp_path / "r.html", resolve(one_budget.smoke()), {}, Results(RECORDS), [])
    page = (tmp_path / "r.html").read_text()
    assert '<a href="#toy">Toys of the run</a>' in page
    assert "Toys &lt;b&gt;." in page
    assert '<option value="1">two</option>' in page
    assert '"toy-figure":[{' in page


def test_what_has_no_results_is_left_out():
    names = [section.name for section in sections_of(analysis_of(RECORDS))]
    assert names == ["answer", "errors-force_mae", "by-condition", "sources"]
    empty = Section("s", "S", [Paragraph(""), Table("t", [["a"]]), Sentences([]), toy_figure({})])
    assert empty.blocks == ()
    assert list(section_text(empty)) == []


def toy_figure(cases):
    return Figure("f", "F", "", cases)


def test_figures_are_drawn_only_for_pages():
    drawn = []
    section = Section("s", "S", [toy_figure({"": lambda: drawn.append(1) or go.Figure()})])
    list(section_text(section))
    assert drawn == []
    assert figures_json([section]) == '{"f":[{"data":[],"layout":{}}]}'
    assert drawn == [1]


def test_a_pivot_has_dashes_where_there_is_no_cell():
    names = "N = {}".format, "{} K".format
    lines = pivot("at", [1, 2], [300, 600], {(1, 300): "a"}, names)
    assert lines == [["at", "300 K", "600 K"], ["N = 1", "a", "–"], ["N = 2", "–", "–"]]


def test_a_note_is_said_once_in_a_section_and_words_are_on_the_left():
    lines = [["arm", "backbone", "N", "change"], ["a", "schnet", "10", "−6 % [−9, −2]"]]
    tables = [
        Table("one", lines, "A note."),
        Table("two", lines, "A note."),
        Table("3", lines, "B."),
    ]
    section = Section("s", "S", tables)
    assert section.repeated_notes == {1}
    assert list(section_text(section)).count("A note.") == 1
    assert text_columns(lines) == {0, 1}
    assert text_columns([["a", "b"]]) == set()
    folded = [Table("one", lines, "A note.", folded=True), *tables[:2]]
    assert Section("s", "S", folded).repeated_notes == {2}
