"""Tables on a terminal of any width: no name and no number is cut."""

import io
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from analyses import analysis_of, record_of
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tlbench.cli.live import Display
from tlbench.cli.tables import console, drawn, fits, say
from tlbench.report.data_notes import NO_NOTES, DataNotes
from tlbench.report.sections.errors import findings
from tlbench.results.results import Results
from tlbench.study.loading import load_suite
from tlbench.study.study import resolve


def shown(lines, width, **options):
    out = Console(width=width, file=io.StringIO())
    out.print(drawn(lines, width, **options))
    return out.file.getvalue()


CELL = st.lists(st.text("abcdefgh0123456789.△[],", min_size=1, max_size=9), min_size=1, max_size=4)
TABLES = st.integers(1, 12).flatmap(
    lambda n: st.lists(st.lists(CELL.map(" ".join), min_size=n, max_size=n), min_size=2, max_size=4)
)


@given(TABLES, st.integers(24, 160))
def test_every_word_of_every_cell_is_there_in_one_piece(lines, width):
    words = set(re.split(r"\s+", shown(lines, width)))
    assert "…" not in "".join(words)
    assert {word for line in lines for cell in line for word in cell.split()} <= words


@given(TABLES, st.integers(24, 160))
def test_no_line_is_wider_than_the_terminal(lines, width):
    assert max(map(len, shown(lines, width).splitlines())) <= width


def test_a_number_stays_on_one_line_and_words_are_broken_between_words():
    lines = [["model", "ratio to scratch"], ["a long name of a model", "0.67 [0.47, 0.88] ▲"]]
    text = shown(lines, 34)
    assert "0.67 [0.47, 0.88] ▲" in text
    assert [line.split("  ")[0].strip() for line in text.splitlines()] == [
        "model", "a long name", "of a model",
    ]  # fmt: skip


def test_what_cannot_fit_is_a_block_per_row():
    lines = [["backbone", "N", *(f"arm{n}" for n in range(9))], ["b", "10", *["100.0"] * 9]]
    assert fits(lines, 80)
    assert not fits(lines, 60)
    blocks = [line.split() for line in shown(lines, 60).splitlines()]
    assert blocks[:3] == [["backbone", "b"], ["N", "10"], ["arm0", "100.0"]]


def result(strategy, seed, value):
    fields = {"backbone": "dimenetpp", "subset_seed": seed, "init_seed": seed}
    return record_of(strategy, value, **fields, job=f"{strategy}{seed}")


def test_nine_arms_at_80_columns_have_a_row_each(monkeypatch, capsys):
    suite = load_suite("strategies")
    arms = [name for name in suite.strategies if name != "zero-shot"]
    assert len(arms) >= 9
    records = [
        result(arm, seed, 100.0 + n + seed) for n, arm in enumerate(arms) for seed in range(5)
    ]
    monkeypatch.setenv("COLUMNS", "80")
    run = SimpleNamespace(
        plan=SimpleNamespace(suite=suite, study=resolve(suite)),
        results=Results(records),
        notes=NO_NOTES,
        out=Path("runs/mine"),
    )
    Display()._show_results(run)
    text = capsys.readouterr().out
    table = [line.split() for line in text.splitlines() if line.startswith("dimenetpp  ")]
    assert [line[2] for line in table] == arms
    assert all(line[:2] == ["dimenetpp", "10"] for line in table)
    ratio = next(line for line in table if line[2] == arms[1])
    assert re.fullmatch(r"1\.01 \[\d\.\d\d, \d\.\d\d\].*", " ".join(ratio[4:]))
    assert "…" not in text.replace("… and", "")


@pytest.mark.parametrize("n_notes", [1, 5, 9])
def test_every_finding_comes_before_the_notes_on_the_data(monkeypatch, capsys, n_notes):
    suite = load_suite("strategies")
    arms = [name for name in suite.strategies if name != "zero-shot"]
    records = [
        result(arm, seed, 100.0 + n + seed) for n, arm in enumerate(arms) for seed in range(5)
    ]
    notes = DataNotes(tuple(f"Of the test structures, {n} are copies." for n in range(n_notes)))
    run = SimpleNamespace(
        plan=SimpleNamespace(suite=suite, study=resolve(suite)),
        results=Results(records),
        notes=notes,
        out=Path("runs/mine"),
    )
    monkeypatch.setenv("COLUMNS", "80")
    Display()._show_results(run)
    text = " ".join(capsys.readouterr().out.split())
    found = findings(analysis_of(records), "force_mae")
    assert len(found) > 8
    data = text.index("Data:")
    assert all(0 <= text.find(sentence) < data for sentence in found)
    said = [note.strip() for note in text[data:].split("Data: ")[1:]]
    assert said[:5] == list(notes.sentences[:5])
    assert said[5:] == (["4 more notes in runs/mine/report.html."] if n_notes == 9 else [])


def test_a_pipe_has_no_width_unless_columns_gives_one(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert console().width > 1000
    monkeypatch.setenv("COLUMNS", "80")
    assert console().width == 80


def test_sentences_are_broken_between_words_on_a_terminal_only():
    sentence = "Errors are those at this budget: /a/very/long/path/that/is/wider/than/the/line ends"
    out = Console(width=30, file=io.StringIO(), force_terminal=True, color_system=None)
    say(sentence, out)
    lines = out.file.getvalue().splitlines()
    assert [line.strip() for line in lines] == [
        "Errors are those at this", "budget:", "/a/very/long/path/that/is/wider/than/the/line",
        "ends",
    ]  # fmt: skip
    out = Console(width=30, file=io.StringIO())
    say(sentence, out)
    assert out.file.getvalue() == f"{sentence}\n"


@pytest.mark.parametrize("markup", ["[bold]x[/bold]", "\x1b[31mx"])
def test_names_are_no_markup_and_obeyed_by_no_terminal(markup):
    text = shown([["name"], [markup]], 80)
    assert markup.replace("\x1b", "\N{REPLACEMENT CHARACTER}") in text
