"""The manual shows what records and code say."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from published import DOCS, INTERVAL, ROOT, correlations, runs_of, script
from typer.main import get_command

from tlbench import load_results
from tlbench.board.reading import read_submission
from tlbench.cli import app

PAGES = [
    ROOT / "README.md",
    *(
        page
        for folder in (".", "findings", "notebooks")
        for page in sorted(DOCS.glob(f"{folder}/*.md"))
    ),
]


@pytest.fixture(scope="module")
def generate():
    return script("generate")


def test_correlations_in_the_manual_are_those_of_the_published_runs():
    text = (DOCS / "properties.md").read_text().partition("## In a suite")[2].partition("## Me")[0]
    stated = set(re.findall(INTERVAL, text.replace("\n", " ")))
    assert len(stated) >= 3
    runs = [*runs_of("properties-sw-cpu"), *runs_of("properties-dft-cpu")]
    assert stated <= set().union(*map(correlations, runs))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_files_that_a_page_links_to_exist(page):
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_no_line_of_text_is_taken_for_a_comment(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"^\s*%.*", text, re.MULTILINE) == []


def test_every_page_is_in_the_table_of_contents():
    contents = (DOCS / "index.md", DOCS / "findings.md")
    listed = {line for page in contents for line in page.read_text().splitlines()}
    names = {str(path.relative_to(DOCS).with_suffix("")) for path in PAGES[1:]}
    assert names - {"index"} <= listed


def commands_of(command, name=()):
    inner = getattr(command, "commands", {})
    yield name, command
    for word, below in inner.items():
        yield from commands_of(below, (*name, word))


COMMANDS = dict(commands_of(get_command(app)))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_commands_and_options_of_a_page_exist(page):
    """Every ``tlbench`` line of a console block names a command and options that there are."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    for line in lines:
        words = line.split(" #")[0].split()
        if not words[1:2] or Path(words[1]).name != "tlbench":
            continue
        name: tuple[str, ...] = ()
        for word in words[2:]:
            if (*name, word) not in COMMANDS:
                break
            name = (*name, word)
        assert name, line
        known = {
            flag for each in COMMANDS[name].params for flag in (*each.opts, *each.secondary_opts)
        }
        assert {word for word in words if word.startswith("--")} <= known, line


def test_the_command_reference_has_every_option_with_its_help(generate):
    text = " ".join(generate.commands().split())
    for name, command in COMMANDS.items():
        if not name:
            continue
        assert f"## tlbench {' '.join(name)} " in text
        for each in command.params:
            if each.name != "help" and not each.hidden:
                assert " ".join((each.help or "").split()).replace("|", "\\|") in text


def test_the_python_interface_has_every_public_name(generate):
    import tlbench

    text = generate.python_interface()
    assert [name for name in tlbench.__all__ if not re.search(rf"\.{name}\b", text)] == []


def test_short_answers_are_those_of_the_pages_that_they_name():
    short = re.findall(INTERVAL, " ".join((DOCS / "findings.md").read_text().split()))
    pages = " ".join(page.read_text() for page in (DOCS / "findings").glob("*.md"))
    assert len(short) >= 4
    assert set(short) <= set(re.findall(INTERVAL, " ".join(pages.split())))


def test_the_page_of_results_has_the_numbers_of_the_records(generate):
    folder = ROOT / "leaderboard/results/si-ge-dft-cpu/2026-11-28-two-cores-2400-updates"
    text = generate.submission_text(read_submission(folder))
    records = load_results(folder).records
    errors: dict[str, dict[object, float]] = {"scratch": {}, "finetune": {}}
    for r in records:
        if r.metric == "force_mae" and not r.condition and r.model.strategy in errors:
            errors[r.model.strategy][r.model.pair] = r.value
    scratch, finetune = (
        math.exp(np.mean(np.log(list(errors[arm].values())))) for arm in ("scratch", "finetune")
    )
    (row,) = re.findall(r"^\| dimenetpp \| 10 \|.*$", text.partition("energy_mae")[0], re.MULTILINE)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2:4] == [f"{scratch:.1f}", f"{finetune:.1f}"]
    assert f"{finetune / scratch:.2f} [" in row
