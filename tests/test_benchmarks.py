"""The table of speeds in benchmarks/README.md is the one that a run of the speed tests saved."""

from results import BEGIN, END, README, load, render


def test_the_table_is_that_of_the_saved_results():
    text = README.read_text()
    table = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert table.strip() == render(*load()).strip()


def test_the_saved_results_are_of_committed_code():
    rows, about = load()
    assert about["git_dirty"] is False
    assert len(rows) > 30
